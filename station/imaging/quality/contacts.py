"""The shape of the contact and whether another lies beside it. In: bool [gh, gw] on the coarse grid; out: Shape."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from station.imaging.quality import parameters as q

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Shape:
    """squat: height over width of the largest contact, turned upright, 0 when there is none; second: the largest
    contact that lies beside it."""

    squat: float
    second: Mask


def shape_of(contact: Mask) -> Shape:
    """Shape of the contact, bool [gh, gw]."""
    count, labels, stats, middle = cv2.connectedComponentsWithStats(contact.astype(np.uint8), connectivity=8)
    nothing = np.zeros_like(contact)
    if count < 2:
        return Shape(0.0, nothing)
    order = 1 + np.argsort(-stats[1:, cv2.CC_STAT_AREA], kind="stable")
    first = order[0]
    wide = float(stats[first, cv2.CC_STAT_WIDTH])
    squat = float(stats[first, cv2.CC_STAT_HEIGHT]) / wide
    beside = [k for k in order[1:] if abs(middle[k][0] - middle[first][0]) > q.BESIDE * wide]
    return Shape(squat, labels == beside[0] if beside else nothing)
