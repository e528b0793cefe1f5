"""Fingers of a slap, first version. In: uint8 [h, w] at ppi and how many fingers; out: SlapFinger tuple, left to right.

Patches of ridge contrast on a coarse grid; the hand's tilt from the long axes of its patches; of patches one behind
the other along that axis only the first is a fingertip (the others are lower joints); a patch longer than a
fingertip can be is cut, one wider than a finger is parted at its thinnest place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from station.imaging import check
from station.imaging import parameters as p

CELL = 8
"""px at 500 ppi, pitch of the grid fingers are found on."""
CONTRAST_SHARE = 0.30
"""of the strongest ridges' contrast that a place needs. chosen: lower joints touch lightly and fall away first."""
MIN_FINGER = 14_000.0
"""px² at 500 ppi (36 mm²): a little finger's tip, lightly laid down."""
MAX_WIDTH = 500.0
"""px at 500 ppi (25 mm): no fingertip's print is wider."""
LENGTH_TO_WIDTH = 1.65
"""a fingertip's print down to the first crease. chosen; thumbs 1.5, little fingers 1.5."""
COLUMN = 0.45
"""share of a patch's width that lies under another patch for it to be that finger's lower joint."""
MARGIN = 8
"""px at 500 ppi around the patch."""


@dataclass(frozen=True)
class SlapFinger:
    """box: x, y, width, height in px of the slap, upright; angle_deg: tilt of the finger's axis, counter-clockwise
    from tip-up as seen, so that turning the segment by -angle_deg brings it upright; confidence: 0 to 1."""

    box: tuple[int, int, int, int]
    angle_deg: float
    confidence: float


@dataclass(frozen=True, eq=False)
class _Patch:
    """Cells of one patch: x, y [n] on the grid; u, v [n]: across and down the hand, same unit; weight: contrast."""

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    u: NDArray[np.float32]
    v: NDArray[np.float32]
    weight: NDArray[np.float32]

    @property
    def area(self) -> float:
        return float(self.x.size * CELL**2)

    @property
    def mass(self) -> float:
        return float(self.weight.sum())

    def keep(self, which: NDArray[np.bool_]) -> _Patch:
        return _Patch(self.x[which], self.y[which], self.u[which], self.v[which], self.weight[which])


def segment_slap(gray: NDArray[np.uint8], ppi: int, count: int) -> tuple[SlapFinger, ...]:
    """At most `count` fingers, left to right; fewer when fewer are seen.

    Raises ImageError (image.not_gray8, image.bad_ppi, image.too_small, image.too_large, image.blank), and
    ValueError when count is not 1 to 5.
    """
    if not 1 <= count <= 5:
        raise ValueError(f"a slap has 1 to 5 fingers, not {count}")
    check.check_gray(gray, ppi)
    check.check_not_blank(gray)
    contrast = _contrast(gray, ppi)
    labels = _patches(contrast)
    tilt = _tilt(contrast, labels)
    tips = list(_tips(_turned(contrast, labels, tilt)))
    tips = _parted(tips, count)
    best = sorted(tips, key=lambda t: -t.mass)[:count]
    strongest = max((t.mass for t in best), default=1.0)
    ordered = sorted(best, key=lambda t: float(t.u.mean()))
    return tuple(_finger(t, strongest, ppi, gray.shape) for t in ordered)


def _contrast(gray: NDArray[np.uint8], ppi: int) -> NDArray[np.float32]:
    """RMS of ridges, grey levels, on the grid; measured at 250 ppi."""
    size = (round(gray.shape[1] * 250 / ppi), round(gray.shape[0] * 250 / ppi))
    half = cv2.resize(gray, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    band = cv2.blur(half, (7, 7)) - half
    grid = (-(-size[0] * 2 // CELL), -(-size[1] * 2 // CELL))
    energy = cv2.GaussianBlur(cv2.resize(band * band, grid, interpolation=cv2.INTER_AREA), (0, 0), 1.2)
    return np.asarray(np.sqrt(np.maximum(energy, 0)), dtype=np.float32)


def _patches(contrast: NDArray[np.float32]) -> NDArray[np.int32]:
    """Labels of connected patches, 0 = empty."""
    level = max(CONTRAST_SHARE * float(np.percentile(contrast, 97)), p.CONTRAST_FLOOR)
    mask = (contrast > level).astype(np.uint8)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    mask = np.asarray(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, disc), dtype=np.uint8)
    mask = np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8)), dtype=np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    small = [k for k in range(1, count) if stats[k, cv2.CC_STAT_AREA] * CELL**2 < MIN_FINGER]
    labels[np.isin(labels, small)] = 0
    return np.asarray(labels, dtype=np.int32)


def _tilt(contrast: NDArray[np.float32], labels: NDArray[np.int32]) -> float:
    """Radians, counter-clockwise as seen, by which the fingers lean; 0 when no patch is long."""
    total = 0j
    for label in np.unique(labels[labels > 0]):
        rows, columns = np.nonzero(labels == label)
        axis, elongation = _axis(columns.astype(np.float32), rows.astype(np.float32))
        if abs(axis) < np.radians(55):
            total += np.exp(2j * axis) * (elongation - 1.0) * float(contrast[rows, columns].sum())
    return 0.5 * float(np.angle(total)) if abs(total) > 0 else 0.0


def _axis(x: NDArray[np.float32], y: NDArray[np.float32]) -> tuple[float, float]:
    """Lean of the long axis from vertical, radians counter-clockwise as seen, and length over width (1 to 4)."""
    dx, dy = x - x.mean(), y - y.mean()
    xx, yy, xy = float((dx * dx).mean()), float((dy * dy).mean()), float((dx * dy).mean())
    spread = float(np.hypot(xx - yy, 2 * xy))
    lean = 0.5 * float(np.arctan2(2 * xy, yy - xx))
    return lean, min(float(np.sqrt((xx + yy + spread) / max(xx + yy - spread, 1e-3))), 4.0)


def _turned(contrast: NDArray[np.float32], labels: NDArray[np.int32], tilt: float) -> list[_Patch]:
    """Patches with coordinates across (u) and down (v) the leaning hand."""
    cos, sin = np.cos(tilt), np.sin(tilt)
    patches = []
    for label in np.unique(labels[labels > 0]):
        rows, columns = np.nonzero(labels == label)
        x, y = columns.astype(np.float32), rows.astype(np.float32)
        u, v = (cos * x - sin * y).astype(np.float32), (sin * x + cos * y).astype(np.float32)
        patches.append(_Patch(x, y, u, v, contrast[rows, columns]))
    return patches


def _tips(patches: list[_Patch]) -> Iterator[_Patch]:
    """The foremost patch of each finger, cut to a fingertip's length."""
    columns: list[tuple[float, float]] = []
    for patch in sorted(patches, key=lambda q: float(q.v.min())):
        left, right = float(patch.u.min()), float(patch.u.max()) + 1
        covered = max((min(right, b) - max(left, a) for a, b in columns), default=0.0)
        if covered > COLUMN * (right - left):
            continue
        tip = _cut(patch)
        columns.append((float(tip.u.min()), float(tip.u.max()) + 1))
        yield tip


def _cut(patch: _Patch) -> _Patch:
    """Only the distal part: as long as LENGTH_TO_WIDTH times the width of its upper half allows."""
    depth = patch.v - patch.v.min()
    upper = patch.u[depth <= max(float(np.median(depth)), 20.0)]
    width = min(float(np.percentile(upper, 98) - np.percentile(upper, 2)) + 1, MAX_WIDTH / CELL)
    return patch.keep(depth <= LENGTH_TO_WIDTH * width)


def _parted(tips: list[_Patch], count: int) -> list[_Patch]:
    """Patches wider than a finger parted at their thinnest place, while fingers are missing."""
    while len(tips) < count:
        wide = max(tips, key=lambda t: float(np.ptp(t.u)), default=None)
        if wide is None or float(np.ptp(wide.u)) * CELL < MAX_WIDTH:
            break
        column = np.rint(wide.u - wide.u.min()).astype(int)
        profile = np.bincount(column)
        quarter = max(profile.size // 4, 1)
        middle = quarter + int(profile[quarter:-quarter].argmin())
        tips = [t for t in tips if t is not wide] + [wide.keep(column < middle), wide.keep(column > middle)]
    return tips


def _finger(tip: _Patch, strongest: float, ppi: int, shape: tuple[int, ...]) -> SlapFinger:
    scale, margin = CELL * ppi / 500, MARGIN * ppi / 500
    x0, y0 = (max(round(float(c.min()) * scale - margin), 0) for c in (tip.x, tip.y))
    x1 = min(round((float(tip.x.max()) + 1) * scale + margin), shape[1])
    y1 = min(round((float(tip.y.max()) + 1) * scale + margin), shape[0])
    lean, elongation = _axis(tip.x, tip.y)
    fill = min(tip.area / (float(np.ptp(tip.u) + 1) * float(np.ptp(tip.v) + 1) * CELL**2) / 0.7, 1.0)
    sure = fill * min(tip.mass / strongest / 0.25, 1.0) * min(elongation, 1.2) / 1.2
    return SlapFinger((x0, y0, x1 - x0, y1 - y0), round(float(np.degrees(lean)), 2), round(sure, 3))
