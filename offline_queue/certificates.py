"""X.509 paths: is this certificate issued by one of my anchors, valid at that time, and meant for signing?

In: a leaf, other certificates that came with it, and trust anchors. Out: the path from leaf to anchor. A
small,
strict subset of RFC 5280 section 6: no name constraints (a certificate that has them is refused), at most
four steps.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Sequence
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, ObjectIdentifier

from offline_queue.errors import CertificateError

Kind = TypeVar("Kind", bound=x509.ExtensionType)

DER = serialization.Encoding.DER
DEEPEST = 4
REMEMBERED = 256
DOCUMENT_SIGNING = ObjectIdentifier("1.3.6.1.5.5.7.3.36")  # RFC 9336
SIGNING_USES = {
    ExtendedKeyUsageOID.EMAIL_PROTECTION,
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
    DOCUMENT_SIGNING,
}
UNDERSTOOD = {ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE, ExtensionOID.EXTENDED_KEY_USAGE} | {
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME
}


def from_pem(pem: bytes | Sequence[bytes]) -> tuple[x509.Certificate, ...]:
    """PEM text with one or more certificates (or several such texts) to certificates. CertificateError if
    none."""
    data = pem if isinstance(pem, bytes) else b"\n".join(pem)
    try:
        return _of_pem(data)
    except ValueError as error:
        raise CertificateError(
            "certificate.malformed", "no certificate in PEM form here", "name a file with CERTIFICATE blocks"
        ) from error


def from_der(der: bytes) -> x509.Certificate:
    """DER bytes to a certificate whose fields can be read. CertificateError `certificate.malformed`."""
    try:
        return _of_der(bytes(der))
    except Exception as error:  # the parsers below this raise several unrelated types on hostile bytes
        raise CertificateError(
            "certificate.malformed", "a certificate cannot be read", "ask the sender"
        ) from error


# The same few certificates come with every signature: what follows from their bytes alone is remembered, by them.
# What also depends on the time or on a revocation list never is. Only what could be read is kept.


@functools.lru_cache(maxsize=16)
def _of_pem(data: bytes) -> tuple[x509.Certificate, ...]:
    return tuple(x509.load_pem_x509_certificates(data))


@functools.lru_cache(maxsize=REMEMBERED)
def _of_der(der: bytes) -> x509.Certificate:
    certificate = x509.load_der_x509_certificate(der)
    _ = (certificate.extensions, certificate.subject, certificate.issuer, certificate.public_key())
    return certificate


def renewal_due(certificate: x509.Certificate) -> dt.datetime:
    """When two thirds of its life are over."""
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return start + (end - start) * 2 / 3


def path_to_anchor(
    leaf: x509.Certificate,
    others: Sequence[x509.Certificate],
    anchors: Sequence[x509.Certificate],
    at: dt.datetime,
) -> tuple[x509.Certificate, ...]:
    """Leaf first, anchor last. CertificateError: `certificate.untrusted`, `.expired`, `.not_yet_valid`,
    `.wrong_use`."""
    _check_signing_leaf(leaf)
    path = find_path(leaf, others, anchors)
    if path is None:
        raise CertificateError(
            "certificate.untrusted",
            f"{leaf.subject.rfc4514_string()} was not issued by a trusted authority",
            "check that the right authority is configured",
        )
    for certificate in path:
        _check_time(certificate, at)
    return path


def find_path(
    leaf: x509.Certificate, others: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate]
) -> tuple[x509.Certificate, ...] | None:
    """From this certificate, of any kind, to an anchor; None when there is no path. Times are not looked at."""
    return _search((leaf,), tuple(others)[:16], tuple(anchors))


def _search(
    path: tuple[x509.Certificate, ...],
    others: tuple[x509.Certificate, ...],
    anchors: tuple[x509.Certificate, ...],
) -> tuple[x509.Certificate, ...] | None:
    for anchor in anchors:
        if _issued(path[-1], anchor, below=len(path) - 1):
            return (*path, anchor)
    if len(path) >= DEEPEST:
        return None
    for other in others:
        if other not in path and _issued(path[-1], other, below=len(path) - 1):
            found = _search((*path, other), others, anchors)
            if found:
                return found
    return None


@functools.lru_cache(maxsize=REMEMBERED)
def _issued(child: x509.Certificate, issuer: x509.Certificate, below: int) -> bool:
    """issuer is an authority that may have `below` authorities under it, and its key signed child."""
    if child.issuer != issuer.subject or not _is_authority(issuer, below):
        return False
    try:
        child.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _is_authority(certificate: x509.Certificate, below: int) -> bool:
    constraints = extension(certificate, x509.BasicConstraints)
    usage = extension(certificate, x509.KeyUsage)
    if constraints is None or not constraints.ca or (usage is not None and not usage.key_cert_sign):
        return False
    return _all_understood(certificate) and (
        constraints.path_length is None or below <= constraints.path_length
    )


def _check_signing_leaf(leaf: x509.Certificate) -> None:
    usage = extension(leaf, x509.KeyUsage)
    uses = extension(leaf, x509.ExtendedKeyUsage)
    may_sign = usage is None or usage.digital_signature or usage.content_commitment
    meant = uses is None or any(use in SIGNING_USES for use in uses)
    if not (may_sign and meant and _all_understood(leaf)):
        raise CertificateError(
            "certificate.wrong_use",
            f"{leaf.subject.rfc4514_string()} is not a certificate for signing documents",
            "sign with the signing key, not with the TLS key",
        )


def _check_time(certificate: x509.Certificate, at: dt.datetime) -> None:
    if at < certificate.not_valid_before_utc:
        raise CertificateError(
            "certificate.not_yet_valid",
            f"{certificate.subject.rfc4514_string()} is valid from {certificate.not_valid_before_utc:%Y-%m-%d}",
            "check the station's clock",
        )
    if at > certificate.not_valid_after_utc:
        raise CertificateError(
            "certificate.expired",
            f"{certificate.subject.rfc4514_string()} ended {certificate.not_valid_after_utc:%Y-%m-%d}",
            "renew the certificate",
        )


def _all_understood(certificate: x509.Certificate) -> bool:
    return all(extension.oid in UNDERSTOOD for extension in certificate.extensions if extension.critical)


def extension(certificate: x509.Certificate, kind: type[Kind]) -> Kind | None:
    """The extension of this kind; None when there is none."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
