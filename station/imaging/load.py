"""A file → 8-bit grey pixels, for the command line. In: path of PNG, BMP, TIFF, WSQ or JP2; out: uint8 [h, w]."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from station.errors import ImageError
from station.imaging import parameters as p

MAX_BYTES = 8 * p.MAX_PIXELS


def load_gray(path: Path | str) -> NDArray[np.uint8]:
    """Pixels of an image file. Raises ImageError image.missing, image.unreadable, image.not_gray8, image.too_large."""
    file = Path(path)
    try:
        if file.stat().st_size > MAX_BYTES:
            raise ImageError("image.too_large", f"{file} has {file.stat().st_size} bytes", "Check the file.")
        data = file.read_bytes()
    except OSError as error:
        raise ImageError(
            "image.missing", f"{file} cannot be read: {error.strerror}", "Check the path."
        ) from error
    return decode_any(data)


def decode_any(data: bytes) -> NDArray[np.uint8]:
    """Pixels of image bytes of any supported kind, told apart by their first bytes."""
    # late: Pillow and the WSQ library take 10 MB that a process which only extracts need not have
    from station.imaging.codecs import wsq20
    from station.imaging.codecs.pillow import decode_gray

    if data[:2] == wsq20.MAGIC:
        return wsq20.decode(data)
    return decode_gray(data, "PNG", "BMP", "TIFF", "JPEG2000")
