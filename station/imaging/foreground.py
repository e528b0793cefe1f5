"""Stage 2: where the finger touched. In: contrast and coherence on the coarse grid; out: bool [gh, gw]."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from station.imaging import parameters as p
from station.imaging.normalise import Plane, blur_coarse

Mask = NDArray[np.bool_]


def segment(contrast: Plane, coherence: Plane) -> Mask:
    """Contact area: enough contrast for this image and ridge-like; holes bridged, islands dropped."""
    level = max(p.CONTRAST_FLOOR, p.CONTRAST_RELATIVE * float(np.percentile(contrast, 95)))
    nearby = blur_coarse(
        np.asarray(cv2.dilate(contrast, _disc(p.CONTRAST_NEARBY)), dtype=np.float32), p.CONTRAST_NEARBY / 4
    )
    rich = contrast > np.maximum(level, p.CONTRAST_LOCAL * nearby)
    raw = (rich & (coherence > p.FOREGROUND_COHERENCE)).astype(np.uint8)
    closed = _padded(raw, cv2.MORPH_CLOSE, _disc(p.FOREGROUND_CLOSE), cv2.BORDER_CONSTANT)
    return _fill_holes(
        _drop_islands(_padded(closed, cv2.MORPH_OPEN, _disc(p.FOREGROUND_OPEN), cv2.BORDER_REPLICATE))
    )


def _disc(diameter: int) -> NDArray[np.uint8]:
    side = max(3, round(diameter / p.GRID) | 1)
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), dtype=np.uint8)


def _padded(
    mask: NDArray[np.uint8], operation: int, kernel: NDArray[np.uint8], edge: int
) -> NDArray[np.uint8]:
    """Closing that does not grow towards the picture's edge, or opening that does not shrink from it."""
    pad = kernel.shape[0]
    wide = cv2.copyMakeBorder(mask, pad, pad, pad, pad, edge, value=0)
    changed = cv2.morphologyEx(wide, operation, kernel)
    return np.asarray(changed[pad:-pad, pad:-pad], dtype=np.uint8)


def _drop_islands(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    keep = np.zeros(count, np.uint8)
    area = stats[1:, cv2.CC_STAT_AREA] * p.GRID**2
    keep[1:] = area >= max(p.FOREGROUND_MIN_AREA, p.FOREGROUND_MIN_SHARE * area.max(initial=0))
    return np.asarray(keep[labels], dtype=np.uint8)


def _fill_holes(mask: NDArray[np.uint8]) -> Mask:
    """Fill background that does not reach the picture's edge."""
    wide = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    cv2.floodFill(wide, None, (0, 0), 2)
    return np.asarray(wide[1:-1, 1:-1] != 2, dtype=np.bool_)


def bounding_box(mask: Mask, margin: int, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """x, y, width, height in full-size px around the mask with a margin in px; all zero for an empty mask.

    x and y are multiples of the grid pitch, so that a crop keeps the grid.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if rows.size == 0:
        return 0, 0, 0, 0
    step, edge = p.GRID, -(-margin // p.GRID)
    x0, y0 = max(int(columns[0]) - edge, 0) * step, max(int(rows[0]) - edge, 0) * step
    x1 = min((int(columns[-1]) + 1 + edge) * step, shape[1])
    y1 = min((int(rows[-1]) + 1 + edge) * step, shape[0])
    return x0, y0, x1 - x0, y1 - y0
