"""What the libfprint helper process and its driver say to each other: JSON and pixels in, bytes out, and back.

Our own protocol on a pipe; the standard library only, because the helper runs on the system's Python. A message is
"FPb1", the length of the JSON and of the pixels, the CRC-32 of both, then both.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

MAGIC = b"FPb1"
_HEAD = struct.Struct("<4sIII")
MAX_JSON, MAX_PIXELS = 1 << 16, 1 << 24


class WireError(ValueError):
    """The bytes are no message of this protocol."""


@dataclass(frozen=True)
class Message:
    """facts: the JSON object; pixels: of an image, row by row, else empty."""

    facts: dict[str, Any]
    pixels: bytes = b""


def pack(message: Message) -> bytes:
    """The message as bytes."""
    text = json.dumps(message.facts).encode()
    body = text + message.pixels
    return _HEAD.pack(MAGIC, len(text), len(message.pixels), zlib.crc32(body)) + body


class Parser:
    """Bytes in any pieces in, whole messages out. Holds at most one message and what came with it."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    @property
    def halfway(self) -> bool:
        """True while a message has begun and not come to its end."""
        return bool(self._bytes)

    def feed(self, data: bytes) -> Iterator[Message]:
        """Every message that is whole now. Raises WireError; a pipe does not hurt bytes, so nothing is searched."""
        self._bytes += data
        while len(self._bytes) >= _HEAD.size:
            magic, text, pixels, check = _HEAD.unpack_from(self._bytes)
            if magic != MAGIC or text > MAX_JSON or pixels > MAX_PIXELS:
                raise WireError(f"no message begins with {bytes(self._bytes[:16]).hex()}")
            end = _HEAD.size + text + pixels
            if len(self._bytes) < end:
                return
            body = bytes(self._bytes[_HEAD.size : end])
            del self._bytes[:end]
            if zlib.crc32(body) != check:
                raise WireError("a message's checksum is wrong")
            yield Message(_facts(body[:text]), body[text:])


def _facts(text: bytes) -> dict[str, Any]:
    try:
        facts = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WireError(f"a message that is no JSON: {error}") from error
    if not isinstance(facts, dict):
        raise WireError("a message that is no JSON object")
    return facts
