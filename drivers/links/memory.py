"""A ByteLink to a device model in the same thread: bytes in, bytes out, time from the injected clock.

The far end has no thread: reading moves the clock to the moment its next byte is due, so with a virtual clock a
paced conversation of seconds runs in milliseconds and always the same way.
"""

from __future__ import annotations

from typing import Protocol

from drivers.clock import Clock
from drivers.links import link_error

_POLL_S = 0.005  # with a far end that does not know when it will speak


class FarEnd(Protocol):
    """The device side of a byte wire, without any wire: what a peer implements (sans-IO)."""

    def hear(self, data: bytes, now: float) -> None:
        """Bytes from the host arrived at time now."""

    def speak(self, now: float) -> bytes:
        """The bytes whose time has come and that were not handed out yet."""

    def wakes_at(self) -> float | None:
        """When speak() may next have something; None: only after the host said something."""

    def set_baud(self, baud: int) -> None:
        """The host's line speed changed."""


class MemoryLink:
    """One device model on a cable of zero length. `unplugged` makes every later call fail as a pulled cable does."""

    def __init__(self, far: FarEnd, clock: Clock) -> None:
        self.far = far
        self.unplugged = False
        self._clock = clock
        self._arrived = bytearray()
        self._open = False

    def open(self) -> None:
        if self.unplugged:
            raise link_error("link.not_found", "nothing is plugged in")
        self._open = True

    def close(self) -> None:
        self._open = False
        self._arrived.clear()

    def write(self, data: bytes, timeout_s: float) -> None:  # noqa: ARG002  memory takes all at once
        self._check()
        self.far.hear(data, self._clock.monotonic())

    def read(self, limit: int, timeout_s: float) -> bytes:
        deadline = self._clock.monotonic() + timeout_s
        while True:
            self._check()
            now = self._clock.monotonic()
            self._arrived += self.far.speak(now)
            if self._arrived:
                data = bytes(self._arrived[:limit])
                del self._arrived[:limit]
                return data
            if now >= deadline:
                raise link_error("link.timeout", f"silent for {timeout_s:g} s")
            self._clock.sleep(self._pause(now, deadline))

    def discard(self) -> None:
        self._check()
        self.far.speak(self._clock.monotonic())
        self._arrived.clear()

    def set_baud(self, baud: int) -> None:
        self._check()
        self.far.set_baud(baud)

    def _pause(self, now: float, deadline: float) -> float:
        wakes = self.far.wakes_at()
        until = deadline if wakes is None else min(deadline, max(wakes, now + 1e-6))
        return max(until - now, 1e-6) if wakes is None or wakes > now else min(_POLL_S, deadline - now)

    def _check(self) -> None:
        if self.unplugged or not self._open:
            raise link_error("link.disconnected", "the cable is out")
