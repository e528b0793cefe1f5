"""Is the time right? The question for an officer when nobody vouches for the station's clock; and the hourly signature
of the audit chain, which waits for a clock that is trusted.

In: the queue and the signing key. Out: a page at /clock, a line of the status bar, and the answer before a booking.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from offline_queue.errors import QueueError
from offline_queue.signers import Signer
from station.kiosk.counter import Health, counter_of, in_thread, session_of
from station.kiosk.forms import go_to, screen, signed_form
from station.kiosk.render import page

ASKED_EACH_S = 60.0
UNKNOWN = "unknown"


class Queue(Protocol):
    """What is asked of `offline_queue.store.Queue`."""

    def clock_trust(self) -> Any: ...
    def confirm_clock(self, officer: str) -> None: ...
    def seal_audit_when_due(self, signer: Signer) -> str | None: ...
    def counter_sign_held(self, signer: Signer) -> tuple[str, ...]: ...


class Monotonic(Protocol):
    def monotonic(self) -> float: ...


class TimeDesk:
    """Trust of the clock as the kiosk sees it. Any thread."""

    def __init__(self, queue: Queue, signer: Callable[[], Signer], clock: Monotonic) -> None:
        self._queue, self._signer, self._clock = queue, signer, clock
        self._asked: float | None = None

    def trusted(self) -> bool:
        return bool(self._queue.clock_trust() != UNKNOWN)

    def confirm(self, officer: str) -> None:
        """The officer with this id has compared the time."""
        self._queue.confirm_clock(officer)

    def lines(self) -> list[Health]:
        """Nothing while the clock is trusted. At most once a minute it is looked whether the chain's head is to be
        signed; a key or disk that fails shows itself at the next booking, not here."""
        now = self._clock.monotonic()
        if self._asked is None or now - self._asked >= ASKED_EACH_S:
            self._asked = now
            with contextlib.suppress(QueueError):
                self._queue.seal_audit_when_due(self._signer())
                self._queue.counter_sign_held(self._signer())
        if self.trusted():
            return []
        return [Health("clock", False, "✕", "Clock not trusted", "confirm the time before the next booking")]


async def show(request: Request) -> Response:
    session_of(request)
    now = counter_of(request).desk.clock.utcnow()
    return await page(
        request, "clock.html", {"time": now.strftime("%H:%M:%S"), "day": now.strftime("%Y-%m-%d")}
    )


async def confirm(request: Request) -> Response:
    """The answer yes; it stands in the audit chain with the officer's id."""
    await signed_form(request)
    counter = counter_of(request)
    if counter.time is not None:
        await in_thread(counter.time.confirm, session_of(request).officer.id)
    return go_to(request, "/")


def routes() -> list[BaseRoute]:
    """GET and POST /clock."""
    return [
        Route("/clock", screen(show), methods=["GET"]),
        Route("/clock", screen(confirm), methods=["POST"]),
    ]
