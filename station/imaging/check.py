"""Refuses what is not a fingerprint image before any stage sees it. In: anything; out: nothing, or ImageError."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from station.errors import ImageError
from station.imaging import parameters as p


def check_gray(gray: Any, ppi: int) -> None:
    """Raise ImageError unless `gray` is uint8 [h, w] of a usable size at a usable ppi.

    Codes: image.not_gray8, image.too_small, image.too_large, image.bad_ppi.
    """
    if not isinstance(gray, np.ndarray) or gray.dtype != np.uint8 or gray.ndim != 2:
        found = f"{gray.dtype} {gray.shape}" if isinstance(gray, np.ndarray) else type(gray).__name__
        raise ImageError(
            "image.not_gray8",
            f"an image must be 8-bit grey [height, width], not {found}",
            "Convert it first.",
        )
    if isinstance(ppi, bool) or not isinstance(ppi, int | np.integer) or not p.MIN_PPI <= ppi <= p.MAX_PPI:
        raise ImageError(
            "image.bad_ppi",
            f"{ppi} ppi is outside {p.MIN_PPI} to {p.MAX_PPI}",
            "Say at what resolution it was taken.",
        )
    height, width = gray.shape
    if min(height, width) < p.MIN_SIDE:
        raise ImageError(
            "image.too_small", f"{width}×{height} pixels hold no fingerprint", "Use the whole frame."
        )
    if height * width > p.MAX_PIXELS:
        raise ImageError(
            "image.too_large", f"{width}×{height} pixels are more than any platen", "Check the file."
        )


def check_not_blank(gray: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
    """Raise ImageError image.blank when the grey levels hardly differ."""
    low, high = np.percentile(gray[::4, ::4], (1, 99))
    if high - low < p.BLANK_SPREAD:
        raise ImageError("image.blank", "the image is blank: nothing touched the platen", "Place the finger.")


def check_not_inverted(gray: np.ndarray[Any, np.dtype[np.uint8]], mask: NDArray[np.bool_]) -> None:
    """Raise ImageError image.inverted when what surrounds the print is much darker than the print.

    mask: contact area of the whole image on any grid. An inverted print that fills the picture is not noticed: only
    its ridges and valleys change places there, so its minutiae lie where they should and change type.
    """
    size = (mask.shape[1], mask.shape[0])
    levels = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
    reach = np.ones((p.INVERTED_FAR, p.INVERTED_FAR), np.uint8)
    ground = cv2.dilate(mask.astype(np.uint8), reach) == 0
    if ground.mean() < p.INVERTED_GROUND or not mask.any():
        return
    if float(np.median(levels[mask])) - float(np.median(levels[ground])) > p.INVERTED_BY:
        raise ImageError(
            "image.inverted",
            "the print is light on dark: its surroundings are darker than the print",
            "Set the reader, or turn the picture, to dark ridges on a light ground.",
        )


def check_pixels(gray: Any) -> None:
    """Raise ImageError image.not_gray8 unless `gray` is a non-empty uint8 [h, w]. For codecs: any size goes."""
    if not isinstance(gray, np.ndarray) or gray.dtype != np.uint8 or gray.ndim != 2 or gray.size == 0:
        raise ImageError("image.not_gray8", "pixels must be 8-bit grey [height, width]", "Convert it first.")
