"""Revocation as the settings want it: our certificates, the authorities they and the gateway's are under, the lists.

In: Settings. Out: a Watch, which sync, pages and doctor ask; None where nothing is configured. Files that cannot be
read count for nothing here: whoever uses them says so.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from cryptography import x509

from offline_queue import certificates, crl_fetch
from offline_queue.clock import Clock
from offline_queue.crl import Revoked
from offline_queue.crl_fetch import Kept
from offline_queue.errors import CertificateError, QueueError
from offline_queue.revocation import Lists, Revocation
from offline_queue.signers import certificate_path
from offline_queue.trust import Sync
from station.settings import RevocationSection, Settings

Certificates = tuple[x509.Certificate, ...]


@dataclass(frozen=True)
class Watch:
    """One folder of lists, judged for three purposes: our certificates, the gateway's TLS, the gateway's receipts.
    everything: under all of these authorities. paths: the files of our certificates."""

    section: RevocationSection
    paths: dict[str, Path]
    own: Revocation
    gateway: Revocation
    receipts: Revocation
    everything: Revocation

    @property
    def oldest(self) -> dt.timedelta:
        return dt.timedelta(hours=self.section.max_age_h)

    def ours(self) -> dict[str, Revoked]:
        """Those of our certificates that are on a list: `signing`, `client`."""
        found = {name: self._own_entry(path) for name, path in self.paths.items()}
        return {name: entry for name, entry in found.items() if entry is not None}

    def unjudged(self) -> list[str]:
        """Those of our certificates that are under no authority known here."""
        known = {name: _read(path) for name, path in self.paths.items()}
        return [name for name, chain in known.items() if chain and self._path(chain) is None]

    def require_current(self, at: dt.datetime | None) -> None:
        """RevocationError while a list is missing or too old: of an authority above one of our certificates, or of one
        that may vouch for the gateway. at: None on a clock that nobody vouches for."""
        for path in filter(None, map(self._path, filter(None, map(_read, self.paths.values())))):
            self.own.require_covered(path, at, self.oldest)
        for one in (self.gateway, self.receipts):
            one.require_current(one.anchors, at, self.oldest)

    def keep(self, data: bytes, at: dt.datetime | None) -> Kept:
        """A list that came from somewhere into the folder. RevocationError."""
        return crl_fetch.keep(data, self.everything, at, self.oldest)

    def get(self, url: str, clock: Clock) -> bytes:
        """The bytes at an address. RevocationError."""
        return crl_fetch.fetch(url, clock, self.everything.anchors)

    def _own_entry(self, path: Path) -> Revoked | None:
        chain = _read(path)
        return self.own.of(chain[0], chain[1:]) if chain else None

    def _path(self, chain: Certificates) -> Certificates | None:
        others = (*chain[1:], *self.own.lists.authorities())
        return certificates.find_path(chain[0], others, self.own.anchors)


def watch(settings: Settings) -> Watch | None:
    """None without [revocation] in the settings."""
    section = settings.revocation
    if section is None:
        return None
    lists = Lists(folder(settings, section))
    own = tuple(dict.fromkeys(_own_anchors(settings, section)))
    gateway, receipts = _read(settings.gateway.ca), _read(settings.gateway.receipt_ca)
    every = tuple(dict.fromkeys((*own, *gateway, *receipts)))
    judges = (Revocation(lists, anchors) for anchors in (own, gateway, receipts, every))
    return Watch(section, _paths(settings), *judges)


def trusted_now(settings: Settings, clock: Clock) -> dt.datetime | None:
    """For a program that has no queue open: None where the machine's clock was not synchronised since it started."""
    source = settings.time_source()
    return None if source is not None and source() is Sync.NEVER else clock.utcnow()


def folder(settings: Settings, section: RevocationSection) -> Path:
    """Where the lists are kept."""
    return section.folder or settings.queue.database.parent / "crl"


def own(settings: Settings) -> Revocation | None:
    """What the queue asks about our certificates; None without [revocation]."""
    found = watch(settings)
    return found.own if found is not None else None


def _own_anchors(settings: Settings, section: RevocationSection) -> Iterator[x509.Certificate]:
    """All of them are files of this machine that its administrator named."""
    chain = parse_qs(urlsplit(settings.signing.uri).query).get("chain", [])
    under = [settings.enrolment.under] if settings.enrolment is not None else []
    for path in (*section.authorities, *under, *map(Path, chain)):
        yield from _read(path)
    for path in _paths(settings).values():
        yield from _read(path)[1:]


def _paths(settings: Settings) -> dict[str, Path]:
    paths = {"client": settings.gateway.client_cert}
    try:
        return {"signing": certificate_path(settings.signing.uri), **paths}
    except QueueError:  # a token that keeps the certificate itself
        return paths


def _read(path: Path) -> Certificates:
    try:
        return certificates.from_pem(path.read_bytes())
    except (OSError, CertificateError):
        return ()
