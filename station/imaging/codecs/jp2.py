"""JPEG 2000, irreversible at 10:1. In: uint8 [h, w] and ppi; out: JP2 bytes, and back.

For 1000 ppi and palms (NIST SP 500-289: CDF 9/7, RPCL, 64×64 blocks, 5 levels, which is 6 resolutions; from memory, see
docs/records.md). The library writes no resolution box; it is put in here (ISO/IEC 15444-1, I.5.3.7: `res `, `resc`,
pixels a metre). The record that carries the image says the ppi too, and that counts.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from station.errors import ImageError
from station.imaging.check import check_pixels
from station.imaging.codecs.pillow import decode_gray

RATE = 10
INCHES_IN_A_METRE = 1 / 0.0254
MAX_PPI = 1600
"""65535 pixels a metre, what the box can hold with exponent 0, is 1664 ppi."""


def encode(gray: NDArray[np.uint8], ppi: int) -> bytes:
    """JP2 bytes, about a tenth of the pixels. Raises ImageError image.not_gray8, image.too_small, image.bad_ppi."""
    return with_resolution(write(gray, irreversible=True, quality_mode="rates", quality_layers=[RATE]), ppi)


def write(gray: NDArray[np.uint8], **options: object) -> bytes:
    """JP2 bytes with the block layout of SP 500-289 and the given rate options."""
    check_pixels(gray)
    if min(gray.shape) < 64:
        raise ImageError("image.too_small", "JPEG 2000 with 6 resolutions needs 64 pixels a side", "Use PNG.")
    out = io.BytesIO()
    layout = {"num_resolutions": 6, "codeblock_size": (64, 64), "progression": "RPCL"}
    Image.fromarray(gray).save(out, format="JPEG2000", **layout, **options)
    return out.getvalue()


def decode(data: bytes) -> NDArray[np.uint8]:
    """Pixels of an 8-bit grey JP2. Raises ImageError image.unreadable, image.not_gray8."""
    return decode_gray(data, "JPEG2000")


def with_resolution(data: bytes, ppi: int) -> bytes:
    """The same JP2 with a capture resolution box at the end of its header box. Raises ImageError image.bad_ppi."""
    if not 1 <= ppi <= MAX_PPI:
        raise ImageError("image.bad_ppi", f"{ppi} ppi is no resolution of a reader", "Give the reader's own.")
    metre = round(ppi * INCHES_IN_A_METRE).to_bytes(2)
    values = metre + b"\0\1" + metre + b"\0\1" + b"\0\0"
    box = _box(b"res ", _box(b"resc", values))
    at, size = _header_box(data)
    return data[:at] + _box(b"jp2h", data[at + 8 : at + size] + box) + data[at + size :]


def ppi_of(data: bytes) -> int | None:
    """The ppi a capture resolution box states, across; None when there is none or the bytes are no JP2."""
    at, size = _header_box(data)
    found = data.find(b"resc", at, at + size)
    values = data[found + 4 : found + 14]
    if found < 0 or len(values) < 10 or not int.from_bytes(values[6:8]):
        return None
    exponent = int.from_bytes(values[9:10], signed=True)
    metre = int.from_bytes(values[4:6]) / int.from_bytes(values[6:8]) * 10.0**exponent
    return round(metre / INCHES_IN_A_METRE)


def _box(kind: bytes, content: bytes) -> bytes:
    return (8 + len(content)).to_bytes(4) + kind + content


def _header_box(data: bytes) -> tuple[int, int]:
    """Where the box `jp2h` begins and how long it is; (0, 0) when there is none."""
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4])
        if data[at + 4 : at + 8] == b"jp2h":
            return at, size
        if size < 8:  # 0: to the end; 1: a length of 8 bytes, which no header box has
            break
        at += size
    return 0, 0
