"""A USB conversation in umockdev's older text form as a device: an ioctl dump and a device description in, a
`UsbFunction` that answers as the recorded one did out.

Each line is one transfer that the host reaped: `USBDEVFS_REAPURB… 0 TYPE ENDPOINT STATUS FLAGS SIZE LENGTH ERRORS HEX`.
Times are not in it, and what a host asked twice with the same answer was recorded once. So what the device said after a
request is due whenever that request is made, and a request with several recorded answers gets them in turn.
"""

from __future__ import annotations

import errno
import struct
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from drivers.links.usb import bus_error
from drivers.sim.replay import RecordingError

_REAPED = ("USBDEVFS_REAPURB", "USBDEVFS_REAPURBNDELAY")
_FIELDS = 10
_CONTROL, _SETUP_BYTES, _IN = 2, 8, 0x80
_WITHDRAWN = (-errno.ENOENT, -errno.ECONNRESET)


@dataclass(frozen=True)
class Transfer:
    """One reaped transfer. size: what the host had room for or sent; data: what went over the wire; setup: of a
    control transfer, which counts as of endpoint 0."""

    kind: int
    endpoint: int
    status: int
    size: int
    data: bytes
    setup: bytes = b""

    @property
    def asked(self) -> tuple[int, bytes, bytes] | None:
        """What the host said with it; None for what the device said."""
        if self.kind != _CONTROL and self.endpoint & _IN:
            return None
        answered = bool(self.setup and self.setup[0] & _IN)
        return (
            self.endpoint,
            self.setup[:4] + self.setup[6:],
            b"" if answered else self.data,
        )  # without wIndex


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
        setup = b""
        if kind == _CONTROL:
            setup, data, endpoint = data[:_SETUP_BYTES], data[_SETUP_BYTES:], 0
            if len(setup) < _SETUP_BYTES:
                raise RecordingError(f"line {number}: a control transfer without its setup")
        if (setup[0] if setup else endpoint) & _IN:
            data = data[: max(0, length)]  # the rest of the host's room is not the device's word
        yield Transfer(kind, endpoint, status, size, data, setup)


class IoctlRecording:
    """The recorded device (usb_bus.UsbFunction). mismatches: what the host asked that is not in the recording;
    descriptors: from the device description."""

    def __init__(self, dump: str, description: str, serial: str = "RECORDING") -> None:
        self.mismatches: list[str] = []
        self._known: dict[tuple[int, bytes, bytes], deque[_Exchange]] = {}
        self._due: dict[int, deque[Transfer]] = {}
        self._wake = threading.Condition()
        self._load(dump)
        self.device, self.configuration = _descriptors(description)
        self.strings = dict.fromkeys((1, 2, 3), serial)

    @classmethod
    def load(cls, path: Path) -> IoctlRecording:
        """From `capture.ioctl` with `device` beside it. Raises RecordingError, OSError, UnicodeDecodeError."""
        return cls(path.read_text("utf-8"), (path.parent / "device").read_text("utf-8"))

    def _load(self, dump: str) -> None:
        said: list[Transfer] = []  # since the last request
        for one in transfers(dump):
            if one.asked is not None:
                said = []
                self._known.setdefault(one.asked, deque()).append(_Exchange(one, said))
            elif one.status not in _WITHDRAWN:
                said.append(one)

    # UsbFunction

    def control_in(self, request: int, value: int, length: int) -> bytes:
        return self._made(0, _setup(0xC0, request, value, length)).data

    def control_out(self, request: int, value: int, data: bytes) -> None:
        self._made(0, _setup(0x40, request, value, len(data)), data)

    def write(self, endpoint: int, data: bytes, timeout_s: float) -> None:
        del timeout_s  # a recording takes it at once
        self._made(endpoint, b"", data)

    def read(self, endpoint: int, size: int, timeout_s: float) -> bytes:
        with self._wake:
            if not self._wake.wait_for(lambda: self._is_due(endpoint, size), timeout_s):
                raise bus_error(errno.ETIMEDOUT, "nothing recorded")
            found = self._due[endpoint].popleft()
        if found.status < 0:
            raise bus_error(-found.status, "recorded error")
        return found.data

    def _is_due(self, endpoint: int, size: int) -> bool:
        queue = self._due.get(endpoint)
        return bool(queue) and queue[0].size == size if queue else False

    def _made(self, endpoint: int, setup: bytes, data: bytes = b"") -> Transfer:
        """The host's request as it was recorded, and what followed it is due. Raises bus_error."""
        with self._wake:
            found = self._known.get((endpoint, setup, data))
            if found is None:
                what = f"control {setup.hex()} {data.hex()}" if setup else f"{endpoint:02x} {data.hex()}"
                self.mismatches.append(what.rstrip())
                raise bus_error(errno.EPIPE, "not in the recording")
            exchange = found[0]
            found.rotate(-1)
            for one in exchange.said:
                self._due.setdefault(one.endpoint, deque()).append(one)
            self._wake.notify_all()
        if exchange.request.status < 0:
            raise bus_error(-exchange.request.status, "recorded error")
        return exchange.request


@dataclass(frozen=True)
class _Exchange:
    """A request, and what the device said until the next one."""

    request: Transfer
    said: list[Transfer]


def _setup(kind: int, request: int, value: int, length: int) -> bytes:
    """The setup as the bus here passes it on: without wIndex."""
    return struct.pack("<BBHH", kind, request, value, length)


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
