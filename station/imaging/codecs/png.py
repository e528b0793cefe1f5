"""PNG, lossless, with the resolution in pHYs. In: uint8 [h, w] and ppi; out: bytes, and back."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from station.imaging.check import check_pixels
from station.imaging.codecs.pillow import decode_gray


def encode(gray: NDArray[np.uint8], ppi: int) -> bytes:
    """PNG bytes. Raises ImageError image.not_gray8."""
    check_pixels(gray)
    out = io.BytesIO()
    Image.fromarray(gray).save(out, format="PNG", dpi=(ppi, ppi), compress_level=6)
    return out.getvalue()


def decode(data: bytes) -> NDArray[np.uint8]:
    """Pixels of an 8-bit grey PNG. Raises ImageError image.unreadable, image.not_gray8."""
    return decode_gray(data, "PNG")
