"""A USB conversation in umockdev's older text form as a device: an ioctl dump and a device description in, a
`UsbFunction` that answers as the recorded one did out.

Each line is one transfer that the host reaped: `USBDEVFS_REAPURB… 0 TYPE ENDPOINT STATUS FLAGS SIZE LENGTH ERRORS HEX`.
Times are not in it. As in umockdev, a request is looked for from the last one on, and from the beginning again: what a
host asks repeatedly was recorded once.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from drivers.links.usb import bus_error
from drivers.sim.replay import RecordingError

_REAPED = ("USBDEVFS_REAPURB", "USBDEVFS_REAPURBNDELAY")
_FIELDS = 10
_CONTROL = 2


@dataclass(frozen=True)
class Transfer:
    """One reaped transfer. size: what the host had room for or sent; data: what went over the wire."""

    kind: int
    endpoint: int
    status: int
    size: int
    data: bytes


def transfers(text: str) -> Iterator[Transfer]:
    """Every reaped transfer of a dump, in order. Raises RecordingError."""
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0] not in _REAPED:
            continue
        try:
            kind, endpoint, status, _, size, length, _ = (int(word) for word in words[2:9])
            data = bytes.fromhex(words[9] if len(words) == _FIELDS else "")
        except ValueError as error:
            raise RecordingError(f"line {number}: {error}") from error
        yield Transfer(kind, endpoint, status, size, data[: max(0, length)])


class IoctlRecording:
    """The recorded device (usb_bus.UsbFunction), of bulk and interrupt endpoints. mismatches: what the host asked that
    is not in the recording; descriptors: from the device description."""

    def __init__(self, dump: str, description: str, serial: str = "RECORDING") -> None:
        self.mismatches: list[str] = []
        self._transfers = [one for one in transfers(dump) if one.kind != _CONTROL]
        self._last = -1
        self.device, self.configuration = _descriptors(description)
        self.strings = dict.fromkeys((1, 2, 3), serial)

    @classmethod
    def load(cls, path: Path) -> IoctlRecording:
        """From `capture.ioctl` with `device` beside it. Raises RecordingError, OSError, UnicodeDecodeError."""
        return cls(path.read_text("utf-8"), (path.parent / "device").read_text("utf-8"))

    # UsbFunction

    def control_in(self, request: int, value: int, length: int) -> bytes:
        raise self._refused(f"control {request:#x} {value:#x}, {length} bytes")

    def control_out(self, request: int, value: int, data: bytes) -> None:
        raise self._refused(f"control {request:#x} {value:#x} {data.hex()}")

    def write(self, endpoint: int, data: bytes, timeout_s: float) -> None:
        del timeout_s  # a recording takes it at once
        found = self._next(lambda one: one.endpoint == endpoint and one.data == data)
        if found is None:
            raise self._refused(f"{endpoint:02x} {data.hex()}")

    def read(self, endpoint: int, size: int, timeout_s: float) -> bytes:
        del timeout_s  # a recording has no times
        found = self._next(lambda one: one.endpoint == endpoint and one.size == size)
        if found is None:
            raise bus_error(errno.ETIMEDOUT, "nothing recorded")
        if found.status < 0:
            raise bus_error(-found.status, "recorded error")
        return found.data

    def _next(self, fits: Callable[[Transfer], bool]) -> Transfer | None:
        count = len(self._transfers)
        for place in range(self._last + 1, self._last + 1 + count):
            if fits(self._transfers[place % count]):
                self._last = place % count
                return self._transfers[self._last]
        return None

    def _refused(self, what: str) -> Exception:
        self.mismatches.append(what)
        return bus_error(errno.EPIPE, "not in the recording")


def _descriptors(description: str) -> tuple[bytes, bytes]:
    """Device and first configuration from the first node of a device description. Raises RecordingError."""
    node = next((line for line in description.splitlines() if line.startswith("N: bus/usb/")), "")
    try:
        raw = bytes.fromhex(node.partition("=")[2])
    except ValueError as error:
        raise RecordingError(f"the descriptors: {error}") from error
    if len(raw) < _DEVICE_BYTES + _CONFIGURATION_BYTES or raw[0] != _DEVICE_BYTES:
        raise RecordingError("the description does not show the device's descriptors")
    total = int.from_bytes(raw[_DEVICE_BYTES + 2 : _DEVICE_BYTES + 4], "little")
    return raw[:_DEVICE_BYTES], raw[_DEVICE_BYTES : _DEVICE_BYTES + total]


_DEVICE_BYTES, _CONFIGURATION_BYTES = 18, 9
