"""The packet format of ADH-Tech GT-511 and GT-521 modules: commands to bytes, and a byte stream to answers and data.

Source: SparkFun's and brianrho's public headers (GT-511C3, GT5X), SparkFun's GT-521Fxx guide. All numbers
little-endian. Commands and answers are 12 bytes: 55 AA, device id 0001, param (u32), word (u16), the sum of these ten
bytes (u16). Data is 5A A5, device id, n bytes, and the sum of all before (u16); n is not in it: who asks must know.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

COMMAND_MAGIC, DATA_MAGIC = b"\x55\xaa", b"\x5a\xa5"
DEVICE_ID = 1
_PACKET = struct.Struct("<2sHIHH")
PACKET_BYTES = _PACKET.size
_DATA_HEAD = DATA_MAGIC + DEVICE_ID.to_bytes(2, "little")
_SUM_BYTES = 2
DATA_OVERHEAD = len(_DATA_HEAD) + _SUM_BYTES
BITS_PER_BYTE = 10  # 8N1
MAX_DATA = 1 << 18  # no module has a larger image


class Op(enum.IntEnum):
    """Commands that driver and peer use."""

    OPEN = 0x01
    CHANGE_BAUDRATE = 0x04
    CMOS_LED = 0x12
    IS_PRESS_FINGER = 0x26
    CAPTURE_FINGER = 0x60
    GET_IMAGE = 0x62
    GET_RAW_IMAGE = 0x63


ACK, NACK = 0x30, 0x31


class Code(enum.IntEnum):
    """Reasons of a NACK that the driver acts on."""

    TIMEOUT = 0x1001
    BAD_BAUDRATE = 0x1002
    COMMUNICATION = 0x1006
    BAD_FINGER = 0x100C
    UNSUPPORTED = 0x100E
    DEVICE = 0x100F
    CANCELLED = 0x1010
    BAD_PARAMETER = 0x1011
    NOT_PRESSED = 0x1012


CODE_TEXT: Mapping[int, str] = MappingProxyType({code: code.name.lower().replace("_", " ") for code in Code})


@dataclass(frozen=True)
class Packet:
    """One verified command or answer. word: what to do, or ACK, NACK; param: of the command, result or reason."""

    word: int
    param: int = 0


def pack(packet: Packet) -> bytes:
    """The 12 bytes of a packet."""
    body = _PACKET.pack(COMMAND_MAGIC, DEVICE_ID, packet.param, packet.word, 0)[:-_SUM_BYTES]
    return body + checksum(body)


def pack_data(data: bytes) -> bytes:
    """Data as the module sends it."""
    body = _DATA_HEAD + data
    return body + checksum(body)


def checksum(body: bytes) -> bytes:
    """The sum of all bytes modulo 65536."""
    total = int(np.frombuffer(body, np.uint8).sum(dtype=np.uint64))
    return (total & 0xFFFF).to_bytes(_SUM_BYTES, "little")


class Stream:
    """A byte stream as its reader wants it: the next answer, or data of n bytes. Never raises.

    Holds what was fed and not yet taken; the driver stops feeding when it has what can be an image.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def reset(self) -> None:
        """Forget what was not taken."""
        self._buffer.clear()

    def __len__(self) -> int:
        return len(self._buffer)

    def packet(self) -> Packet | None:
        """The next good answer, or None when it is not all here; what stands before it is dropped."""
        while self._seek(COMMAND_MAGIC, PACKET_BYTES):
            body = bytes(self._buffer[:PACKET_BYTES])
            _, device, param, word, _ = _PACKET.unpack(body)
            if device == DEVICE_ID and checksum(body[:-_SUM_BYTES]) == body[-_SUM_BYTES:]:
                del self._buffer[:PACKET_BYTES]
                return Packet(word, param)
            del self._buffer[:1]
        return None

    def seek_data(self) -> int:
        """How many bytes of data and its sum are here, behind the next data header; 0 when there is no header."""
        return max(0, len(self._buffer) - len(_DATA_HEAD)) if self._seek(_DATA_HEAD, len(_DATA_HEAD)) else 0

    def data(self, count: int) -> bytes | None:
        """The count bytes behind the next data header, if they are here and their sum is right; else None, and
        nothing is taken."""
        total = count + DATA_OVERHEAD
        if not self._seek(_DATA_HEAD, total):
            return None
        body = bytes(self._buffer[:total])
        if checksum(body[:-_SUM_BYTES]) != body[-_SUM_BYTES:]:
            return None
        del self._buffer[:total]
        return body[len(_DATA_HEAD) : -_SUM_BYTES]

    def _seek(self, magic: bytes, need: int) -> bool:
        """Drop what stands before magic; True when `need` bytes from there on are here."""
        at = self._buffer.find(magic)
        if at < 0:  # the last bytes may be the beginning of one
            at = max(0, len(self._buffer) - len(magic) + 1)
        del self._buffer[:at]
        return len(self._buffer) >= need and self._buffer.startswith(magic)


_INFO = struct.Struct("<II16s")
INFO_BYTES = _INFO.size


@dataclass(frozen=True)
class DeviceInfo:
    """The data behind Open(1). firmware: as hex digits; serial: text, or hex when it is none."""

    firmware: int
    area: int
    serial: str

    def pack(self) -> bytes:
        return _INFO.pack(self.firmware, self.area, self.serial.encode())

    @classmethod
    def unpack(cls, data: bytes) -> DeviceInfo:
        """Raises ValueError for another length."""
        if len(data) != _INFO.size:
            raise ValueError(f"device information of {len(data)} bytes")
        firmware, area, serial = _INFO.unpack(data)
        bare = serial.rstrip(b"\0")
        text = bare.decode("ascii", errors="replace")
        return cls(firmware, area, text if text.isprintable() and text.isascii() else serial.hex())
