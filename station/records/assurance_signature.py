"""The signature of an archive copy: covered bytes and CMS in, what is wrong with it out, or nothing.

A CMS (RFC 5652) has bytes that no signature covers: versions, names of algorithms, certificates that the path to the
anchor does not need. So a copy's CMS must be what `offline_queue.cms.sign_detached` writes, to the byte, and each of
its certificates must have been issued by one of the others. A change anywhere in it is then found.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from asn1crypto import cms as asn1
from cryptography import x509
from cryptography.exceptions import InvalidSignature

from offline_queue import certificates, cms
from offline_queue.errors import QueueError

_ADVICE = "Take another copy; this one was changed after it was made."


@dataclass(frozen=True)
class _Again:
    """A signer who writes the signature that is there already: for comparing, never for signing."""

    certificate: bytes
    chain: tuple[bytes, ...]
    signature: bytes

    def sign(self, data: bytes) -> bytes:
        """The signature, whatever the data."""
        del data
        return self.signature


def broken(
    covered: bytes, der: bytes, trusted: bytes | Sequence[bytes], at: dt.datetime
) -> tuple[str, str] | None:
    """What is wrong with the signature over the covered bytes and what to do about it; None when it holds.

    trusted: PEM of the authorities; at: when the certificates must be valid.
    """
    try:
        signer = cms.verify_detached(covered, der, trusted, at)
        carried = cms.embedded_certificates(der)
        parsed = [certificates.from_der(each) for each in carried]
    except QueueError as error:
        return f"{error.code}: {error.message}", error.advice
    if not all(each in signer.path or _issued_by_one_of(each, parsed) for each in parsed):
        return "a certificate in the signature was issued by none of the others", _ADVICE
    signature = asn1.ContentInfo.load(der)["content"]["signer_infos"][0]["signature"].native
    again = _Again(carried[0], carried[1:], signature)
    if signer.signing_time is None or cms.sign_detached(covered, again, signer.signing_time) != der:
        return "the signature is not written as this program writes it", _ADVICE
    return None


def _issued_by_one_of(certificate: x509.Certificate, others: Sequence[x509.Certificate]) -> bool:
    for other in others:
        try:
            certificate.verify_directly_issued_by(other)
        except (ValueError, TypeError, InvalidSignature):
            continue
        return True
    return False
