"""JPEG 2000, irreversible at 10:1. In: uint8 [h, w] and ppi; out: JP2 bytes, and back.

For 1000 ppi and palms (NIST SP 500-289: CDF 9/7, RPCL, 64×64 blocks, 6 resolutions). The writer used puts no
resolution box into the file: the record that carries it says the ppi.
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


def encode(gray: NDArray[np.uint8], ppi: int) -> bytes:
    """JP2 bytes, about a tenth of the pixels. Raises ImageError image.not_gray8, image.too_small."""
    del ppi  # JP2 says nothing of it here; the signature is every codec's
    return write(gray, irreversible=True, quality_mode="rates", quality_layers=[RATE])


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
