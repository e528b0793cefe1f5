"""Where a frame lies on what was stitched so far: two pictures and a mask in, an affine map out.

First one shift of a large piece (normalised correlation at half size, so that a ridge is not taken for its
neighbour), then small shifts of blocks, to which a damped affine map is fitted: skin is drawn along as it rolls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Gray = NDArray[np.uint8]
Affine = NDArray[np.float64]

SEARCH_MM = 1.6
"""mm: a slide between two frames that is still found."""
PATCH = (190, 300)
"""px at most: width and height of the piece that is looked for."""
SURE = 0.35
"""correlation from which a place counts as found. chosen."""
BLOCK, REACH = 72, 5
"""px: side of a block, and how far it may lie off after the shift."""
BLOCK_SURE = 0.55
"""correlation from which a block counts. chosen."""
DAMP = 3.0
"""blocks' worth of belief that there is no stretch. chosen."""


@dataclass(frozen=True, eq=False)
class Laid:
    """shift: (dx, dy) px that bring the frame onto the picture; affine: float64 [2, 3] for cv2.warpAffine, the same
    with the stretch; sure: correlation, 0 when nothing was found."""

    shift: tuple[float, float]
    affine: Affine
    sure: float


def lay(
    picture: Gray, frame: Gray, common: tuple[int, int, int, int], guess: tuple[float, float], ppi: int
) -> Laid:
    """common: x, y, width, height on the picture where both should show skin; guess: the shift of the frame before."""
    shift, sure = _shift(picture, frame, common, guess, ppi)
    if sure < SURE:
        return Laid(guess, _moved(guess), sure)
    return Laid(shift, _stretched(picture, frame, common, shift), sure)


def _moved(shift: tuple[float, float]) -> Affine:
    return np.array([[1.0, 0.0, shift[0]], [0.0, 1.0, shift[1]]])


def _shift(
    picture: Gray, frame: Gray, common: tuple[int, int, int, int], guess: tuple[float, float], ppi: int
) -> tuple[tuple[float, float], float]:
    reach = int(SEARCH_MM * ppi / 25.4) // 2
    x, y, width, height = common
    width, height = min(width, PATCH[0]), min(height, PATCH[1])
    x, y = x + (common[2] - width) // 2, y + (common[3] - height) // 2
    # The piece is cut from the picture and looked for on the frame: its place there is minus the shift.
    piece = _half(_cut(picture, x, y, width, height))
    field = _half(
        _cut(
            frame,
            round(x - guess[0]) - 2 * reach,
            round(y - guess[1]) - 2 * reach,
            width + 4 * reach,
            height + 4 * reach,
        )
    )
    if min(piece.shape) < 16 or float(piece.std()) < 4.0:
        return guess, 0.0
    found = cv2.matchTemplate(field, piece, cv2.TM_CCOEFF_NORMED)
    _, best, _, place = cv2.minMaxLoc(found)
    fx, fy = _peak(found, place)
    base = (x - round(x - guess[0]), y - round(y - guess[1]))
    return (base[0] - 2.0 * (fx - reach), base[1] - 2.0 * (fy - reach)), float(best)


def _stretched(
    picture: Gray, frame: Gray, common: tuple[int, int, int, int], shift: tuple[float, float]
) -> Affine:
    """The shift with a damped affine correction from blocks of the common area."""
    x, y, width, height = common
    rows, targets, weights = [], [], []
    whole = (round(shift[0]), round(shift[1]))
    for top in range(y, y + height - BLOCK + 1, max(BLOCK, (height - BLOCK) // 4 or 1)):
        for left in range(x, x + width - BLOCK + 1, max(BLOCK, (width - BLOCK) // 2 or 1)):
            piece = _cut(picture, left, top, BLOCK, BLOCK)
            side = BLOCK + 2 * REACH
            field = _cut(frame, left - whole[0] - REACH, top - whole[1] - REACH, side, side)
            if float(piece.std()) < 12.0:
                continue
            found = cv2.matchTemplate(field, piece, cv2.TM_CCOEFF_NORMED)
            _, best, _, place = cv2.minMaxLoc(found)
            if best < BLOCK_SURE or not (0 < place[0] < 2 * REACH and 0 < place[1] < 2 * REACH):
                continue
            fx, fy = _peak(found, place)
            middle = (left + BLOCK / 2, top + BLOCK / 2)
            rows.append(middle)
            targets.append((whole[0] - fx + REACH - shift[0], whole[1] - fy + REACH - shift[1]))
            weights.append(best)
    return (
        _fit(np.array(rows), np.array(targets), np.array(weights), shift) if len(rows) > 1 else _moved(shift)
    )


def _fit(
    points: NDArray[np.float64],
    offsets: NDArray[np.float64],
    weights: NDArray[np.float64],
    shift: tuple[float, float],
) -> Affine:
    """Least squares for offset = constant + slope * place, the slopes damped; as a map from frame to picture."""
    centre = points.mean(axis=0)
    design = np.column_stack([np.ones(len(points)), (points - centre) / 100.0])
    damp = np.diag([0.05, DAMP, DAMP])
    normal = design.T @ (design * weights[:, None]) + damp
    solved = np.linalg.solve(normal, design.T @ (offsets * weights[:, None]))
    slope = solved[1:].T / 100.0
    constant = solved[0] - slope @ centre
    linear = np.eye(2) + slope
    return np.column_stack([linear, linear @ np.array(shift) + constant])


def _peak(found: NDArray[Any], place: Sequence[int]) -> tuple[float, float]:
    """The maximum between the cells, by a parabola either way."""
    x, y = place[0], place[1]
    return x + _vertex(found[y, max(0, x - 1) : x + 2]), y + _vertex(found[max(0, y - 1) : y + 2, x])


def _vertex(three: NDArray[Any]) -> float:
    if three.size < 3:
        return 0.0
    bend = float(three[0] - 2.0 * three[1] + three[2])
    return 0.0 if bend >= 0.0 else 0.5 * float(three[0] - three[2]) / bend


def _half(gray: Gray) -> Gray:
    return np.asarray(cv2.resize(gray, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint8)


def _cut(gray: Gray, x: int, y: int, width: int, height: int) -> Gray:
    """A window, white where it reaches over the rim."""
    out = np.full((height, width), 255, np.uint8)
    x0, y0 = max(0, x), max(0, y)
    x1, y1 = min(gray.shape[1], x + width), min(gray.shape[0], y + height)
    if x1 > x0 and y1 > y0:
        out[y0 - y : y1 - y, x0 - x : x1 - x] = gray[y0:y1, x0:x1]
    return out
