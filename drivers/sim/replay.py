"""A recorded USB conversation as a device: a pcapng file in, a `UsbFunction` that answers as the recorded one did out.

Parses the pcapng container (draft-ietf-opsawg-pcapng: section, interface and enhanced packet blocks) with Linux usbmon
headers (LINKTYPE_USB_LINUX_MMAPPED, 220). Each endpoint has its own queue; an interrupt or bulk answer is held back
until the host has made as many requests (vendor control, bulk OUT) as had been made before it in the recording.
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

LINKTYPE_USB_MMAPPED = 220
_SECTION, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6
_USBMON_BYTES = 64
_CONTROL = 2
_WITHDRAWN = (-errno.ENOENT, -errno.ECONNRESET)
_TYPE, _VENDOR = 0x60, 0x40  # of bmRequestType


class RecordingError(ValueError):
    """The file is not a USB recording this parser knows, or it is cut off."""


@dataclass(frozen=True)
class Urb:
    """One half of a transfer. place: bus and device; submitted: from the host (else completed); setup: 8 bytes for
    control requests."""

    id: int
    place: tuple[int, int]
    submitted: bool
    transfer: int
    endpoint: int
    status: int
    setup: bytes
    data: bytes

    @property
    def is_request(self) -> bool:
        """True for what a driver asks or sends: a vendor's control request, or a transfer OUT."""
        if self.transfer == _CONTROL:
            return self.submitted and self.setup[0] & _TYPE == _VENDOR
        return self.submitted and self.endpoint < 0x80


def packets(content: bytes) -> Iterator[tuple[int, bytes]]:
    """(link type, packet) of every enhanced packet block. Raises RecordingError."""
    at, links = 0, list[int]()
    while at < len(content):
        kind, size = _block_head(content, at)
        body = content[at + 8 : at + size - 4]
        at += size
        if kind == _SECTION:
            if body[:4] != b"\x4d\x3c\x2b\x1a":
                raise RecordingError("not a little-endian pcapng file")
            links.clear()
        elif kind == _INTERFACE and len(body) >= 2:
            links.append(struct.unpack_from("<H", body)[0])
        elif kind == _PACKET:
            yield _packet(body, links)


def _block_head(content: bytes, at: int) -> tuple[int, int]:
    if at + 12 > len(content):
        raise RecordingError("the file is cut off")
    kind, size = struct.unpack_from("<II", content, at)
    if at == 0 and kind != _SECTION:
        raise RecordingError("not a pcapng file")
    if size < 12 or size % 4 or at + size > len(content):
        raise RecordingError(f"a block of {size} bytes at {at}")
    return kind, size


def _packet(body: bytes, links: list[int]) -> tuple[int, bytes]:
    if len(body) < 20:
        raise RecordingError("a packet block is too short")
    interface, _, _, captured, _ = struct.unpack_from("<IIIII", body)
    if interface >= len(links) or captured > len(body) - 20:
        raise RecordingError("a packet block contradicts itself")
    return links[interface], body[20 : 20 + captured]


def urbs(content: bytes) -> Iterator[Urb]:
    """Every USB request block of a recording, in order. Raises RecordingError."""
    for link, packet in packets(content):
        if link != LINKTYPE_USB_MMAPPED:
            raise RecordingError(f"link type {link} is not Linux USB")
        if len(packet) < _USBMON_BYTES:
            raise RecordingError("a USB packet is cut off")
        head = struct.unpack_from("<QBBBB", packet)
        status = struct.unpack_from("<i", packet, 28)[0]
        yield Urb(
            id=head[0],
            place=(struct.unpack_from("<H", packet, 12)[0], head[4]),
            submitted=chr(head[1]) == "S",
            transfer=head[2],
            endpoint=head[3],
            status=status,
            setup=packet[40:48],
            data=packet[_USBMON_BYTES:],
        )


@dataclass(frozen=True)
class _Request:
    """What the host sends, and the answer: a control request (setup without wIndex), or a bulk OUT (setup empty)."""

    endpoint: int
    setup: bytes
    sent: bytes
    answer: bytes = b""
    status: int = 0

    def __str__(self) -> str:
        return f"{self.endpoint:02x} {self.setup.hex()} {self.sent.hex()}".replace("  ", " ").rstrip()


class Recording:
    """The recorded device (usb_bus.UsbFunction). mismatches: requests the host made that were not recorded next.

    strings: the recording has no string descriptors asked for; serial names it.
    """

    def __init__(self, content: bytes, serial: str = "RECORDING") -> None:
        self.mismatches: list[str] = []
        self.device = self.configuration = b""
        self._requests: deque[_Request] = deque()
        self._answers: dict[int, deque[tuple[int, Urb]]] = {}
        self._submitted = 0
        self._wake = threading.Condition()
        self._load(content)
        if not self.device or not self.configuration:
            raise RecordingError("the recording does not show the device's descriptors")
        self.strings = dict.fromkeys((1, 2, 3), serial)

    @classmethod
    def load(cls, path: Path) -> Recording:
        """From a file. Raises RecordingError, OSError."""
        return cls(path.read_bytes())

    def _load(self, content: bytes) -> None:
        everything = list(urbs(content))
        reader = _busiest(everything)
        asked: dict[int, Urb] = {}
        places: dict[int, int] = {}  # id of a request → its place among them; ids are used again later
        found: list[_Request | None] = []
        for urb in everything:
            if urb.place != reader:
                continue
            if urb.submitted:
                asked[urb.id] = urb
                if urb.is_request:
                    places[urb.id] = len(found)
                    found.append(None)
                continue
            request = asked.pop(urb.id, None)
            if request is None or urb.status in _WITHDRAWN:
                continue  # submitted before the recording began, or withdrawn by the host
            if request.is_request:
                setup = _without_index(request.setup) if request.transfer == _CONTROL else b""
                answer = urb.data if request.transfer == _CONTROL else b""
                found[places.pop(urb.id)] = _Request(
                    request.endpoint & 0x7F, setup, request.data, answer, urb.status
                )
            elif urb.transfer == _CONTROL:
                self._keep_descriptor(request.setup, urb.data)
            else:
                self._answers.setdefault(urb.endpoint, deque()).append((len(found), urb))
        self._requests.extend(one for one in found if one is not None)

    def _keep_descriptor(self, setup: bytes, data: bytes) -> None:
        if setup[3:4] == b"\x01":
            self.device = data
        elif setup[3:4] == b"\x02" and len(data) > len(self.configuration):
            self.configuration = data

    # UsbFunction

    def control_in(self, request: int, value: int, length: int) -> bytes:
        return self._next(_Request(0, struct.pack("<BBHH", 0xC0, request, value, length), b"")).answer

    def control_out(self, request: int, value: int, data: bytes) -> None:
        self._next(_Request(0, struct.pack("<BBHH", 0x40, request, value, len(data)), data))

    def write(self, endpoint: int, data: bytes, timeout_s: float) -> None:
        del timeout_s  # a recording takes it at once
        self._next(_Request(endpoint, b"", data))

    def read(self, endpoint: int, size: int, timeout_s: float) -> bytes:
        with self._wake:
            if not self._wake.wait_for(lambda: self._is_due(endpoint), timeout_s):
                raise bus_error(errno.ETIMEDOUT, "nothing recorded now")
            _, urb = self._answers[endpoint].popleft()
        if urb.status < 0:
            raise bus_error(-urb.status, "recorded error")
        return urb.data[:size]

    def _is_due(self, endpoint: int) -> bool:
        queue = self._answers.get(endpoint)
        return bool(queue) and self._submitted >= queue[0][0] if queue else False

    def _next(self, asked: _Request) -> _Request:
        with self._wake:
            expected = self._requests[0] if self._requests else None
            if expected is None or str(asked) != str(expected):
                self.mismatches.append(f"{asked} instead of {expected or 'the end'}")
                raise bus_error(errno.EPIPE, "not in the recording")
            self._submitted += 1
            self._wake.notify_all()
            return self._requests.popleft()

    @property
    def finished(self) -> bool:
        """True when every recorded request of the host was made."""
        return not self._requests


def _without_index(setup: bytes) -> bytes:
    return setup[:4] + setup[6:8]


def _busiest(everything: list[Urb]) -> tuple[int, int]:
    """The device that the recording is about: hubs and neighbours on the bus say little."""
    said: dict[tuple[int, int], int] = {}
    for urb in everything:
        if urb.transfer != _CONTROL or urb.is_request:
            said[urb.place] = said.get(urb.place, 0) + 1 + len(urb.data)
    return max(said, key=lambda place: said[place], default=(0, 0))
