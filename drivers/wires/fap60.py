"""The wire format of the simulated FAP 60 tenprint reader: messages to bytes, and a byte stream to messages.

Documented in docs/readers/fap60-protocol.md. All numbers little-endian. A frame is a 16-byte header (magic, type,
flags, sequence, payload length, CRC-32 of these twelve bytes), the payload, and the CRC-32 of header and payload.
"""

from __future__ import annotations

import enum
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAGIC = b"F60\xa5"
VERSION = 1
MAX_PAYLOAD = 4 << 20  # bytes; a slap is 2.4 MB
_HEAD = struct.Struct("<4sBBHI")
_CRC = struct.Struct("<I")
HEADER_BYTES = _HEAD.size + _CRC.size
OVERHEAD_BYTES = HEADER_BYTES + _CRC.size


class Type(enum.IntEnum):
    """Message types. Below 0x80 from the host, above from the reader."""

    IDENTIFY = 0x01
    LAMPS = 0x02
    START = 0x03
    CANCEL = 0x04
    STATUS = 0x05
    RESEND = 0x06
    IDENTITY = 0x81
    ACK = 0x82
    STATUS_IS = 0x85
    FINGER = 0x90
    PREVIEW = 0x91
    FINAL = 0x92
    FAULT = 0x9F


class Ack(enum.IntEnum):
    """What the reader says to a command."""

    OK = 0
    MALFORMED = 1
    UNKNOWN = 2
    BUSY = 3
    NO_IMAGE = 4


class Finger(enum.IntEnum):
    """What lies on the platen."""

    NONE = 0
    SETTLING = 1
    SETTLED = 2


KIND_CODES = {"roll": 1, "plain": 2, "slap": 3}
KIND_NAMES = {code: name for name, code in KIND_CODES.items()}


class WireError(ValueError):
    """A payload is not what its type promises."""


@dataclass(frozen=True)
class Message:
    """One verified frame. sequence: chosen by the sender; a reply repeats the command's."""

    type: int
    sequence: int
    payload: bytes = b""


@dataclass(frozen=True)
class Damaged:
    """Bytes that were no valid frame; why: for the log."""

    why: str


def pack(message: Message) -> bytes:
    """The frame of a message."""
    head = _HEAD.pack(MAGIC, message.type, 0, message.sequence & 0xFFFF, len(message.payload))
    head += _CRC.pack(zlib.crc32(head))
    return head + message.payload + _CRC.pack(zlib.crc32(message.payload, zlib.crc32(head)))


class Parser:
    """A byte stream to messages; after damage it looks for the next magic with a valid header.

    Never raises: what is no frame comes out as Damaged. Holds at most one frame in memory.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Message | Damaged]:
        """Messages and damage completed by data, in order."""
        self._buffer += data
        while (found := self._next()) is not None:
            yield found

    def give_up(self) -> Iterator[Message | Damaged]:
        """The rest of a frame begun will not come: what was hidden behind its header, in order."""
        if self._buffer:
            yield self._drop_magic("cut short")
            yield from self.feed(b"")

    def reset(self) -> None:
        """Forget a frame begun."""
        self._buffer.clear()

    def _next(self) -> Message | Damaged | None:
        skipped = self._seek_magic()
        if skipped:
            return Damaged(f"{skipped} bytes without a header")
        if len(self._buffer) < HEADER_BYTES:
            return None
        _, kind, _, sequence, length = _HEAD.unpack_from(self._buffer)
        if zlib.crc32(self._buffer[: _HEAD.size]) != _CRC.unpack_from(self._buffer, _HEAD.size)[0]:
            return self._drop_magic("header checksum")
        if length > MAX_PAYLOAD:
            return self._drop_magic(f"length {length}")
        total = OVERHEAD_BYTES + length
        if len(self._buffer) < total:
            return None
        body = bytes(self._buffer[: total - _CRC.size])
        if zlib.crc32(body) != _CRC.unpack_from(self._buffer, len(body))[0]:
            return self._drop_magic(f"payload checksum of type {kind:#x}")
        del self._buffer[:total]
        return Message(kind, sequence, body[HEADER_BYTES:])

    def _seek_magic(self) -> int:
        """Drop bytes before the next possible magic; how many."""
        at = self._buffer.find(MAGIC)
        if at < 0:
            keep = next((n for n in (3, 2, 1) if self._buffer.endswith(MAGIC[:n])), 0)
            at = len(self._buffer) - keep
        del self._buffer[:at]
        return at

    def _drop_magic(self, why: str) -> Damaged:
        del self._buffer[: len(MAGIC)]
        return Damaged(why)


@dataclass(frozen=True)
class Identity:
    """IDENTITY payload. ppi: pixels per inch; kinds: names; fap: device profile; simulated: always True here."""

    make: str
    model: str
    serial: str
    firmware: str
    ppi: int
    kinds: tuple[str, ...]
    fap: int
    simulated: bool

    def pack(self) -> bytes:
        bits = sum(1 << KIND_CODES[kind] for kind in self.kinds)
        texts = b"".join(bytes((len(t),)) + t for t in (x.encode() for x in self._texts()))
        return struct.pack("<BHBBB", VERSION, self.ppi, bits, self.fap, self.simulated) + texts

    @classmethod
    def unpack(cls, payload: bytes) -> Identity:
        """Raises WireError: short, another protocol version, or text that is no UTF-8."""
        try:
            version, ppi, bits, fap, simulated = struct.unpack_from("<BHBBB", payload)
            make, model, serial, firmware = _texts(payload[6:], 4)
        except (struct.error, IndexError, UnicodeDecodeError) as error:
            raise WireError(f"identity: {error}") from error
        if version != VERSION:
            raise WireError(f"protocol version {version}, this driver speaks {VERSION}")
        kinds = tuple(name for name, code in KIND_CODES.items() if bits >> code & 1)
        return cls(make, model, serial, firmware, ppi, kinds, fap, bool(simulated))

    def _texts(self) -> tuple[str, str, str, str]:
        return self.make, self.model, self.serial, self.firmware


def _texts(data: bytes, count: int) -> list[str]:
    texts = []
    for _ in range(count):
        size = data[0]
        if len(data) < 1 + size:
            raise IndexError("text is cut off")
        texts.append(data[1 : 1 + size].decode())
        data = data[1 + size :]
    return texts


_START = struct.Struct("<IB")


def pack_start(capture: int, kind: str) -> bytes:
    """START payload. capture: number of this capture, so that a repeated START does not start twice."""
    return _START.pack(capture, KIND_CODES[kind])


def unpack_start(payload: bytes) -> tuple[int, str]:
    """(capture number, kind). Raises WireError."""
    try:
        capture, code = _START.unpack(payload)
        return capture, KIND_NAMES[code]
    except (struct.error, KeyError) as error:
        raise WireError(f"start: {error}") from error


_STATUS = struct.Struct("<IBB")


@dataclass(frozen=True)
class Status:
    """FINGER and STATUS_IS payload. capture: 0 when none is running; image_ready: RESEND would bring the image."""

    capture: int
    finger: Finger
    image_ready: bool

    def pack(self) -> bytes:
        return _STATUS.pack(self.capture, self.finger, self.image_ready)

    @classmethod
    def unpack(cls, payload: bytes) -> Status:
        """Raises WireError."""
        try:
            capture, finger, ready = _STATUS.unpack(payload)
            return cls(capture, Finger(finger), bool(ready))
        except (struct.error, ValueError) as error:
            raise WireError(f"status: {error}") from error


_PICTURE = struct.Struct("<IHHHB")
RAW, ZLIB = 0, 1


@dataclass(frozen=True, eq=False)
class Picture:
    """PREVIEW and FINAL payload: pixels uint8 [h, w], dark ridges, upright; ppi of these pixels."""

    capture: int
    pixels: NDArray[np.uint8]
    ppi: int

    def pack(self, *, compress: bool = False) -> bytes:
        height, width = self.pixels.shape
        data = self.pixels.tobytes()
        head = _PICTURE.pack(self.capture, width, height, self.ppi, ZLIB if compress else RAW)
        return head + (zlib.compress(data, 1) if compress else data)

    @classmethod
    def unpack(cls, payload: bytes) -> Picture:
        """Raises WireError: size and data disagree, unknown coding, or broken compression."""
        try:
            capture, width, height, ppi, coding = _PICTURE.unpack_from(payload)
        except struct.error as error:
            raise WireError(f"picture: {error}") from error
        data = _decoded(payload[_PICTURE.size :], coding, width * height)
        if len(data) != width * height or not data:
            raise WireError(f"picture: {len(data)} bytes for {width} x {height}")
        return cls(capture, np.frombuffer(data, np.uint8).reshape(height, width), ppi)


def _decoded(data: bytes, coding: int, size: int) -> bytes:
    if coding == RAW:
        return data
    if coding != ZLIB:
        raise WireError(f"picture: unknown coding {coding}")
    try:
        return zlib.decompressobj().decompress(
            data, size + 1
        )  # bounded: a small frame must not fill the memory
    except zlib.error as error:
        raise WireError(f"picture: {error}") from error


def pack_fault(code: int, text: str) -> bytes:
    """FAULT payload: a number and words for the log."""
    return struct.pack("<H", code) + text.encode()


def unpack_fault(payload: bytes) -> tuple[int, str]:
    """(code, text). Raises WireError."""
    if len(payload) < 2:
        raise WireError("fault: too short")
    return struct.unpack_from("<H", payload)[0], payload[2:].decode(errors="replace")
