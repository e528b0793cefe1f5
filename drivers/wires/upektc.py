"""The UPEK TouchChip coprocessor's wire: frames in and out of bytes, sensors, statuses, image parts.

Source: facts of libfprint 1.94.10 upektc_img.c and upek_proto.c, and a recording of a strip sensor. A frame is "Ciao",
type, sequence number and length, payload, CRC-16. What the sub-header of an image's first part says is read off that
recording.
"""

from __future__ import annotations

import binascii
import struct
from dataclasses import dataclass

MAGIC = b"Ciao"
HEAD_BYTES, CRC_BYTES = 7, 2
OVERHEAD = HEAD_BYTES + CRC_BYTES
FIRST_READ, REST_READ = 64, 1988  # a frame begins in a read of 64 bytes; what is longer comes with one more

COMMAND, READY, POWER, POWER_SET, RESET, RESET_DONE = 0x00, 0x03, 0x04, 0x05, 0x07, 0x01
ALIVE, ALIVE_TOO = 0x08, 0x09

STATUS, FIRST_PART, NEXT_PART, LAST_PART = 0x28, 0x2C, 0x24, 0x20  # first byte of a COMMAND's payload
NO_FINGER, KEEP_FINGER, FINGER, LIFTED, TOO_SHORT, MOVED = 0x0C, 0x13, 0x00, 0x01, 0x1E, 0x1D

POWER_LOW = bytes.fromhex("01004600000000000101000000")
POWER_HIGH = bytes.fromhex("0100bc02000000000101000000")
RESET_IT = b"\x01"
ASK_INFO = bytes.fromhex("28040000000604")
GO_ON = bytes.fromhex("2805000000003001")
NEXT = b"\x30"

_FIRST_HEAD, _LAST_TAIL = (
    11,
    4,
)  # of the payload: before the pixels of the first part, after those of the last
_INFO_KIND, _INFO_SIZE = 42, 43  # in the payload: bit 7 clear = area sensor; width and height
_STATUS_AT = 11


class WireError(ValueError):
    """The bytes are no frame, or not the one that may come here."""


@dataclass(frozen=True)
class Sensor:
    """One sensor of the family. width, height: of the sensor; it delivers three quarters of both."""

    name: str
    width: int
    height: int
    area: bool

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture, pixels."""
        return self.width * 3 // 4, self.height * 3 // 4


SENSORS = (
    Sensor("TCS1", 256, 360, area=True),
    Sensor("TCS2", 208, 288, area=True),
    Sensor("TCS3", 248, 360, area=True),
    Sensor("TCS4", 192, 512, area=False),
    Sensor("TCS5", 144, 512, area=False),
)


@dataclass(frozen=True)
class Message:
    """One message. sequence: 0 to 15."""

    type: int
    sequence: int
    payload: bytes

    @property
    def kind(self) -> int:
        """First byte of the payload of a COMMAND; -1 for what has none."""
        return self.payload[0] if self.type == COMMAND and self.payload else -1


def pack(frame: Message) -> bytes:
    """The frame as bytes."""
    size = len(frame.payload)
    body = bytes((frame.type, frame.sequence << 4 | size >> 8, size & 0xFF)) + frame.payload
    return MAGIC + body + struct.pack("<H", binascii.crc_hqx(body, 0))


def whole_bytes(start: bytes) -> int:
    """How many bytes the frame has that begins so. Raises WireError when nothing begins so."""
    if len(start) < HEAD_BYTES or start[:4] != MAGIC:
        raise WireError(f"no frame begins with {start[:HEAD_BYTES].hex()}")
    return OVERHEAD + ((start[5] & 0x0F) << 8 | start[6])


def unpack(raw: bytes) -> Message:
    """The frame at the beginning of raw; what fills up the transfer is left out. Raises WireError."""
    size = whole_bytes(raw)
    if len(raw) < size:
        raise WireError(f"{len(raw)} of {size} bytes of a frame")
    body, crc = raw[4 : size - CRC_BYTES], raw[size - CRC_BYTES : size]
    if binascii.crc_hqx(body, 0) != int.from_bytes(crc, "little"):
        raise WireError("a frame's checksum is wrong")
    return Message(body[0], body[1] >> 4, body[3:])


def sensor(payload: bytes) -> Sensor:
    """Which sensor answered ASK_INFO so. Raises WireError for one that is not known."""
    if len(payload) < _INFO_SIZE + 4 or payload[0] != STATUS:
        raise WireError(f"{len(payload)} bytes do not tell of a sensor")
    width, height = struct.unpack_from("<HH", payload, _INFO_SIZE)
    area = not payload[_INFO_KIND] & 0x80
    for one in SENSORS:
        if (one.width, one.height, one.area) == (width, height, area):
            return one
    raise WireError(f"no known sensor has {width} x {height} pixels{'' if area else ' as a strip'}")


def capture(of: Sensor) -> bytes:
    """The command to take a picture: an area sensor waits for a finger, a strip for one that is good enough."""
    return bytes.fromhex("280b0000000e02feffffff02") + bytes((int(of.area), 2))


def status(payload: bytes) -> int:
    """What a STATUS says of the finger. Raises WireError when it is too short."""
    if len(payload) <= _STATUS_AT:
        raise WireError("a status that is too short")
    return payload[_STATUS_AT]


def pixels(frame: Message) -> bytes:
    """The pixels in an image part. Raises WireError when it is too short for its own kind."""
    start = _FIRST_HEAD if frame.kind == FIRST_PART else 1
    stop = len(frame.payload) - (_LAST_TAIL if frame.kind == LAST_PART else 0)
    if stop < start:
        raise WireError("an image part that is too short")
    return frame.payload[start:stop]


# The device's side, for the peer.

_INFO = bytearray.fromhex(
    "2834000000061425100005251000050d0000206f0107003a000700000000001e00000002000080430000e4c00000020000000001000300"
)


def info(of: Sensor) -> bytes:
    """The answer to ASK_INFO, as recorded but for kind and size."""
    told = bytearray(_INFO)
    told[_INFO_KIND] = 0x64 if of.area else 0xE4
    struct.pack_into("<HH", told, _INFO_SIZE, of.width, of.height)
    return bytes(told)


def say_status(code: int) -> bytes:
    """A STATUS, as recorded but for its code."""
    return bytes.fromhex("2811000000002001000000") + bytes((code,)) + bytes(8)


PART_BYTES = 2043  # payload of every part but the last, in the recording


def parts(image: bytes) -> list[bytes]:
    """The payloads of the parts that carry an image."""
    size = len(image)
    head = struct.pack("<BIBBI", FIRST_PART, size + 12, 0x0E, 0x12, size)
    first = PART_BYTES - _FIRST_HEAD
    made = [head + image[:first]]
    rest = image[first:]
    while len(rest) > PART_BYTES - 1 - _LAST_TAIL:
        made.append(bytes((NEXT_PART,)) + rest[: PART_BYTES - 1])
        rest = rest[PART_BYTES - 1 :]
    return [*made, bytes((LAST_PART,)) + rest + bytes(_LAST_TAIL)]
