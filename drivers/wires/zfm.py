"""The packet format of ZFM-20, R30x, AS608 and R503 modules: packets to bytes, and a byte stream to packets.

Source: ZFM-20 user manual v2.0, chapter 5; all numbers big-endian. A packet is EF01, the module's address (u32), an
identifier, the length of what follows (u16), the payload, and the sum of identifier, length and payload (u16).
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

MAGIC = b"\xef\x01"
MAX_PAYLOAD = 256
BROADCAST = 0xFFFFFFFF
_HEAD = struct.Struct(">2sIBH")
_SUM_BYTES = 2
OVERHEAD_BYTES = _HEAD.size + _SUM_BYTES
BITS_PER_BYTE = 10  # 8N1: start, eight data bits, stop


class Pid(enum.IntEnum):
    """Packet identifiers."""

    COMMAND = 0x01
    DATA = 0x02
    ACK = 0x07
    END = 0x08


class Op(enum.IntEnum):
    """Instructions that driver and peer use. SetPwd and SetAddr are left out on purpose: they persist."""

    GEN_IMG = 0x01
    UP_IMAGE = 0x0A
    SET_SYS_PARA = 0x0E
    READ_SYS_PARA = 0x0F
    VFY_PWD = 0x13
    READ_PROD_INFO = 0x3C


class Code(enum.IntEnum):
    """Confirmation codes the driver acts on."""

    OK = 0x00
    PACKET_ERROR = 0x01
    NO_FINGER = 0x02
    CAPTURE_FAILED = 0x03
    MESSY = 0x06
    FEW_FEATURES = 0x07
    CANNOT_SEND_IMAGE = 0x0F
    WRONG_PASSWORD = 0x13
    BAD_REGISTER = 0x1A
    PASSWORD_NEEDED = 0x21


CODE_TEXT: Mapping[int, str] = MappingProxyType(
    {
        0x00: "done",
        0x01: "packet received wrongly",
        0x02: "no finger",
        0x03: "capture failed",
        0x06: "picture too messy",
        0x07: "too few features",
        0x0E: "cannot receive data",
        0x0F: "cannot send the image",
        0x13: "wrong password",
        0x15: "no valid image",
        0x18: "flash memory error",
        0x19: "undefined error",
        0x1A: "no such register",
        0x1B: "wrong register setting",
        0x1C: "wrong notepad page",
        0x1D: "port operation failed",
        0x20: "wrong address",
        0x21: "password must be verified",
    }
)

PACKET_SIZES = (32, 64, 128, 256)  # system parameter `packet code` 0 to 3


@dataclass(frozen=True)
class Packet:
    """One verified packet."""

    pid: int
    payload: bytes
    address: int = BROADCAST


@dataclass(frozen=True)
class Damaged:
    """Bytes that were no valid packet; why: for the log."""

    why: str


def pack(packet: Packet) -> bytes:
    """The bytes of a packet. Raises ValueError for a payload over 256 bytes."""
    if len(packet.payload) > MAX_PAYLOAD:
        raise ValueError(f"payload of {len(packet.payload)} bytes")
    length = len(packet.payload) + _SUM_BYTES
    head = _HEAD.pack(MAGIC, packet.address, packet.pid, length)
    return head + packet.payload + checksum(packet.pid, packet.payload).to_bytes(_SUM_BYTES, "big")


def checksum(pid: int, payload: bytes) -> int:
    """Identifier, both length bytes and payload, added modulo 65536."""
    length = len(payload) + _SUM_BYTES
    return (pid + (length >> 8) + (length & 0xFF) + sum(payload)) & 0xFFFF


class Parser:
    """A byte stream to packets; after damage it looks for the next header. Never raises."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Packet | Damaged]:
        """Packets and damage completed by data, in order."""
        self._buffer += data
        while (found := self._next()) is not None:
            yield found

    def reset(self) -> None:
        """Forget a packet begun."""
        self._buffer.clear()

    def _next(self) -> Packet | Damaged | None:
        skipped = self._seek_magic()
        if skipped:
            return Damaged(f"{skipped} bytes without a header")
        if len(self._buffer) < _HEAD.size:
            return None
        _, address, pid, length = _HEAD.unpack_from(self._buffer)
        if pid not in _PIDS or not _SUM_BYTES <= length <= MAX_PAYLOAD + _SUM_BYTES:
            return self._drop_magic(f"identifier {pid:#x}, length {length}")
        end = _HEAD.size + length
        if len(self._buffer) < end:
            return None
        payload = bytes(self._buffer[_HEAD.size : end - _SUM_BYTES])
        if int.from_bytes(self._buffer[end - _SUM_BYTES : end], "big") != checksum(pid, payload):
            return self._drop_magic("checksum")
        del self._buffer[:end]
        return Packet(pid, payload, address)

    def _seek_magic(self) -> int:
        at = self._buffer.find(MAGIC)
        if at < 0:
            at = len(self._buffer) - self._buffer.endswith(MAGIC[:1])
        del self._buffer[:at]
        return at

    def _drop_magic(self, why: str) -> Damaged:
        del self._buffer[: len(MAGIC)]
        return Damaged(why)


_PIDS = frozenset(Pid)


def image_wire_bytes(image_bytes: int, packet_bytes: int) -> int:
    """Bytes on the wire for one UpImage: the acknowledge and all data packets."""
    packets = -(-image_bytes // packet_bytes)
    return 1 + OVERHEAD_BYTES + image_bytes + packets * OVERHEAD_BYTES


def expand(packed: bytes, width: int, height: int) -> NDArray[np.uint8]:
    """4-bit pixels, left pixel in the high nibble, to uint8 [height, width] over the whole range (times 17)."""
    nibbles = np.frombuffer(packed, np.uint8)
    pixels = np.empty((len(nibbles), 2), np.uint8)
    pixels[:, 0] = nibbles >> 4
    pixels[:, 1] = nibbles & 0x0F
    return (pixels * 17).reshape(height, width)


@dataclass(frozen=True)
class SystemParameters:
    """Answer to ReadSysPara. baud: bits per second; packet_bytes: data per packet."""

    status: int
    system_id: int
    library: int
    security: int
    address: int
    packet_bytes: int
    baud: int

    def pack(self) -> bytes:
        code = PACKET_SIZES.index(self.packet_bytes)
        return _PARAMETERS.pack(
            self.status, self.system_id, self.library, self.security, self.address, code, self.baud // 9600
        )

    @classmethod
    def unpack(cls, data: bytes) -> SystemParameters:
        """Raises ValueError for another length or an impossible packet code."""
        if len(data) != _PARAMETERS.size:
            raise ValueError(f"system parameters of {len(data)} bytes")
        status, system_id, library, security, address, code, factor = _PARAMETERS.unpack(data)
        if code >= len(PACKET_SIZES):
            raise ValueError(f"packet code {code}")
        return cls(status, system_id, library, security, address, PACKET_SIZES[code], factor * 9600)


_PARAMETERS = struct.Struct(">HHHHIHH")
PARAMETERS_BYTES = _PARAMETERS.size


@dataclass(frozen=True)
class ProductInfo:
    """Answer to ReadProdInfo (R503 manual p. 31). width, height: pixels of the image."""

    model: str
    batch: str
    serial: str
    hardware: str
    sensor: str
    width: int
    height: int

    def pack(self) -> bytes:
        version = bytes(int(part) for part in self.hardware.split("."))
        texts = [
            self.model.encode(),
            self.batch.encode(),
            self.serial.encode(),
            version,
            self.sensor.encode(),
        ]
        return _PRODUCT.pack(*texts, self.width, self.height, 0, 0)

    @classmethod
    def unpack(cls, data: bytes) -> ProductInfo:
        """Raises ValueError for another length."""
        if len(data) != _PRODUCT.size:
            raise ValueError(f"product information of {len(data)} bytes")
        model, batch, serial, version, sensor, width, height, _, _ = _PRODUCT.unpack(data)
        hardware = f"{version[0]}.{version[1]}"
        return cls(_text(model), _text(batch), _text(serial), hardware, _text(sensor), width, height)


_PRODUCT = struct.Struct(">16s4s8s2s8sHHHH")
PRODUCT_BYTES = _PRODUCT.size


def _text(data: bytes) -> str:
    return data.rstrip(b"\0").decode("ascii", errors="replace")
