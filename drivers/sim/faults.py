"""Named faults on a wire: a link or a USB device and a `Fault` in, the same thing with that trouble once out.

A byte stream has no protection of its own, so its faults are seen by the driver as they are. A USB bulk transfer is
cut into packets with CRC-16 and a data toggle, and the host repeats what was not acknowledged (USB 2.0, 8.5 and 8.6):
a flipped, lost or doubled packet never reaches a driver, but a broken cable does, as EPROTO.
"""

from __future__ import annotations

import enum
import errno
from collections.abc import Mapping
from dataclasses import dataclass

from drivers.clock import Clock
from drivers.links import ByteLink, link_error
from drivers.links.usb import bus_error
from drivers.sim.usb_bus import UsbFunction

USB_PACKET = 64
USB_RETRIES = 3


class Kind(enum.StrEnum):
    """What happens to the bytes."""

    FLIP = "flip"
    DOUBLE = "double"
    LOSE = "lose"
    TRUNCATE = "truncate"
    STALL = "stall"
    UNPLUG = "unplug"


@dataclass(frozen=True)
class Fault:
    """kind, at which byte of the stream from the device (0 = first), over how many bytes; lasting: at every later
    byte too (flip and lose), instead of once."""

    kind: Kind
    at: int
    span: int = 1
    lasting: bool = False


class FaultyLink:
    """A ByteLink with one fault in what is read.

    truncate: the rest of what the device says until the host writes again is lost; stall: nothing more ever comes;
    unplug: the link is gone and cannot be opened again.
    """

    def __init__(self, link: ByteLink, fault: Fault, clock: Clock) -> None:
        self.link = link
        self.fault = fault
        self.fired = False
        self._clock = clock
        self._offset = 0
        self._cut = False

    def open(self) -> None:
        if self.fired and self.fault.kind is Kind.UNPLUG:
            raise link_error("link.not_found", "unplugged")
        self.link.open()

    def close(self) -> None:
        self.link.close()

    def write(self, data: bytes, timeout_s: float) -> None:
        self._refuse_if_gone()
        self._cut = self._cut and self.fault.kind is Kind.STALL
        self.link.write(data, timeout_s)

    def read(self, limit: int, timeout_s: float) -> bytes:
        deadline = self._clock.monotonic() + timeout_s
        while True:
            self._refuse_if_gone()
            data = self._through(self.link.read(limit, max(0.0, deadline - self._clock.monotonic())))
            if data:
                return data

    def discard(self) -> None:
        self._refuse_if_gone()
        self.link.discard()

    def set_baud(self, baud: int) -> None:
        self._refuse_if_gone()
        self.link.set_baud(baud)

    def _refuse_if_gone(self) -> None:
        if self.fired and self.fault.kind is Kind.UNPLUG:
            raise link_error("link.disconnected", "unplugged")

    def _through(self, data: bytes) -> bytes:
        start = self._offset
        self._offset += len(data)
        if self._cut:
            return b""
        if self.fired and not self.fault.lasting:
            return data
        at = max(0, self.fault.at - start)
        if at >= len(data):
            return data
        self.fired = True
        return self._hurt(data, at)

    def _hurt(self, data: bytes, at: int) -> bytes:
        end = at + self.fault.span
        match self.fault.kind:
            case Kind.FLIP:
                return data[:at] + bytes((data[at] ^ 1 << at % 8,)) + data[at + 1 :]
            case Kind.DOUBLE:
                return data[:end] + data[at:]
            case Kind.LOSE:
                return data[:at] + data[end:]
            case Kind.TRUNCATE | Kind.STALL:
                self._cut = True
        return data[:at]


class FaultyUsb:
    """A UsbFunction with one fault in its bulk stream (or, by `endpoint`, in its interrupts)."""

    def __init__(self, function: UsbFunction, fault: Fault, endpoint: int = 0x82) -> None:
        self.function = function
        self.fault = fault
        self.fired = False
        self._endpoint = endpoint
        self._offset = 0

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
        return self.function.control_in(request, value, length)

    def control_out(self, request: int, value: int, data: bytes) -> None:
        self._refuse_if_gone()
        self.function.control_out(request, value, data)

    def read(self, endpoint: int, size: int, timeout_s: float) -> bytes:
        self._refuse_if_gone()
        data = self.function.read(endpoint, size, timeout_s)
        if endpoint != self._endpoint or (self.fired and not self.fault.lasting):
            return data
        start = self._offset
        self._offset += len(data)
        at = max(0, self.fault.at - start)
        return data if at >= len(data) else self._hurt(data, at)

    def _hurt(self, data: bytes, at: int) -> bytes:
        """The transfer as the host's driver sees it, after the bus has repeated what it can."""
        self.fired = True
        packet = at // USB_PACKET * USB_PACKET
        match self.fault.kind:
            case Kind.FLIP | Kind.LOSE | Kind.DOUBLE:
                return self._repeated(data)
            case Kind.TRUNCATE:
                return data[:at] if at % USB_PACKET else data[:packet]  # the device ends with a short packet
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
        if self.fired and self.fault.kind is Kind.UNPLUG:
            raise bus_error(errno.ENODEV, "No such device")
