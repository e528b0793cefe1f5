"""What a compressed image says of itself: size from its own header, without decoding. Bytes in, numbers or None out.

WSQ: FBI IAFIS-IC-0110 (SOI FFA0, frame header SOF FFA2, EOI FFA1). PNG: ISO/IEC 15948 (IHDR). JPEG: ITU-T T.81 (SOF).
JPEG 2000: ISO/IEC 15444-1 (SIZ marker FF51).
"""

from __future__ import annotations

from collections.abc import Callable

Size = tuple[int, int]
"""Width and height in pixels."""

_JPEG_FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})


def size_of(cga: str, data: bytes) -> Size | None:
    """The size an image's own header states, or None when the header cannot be read or has none (NONE)."""
    reader = _READERS.get(cga)
    return None if reader is None else reader(data)


def readable(cga: str) -> bool:
    """True when `size_of` knows this compression, so that None from it means a damaged image."""
    return cga in _READERS


def truncated(cga: str, data: bytes) -> bool:
    """True when the end marker of the format is missing."""
    end = {"WSQ20": b"\xff\xa1", "JPEGB": b"\xff\xd9", "JPEGL": b"\xff\xd9", "PNG": b"IEND\xaeB`\x82"}.get(
        cga
    )
    return end is not None and not data.rstrip(b"\0").endswith(end)


def _wsq(data: bytes) -> Size | None:
    body = _segment(data, b"\xff\xa0", frozenset({0xA2}))
    if body is None or len(body) < 6:
        return None
    return int.from_bytes(body[4:6]), int.from_bytes(body[2:4])


def _jpeg(data: bytes) -> Size | None:
    body = _segment(data, b"\xff\xd8", _JPEG_FRAMES)
    if body is None or len(body) < 5:
        return None
    return int.from_bytes(body[3:5]), int.from_bytes(body[1:3])


def _segment(data: bytes, start: bytes, wanted: frozenset[int]) -> bytes | None:
    """The body of the first marker segment of a wanted kind; segments follow one another by their length."""
    if not data.startswith(start):
        return None
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        length = int.from_bytes(data[at + 2 : at + 4])
        if length < 2:
            return None
        if data[at + 1] in wanted:
            return data[at + 4 : at + 2 + length]
        at += 2 + length
    return None


def _png(data: bytes) -> Size | None:
    if not data.startswith(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR") or len(data) < 24:
        return None
    return int.from_bytes(data[16:20]), int.from_bytes(data[20:24])


def _jp2(data: bytes) -> Size | None:
    at = data.find(b"\xff\x4f\xff\x51", 0, 4096)
    if at < 0 or len(data) < at + 24:
        return None
    x1, y1, x0, y0 = (int.from_bytes(data[at + 8 + 4 * k : at + 12 + 4 * k]) for k in range(4))
    return x1 - x0, y1 - y0


_READERS: dict[str, Callable[[bytes], Size | None]] = {
    "WSQ20": _wsq,
    "JPEGB": _jpeg,
    "JPEGL": _jpeg,
    "PNG": _png,
    "JP2": _jp2,
    "JP2L": _jp2,
}
