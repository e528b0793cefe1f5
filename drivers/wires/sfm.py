"""The packet format of Suprema SFM modules: packets to bytes, and a byte stream to packets and raw data.

Source: UF_Protocol_Manual of supremainc/sfmdev. All numbers little-endian. A packet is 13 bytes: 40, command, param
(u32), size (u32), flag (from the host) or error (from the module), the sum of these eleven bytes modulo 256, 0A. Data
follows in one of two ways: raw and ended by 0A, without any checksum (SI, RI), or in blocks, each behind a packet of
its own and with the 32-bit sum of its bytes behind it (SIX, RIX, "extended data transfer").

Image data begins with seven i32: width, height, compressed, encrypted, format, image bytes, template bytes. That it
travels on the wire is what the vendor's own host programs assume (they read the answer straight into that structure,
or cut 28 bytes off); manuals before 2009 do not say. So both forms are understood, told apart by size.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

START, END = 0x40, 0x0A
_PACKET = struct.Struct("<BBIIBBB")
PACKET_BYTES = _PACKET.size
SUM_BYTES = 4
BITS_PER_BYTE = 10  # 8N1
MAX_DATA = 1 << 20  # no module has a larger image; a length beyond it is damage


class Op(enum.IntEnum):
    """Commands that driver and peer use. SF (save to flash), SW's persistent brother, is left out on purpose."""

    WRITE = 0x01
    READ = 0x03
    SCAN = 0x15
    READ_IMAGE = 0x20
    CANCEL = 0x60
    SCAN_BLOCKS = 0x83
    READ_BLOCKS = 0x84


class Param(enum.IntEnum):
    """System parameters. They are named in the flag byte of READ and WRITE; the value travels in `size`."""

    SCAN_TIMEOUT = 0x62  # 30 for ever, 31 to 44: 1 to 20 s
    ENCRYPTION = 0x67
    IMAGE_FORMAT = 0x6C
    FIRMWARE = 0x6E  # four characters
    SERIAL = 0x6F
    BAUD = 0x71
    TELL_SCAN = 0x75  # 31: a SCAN is answered twice, first with SCANNED


GRAY = 0x30  # IMAGE_FORMAT: 8 bit; 31 binary (as delivered), 32 4 bit, 33 WSQ
TWO_SECONDS = 0x32  # SCAN_TIMEOUT
BAUDS: Mapping[int, int] = MappingProxyType(
    {
        0x31: 9600, 0x32: 19200, 0x33: 38400, 0x34: 57600, 0x35: 115200, 0x36: 230400, 0x37: 460800, 0x38: 921600,
    }
)  # fmt: skip


class Code(enum.IntEnum):
    """Error bytes the driver acts on."""

    OK = 0x61
    SCANNED = 0x62
    SCAN_FAILED = 0x63
    NOT_FOUND = 0x69
    TRY_AGAIN = 0x6B
    TIMED_OUT = 0x6C
    CONTINUE = 0x74
    UNSUPPORTED = 0x75
    BUSY = 0x80
    CANCELLED = 0x81
    DATA_ERROR = 0x82
    DATA_OK = 0x83
    REJECTED = 0x90
    LOCKED = 0xA1
    FAKE = 0xB0


CODE_TEXT: Mapping[int, str] = MappingProxyType({code: code.name.lower().replace("_", " ") for code in Code})


@dataclass(frozen=True)
class Packet:
    """One verified packet. flag: what the host asks, or the module's error byte."""

    command: int
    param: int = 0
    size: int = 0
    flag: int = 0


def pack(packet: Packet) -> bytes:
    """The 13 bytes of a packet."""
    body = _PACKET.pack(START, packet.command, packet.param, packet.size, packet.flag, 0, END)
    return body[:-2] + bytes((sum(body[:-2]) & 0xFF, END))


def block_sum(data: bytes) -> bytes:
    """What stands behind a block: the sum of its bytes modulo 2**32."""
    return (int(np.frombuffer(data, np.uint8).sum(dtype=np.uint64)) & 0xFFFFFFFF).to_bytes(
        SUM_BYTES, "little"
    )


def pack_blocks(command: int, data: bytes, block_bytes: int) -> list[bytes]:
    """Data as the module sends it in blocks: each a packet (param: number << 16 | how many), data and sum."""
    pieces = [data[at : at + block_bytes] for at in range(0, len(data), block_bytes)]
    heads = (
        Packet(command, number << 16 | len(pieces), len(piece), Code.OK)
        for number, piece in enumerate(pieces)
    )
    return [pack(head) + piece + block_sum(piece) for head, piece in zip(heads, pieces, strict=True)]


class Stream:
    """A byte stream as its reader wants it: the next packet, or the next n raw bytes. Never raises.

    skipped: bytes dropped so far in looking for a packet, 0 while all is well. Holds what was fed and not yet taken.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.skipped = 0

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def reset(self) -> None:
        """Forget what was not taken."""
        self._buffer.clear()

    def packet(self) -> Packet | None:
        """The next good packet, or None when it is not all here."""
        while True:
            at = self._buffer.find(START)
            self._drop(len(self._buffer) if at < 0 else at)
            if len(self._buffer) < PACKET_BYTES:
                return None
            body = bytes(self._buffer[:PACKET_BYTES])
            _, command, param, size, flag, total, end = _PACKET.unpack(body)
            if end == END and total == sum(body[:-2]) & 0xFF:
                del self._buffer[:PACKET_BYTES]
                return Packet(command, param, size, flag)
            self._drop(1)

    def take(self, count: int) -> bytes | None:
        """The next count bytes, or None when they are not all here."""
        if len(self._buffer) < count:
            return None
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data

    def _drop(self, count: int) -> None:
        self.skipped += count
        del self._buffer[:count]


_HEADER = struct.Struct("<7i")
HEADER_BYTES = _HEADER.size


@dataclass(frozen=True)
class ImageHeader:
    """What stands before the pixels. format: 0 gray, 1 binary, 2 4 bit; sizes in pixels and bytes."""

    width: int
    height: int
    compressed: int = 0
    encrypted: int = 0
    format: int = 0
    image_bytes: int = 0
    template_bytes: int = 0

    def pack(self) -> bytes:
        return _HEADER.pack(
            self.width, self.height, self.compressed, self.encrypted, self.format,
            self.image_bytes or self.width * self.height, self.template_bytes,
        )  # fmt: skip

    @classmethod
    def unpack(cls, data: bytes) -> ImageHeader:
        """Raises ValueError when there are fewer than 28 bytes."""
        if len(data) < HEADER_BYTES:
            raise ValueError(f"image data of {len(data)} bytes")
        return cls(*_HEADER.unpack_from(data))

    def explains(self, count: int) -> bool:
        """True when these numbers are those of an image whose data, header and all, has `count` bytes."""
        sane = 0 < self.width <= 4096 and 0 < self.height <= 4096 and 0 <= self.format <= 3
        return sane and self.image_bytes > 0 and self.image_bytes + HEADER_BYTES == count


class ImageError(ValueError):
    """Data that arrived whole, but is no gray image: in a format that was not asked for."""


def pixels(data: bytes, sizes: Mapping[int, tuple[int, int]]) -> NDArray[np.uint8] | None:
    """Gray pixels uint8 [h, w] of image data with or without its header; None when its size is unknown.

    sizes: (width, height) by the count of pixel bytes, for data without a header. Raises ImageError.
    """
    if len(data) >= HEADER_BYTES and (header := ImageHeader.unpack(data)).explains(len(data)):
        if header.compressed or header.encrypted or header.format:
            raise ImageError(f"the image is compressed, encrypted or not gray: {header}")
        if header.width * header.height != header.image_bytes:
            return None
        return np.frombuffer(data, np.uint8, offset=HEADER_BYTES).reshape(header.height, header.width)
    if (size := sizes.get(len(data))) is None:
        return None
    return np.frombuffer(data, np.uint8).reshape(size[1], size[0])
