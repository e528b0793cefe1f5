"""Who is signed in at this screen: a random cookie value in, a Session out. In memory only, on purpose.

A restart of the web process asks for the PIN again; bookings are on disk and are resumed. A session that has been
idle longer than the settings allow is gone.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from dataclasses import dataclass
from typing import Protocol

from station.access import AccessError, Officer

COOKIE = "livescan_session"
MAX_SESSIONS = 16
"""One screen, and a few of those who forgot to sign out; the oldest goes first."""


class Clock(Protocol):
    """Time that never steps, injected."""

    def monotonic(self) -> float: ...


@dataclass(eq=False)
class Session:
    """One signed-in officer. token: the cookie; csrf: what every form of this session must send back."""

    token: str
    csrf: str
    officer: Officer
    last_seen: float


class Sessions:
    """The open sessions."""

    def __init__(self, idle_s: float, clock: Clock) -> None:
        self._idle_s = idle_s
        self._clock = clock
        self._lock = threading.Lock()
        self._open: dict[str, Session] = {}

    def open(self, officer: Officer) -> Session:
        """A fresh session: its value was never used before."""
        now = self._clock.monotonic()
        session = Session(secrets.token_urlsafe(32), secrets.token_urlsafe(32), officer, now)
        with self._lock:
            while len(self._open) >= MAX_SESSIONS:
                oldest = min(self._open.values(), key=lambda each: each.last_seen)
                del self._open[oldest.token]
            self._open[session.token] = session
        return session

    def find(self, token: str | None, *, touch: bool = True) -> Session | None:
        """The session of a cookie, kept alive when a person acts (`touch`), or None."""
        now = self._clock.monotonic()
        with self._lock:
            session = self._open.get(token or "")
            if session is None:
                return None
            if now - session.last_seen > self._idle_s:
                del self._open[session.token]
                return None
            if touch:
                session.last_seen = now
            return session

    def require(self, token: str | None) -> Session:
        """The session of a cookie. Raises AccessError `access.required`."""
        session = self.find(token)
        if session is None:
            raise AccessError("access.required", "nobody is signed in", "sign in")
        return session

    def close(self, token: str | None) -> None:
        """Sign out."""
        with self._lock:
            self._open.pop(token or "", None)


def require_csrf(session: Session, sent: str | None) -> None:
    """Raises AccessError `access.csrf` when a form does not carry the value of its session."""
    if not hmac.compare_digest(session.csrf.encode(), (sent or "").encode()):
        raise AccessError("access.csrf", "this page is out of date", "load it again and repeat the step")
