"""Clocks for simulations: a virtual one that never waits, and one that runs faster than the wall."""

from __future__ import annotations

import datetime as dt

from drivers.clock import Clock

_EPOCH = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


class VirtualClock:
    """Time that moves only by sleep(). Starts at monotonic 1000 s and 2026-01-01 UTC."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def utcnow(self) -> dt.datetime:
        return _EPOCH + dt.timedelta(seconds=self.now - 1000.0)

    def sleep(self, seconds: float) -> None:
        self.now += max(0.0, seconds)


class FasterClock:
    """The clock `inner`, `speed` times as fast: a sleep of 1 s takes 1/speed s."""

    def __init__(self, inner: Clock, speed: float) -> None:
        self._inner = inner
        self._speed = speed

    def monotonic(self) -> float:
        return self._inner.monotonic() * self._speed

    def utcnow(self) -> dt.datetime:
        return self._inner.utcnow()

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds / self._speed)
