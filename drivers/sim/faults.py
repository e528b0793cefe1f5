"""Named faults on a wire: a link or a USB device and a `Fault` in, the same thing with that trouble once out.

A byte stream has no protection of its own, so its faults are seen by the driver as they are. A USB bulk transfer is
cut into packets with CRC-16 and a data toggle, and the host repeats what was not acknowledged (USB 2.0, 8.5 and 8.6):
a flipped, lost or doubled packet never reaches a driver, but a broken cable does, as EPROTO.
"""

from __future__ import annotations

import enum
import errno
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from drivers.clock import Clock
from drivers.links import ByteLink, link_error
from drivers.links.usb import bus_error
from drivers.sim.usb_bus import UsbFunction

USB_PACKET = 64
USB_RETRIES = 3
_SHORT_BYTES = 2000  # as many come one at a time


class Kind(enum.StrEnum):
    """What happens to the bytes."""

    FLIP = "flip"
    DOUBLE = "double"
    LOSE = "lose"
    DELAY = "delay"
    SHORT = "short"
    TRUNCATE = "truncate"
    STALL = "stall"
    UNPLUG = "unplug"
    SKIP = "skip"
    REPEAT = "repeat"


@dataclass
class Progress:
    """What has become of a fault. fired_at: by the clock of the link; ended: set by whoever ends a stall, or plugs
    the cable in again; heard, said: bytes that passed so far, from the device and to it; fired_heard: heard by then;
    transfers: on USB, at which byte each transfer began."""

    fired: bool = False
    fired_at: float = 0.0
    ended: bool = False
    heard: int = 0
    said: int = 0
    fired_heard: int = 0
    transfers: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Fault:
    """kind, at which byte of the stream (0 = first), over how many bytes; lasting: at every later byte too (flip and
    lose), instead of once; seconds: of a delay; sent: in what the host sends, instead of in what the device says.

    progress is shared by all copies of the wire that carry this fault, so that a harness can see and end it.
    """

    kind: Kind
    at: int
    span: int = 1
    lasting: bool = False
    seconds: float = 0.25
    sent: bool = False
    progress: Progress = field(default_factory=Progress, compare=False)


class FaultyLink:
    """A ByteLink with one fault in what is read, or in what is sent.

    truncate: the rest of what the device says until the host writes again is lost; stall: nothing more ever comes,
    or reaches the device; delay: the bytes from there on come late, in order; short: they come one at a time;
    unplug: the link is gone, and cannot be opened again until the fault has ended. replugged: called then, before the
    link is opened: a module that hung on that cable has lost its power.
    """

    def __init__(
        self, link: ByteLink, fault: Fault, clock: Clock, replugged: Callable[[], None] = lambda: None
    ) -> None:
        self.link = link
        self.fault = fault
        self._clock = clock
        self._replugged = replugged
        self._cut = False
        self._held: list[tuple[float, bytes]] = []

    @property
    def fired(self) -> bool:
        return self.fault.progress.fired

    def open(self) -> None:
        if self._gone():
            raise link_error("link.not_found", "unplugged")
        if self.fired and self.fault.kind is Kind.UNPLUG:
            self._replugged()
        self.link.open()

    def close(self) -> None:
        self._held.clear()
        self.link.close()

    def write(self, data: bytes, timeout_s: float) -> None:
        self._refuse_if_gone()
        self._cut = self._cut and self.fault.kind is Kind.STALL
        progress = self.fault.progress
        start, progress.said = progress.said, progress.said + len(data)
        hurt = self._hurt_where_due(data, start) if self.fault.sent else data
        if hurt:
            self.link.write(hurt, timeout_s)

    def read(self, limit: int, timeout_s: float) -> bytes:
        deadline = self._clock.monotonic() + timeout_s
        while True:
            self._refuse_if_gone()
            if self._held and self._held[0][0] <= deadline:
                return self._release(limit)
            wait_s = max(0.0, deadline - self._clock.monotonic())
            data = self.link.read(limit, wait_s)
            behind = bool(self._held)  # what comes now comes behind what is late
            progress = self.fault.progress
            start, progress.heard = progress.heard, progress.heard + len(data)
            data = data if self.fault.sent else self._hurt_where_due(data, start)
            if data and behind:
                self._held.append((self._held[-1][0], data))
            elif data:
                return data

    def discard(self) -> None:
        self._refuse_if_gone()
        self._held.clear()
        self.link.discard()

    def set_baud(self, baud: int) -> None:
        self._refuse_if_gone()
        self.link.set_baud(baud)

    def _release(self, limit: int) -> bytes:
        due, data = self._held[0]
        self._clock.sleep(max(0.0, due - self._clock.monotonic()))
        self._held[0] = (due, data[limit:])
        if not data[limit:]:
            self._held.pop(0)
        return data[:limit]

    def _gone(self) -> bool:
        progress = self.fault.progress
        return progress.fired and not progress.ended and self.fault.kind is Kind.UNPLUG

    def _refuse_if_gone(self) -> None:
        if self._gone():
            raise link_error("link.disconnected", "unplugged")

    def _fire(self) -> None:
        progress = self.fault.progress
        progress.fired, progress.fired_at, progress.fired_heard = (
            True,
            self._clock.monotonic(),
            progress.heard,
        )

    def _hurt_where_due(self, data: bytes, start: int) -> bytes:
        if self.fault.progress.ended:
            self._cut = False
        if self._cut:
            return b""
        at = max(0, self.fault.at - start)
        if at >= len(data) or self.fault.progress.ended or (self.fired and not self.fault.lasting):
            return data
        self._fire()
        return self._hurt(data, at)

    def _hurt(self, data: bytes, at: int) -> bytes:
        end = at + self.fault.span
        match self.fault.kind:
            case Kind.FLIP:
                return data[:at] + bytes((data[at] ^ 1 << self.fault.at % 8,)) + data[at + 1 :]
            case Kind.DOUBLE:
                return data[:end] + data[at:]
            case Kind.LOSE:
                return data[:at] + data[end:]
            case Kind.DELAY:
                self._hold(self.fault.seconds, [data[at:]])
            case Kind.SHORT:
                end = min(len(data), at + _SHORT_BYTES)
                self._hold(0.0, [*(data[place : place + 1] for place in range(at, end)), data[end:]])
            case Kind.TRUNCATE | Kind.STALL:
                self._cut = True
        return data[:at]

    def _hold(self, seconds: float, pieces: list[bytes]) -> None:
        self._held += [(self._clock.monotonic() + seconds, piece) for piece in pieces if piece]


CONTROL = 0
CONTROL_S = 1.0  # what a control transfer may take; the simulated bus is not told


class FaultyUsb:
    """A UsbFunction with one fault in one endpoint: bulk IN or OUT, interrupts, or control transfers (endpoint 0).

    short and truncate: the device ends the transfer early; delay: a transfer whose deadline is nearer than the delay
    times out, and its data comes with the next one (a request to the device is then not carried out); unplug: ENODEV
    until the fault has ended. skip and repeat are the device's own doing, which no bus mends: it forgets a whole
    transfer (one to it is acknowledged and not carried out, a control request goes unanswered), or says it twice (one
    to it is carried out twice).
    """

    def __init__(self, function: UsbFunction, fault: Fault, endpoint: int = 0x82) -> None:
        self.function = function
        self.fault = fault
        self._endpoint = endpoint
        self._late = b""

    @property
    def fired(self) -> bool:
        return self.fault.progress.fired

    @property
    def device(self) -> bytes:
        return self.function.device

    @property
    def configuration(self) -> bytes:
        return self.function.configuration

    @property
    def strings(self) -> Mapping[int, str]:
        return self.function.strings

    def control_in(self, request: int, value: int, length: int) -> bytes:
        self._refuse_if_gone()
        data = self.function.control_in(request, value, length)
        at = self._due(CONTROL, len(data))
        return data if at is None else self._hurt(data, at, CONTROL_S)

    def control_out(self, request: int, value: int, data: bytes) -> None:
        self._refuse_if_gone()
        for _ in range(self._times(CONTROL, len(data), CONTROL_S)):
            self.function.control_out(request, value, data)

    def write(self, endpoint: int, data: bytes, timeout_s: float) -> Any:
        """For devices with an endpoint OUT; what a bulk OUT loses, the bus repeats."""
        self._refuse_if_gone()
        function: Any = self.function
        for _ in range(self._times(endpoint, len(data), timeout_s)):
            function.write(endpoint, data, timeout_s)
        return len(data)

    def read(self, endpoint: int, size: int, timeout_s: float) -> bytes:
        self._refuse_if_gone()
        if endpoint == self._endpoint and self._late:
            data, self._late = self._late, b""
            return data
        data = self.function.read(endpoint, size, timeout_s)
        at = self._due(endpoint, len(data))
        if at is not None and self.fault.kind is Kind.SKIP:
            self.fault.progress.fired = True
            return self.read(endpoint, size, timeout_s)
        return data if at is None else self._hurt(data, at, timeout_s)

    def _due(self, endpoint: int, size: int) -> int | None:
        """Where in this transfer the fault lies; None when it does not."""
        done = self.fault.progress.ended or (self.fired and not self.fault.lasting)
        if endpoint != self._endpoint or done:
            return None
        progress = self.fault.progress
        start, progress.heard = progress.heard, progress.heard + size
        if size:
            progress.transfers.append(start)
        at = max(0, self.fault.at - start)
        return None if at >= size else at

    def _times(self, endpoint: int, size: int, timeout_s: float) -> int:
        """How often the device does what it is told: it takes all of it or nothing, and what the cable spoils the bus
        repeats."""
        if self._due(endpoint, size) is None:
            return 1
        kind = self.fault.kind
        if kind in (Kind.STALL, Kind.UNPLUG) or (kind is Kind.DELAY and self.fault.seconds >= timeout_s):
            self._hurt(b"", 0, timeout_s)
        self.fault.progress.fired = True
        return {Kind.SKIP: 0, Kind.REPEAT: 2}.get(kind, 1)

    def _hurt(self, data: bytes, at: int, timeout_s: float) -> bytes:
        """The transfer as the host's driver sees it, after the bus has repeated what it can."""
        self.fault.progress.fired = True
        packet = at // USB_PACKET * USB_PACKET
        match self.fault.kind:
            case Kind.FLIP | Kind.LOSE | Kind.DOUBLE:
                return self._repeated(data)
            case Kind.TRUNCATE | Kind.SHORT:
                return data[:at] if at % USB_PACKET else data[:packet]  # the device ends with a short packet
            case Kind.DELAY if self.fault.seconds < timeout_s:
                return data
            case Kind.DELAY:
                self._late = data
                raise bus_error(errno.ETIMEDOUT, "Operation timed out")
            case Kind.REPEAT:
                self._late = data
                return data
            case Kind.SKIP:
                raise bus_error(errno.ETIMEDOUT, "Operation timed out")
            case Kind.STALL:
                raise bus_error(errno.EPIPE, "Pipe error")
        raise bus_error(errno.ENODEV, "No such device")

    def _repeated(self, data: bytes) -> bytes:
        """A bad or missing packet is not acknowledged and comes again; a doubled one has the wrong toggle and is
        dropped. A fault that lasts uses up the repeats."""
        if self.fault.lasting and self.fault.kind is not Kind.DOUBLE:
            raise bus_error(errno.EPROTO, f"no good packet in {USB_RETRIES} tries")
        return data

    def _refuse_if_gone(self) -> None:
        if self.fired and self.fault.kind is Kind.UNPLUG and not self.fault.progress.ended:
            raise bus_error(errno.ENODEV, "No such device")
