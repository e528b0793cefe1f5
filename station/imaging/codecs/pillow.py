"""Reading of 8-bit grey pictures with Pillow, its many exceptions turned into ImageError. Not a codec itself."""

from __future__ import annotations

import io
import struct
import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from station.errors import ImageError
from station.imaging import parameters as p

READ_ERRORS = (OSError, ValueError, RuntimeError, SyntaxError, struct.error, MemoryError, OverflowError, KeyError,
               IndexError, TypeError, EOFError, AttributeError, AssertionError, UnidentifiedImageError,
               Image.DecompressionBombError)  # fmt: skip
"""What Pillow's readers are known to raise on damaged files."""


def decode_gray(data: bytes, *formats: str) -> NDArray[np.uint8]:
    """Pixels of the first picture in `data`. Raises ImageError image.unreadable, image.not_gray8, image.too_large."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns about odd metadata; damaged pixels raise
        try:
            with Image.open(io.BytesIO(data), formats=formats) as picture:
                _check_size(picture.size)
                picture.load()
                return gray_of(picture)
        except ImageError:
            raise
        except UnidentifiedImageError as error:  # its message names a Python object
            raise ImageError(
                "image.unreadable", f"not a {' or '.join(formats)} image", "Check which file was meant."
            ) from error
        except READ_ERRORS as error:
            raise ImageError(
                "image.unreadable",
                f"not a readable {' or '.join(formats)} image: {error}",
                "Get the file again.",
            ) from error


def gray_of(picture: Image.Image) -> NDArray[np.uint8]:
    """8-bit grey pixels; a colour picture whose channels are all equal counts as grey, anything else is refused."""
    if picture.mode == "L":
        return np.array(picture, dtype=np.uint8)
    if picture.mode == "1":
        return np.array(picture.convert("L"), dtype=np.uint8)
    if picture.mode in {"RGB", "RGBA", "P"}:
        channels = np.array(picture.convert("RGB"), dtype=np.uint8)
        if (channels == channels[..., :1]).all():
            return np.ascontiguousarray(channels[..., 0])
    raise ImageError(
        "image.not_gray8", f"the image is {picture.mode}, not 8-bit grey", "Convert it to 8-bit grey first."
    )


def _check_size(size: tuple[int, int]) -> None:
    if size[0] * size[1] > p.MAX_PIXELS:
        raise ImageError(
            "image.too_large", f"{size[0]}×{size[1]} pixels are more than any platen", "Check the file."
        )
