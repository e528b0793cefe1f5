"""Fetching revocation lists and keeping them: an address in, a file in the folder out, or RevocationError.

Plain http or https: a list is signed, so the way it came proves nothing. One total deadline, a size limit, no redirect,
no proxy. What is kept is kept by who signed it, never by the address: whoever stands between can hold a list back, but
neither put an older one, nor another authority's, nor one of his own in its place.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import HTTPError

from offline_queue import certificates, crl, keypair
from offline_queue.clock import Clock
from offline_queue.crl import RevocationList
from offline_queue.errors import RevocationError, TransportFault
from offline_queue.revocation import Revocation
from offline_queue.transports import faults
from offline_queue.transports.budget import Budget, connect, plain_socket, socket_class
from offline_queue.transports.https import _Adapter, _read

DEADLINE_S = 20.0
EVERY_S = 3600.0
AGAIN_S = 300.0


@dataclass(frozen=True)
class Kept:
    """A list that is in the folder now. new: it was not there before."""

    path: Path
    list: RevocationList
    new: bool


def fetch(
    url: str, clock: Clock, trusted: Sequence[x509.Certificate] = (), deadline_s: float = DEADLINE_S
) -> bytes:
    """The bytes at an address. trusted: authorities that may vouch for an https server, beside the machine's own.
    RevocationError `revocation.address`, `.no_answer`, `.too_large`."""
    if not url.startswith(("http://", "https://")):
        raise RevocationError("revocation.address", f"{url!r} is no address", "write http:// or https://")
    budget = Budget(clock, deadline_s)
    adapter = _EitherAdapter(_context(trusted, budget), budget)
    with requests.Session() as session:
        session.trust_env = False
        session.headers.update({"Accept-Encoding": "identity", "Connection": "close"})
        session.adapters.clear()
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        budget.start()
        try:
            with session.get(url, stream=True, allow_redirects=False, timeout=deadline_s) as reply:
                if reply.status_code != 200:
                    raise _no_answer(url, f"HTTP {reply.status_code}")
                return _read(reply, crl.LIMIT)
        except (requests.RequestException, HTTPError, TransportFault, OSError, ValueError) as error:
            if isinstance(error, TransportFault):
                raise RevocationError(
                    "revocation.too_large", f"{url}: {error.message}", "ask the authority for a shorter list"
                ) from error
            raise _no_answer(url, faults.of_exchange(error, budget.sent).message) from error


def _no_answer(url: str, what: str) -> RevocationError:
    text = f"{url}: {what}"[:300]
    return RevocationError(
        "revocation.no_answer", text, "check address and network; it is tried again, booking goes on"
    )


def _context(trusted: Sequence[x509.Certificate], budget: Budget) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    for each in trusted:
        context.load_verify_locations(cadata=each.public_bytes(certificates.DER))
    context.sslsocket_class = socket_class(budget)
    return context


class _EitherAdapter(_Adapter):
    """Our connections for https, and for plain http the same budget."""

    def __init__(self, context: ssl.SSLContext, budget: Budget) -> None:
        self._plain = _plain_pool(budget)
        super().__init__(context, budget)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **more: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, **more)
        self.poolmanager.pool_classes_by_scheme = {"https": self._pool, "http": self._plain}

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """The context says who may vouch; requests would put its own list of authorities beside it."""


def _plain_pool(budget: Budget) -> type[HTTPConnectionPool]:
    class PlainConnection(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return plain_socket(connect(self.host, self.port or 80, budget), budget)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = PlainConnection

    return PlainPool


def keep(data: bytes, revocation: Revocation, at: dt.datetime | None, oldest: dt.timedelta) -> Kept:
    """Put a list into the folder, in place of the same authority's older one. at: None on a clock that nobody vouches
    for. RevocationError when it is malformed, by no authority of ours, too old, dated in the future, older than the one
    that is there (`revocation.older`), or cannot be written (`revocation.cannot_write`); then nothing is changed."""
    found = crl.parse(data)
    signer = revocation.signer_of(found)
    if at is not None:
        crl.check_dates(found, at, oldest)
    folder = revocation.lists.folder
    path = folder / _name(found, signer)
    known = revocation.lists.files().get(path)
    if isinstance(known, RevocationList):
        if known.der == found.der:
            return Kept(path, known, new=False)
        if crl.is_older(found, known):
            text = f"an older list of {found.name} than the one that is kept"
            raise RevocationError("revocation.older", text, "the kept one stays; ask the authority")
    try:
        _make(folder)
        keypair.write(path, found.der)
    except OSError as error:
        text = f"{path}: {error.strerror}"
        raise RevocationError("revocation.cannot_write", text, "check the folder and its disk") from error
    return Kept(path, found, new=True)


def _make(folder: Path) -> None:
    """For the group that shares the folder above it, whoever makes it: sync, or an administrator who tries --fetch."""
    if not folder.is_dir():
        folder.mkdir(parents=True)
        folder.chmod(0o700 | folder.parent.stat().st_mode & 0o2070)


def _name(found: RevocationList, signer: x509.Certificate) -> str:
    """One file for each issuer, key and part."""
    key = signer.public_key().public_bytes(certificates.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    part = "|".join((found.about, *sorted(found.points))).encode()
    digest = hashlib.sha256(found.issuer.public_bytes() + key + part).hexdigest()
    return f"fetched-{digest[:24]}.crl"


class Fetcher:
    """Fetches each address in turn, one a call, once an hour; five minutes after one failed; at once when the gateway
    is back. take: what is done with the bytes; say: told the RevocationError of one that failed, or what is new."""

    def __init__(
        self,
        urls: Sequence[str],
        clock: Clock,
        take: Callable[[bytes], Kept],
        get: Callable[[str], bytes],
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._due = dict.fromkeys(urls, clock.monotonic())
        self._clock, self._take, self._get, self._say = clock, take, get, say
        self._away = False

    def pause(self, away: bool) -> None:
        """Call it in the pauses of the sync process. away: the gateway cannot be reached now."""
        now = self._clock.monotonic()
        if self._away and not away:
            self._due = dict.fromkeys(self._due, now)
        self._away = away
        url = next((url for url, due in self._due.items() if due <= now), None)
        if url is not None:
            self._due[url] = self._clock.monotonic() + (EVERY_S if self._one(url) else AGAIN_S)

    def _one(self, url: str) -> bool:
        try:
            kept = self._take(self._get(url))
        except RevocationError as error:
            self._say(str(error))
            return False
        if kept.new:
            self._say(f"revocation list {kept.list.number} of {kept.list.name} kept")
        return True
