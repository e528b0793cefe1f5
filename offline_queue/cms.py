"""Detached CMS signatures (RFC 5652): content bytes and a signer in, DER out; and back, verified to an
anchor.

One signer, P-256 with SHA-256, signed attributes contentType, messageDigest, signingTime and
signingCertificateV2
(RFC 5035). `openssl cms -verify -binary -inform DER -in X.p7s -content X -CAfile ca.pem` accepts what we
write.
"""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from asn1crypto import cms
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from offline_queue import certificates
from offline_queue.cms_sign import sign_detached
from offline_queue.errors import CertificateError, CmsError

LIMIT = 64 * 1024


@dataclass(frozen=True)
class SignerIdentity:
    """Who signed: names as RFC 4514 text, serial number, DER of the certificate, the time the signer
    claims, and the certificates from his to the anchor."""

    subject: str
    issuer: str
    serial: int
    certificate: bytes
    signing_time: dt.datetime | None
    path: tuple[x509.Certificate, ...] = field(default=(), repr=False, compare=False)


def verify_detached(
    content: bytes, der: bytes, trust_anchor_pems: bytes | Sequence[bytes], at_time: dt.datetime
) -> SignerIdentity:
    """Who signed `content`, once everything held. CmsError `cms.malformed`, `cms.unsupported`, `cms.digest`,
    `cms.signature`, `cms.certificate`; CertificateError when the signer may not be trusted at `at_time`."""
    parts = _take_apart(der)
    if parts.message_digest != hashlib.sha256(content).digest():
        raise CmsError(
            "cms.digest", "the signature is over other bytes", "the content was altered or swapped"
        )
    leaf = _signing_certificate(parts)
    _check_signature(leaf, parts)
    others = [certificates.from_der(other) for other in parts.certificates]
    path = certificates.path_to_anchor(leaf, others, certificates.from_pem(trust_anchor_pems), at_time)
    return SignerIdentity(
        subject=leaf.subject.rfc4514_string(),
        issuer=leaf.issuer.rfc4514_string(),
        serial=leaf.serial_number,
        certificate=leaf.public_bytes(serialization.Encoding.DER),
        signing_time=parts.signing_time,
        path=path,
    )


def check_signature(content: bytes, der: bytes) -> None:
    """That the signature is over these bytes, by the certificate inside it, whoever that is: finds damage,
    not
    forgery. CmsError or CertificateError otherwise."""
    _checked(content, der)


def _checked(content: bytes, der: bytes) -> tuple[x509.Certificate, _Parts]:
    parts = _take_apart(der)
    if parts.message_digest != hashlib.sha256(content).digest():
        raise CmsError(
            "cms.digest", "the signature is over other bytes", "the content was altered or swapped"
        )
    leaf = _signing_certificate(parts)
    _check_signature(leaf, parts)
    return leaf, parts


def embedded_certificates(der: bytes) -> tuple[bytes, ...]:
    """DER of the certificates inside a CMS, the signer's first. CmsError if it is malformed."""
    parts = _take_apart(der)
    leaf = _signing_certificate(parts).public_bytes(serialization.Encoding.DER)
    return (leaf, *(other for other in parts.certificates if other != leaf))


def signing_time(der: bytes) -> dt.datetime | None:
    """When the signer says it signed. CmsError if it is malformed."""
    return _take_apart(der).signing_time


@dataclass(frozen=True)
class _Parts:
    """What verification needs, as plain bytes; signed_attrs re-tagged as the SET OF that was signed."""

    leaf: bytes | None
    certificates: tuple[bytes, ...]
    signed_attrs: bytes
    signature: bytes
    message_digest: bytes
    certificate_hash: bytes | None
    signing_time: dt.datetime | None


def _take_apart(der: bytes) -> _Parts:
    if len(der) > LIMIT:
        raise CmsError("cms.malformed", f"a signature of {len(der)} bytes", "ask the sender")
    try:
        return _parts(der)
    except CmsError:
        raise
    except (
        Exception
    ) as error:  # the ASN.1 parser raises many unrelated types on hostile bytes; none may escape
        raise CmsError("cms.malformed", "these bytes are not a CMS signature", "ask the sender") from error


def _parts(der: bytes) -> _Parts:
    outer = cms.ContentInfo.load(der, strict=True)
    if outer["content_type"].native != "signed_data":
        raise CmsError("cms.unsupported", "not SignedData", "send a detached CMS signature")
    signed = outer["content"]
    infos = list(signed["signer_infos"])
    if len(infos) != 1 or signed["encap_content_info"]["content"].native is not None:
        raise CmsError(
            "cms.unsupported", "not one detached signature", "send one signer, without the content"
        )
    info = infos[0]
    used = (info["digest_algorithm"]["algorithm"].native, info["signature_algorithm"]["algorithm"].native)
    if used != ("sha256", "sha256_ecdsa") or info["sid"].name != "issuer_and_serial_number":
        raise CmsError("cms.unsupported", f"signed with {used[1]}", "sign with P-256 and SHA-256")
    values = _single_values(info["signed_attrs"])
    if values["content_type"].native != "data":
        raise CmsError("cms.unsupported", "signed content is not plain data", "send a detached CMS signature")
    reference = values.get("signing_certificate_v2")
    moment = values.get("signing_time")
    found = tuple(choice.chosen.dump() for choice in signed["certificates"])
    return _Parts(
        leaf=_leaf(info["sid"].chosen, found),
        certificates=found,
        signed_attrs=info["signed_attrs"].untag().dump(),
        signature=info["signature"].native,
        message_digest=values["message_digest"].native,
        certificate_hash=_certificate_hash(reference) if reference is not None else None,
        signing_time=moment.native if moment is not None else None,
    )


def _single_values(attributes: Any) -> dict[str, Any]:
    """Attribute name → its one value. RFC 5652 section 11: these attributes appear once, with one value."""
    values: dict[str, Any] = {}
    for attribute in attributes:
        name = attribute["type"].native
        if name in values or len(attribute["values"]) != 1:
            raise CmsError("cms.malformed", f"attribute {name} is not single", "ask the sender")
        values[name] = attribute["values"][0]
    return values


def _certificate_hash(reference: Any) -> bytes:
    first = reference["certs"][0]
    if first["hash_algorithm"]["algorithm"].native != "sha256":
        raise CmsError("cms.unsupported", "signingCertificateV2 without SHA-256", "use SHA-256")
    return bytes(first["cert_hash"].native)


def _leaf(wanted: Any, found: tuple[bytes, ...]) -> bytes | None:
    """DER of the certificate with the issuer and serial number the signer names."""
    named = (wanted["serial_number"].native, wanted["issuer"].dump())
    return next((der for der in found if _name(der) == named), None)


@functools.lru_cache(maxsize=certificates.REMEMBERED)
def _name(der: bytes) -> tuple[int, bytes]:
    """Serial number and issuer: the same few certificates come with every signature."""
    certificate = asn1_x509.Certificate.load(der)
    return certificate.serial_number, certificate.issuer.dump()


def _signing_certificate(parts: _Parts) -> x509.Certificate:
    if parts.leaf is None or parts.certificate_hash not in (None, hashlib.sha256(parts.leaf).digest()):
        raise CmsError(
            "cms.certificate", "the signer's certificate is not in the signature", "ask the sender"
        )
    return certificates.from_der(parts.leaf)


def _check_signature(leaf: x509.Certificate, parts: _Parts) -> None:
    key = leaf.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise CmsError("cms.unsupported", "the signer's key is not P-256", "sign with P-256 and SHA-256")
    try:
        key.verify(parts.signature, parts.signed_attrs, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise CmsError(
            "cms.signature", "the signature does not match", "it was altered, or made by another key"
        ) from None


__all__ = [
    "CertificateError",
    "SignerIdentity",
    "check_signature",
    "embedded_certificates",
    "sign_detached",
    "verify_detached",
]
