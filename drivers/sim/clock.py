"""Clocks for simulations: a virtual one that never waits, and one that runs faster than the wall."""

from __future__ import annotations

import datetime as dt

from drivers.clock import Clock

_EPOCH = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


_LOOKS = 200_000  # at the clock without any time passing: nobody who waits for something looks that often


class OutOfTime(BaseException):
    """Simulated time went past `VirtualClock.limit`, or stood still: what would be a hang in real time. No Exception,
    so that no driver can take it for a fault of the device."""


class VirtualClock:
    """Time that moves only by sleep(). Starts at monotonic 1000 s and 2026-01-01 UTC. limit: latest time allowed."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.limit = float("inf")
        self._looks = 0

    def monotonic(self) -> float:
        self._looks += 1
        if self._looks > _LOOKS:
            raise OutOfTime(f"time stands still at {self.now:.3f}")
        return self.now

    def utcnow(self) -> dt.datetime:
        return _EPOCH + dt.timedelta(seconds=self.now - 1000.0)

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            self.now += seconds
            self._looks = 0
        if self.now > self.limit:
            raise OutOfTime(f"still at it at {self.now:.3f}, allowed until {self.limit:.3f}")


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
