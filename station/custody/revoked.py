"""Revocation lists for the verifier: bytes of lists in, whether a signature came too late out. It imports only `proof`.

docs/verify/FORMAT.md has the rules. No clock and no network: a list tells of the time up to its own date, and whoever
runs the verifier chooses the lists.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from station.custody.proof import Anchors, _extension

LIMIT = 4 * 1024 * 1024
ALGORITHMS = {f"1.2.840.10045.4.3.{n}" for n in (2, 3, 4)} | {f"1.2.840.113549.1.1.{n}" for n in (11, 12, 13)}
NUMBER, AUTHORITY_KEY, POINT, DELTA = "2.5.29.20", "2.5.29.35", "2.5.29.28", "2.5.29.27"
REASON, INVALIDITY, ENTRY_ISSUER = "2.5.29.21", "2.5.29.24", "2.5.29.29"


class Unusable(ValueError):
    """These bytes are no list that the verifier may rely on."""


@dataclass(frozen=True)
class Entry:
    """A certificate was revoked. since: nothing it signed from then on is believed."""

    serial: int
    since: dt.datetime


@dataclass(frozen=True, eq=False)
class RevocationList:
    """One list. about: `all`, `users` or `authorities`; part: it is for a part of the certificates only."""

    issuer: x509.Name
    date: dt.datetime
    about: str
    part: bool
    entries: dict[int, dt.datetime]
    parsed: x509.CertificateRevocationList


def read(data: bytes) -> RevocationList:
    """DER or PEM of a whole list (RFC 5280, section 5). Unusable says why not."""
    if len(data) > LIMIT:
        raise Unusable("it is too large")
    try:
        return _read(data)
    except Unusable:
        raise
    except Exception as error:  # the parser below raises several unrelated types on hostile bytes
        raise Unusable("it is no revocation list") from error


def _read(data: bytes) -> RevocationList:
    pem = b"-----BEGIN" in data[:1024]
    found = x509.load_pem_x509_crl(data) if pem else x509.load_der_x509_crl(data)
    kinds = {each.oid.dotted_string for each in found.extensions}
    if found.signature_algorithm_oid.dotted_string not in ALGORITHMS:
        raise Unusable("it is signed with neither ECDSA nor RSA and SHA-2")
    if DELTA in kinds:
        raise Unusable("it is a delta list")
    _understand(found.extensions, {NUMBER, AUTHORITY_KEY, POINT})
    if found.next_update_utc is None:
        raise Unusable("it does not say when the next one comes")
    point = _extension(found, x509.IssuingDistributionPoint)
    if point is not None and (
        point.indirect_crl or point.only_some_reasons or point.only_contains_attribute_certs
    ):
        raise Unusable("it is no list of one authority for all reasons")
    about = "users" if point is not None and point.only_contains_user_certs else "all"
    about = "authorities" if point is not None and point.only_contains_ca_certs else about
    part = point is not None and bool(point.full_name or point.relative_name)
    entries = {each.serial_number: _since(each) for each in found}
    return RevocationList(found.issuer, found.last_update_utc, about, part, entries, found)


def _since(entry: x509.RevokedCertificate) -> dt.datetime:
    if ENTRY_ISSUER in {each.oid.dotted_string for each in entry.extensions}:
        raise Unusable("it speaks of another authority's certificates")
    _understand(entry.extensions, {REASON, INVALIDITY})
    reason, invalid = _extension(entry, x509.CRLReason), _extension(entry, x509.InvalidityDate)
    if reason is not None and reason.reason is x509.ReasonFlags.remove_from_crl:
        raise Unusable("it has an entry of a delta list")
    at = entry.revocation_date_utc
    return at if invalid is None else min(at, invalid.invalidity_date_utc)


def _understand(extensions: x509.Extensions, known: set[str]) -> None:
    if any(each.critical and each.oid.dotted_string not in known for each in extensions):
        raise Unusable("it has a critical extension that is not known here")


@dataclass(frozen=True)
class Finding:
    """What the lists say of one signature. covered: some list speaks of each certificate of its path at that time."""

    entry: Entry | None
    covered: bool

    @property
    def too_late(self) -> bool:
        return self.entry is not None


def look(lists: Sequence[RevocationList], path: Anchors, trusted: Anchors, moment: dt.datetime) -> Finding:
    """path: the signer's certificate first, an anchor last."""
    covered = True
    for child, issuer in pairwise(path):
        counting = [each for each in lists if _counts(each, child, issuer, trusted)]
        for each in counting:
            since = each.entries.get(child.serial_number)
            if since is not None and since <= moment:
                return Finding(Entry(child.serial_number, since), covered=True)
        covered = covered and any(_covers(each, child, moment) for each in counting)
    return Finding(None, covered)


def _counts(
    found: RevocationList, child: x509.Certificate, issuer: x509.Certificate, trusted: Anchors
) -> bool:
    return found.issuer == child.issuer and any(_signed(found, each) for each in (issuer, *trusted))


def _signed(found: RevocationList, authority: x509.Certificate) -> bool:
    usage = _extension(authority, x509.KeyUsage)
    if authority.subject != found.issuer or (usage is not None and not usage.crl_sign):
        return False
    key: Any = authority.public_key()
    try:
        return found.parsed.is_signature_valid(key)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False


def _covers(found: RevocationList, child: x509.Certificate, moment: dt.datetime) -> bool:
    constraints = _extension(child, x509.BasicConstraints)
    kind = "authorities" if constraints is not None and constraints.ca else "users"
    return found.about in ("all", kind) and not found.part and found.date >= moment
