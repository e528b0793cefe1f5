"""Certificates that end soon or are revoked, for the status bar: signer and TLS certificate's file in, lines out.

Nothing while both last for more than WARN_DAYS and are on no list. Ends are looked at once an hour, lists once a
minute.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from cryptography import x509

from offline_queue.errors import QueueError
from offline_queue.signers import Signer
from station.kiosk.counter import Health

WARN_DAYS, LAST_DAYS = 30, 7
LOOK_EACH_S, REVOKED_EACH_S = 3600.0, 60.0
REVOKED = {
    "signing": ("signing", "tell IT: nothing new can be signed. Bookings are kept and submitted later"),
    "client": ("gateway", "tell IT: the gateway will refuse this station. Booking goes on"),
}


class Clock(Protocol):
    """Time, injected."""

    def monotonic(self) -> float: ...
    def utcnow(self) -> dt.datetime: ...


class Papers:
    """signer: loads the signing key, QueueError when it cannot; revoked: which of ours (`signing`, `client`) are on a
    revocation list."""

    def __init__(
        self,
        signer: Callable[[], Signer],
        client_cert: Path,
        clock: Clock,
        revoked: Callable[[], Mapping[str, object]] = dict,
    ) -> None:
        self._signer = signer
        self._client_cert = client_cert
        self._clock = clock
        self._revoked = revoked
        self._kept: tuple[float, list[Health]] | None = None
        self._listed: tuple[float, list[Health]] | None = None

    def lines(self) -> list[Health]:
        """One for each certificate that is to be renewed, or cannot be read."""
        now = self._clock.monotonic()
        if self._kept is None or now - self._kept[0] >= LOOK_EACH_S:
            ends = {"signing": self._signing_end(), "gateway": self._client_end()}
            found = [self._line(name, end) for name, end in ends.items()]
            self._kept = (now, [line for line in found if line is not None])
        if self._listed is None or now - self._listed[0] >= REVOKED_EACH_S:
            self._listed = (now, [_revoked_line(name) for name in self._revoked()])
        return [*self._listed[1], *self._kept[1]]

    def _signing_end(self) -> dt.datetime | None:
        try:
            return x509.load_der_x509_certificate(self._signer().certificate).not_valid_after_utc
        except (QueueError, ValueError):
            return None

    def _client_end(self) -> dt.datetime | None:
        try:
            return x509.load_pem_x509_certificate(self._client_cert.read_bytes()).not_valid_after_utc
        except (OSError, ValueError):
            return None

    def _line(self, name: str, end: dt.datetime | None) -> Health | None:
        if end is None:
            return None  # what cannot be read is told where it is used, and by doctor
        days = (end - self._clock.utcnow()).days
        if days > WARN_DAYS:
            return None
        advice = "tell IT: station keys renew. Booking goes on"
        if days < 0:
            return Health("certificate", False, "✕", f"Certificate ({name}) has ended", advice)
        text = f"Certificate ({name}): {days} {'day' if days == 1 else 'days'} left"
        return Health("certificate", False if days <= LAST_DAYS else None, "!", text, advice)


def _revoked_line(name: str) -> Health:
    words, advice = REVOKED[name]
    return Health("certificate", False, "✕", f"Certificate ({words}) is revoked", advice)
