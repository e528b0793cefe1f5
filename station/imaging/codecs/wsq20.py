"""WSQ, the FBI's grey-scale fingerprint compression (IAFIS-IC-0110). In: uint8 [h, w] at 500 ppi; out: bytes.

The encoder's rate is fixed at 0.75 bit a pixel (about 15:1 and better) and the standard's filter is made for
500 ppi, so any other resolution is refused here rather than mislabelled in a record.
"""

from __future__ import annotations

import io

import numpy as np
import wsq  # noqa: F401  registers the format with Pillow
from numpy.typing import NDArray
from PIL import Image

from station.errors import ImageError
from station.imaging.check import check_pixels

PPI = 500
MIN_SIDE = 16
"""px: the encoder's own limit lies between 3 and 16."""
MAGIC = b"\xff\xa0"
END = b"\xff\xa1"


def encode(gray: NDArray[np.uint8], ppi: int) -> bytes:
    """WSQ bytes. Raises ImageError image.bad_ppi, image.not_gray8, image.too_small, image.codec_failed."""
    check_pixels(gray)
    if ppi != PPI:
        raise ImageError(
            "image.bad_ppi", f"WSQ is for {PPI} ppi, not {ppi}", "Use JP2 for other resolutions."
        )
    if min(gray.shape) < MIN_SIDE:
        raise ImageError(
            "image.too_small", f"WSQ needs at least {MIN_SIDE} pixels a side", "Use the whole frame."
        )
    out = io.BytesIO()
    try:
        Image.fromarray(gray).save(out, format="WSQ")
    except Exception as error:  # the library raises bare Exception
        raise ImageError("image.codec_failed", f"WSQ encoding failed: {error}", "Capture again.") from error
    return out.getvalue()


def decode(data: bytes) -> NDArray[np.uint8]:
    """Pixels of WSQ bytes. Raises ImageError image.unreadable."""
    if data[:2] != MAGIC or END not in data[-16:]:
        raise ImageError("image.unreadable", "not whole WSQ data", "The file is cut off or of another kind.")
    try:
        with Image.open(io.BytesIO(data), formats=["WSQ"]) as picture:
            return np.array(picture, dtype=np.uint8)
    except Exception as error:  # the library raises bare Exception, and UnboundLocalError on some damage
        raise ImageError(
            "image.unreadable", f"WSQ data is damaged: {error}", "Get the file again."
        ) from error
