"""Where a finger touches in one frame: uint8 [h, w] in, Contact out. Quick enough for every frame of a live roll."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

CELL = 4
"""px of the frame per cell of the contact's grid."""
DARK = 18.0
"""grey: the darkest places of a frame must be so much darker than the glass for anything to be there. chosen."""
SHARE = 0.3
"""of the usual darkness of the contact: less is glass or dirt. chosen."""
SPREAD_MM = 0.9
"""mm over which ridges and valleys are taken together: two ridge periods."""
LEAST_MM2 = 12.0
"""mm²: a smaller contact is none."""


@dataclass(frozen=True, eq=False)
class Contact:
    """mask: bool [h, w] on a grid of CELL px; depth: float32 [h, w], px of the frame to the nearest rim; box: x, y,
    width, height in px of the frame; area: px²; across, down: mean gradient either way over the grey's spread, together
    about 0.5 to 1.5."""

    mask: NDArray[np.bool_]
    depth: NDArray[np.float32]
    box: tuple[int, int, int, int]
    area: float
    centre: float
    across: float
    down: float

    @property
    def sharp(self) -> float:
        """Both gradients."""
        return self.across + self.down

    @property
    def width(self) -> int:
        """px."""
        return self.box[2]

    @property
    def height(self) -> int:
        """px."""
        return self.box[3]


def look(gray: NDArray[np.uint8], ppi: int) -> Contact | None:
    """The contact on a frame, None for empty glass."""
    small = cv2.resize(gray, None, fx=1.0 / CELL, fy=1.0 / CELL, interpolation=cv2.INTER_AREA)
    spread = max(3, round(SPREAD_MM * ppi / 25.4 / CELL) | 1)
    dark = float(np.percentile(small, 95)) - cv2.blur(small.astype(np.float32), (spread, spread))
    strongest = float(np.percentile(dark, 99.5))
    if strongest < DARK:
        return None
    usual = float(np.median(dark[dark > 0.5 * strongest]))
    found = (dark > max(SHARE * usual, 0.3 * DARK)).astype(np.uint8)
    found = np.asarray(cv2.morphologyEx(found, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), np.uint8)
    count, labels, stats, centres = cv2.connectedComponentsWithStats(found)
    if count < 2:
        return None
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    area = float(stats[largest, cv2.CC_STAT_AREA]) * CELL**2
    if area < LEAST_MM2 * (ppi / 25.4) ** 2:
        return None
    mask = (labels == largest).astype(np.uint8)
    padded = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1] * np.float32(CELL)
    x, y, width, height = (int(n) * CELL for n in stats[largest, :4])
    box = (x, y, min(width, gray.shape[1] - x), min(height, gray.shape[0] - y))
    centre = float(centres[largest][0]) * CELL
    return Contact(mask.astype(np.bool_), depth, box, area, centre, *_sharpness(gray, box))


def _sharpness(gray: NDArray[np.uint8], box: tuple[int, int, int, int]) -> tuple[float, float]:
    """Mean gradient across and down in the inner half of the contact over its spread of grey: motion lowers that along
    its way, and ridges that run along it hide this from the other."""
    x, y, width, height = box
    inner = gray[y + height // 4 : y + 3 * height // 4, x + width // 4 : x + 3 * width // 4]
    if inner.shape[0] < 4 or inner.shape[1] < 4:
        return 0.0, 0.0
    soft = cv2.GaussianBlur(inner, (3, 3), 0)
    across = cv2.absdiff(soft[:, 2:], soft[:, :-2]).mean()
    down = cv2.absdiff(soft[2:], soft[:-2]).mean()
    spread = float(soft.std()) + 8.0
    return float(across) / spread, float(down) / spread
