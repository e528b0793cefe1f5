"""JPEG 2000, lossless. In: uint8 [h, w] and ppi; out: JP2 bytes, and back bit for bit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from station.imaging.codecs import jp2


def encode(gray: NDArray[np.uint8], ppi: int) -> bytes:
    """JP2 bytes. Raises ImageError image.not_gray8, image.too_small, image.bad_ppi."""
    return jp2.with_resolution(jp2.write(gray, irreversible=False), ppi)


def decode(data: bytes) -> NDArray[np.uint8]:
    """Pixels. Raises ImageError image.unreadable, image.not_gray8."""
    return jp2.decode(data)
