"""Did the finger move between two frames? In: two pictures uint8 [h, w] of one size; out: 0 (still) to 1.

One less the correlation of the two at ridge frequency, where either shows ridges: half a ridge of sliding is enough to
make them strangers, while noise and growing pressure leave them alike.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

PPI = 250
"""ppi of the comparison."""
FINE, COARSE = 0.8, 3.0
"""px at 250 ppi: the band of ridges. chosen."""
RIDGES = 4.0
"""grey levels of that band: less is empty platen. chosen."""
ENOUGH = 400
"""px at 250 ppi that must show ridges in either picture. chosen: 4 mm²."""


def ridges_of(gray: NDArray[np.uint8], ppi: int) -> NDArray[np.float32]:
    """What two frames are compared by, float32 [h', w'] at 250 ppi."""
    size = (max(round(gray.shape[1] * PPI / ppi), 1), max(round(gray.shape[0] * PPI / ppi), 1))
    half = cv2.resize(gray, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    band = cv2.GaussianBlur(half, (0, 0), COARSE) - cv2.GaussianBlur(half, (0, 0), FINE)
    return np.asarray(band, dtype=np.float32)


def between(before: NDArray[np.float32], now: NDArray[np.float32]) -> float:
    """Motion between two of `ridges_of`; 0 when neither shows ridges, 1 when the size changed."""
    if before.shape != now.shape:
        return 1.0
    places = (np.abs(before) > RIDGES) | (np.abs(now) > RIDGES)
    if int(places.sum()) < ENOUGH:
        return 0.0
    a, b = before[places], now[places]
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(np.clip(1.0 - float(a @ b) / max(scale, 1e-6), 0.0, 1.0))
