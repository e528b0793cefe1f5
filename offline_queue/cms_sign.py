"""Writes a detached CMS (RFC 5652): content bytes, a signer and a time in, DER out. `cms` reads and verifies them.

What never changes for one certificate (names, algorithms, the certificates themselves) is encoded once and kept; the
rest is a few lengths around a digest, a time and a signature. Building the same through an ASN.1 library took ten
milliseconds of every enqueue, and gives the same bytes (a test compares them).
"""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
from dataclasses import dataclass

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509

from offline_queue.signers import Signer

SEQUENCE, SET, OCTETS, CONTEXT_0 = 0x30, 0x31, 0x04, 0xA0
UTC_TIME, GENERALIZED_TIME = 0x17, 0x18


@dataclass(frozen=True)
class _Form:
    """DER of what stays the same for one certificate. attributes: contentType and signingCertificateV2; before, after:
    what stands around signed attributes and signature in SignerInfo."""

    attributes: tuple[bytes, ...]
    before: bytes
    after: bytes
    head: bytes
    certificates: bytes


def sign_detached(content: bytes, signer: Signer, signing_time: dt.datetime) -> bytes:
    """DER of a ContentInfo that signs `content` without holding it. SignerError if the key cannot sign."""
    form = _form(signer.certificate, tuple(signer.chain))
    attributes = b"".join(
        sorted(
            (
                *form.attributes,
                _attribute("message_digest", _tlv(OCTETS, hashlib.sha256(content).digest())),
                _attribute("signing_time", _time(signing_time)),
            )
        )
    )
    signature = signer.sign(_tlv(SET, attributes))
    info = _tlv(SEQUENCE, form.before, _tlv(CONTEXT_0, attributes), form.after, _tlv(OCTETS, signature))
    signed = _tlv(SEQUENCE, form.head, form.certificates, _tlv(SET, info))
    return _tlv(SEQUENCE, _oid("signed_data"), _tlv(CONTEXT_0, signed))


@functools.lru_cache(maxsize=8)
def _form(certificate: bytes, chain: tuple[bytes, ...]) -> _Form:
    leaf = asn1_x509.Certificate.load(certificate)
    sid = cms.IssuerAndSerialNumber({"issuer": leaf.issuer, "serial_number": leaf.serial_number})
    digest = algos.DigestAlgorithm({"algorithm": "sha256"}).dump()
    reference = tsp.SigningCertificateV2({"certs": [{"cert_hash": hashlib.sha256(certificate).digest()}]})
    version = core.Integer(1).dump()
    return _Form(
        attributes=(
            _attribute("content_type", _oid("data")),
            _attribute("signing_certificate_v2", reference.dump()),
        ),
        before=version + sid.dump() + digest,
        after=algos.SignedDigestAlgorithm({"algorithm": "sha256_ecdsa"}).dump(),
        head=version + _tlv(SET, digest) + _tlv(SEQUENCE, _oid("data")),
        certificates=_tlv(CONTEXT_0, *sorted((certificate, *chain))),
    )


def _attribute(name: str, value: bytes) -> bytes:
    return _tlv(SEQUENCE, _attribute_oid(name), _tlv(SET, value))


@functools.cache
def _attribute_oid(name: str) -> bytes:
    return bytes(cms.CMSAttributeType(name).dump())


@functools.cache
def _oid(name: str) -> bytes:
    return bytes(cms.ContentType(name).dump())


def _time(moment: dt.datetime) -> bytes:
    """UTCTime from 1950 to 2049, GeneralizedTime outside (RFC 5652, 11.3)."""
    utc = moment.astimezone(dt.UTC)
    if 1950 <= utc.year < 2050:
        return _tlv(UTC_TIME, f"{utc:%y%m%d%H%M%SZ}".encode())
    return _tlv(GENERALIZED_TIME, f"{utc.year:04}{utc:%m%d%H%M%SZ}".encode())


def _tlv(tag: int, *parts: bytes) -> bytes:
    """Tag, length in the shortest form, contents (X.690, 8.1.3 and 10.1)."""
    body = b"".join(parts)
    if len(body) < 128:
        return bytes((tag, len(body))) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + body
