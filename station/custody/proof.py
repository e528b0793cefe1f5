"""Detached CMS and certificates for the verifier: public keys in, who signed out. It imports nothing of ours.

In: DER of a detached CMS SignedData (RFC 5652; one signer, P-256, SHA-256), the SHA-256 of what it should be over,
trust anchors, a time. Out: the subject of the signer's certificate. `Broken` says what does not hold.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from asn1crypto import cms
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier

DEEPEST = 4
MEANT = {
    ExtendedKeyUsageOID.EMAIL_PROTECTION,
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
    ObjectIdentifier("1.3.6.1.5.5.7.3.36"),  # document signing, RFC 9336
}
UNDERSTOOD = {"2.5.29.19", "2.5.29.15", "2.5.29.37", "2.5.29.17"}

Anchors = tuple[x509.Certificate, ...]


class Broken(Exception):
    """One link does not hold. link: its name in docs/verify/FORMAT.md; row: number of an audit row or None."""

    def __init__(self, link: str, reason: str, row: int | None = None) -> None:
        super().__init__(reason)
        self.link, self.reason, self.row = link, reason, row


@dataclass(frozen=True)
class Signed:
    """A CMS taken apart. signed_attributes: the SET OF whose hash is signed; signing_time: what the signer claims."""

    leaf: x509.Certificate
    others: tuple[x509.Certificate, ...]
    digest: bytes
    signed_attributes: bytes
    signature: bytes
    signing_time: dt.datetime | None


def anchors(pem: bytes) -> Anchors:
    """Certificates of a PEM text. ValueError when there is none."""
    return tuple(x509.load_pem_x509_certificates(pem))


@dataclass(frozen=True)
class Signer:
    """Who signed. subject: RFC 4514; path: his certificate first, an anchor last; moment: when, as late as anything in
    the document or the signature says."""

    subject: str
    path: Anchors
    moment: dt.datetime


def signer(der: bytes, digest: bytes, trusted: Anchors, at: dt.datetime) -> Signer:
    """Who signed bytes with this SHA-256. ValueError says why it may not be believed."""
    signed = take_apart(der)
    if signed.digest != digest:
        raise ValueError("the signature is over other bytes")
    key = signed.leaf.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("the signer's key is not P-256")
    try:
        key.verify(signed.signature, signed.signed_attributes, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise ValueError("the signature does not match") from None
    path = _require_path(signed, trusted, at)
    return Signer(signed.leaf.subject.rfc4514_string(), path, max(at, signed.signing_time or at))


@lru_cache(maxsize=256)
def take_apart(der: bytes) -> Signed:
    """ValueError when these bytes are not one detached P-256 and SHA-256 signature with its certificate."""
    try:
        return _take_apart(der)
    except ValueError:
        raise
    except Exception as error:  # the ASN.1 parser raises many unrelated types on hostile bytes
        raise ValueError("these bytes are no CMS signature") from error


def _take_apart(der: bytes) -> Signed:
    outer = cms.ContentInfo.load(der, strict=True)
    signed = outer["content"]
    infos = list(signed["signer_infos"])
    if outer["content_type"].native != "signed_data" or len(infos) != 1:
        raise ValueError("not one CMS signature")
    info = infos[0]
    used = (info["digest_algorithm"]["algorithm"].native, info["signature_algorithm"]["algorithm"].native)
    if used != ("sha256", "sha256_ecdsa") or signed["encap_content_info"]["content"].native is not None:
        raise ValueError("not a detached signature with P-256 and SHA-256")
    values = _attributes(info["signed_attrs"])
    found = [choice.chosen for choice in signed["certificates"]]
    wanted = info["sid"].chosen
    leaf = next((one for one in found if _named(one, wanted)), None)
    if leaf is None or _wrong_reference(values.get("signing_certificate_v2"), leaf.dump()):
        raise ValueError("the signer's certificate is not in the signature")
    moment = values.get("signing_time")
    return Signed(
        leaf=x509.load_der_x509_certificate(leaf.dump()),
        others=tuple(x509.load_der_x509_certificate(one.dump()) for one in found if one is not leaf),
        digest=values["message_digest"].native,
        signed_attributes=info["signed_attrs"].untag().dump(),
        signature=info["signature"].native,
        signing_time=moment.native if moment is not None else None,
    )


def _attributes(attributes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for attribute in attributes:
        name = attribute["type"].native
        if name in values or len(attribute["values"]) != 1:
            raise ValueError("a signed attribute is there twice")
        values[name] = attribute["values"][0]
    if values["content_type"].native != "data":
        raise ValueError("what is signed is not plain data")
    return values


def _named(certificate: Any, wanted: Any) -> bool:
    same = certificate.serial_number == wanted["serial_number"].native
    return bool(same and certificate.issuer.dump() == wanted["issuer"].dump())


def _wrong_reference(reference: Any, leaf: bytes) -> bool:
    if reference is None:
        return False
    return bool(reference["certs"][0]["cert_hash"].native != hashlib.sha256(leaf).digest())


def _require_path(signed: Signed, trusted: Anchors, at: dt.datetime) -> Anchors:
    if not _may_sign(signed.leaf):
        raise ValueError("the certificate is not meant for signing")
    path = _search((signed.leaf,), signed.others[:16], trusted)
    if path is None:
        raise ValueError(f"{signed.leaf.subject.rfc4514_string()} was not issued by a trusted authority")
    for certificate in path:
        if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
            raise ValueError(f"a certificate was not valid at {at.isoformat()}")
    return path


def _search(path: Anchors, others: Anchors, trusted: Anchors) -> Anchors | None:
    for anchor in trusted:
        if _issued(path[-1], anchor, len(path) - 1):
            return (*path, anchor)
    if len(path) >= DEEPEST:
        return None
    for other in others:
        if other not in path and _issued(path[-1], other, len(path) - 1):
            found = _search((*path, other), others, trusted)
            if found:
                return found
    return None


@lru_cache(maxsize=256)
def _issued(child: x509.Certificate, issuer: x509.Certificate, below: int) -> bool:
    constraints = _extension(issuer, x509.BasicConstraints)
    usage = _extension(issuer, x509.KeyUsage)
    if constraints is None or not constraints.ca or (usage is not None and not usage.key_cert_sign):
        return False
    too_deep = constraints.path_length is not None and below > constraints.path_length
    if too_deep or not _understood(issuer) or child.issuer != issuer.subject:
        return False
    try:
        child.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _may_sign(leaf: x509.Certificate) -> bool:
    usage, uses = _extension(leaf, x509.KeyUsage), _extension(leaf, x509.ExtendedKeyUsage)
    may = usage is None or usage.digital_signature or usage.content_commitment
    return bool(may and (uses is None or any(use in MEANT for use in uses)) and _understood(leaf))


def _understood(certificate: x509.Certificate) -> bool:
    return all(not one.critical or one.oid.dotted_string in UNDERSTOOD for one in certificate.extensions)


def _extension(certificate: Any, kind: Any) -> Any:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
