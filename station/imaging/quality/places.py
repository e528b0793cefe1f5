"""A picture of where: the print with clear, unclear and spoiled places tinted, and a frame around each cause.

In: uint8 [h, w] and its QualityReport; out: uint8 [h, w, 3] BGR of the same size. Each kind of place has a pattern of
its own besides its colour: clear ridges are tinted plainly, unclear ones striped, wet ones and marks crossed.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from station.friction_ridge import QualityCause, QualityReport
from station.imaging.quality import measures
from station.imaging.quality.glance import glance

Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]

CLEAR: Colour = (110, 190, 90)
UNCLEAR: Colour = (40, 170, 245)
SPOILED: Colour = (70, 70, 225)
FRAME: Colour = (30, 40, 200)
TINT, MARK = 0.22, 0.60
"""share of the colour in a tinted place, and on a stripe."""
PITCH = 10
"""px between stripes."""
SPOILERS = {"dirty_platen": "marked", "double_touch": "crossed", "several_fingers": "second"}
"""places shown only when they are a cause: a few cells of each are in every good print."""
FRAMED = 0.3
"""severity from which a cause gets a frame."""
FONT = cv2.FONT_HERSHEY_DUPLEX


def where(gray: NDArray[np.uint8], report: QualityReport, ppi: int = 500) -> Picture:
    """The picture for the officer. A blank report gives the plain picture."""
    picture = np.asarray(cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR), dtype=np.uint8)
    if report.measures:
        _tint(picture, gray, ppi, {one.code for one in report.causes})
    for one in report.causes:
        if one.box is not None and one.severity >= FRAMED:
            _frame(picture, one)
    return picture


def _tint(picture: Picture, gray: NDArray[np.uint8], ppi: int, codes: set[str]) -> None:
    _, places = measures.measure(glance(gray, ppi))
    height, width = gray.shape
    spoiled = places.solid.copy()
    for code, name in SPOILERS.items():
        if code in codes:
            spoiled |= getattr(places, name)
    stripes, crosses = _patterns(height, width)
    for cells, colour, pattern in (
        (places.contact & ~places.unclear & ~spoiled, CLEAR, None),
        (places.unclear & ~spoiled, UNCLEAR, stripes),
        (spoiled, SPOILED, stripes | crosses),
    ):
        if not cells.any():
            continue
        grown = cv2.resize(cells.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
        inside = np.asarray(grown, dtype=np.uint8)
        _blend(picture, inside, colour, TINT)
        if pattern is not None:
            _blend(picture, np.asarray(inside & pattern, dtype=np.uint8), colour, MARK)


def _patterns(height: int, width: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Stripes one way and the other, 1 on a stripe."""
    down, right = np.ogrid[:height, :width]
    return ((right + down) % PITCH < 2).astype(np.uint8), ((right - down) % PITCH < 2).astype(np.uint8)


def _blend(picture: Picture, inside: NDArray[np.uint8], colour: Colour, share: float) -> None:
    flat = np.full_like(picture, colour)
    mixed = cv2.addWeighted(picture, 1.0 - share, flat, share, 0.0)
    cv2.copyTo(mixed, inside, picture)


def _frame(picture: Picture, one: QualityCause) -> None:
    assert one.box is not None  # asked before
    x, y, width, height = one.box
    cv2.rectangle(picture, (x, y), (x + width - 1, y + height - 1), FRAME, 2, cv2.LINE_AA)
    size = max(picture.shape[1] / 1100.0, 0.4)
    words = one.code.replace("_", " ")
    (wide, high), _ = cv2.getTextSize(words, FONT, size, 1)
    left = min(max(x, 0), max(picture.shape[1] - wide - 8, 0))
    top = max(y, 0)
    cv2.rectangle(picture, (left, top), (left + wide + 8, top + high + 8), FRAME, -1)
    cv2.putText(picture, words, (left + 4, top + high + 3), FONT, size, (255, 255, 255), 1, cv2.LINE_AA)
