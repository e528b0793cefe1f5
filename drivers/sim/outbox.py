"""What a simulated device is about to say: events in with their times, bytes out no faster than the line.

Sans-IO and without a clock of its own: every call carries the time.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

_CHUNK_S = 0.016  # bytes come in steps of this much line time, like behind an FTDI adapter's latency timer


class Outbox:
    """A schedule of actions and a paced queue of bytes. bytes_per_s: None for a line without a limit."""

    def __init__(self, bytes_per_s: float | None = None) -> None:
        self.bytes_per_s = bytes_per_s
        self._actions: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = count()
        self._bytes = bytearray()
        self._sent_until = 0.0  # time up to which the line is paid for

    def at(self, when: float, action: Callable[[float], None]) -> None:
        """Do action(now) once the time is `when`."""
        heapq.heappush(self._actions, (when, next(self._order), action))

    def send(self, data: bytes, now: float) -> None:
        """Queue bytes behind those still waiting."""
        if not self._bytes:
            self._sent_until = max(self._sent_until, now)
        self._bytes += data

    @property
    def sending(self) -> bool:
        """True while bytes wait for the line."""
        return bool(self._bytes)

    def forget(self, *, bytes_too: bool = True) -> None:
        """Drop what was planned, and (bytes_too) what was not yet sent."""
        self._actions.clear()
        if bytes_too:
            self._bytes.clear()

    def take(self, now: float) -> bytes:
        """Run what is due, then hand out the bytes the line has had time for."""
        while self._actions and self._actions[0][0] <= now:
            _, _, action = heapq.heappop(self._actions)
            action(now)
        ready = self._ready(now)
        data = bytes(self._bytes[:ready])
        del self._bytes[:ready]
        if self.bytes_per_s is not None:
            self._sent_until += ready / self.bytes_per_s
        return data

    def wakes_at(self) -> float | None:
        """When take() may next return something; None: never, unless told."""
        times = [self._actions[0][0]] if self._actions else []
        if self._bytes:
            times.append(self._sent_until + self._step_s())
        return min(times, default=None)

    def _ready(self, now: float) -> int:
        if self.bytes_per_s is None:
            return len(self._bytes)
        return min(len(self._bytes), int((now - self._sent_until) * self.bytes_per_s + 1e-6))

    def _step_s(self) -> float:
        if self.bytes_per_s is None:
            return 0.0
        return max(min(_CHUNK_S, len(self._bytes) / self.bytes_per_s), 1 / self.bytes_per_s)
