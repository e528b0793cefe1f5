"""No compression (CGA NONE): rows of bytes. In: uint8 [h, w]; out: h·w bytes.

Raw pixels do not say their width: decode through `decode_sized`, with the size the record gives.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from station.errors import ImageError
from station.imaging.check import check_pixels


def encode(gray: NDArray[np.uint8], ppi: int) -> bytes:
    """The pixels, row by row. Raises ImageError image.not_gray8."""
    del ppi
    check_pixels(gray)
    return gray.tobytes()


def decode(data: bytes) -> NDArray[np.uint8]:
    """Always refuses: raises ImageError image.size_needed."""
    raise ImageError(
        "image.size_needed",
        f"{len(data)} raw bytes do not say their width",
        "Take HLL and VLL from the record.",
    )


def decode_sized(data: bytes, width: int, height: int) -> NDArray[np.uint8]:
    """Pixels of a known size. Raises ImageError image.unreadable when the byte count differs."""
    if width < 1 or height < 1 or len(data) != width * height:
        raise ImageError(
            "image.unreadable", f"{len(data)} bytes are not {width}×{height} pixels", "The record is damaged."
        )
    return np.frombuffer(data, np.uint8).reshape(height, width).copy()
