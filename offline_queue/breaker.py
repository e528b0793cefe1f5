"""Whether the gateway is left alone for a while: after a failure that would befall the next submission too, or after
several in a row that ended without a definite answer.

In: how each exchange ended. Out: whether the pass goes on, and from when on the next exchange may be tried. Three
states: `closed` (all goes through), `open` (nothing does), `half_open` (the wait is over: one exchange decides, and one
failure of any kind opens it again, for longer). Time is monotonic: nothing of it outlives a reboot.
"""

from __future__ import annotations

from enum import StrEnum

from offline_queue.backoff import Backoff
from offline_queue.clock import Clock

UNSURE_IN_A_ROW = 2


class Circuit(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """One gateway's breaker. tolerated: so many indefinite ends in a row open it; a gateway-wide one does at once."""

    def __init__(self, clock: Clock, backoff: Backoff, tolerated: int = UNSURE_IN_A_ROW) -> None:
        self._clock = clock
        self._backoff = backoff
        self._tolerated = tolerated
        self._in_a_row = 0
        self._opened = 0
        self._until = 0.0

    @property
    def state(self) -> Circuit:
        if not self._opened:
            return Circuit.CLOSED
        return Circuit.OPEN if self.left_s() > 0 else Circuit.HALF_OPEN

    def left_s(self) -> float:
        """Seconds for which nothing may be tried."""
        return max(self._until - self._clock.monotonic(), 0.0) if self._opened else 0.0

    def worked(self) -> None:
        """A definite answer came: everything goes through again."""
        self._in_a_row = self._opened = 0

    def failed(self, *, wide: bool, retry_after_s: float | None = None) -> bool:
        """No definite answer. True when the pass is over; then it is open, at least as long as the gateway asked."""
        self._in_a_row += 1
        if not wide and not self._opened and self._in_a_row < self._tolerated:
            return False
        self._opened += 1
        self._in_a_row = 0
        pause_s = max(self._backoff.delay_s(self._opened), retry_after_s or 0.0)
        self._until = self._clock.monotonic() + pause_s
        return True
