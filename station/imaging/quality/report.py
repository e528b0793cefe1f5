"""A picture → QualityReport: measures, score and causes with boxes in the picture's px."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from station.friction_ridge import QualityReport
from station.imaging import parameters as p
from station.imaging.normalise import resample
from station.imaging.quality import causes, measures
from station.imaging.quality import parameters as q
from station.imaging.quality.blocks import look
from station.imaging.quality.glance import glance
from station.imaging.quality.score import score

BLANK = QualityReport(0, q.ALGORITHM, (causes.cause("blank", 1.0),), {})
"""Of an empty platen."""


def report(gray: NDArray[np.uint8], ppi: int) -> QualityReport:
    """Look at the picture once from far and once in blocks, and say what was seen."""
    measured, places = measures.measure(glance(gray, ppi))
    blocks = look(resample(gray, ppi), _around(places.contact))
    where = _Where(places, ppi / p.NOMINAL_PPI)
    return QualityReport(
        score(blocks, measured, ppi), q.ALGORITHM, causes.find(measured, where), measured.as_dict()
    )


def _around(contact: measures.Mask) -> tuple[int, int, int, int] | None:
    """x, y, width, height of the contact in px at 500 ppi; None when there is none."""
    x, y, width, height = cv2.boundingRect(contact.astype(np.uint8))
    return (x * p.GRID, y * p.GRID, width * p.GRID, height * p.GRID) if width else None


_PLACE_OF = {
    "too_wet": "solid",
    "too_dry": "unclear",
    "smeared": "unclear",
    "dirty_platen": "marked",
    "double_touch": "crossed",
    "several_fingers": "second",
}


class _Where:
    """Finds the place of a cause when asked for it."""

    def __init__(self, places: measures.Places, scale: float) -> None:
        self._places, self._scale = places, scale

    def __call__(self, code: str) -> tuple[int, int, int, int] | None:
        if code in {"left", "right", "top"}:
            return self._side(code)
        return measures.box_of(getattr(self._places, _PLACE_OF.get(code, "contact")), self._scale)

    def _side(self, side: str) -> tuple[int, int, int, int]:
        """A strip of four ridges along a side."""
        height, width = (round(n * p.GRID * self._scale) for n in self._places.contact.shape)
        strip = round(36 * self._scale)
        return {
            "left": (0, 0, strip, height),
            "right": (width - strip, 0, strip, height),
            "top": (0, 0, width, strip),
        }[side]
