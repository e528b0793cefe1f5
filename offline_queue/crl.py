"""One revocation list (RFC 5280, section 5): its bytes in, what it says out. No file, no network, no clock of its own.

In: DER or PEM, authorities, a time. Out: a RevocationList, the authority that signed it, the entry of a serial number;
or RevocationError. Only whole lists of the authority itself are read: delta lists, indirect lists and lists of a part
of the reasons are refused, because a certificate that is not on such a list may still be revoked.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import CRLEntryExtensionOID, ExtensionOID
from cryptography.x509.oid import SignatureAlgorithmOID as Algorithm

from offline_queue import certificates
from offline_queue.certificates import Kind
from offline_queue.errors import RevocationError

LIMIT = 4 * 1024 * 1024
SLACK = dt.timedelta(minutes=5)  # an authority's clock may be a little ahead of ours
WHOLE_BYTES = b"\0"  # unused bits of a BIT STRING (X.690, 8.6.2)
ALGORITHMS = {
    Algorithm.ECDSA_WITH_SHA256,
    Algorithm.ECDSA_WITH_SHA384,
    Algorithm.ECDSA_WITH_SHA512,
    Algorithm.RSA_WITH_SHA256,
    Algorithm.RSA_WITH_SHA384,
    Algorithm.RSA_WITH_SHA512,
}
UNDERSTOOD = {
    ExtensionOID.CRL_NUMBER,
    ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
    ExtensionOID.ISSUING_DISTRIBUTION_POINT,
}
ENTRY_UNDERSTOOD = {CRLEntryExtensionOID.CRL_REASON, CRLEntryExtensionOID.INVALIDITY_DATE}
KEY_LOST = {"keyCompromise", "cACompromise", "aACompromise"}


@dataclass(frozen=True)
class Revoked:
    """A certificate on a list. at: the authority revoked it; since: from when on nothing of it is believed (the date of
    invalidity, if the authority names an earlier one)."""

    serial: int
    at: dt.datetime
    since: dt.datetime
    reason: str
    authority: str

    def __str__(self) -> str:
        return f"certificate {self.serial:x} of {self.authority}, revoked {self.since:%Y-%m-%d %H:%M} ({self.reason})"

    @property
    def key_lost(self) -> bool:
        """Somebody else may have the key: no new certificate makes it good again."""
        return self.reason in KEY_LOST


@dataclass(frozen=True, eq=False)
class RevocationList:
    """A list that could be read; nobody has looked at its signature yet. number: None when it has none; about: `all`,
    `users` or `authorities`; points: addresses that name the part of certificates it is for, empty: no part."""

    issuer: x509.Name
    number: int | None
    this_update: dt.datetime
    next_update: dt.datetime
    about: str
    points: frozenset[str]
    der: bytes
    parsed: x509.CertificateRevocationList

    @property
    def name(self) -> str:
        return self.issuer.rfc4514_string()

    def entry(self, serial: int) -> Revoked | None:
        """What it says of a serial number of this authority."""
        found = self.parsed.get_revoked_certificate_by_serial_number(serial)
        return None if found is None else _revoked(found, self.name)

    def covers(self, certificate: x509.Certificate) -> bool:
        """Were this certificate revoked, it would be on this list (RFC 5280, 6.3.3 (b))."""
        constraints = certificates.extension(certificate, x509.BasicConstraints)
        kind = "authorities" if constraints is not None and constraints.ca else "users"
        named = not self.points or bool(self.points & _points(certificate))
        return certificate.issuer == self.issuer and self.about in ("all", kind) and named


def parse(data: bytes) -> RevocationList:
    """DER or PEM of one list. RevocationError `revocation.too_large`, `.malformed`, `.delta`, `.indirect`, `.partial`,
    `.unknown_extension`, `.unsupported`."""
    if len(data) > LIMIT:
        raise _error("too_large", f"a revocation list of more than {LIMIT} bytes")
    try:
        return _parsed(data)
    except RevocationError:
        raise
    except Exception as error:  # the parser below raises several unrelated types on hostile bytes
        raise _error("malformed", "these bytes are no revocation list") from error


def _parsed(data: bytes) -> RevocationList:
    pem = b"-----BEGIN" in data[:1024]
    found = x509.load_pem_x509_crl(data) if pem else x509.load_der_x509_crl(data)
    if found.signature_algorithm_oid not in ALGORITHMS:
        raise _error("unsupported", "signed with neither ECDSA nor RSA (PKCS #1) and SHA-2")
    der = found.public_bytes(certificates.DER)
    if not der.endswith(WHOLE_BYTES + found.signature):  # one list has one form
        raise _error("malformed", "the signature is no whole number of bytes")
    if _has(found.extensions, ExtensionOID.DELTA_CRL_INDICATOR):
        raise _error("delta", "a delta list: only whole lists are read")
    about, points = _scope(found)
    _understand(found.extensions, UNDERSTOOD)
    for each in found:
        _check_entry(each)
    number = _value(found, x509.CRLNumber)
    if found.next_update_utc is None:
        raise _error("malformed", "the list does not say when the next one comes")
    return RevocationList(
        issuer=found.issuer,
        number=None if number is None else number.crl_number,
        this_update=found.last_update_utc,
        next_update=found.next_update_utc,
        about=about,
        points=points,
        der=der,
        parsed=found,
    )


def _scope(found: x509.CertificateRevocationList) -> tuple[str, frozenset[str]]:
    point = _value(found, x509.IssuingDistributionPoint)
    if point is None:
        return "all", frozenset()
    if point.indirect_crl:
        raise _error("indirect", "an indirect list: it speaks of other authorities' certificates")
    if point.only_some_reasons or point.only_contains_attribute_certs or point.relative_name:
        raise _error("partial", "a list of some reasons, of attribute certificates, or with a relative name")
    about = "users" if point.only_contains_user_certs else "all"
    about = "authorities" if point.only_contains_ca_certs else about
    return about, _uris(point.full_name or ())


def _check_entry(entry: x509.RevokedCertificate) -> None:
    if _has(entry.extensions, CRLEntryExtensionOID.CERTIFICATE_ISSUER):
        raise _error("indirect", "an entry of another authority's certificate")
    _understand(entry.extensions, ENTRY_UNDERSTOOD)
    if _reason(entry) == "removeFromCRL":
        raise _error("malformed", "an entry that only a delta list may have")
    _ = (entry.serial_number, entry.revocation_date_utc, _invalid_since(entry))


def _revoked(entry: x509.RevokedCertificate, authority: str) -> Revoked:
    at, earlier = entry.revocation_date_utc, _invalid_since(entry)
    since = min(at, earlier) if earlier else at
    return Revoked(entry.serial_number, at, since, _reason(entry), authority)


def _reason(entry: x509.RevokedCertificate) -> str:
    found = _value(entry, x509.CRLReason)
    return "unspecified" if found is None else str(found.reason.value)


def _invalid_since(entry: x509.RevokedCertificate) -> dt.datetime | None:
    found = _value(entry, x509.InvalidityDate)
    return None if found is None else found.invalidity_date_utc


def signed_by(found: RevocationList, authority: x509.Certificate) -> bool:
    """The key of this certificate, which bears the list's issuer's name and may sign lists, signed it."""
    usage = certificates.extension(authority, x509.KeyUsage)
    if authority.subject != found.issuer or (usage is not None and not usage.crl_sign):
        return False
    return _is_signed(found, authority)


@lru_cache(maxsize=16)
def _is_signed(found: RevocationList, authority: x509.Certificate) -> bool:
    try:
        return found.parsed.is_signature_valid(authority.public_key())  # type: ignore[arg-type]
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False


def signer_of(
    found: RevocationList, anchors: Iterable[x509.Certificate], others: Iterable[x509.Certificate] = ()
) -> x509.Certificate:
    """Who signed it: an anchor, or one of `others` that leads to an anchor. RevocationError `revocation.untrusted`."""
    anchors, others = tuple(anchors), tuple(others)
    for each in (*anchors, *others):
        if signed_by(found, each) and (each in anchors or certificates.find_path(each, others, anchors)):
            return each
    raise _error("untrusted", f"the list of {found.name} is not signed by an authority of ours")


def check_dates(found: RevocationList, at: dt.datetime, oldest: dt.timedelta) -> None:
    """RevocationError `revocation.not_yet_valid`, or `.too_old`: its successor is due, or it is older than `oldest`."""
    if found.this_update > at + SLACK:
        raise _error("not_yet_valid", f"the list of {found.name} is dated {found.this_update:%Y-%m-%d %H:%M}")
    if at > found.next_update or at - found.this_update > oldest:
        raise _error("too_old", f"the list of {found.name} is of {found.this_update:%Y-%m-%d %H:%M}")


def is_older(found: RevocationList, kept: RevocationList) -> bool:
    """By its number, if both have one, or by its date."""
    numbered = found.number is not None and kept.number is not None
    lower = numbered and (found.number or 0) < (kept.number or 0)
    return lower or found.this_update < kept.this_update


ADVICE = {
    "too_large": "ask the authority for a shorter list",
    "not_yet_valid": "check the station's clock",
    "too_old": "check the network to the authority, or put its newest list into the folder",
    "untrusted": "check that the list is of the right authority",
}


def _error(code: str, message: str) -> RevocationError:
    return RevocationError(
        f"revocation.{code}", message, ADVICE.get(code, "ask the authority for a full list")
    )


def _value(of: x509.CertificateRevocationList | x509.RevokedCertificate, kind: type[Kind]) -> Kind | None:
    try:
        return of.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _points(certificate: x509.Certificate) -> frozenset[str]:
    found = certificates.extension(certificate, x509.CRLDistributionPoints)
    return frozenset().union(*(_uris(point.full_name or ()) for point in found or ()))


def _uris(names: Iterable[x509.GeneralName]) -> frozenset[str]:
    return frozenset(name.value for name in names if isinstance(name, x509.UniformResourceIdentifier))


def _has(extensions: x509.Extensions, oid: x509.ObjectIdentifier) -> bool:
    return any(each.oid == oid for each in extensions)


def _understand(extensions: x509.Extensions, known: set[x509.ObjectIdentifier]) -> None:
    unknown = [each.oid.dotted_string for each in extensions if each.critical and each.oid not in known]
    if unknown:
        raise _error("unknown_extension", f"a critical extension that is not known here: {unknown[0]}")
