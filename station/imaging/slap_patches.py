"""Where ridges touch the glass. In: uint8 [h, w] at ppi; out: patches of ridge cells on a grid of CELL_MM.

A cell counts when its ridges are strong beside the strongest of the picture and run one way: condensation, droplets
and dirt are dark or rough, but not parallel. Nothing here knows about hands.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from station.imaging import parameters as p

CELL = 8
"""px at 500 ppi, pitch of the grid."""
CELL_MM = CELL * 25.4 / 500
SHARE = 0.28
"""of the strongest ridges that a cell needs. chosen: lower joints touch lightly and mostly fall away."""
STRONGEST_CELLS = 250
"""cells (41 mm², a third of a fingertip): so many are stronger than what counts as the strongest."""
COHERENCE = (0.22, 0.5)
"""of the gradients within about 3 mm: below the first a cell is no ridge, above the second wholly. Noise gives 0.15,
ridges at a core 0.4, elsewhere 0.6 and more."""
SMALLEST_MM2 = 26.0
"""a little finger's tip, lightly laid down, in part dry."""
BLACK = 0.45
"""of the platen's grey, lost: such a place is skin though no ridge shows, too wet or pressed flat. Halos lose
a third."""
RIDGED = 0.15
"""share of a patch's cells that show ridges, at least: else it is a stain."""
DARK = 0.5
"""of the way from the platen's grey to that of the ridges: from there a place is dark."""
BRIDGED_CELLS = 13
"""a dark place so wide between ridges is skin pressed flat."""
SMOOTH_CELLS = 1.2

Float = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Field:
    """The grid, [rows, columns]. strength: float32, RMS of ridges in grey levels; contrast: float32, RMS of anything so
    fine; ink: float32, mean grey between the platen's (0) and that of ridges (1); black: bool, too dark for ridges."""

    strength: Float
    contrast: Float
    ink: Float
    black: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Patch:
    """Cells of one patch: x, y float32 [n], mm from the upper left corner of the picture; weight [n]: strength."""

    x: Float
    y: Float
    weight: Float

    @property
    def area(self) -> float:
        """mm²"""
        return float(self.x.size) * CELL_MM**2

    @functools.cached_property
    def mass(self) -> float:
        """Sum of the strengths."""
        return float(self.weight.sum())

    @functools.cached_property
    def middle(self) -> tuple[float, float]:
        """x, y, mm"""
        return float(self.x.mean()), float(self.y.mean())

    def frame(self, tilt: float) -> tuple[Float, Float]:
        """Across (u) and down (v) a hand that leans `tilt` radians counter-clockwise, mm."""
        cos, sin = np.float32(np.cos(tilt)), np.float32(np.sin(tilt))
        return cos * self.x - sin * self.y, sin * self.x + cos * self.y

    def cells(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Rows and columns of the grid."""
        rows, columns = (np.rint(c / CELL_MM - 0.5).astype(np.intp) for c in (self.y, self.x))
        return rows, columns

    def keep(self, which: NDArray[np.bool_]) -> Patch:
        return Patch(self.x[which], self.y[which], self.weight[which])

    @functools.cached_property
    def axis(self) -> tuple[float, float]:
        """Lean of the long axis from vertical, radians counter-clockwise as seen, and length over width (1 to 4)."""
        dx, dy = self.x - np.float32(self.middle[0]), self.y - np.float32(self.middle[1])
        xx, yy, xy = float((dx * dx).mean()), float((dy * dy).mean()), float((dx * dy).mean())
        spread = float(np.hypot(xx - yy, 2 * xy))
        lean = 0.5 * float(np.arctan2(2 * xy, yy - xx))
        return lean, min(float(np.sqrt((xx + yy + spread) / max(xx + yy - spread, 1e-3))), 4.0)


def field(gray: NDArray[np.uint8], ppi: int) -> Field:
    """Ridges of a picture, measured at 250 ppi, on the grid. The picture has passed `check.check_gray`."""
    size = (max(round(gray.shape[1] * 250 / ppi), 8), max(round(gray.shape[0] * 250 / ppi), 8))
    half = np.asarray(gray if ppi == 250 else cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.uint8)
    grid = (-(-size[0] * 2 // CELL), -(-size[1] * 2 // CELL))
    wide = half.astype(np.float32)
    band = cv2.blur(wide, (7, 7)) - wide
    energy = _on_grid(band * band, grid)
    coherence = _coherence(half, grid)
    sure = np.clip((coherence - COHERENCE[0]) / (COHERENCE[1] - COHERENCE[0]), 0.0, 1.0)
    contrast = np.asarray(np.sqrt(np.maximum(energy, 0.0)), np.float32)
    strength = np.asarray(contrast * sure, np.float32)
    grey = np.asarray(cv2.resize(wide, grid, interpolation=cv2.INTER_AREA), np.float32)
    ridges = strength > _level(strength, SHARE)
    ink = float(np.median(grey[ridges])) if ridges.any() else 0.0
    glass = float(np.percentile(grey[::3, ::3], 85))
    black = np.asarray(grey < (1.0 - BLACK) * glass, np.bool_)
    return Field(strength, contrast, (glass - grey) / np.float32(max(glass - ink, 1.0)), black)


def _on_grid(values: Float, grid: tuple[int, int]) -> Float:
    small = cv2.resize(values, grid, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(small, (0, 0), SMOOTH_CELLS), np.float32)


def _coherence(half: NDArray[np.uint8], grid: tuple[int, int]) -> Float:
    """How much the gradients of a neighbourhood share one direction, 0 to 1 (Kass and Witkin 1987)."""
    gx, gy = cv2.Sobel(half, cv2.CV_32F, 1, 0), cv2.Sobel(half, cv2.CV_32F, 0, 1)
    xx, yy, xy = (_on_grid(product, grid) for product in (gx * gx, gy * gy, gx * gy))
    return np.asarray(np.hypot(xx - yy, 2 * xy) / (xx + yy + 1.0), np.float32)


def _level(strength: Float, share: float) -> float:
    """The strength from which a cell shows ridges."""
    last = max(strength.size - STRONGEST_CELLS, 0)
    return max(share * float(np.partition(strength.ravel(), last)[last]), p.CONTRAST_FLOOR)


def _mask(ridges: NDArray[np.bool_], black: NDArray[np.bool_], dark: NDArray[np.bool_]) -> NDArray[np.bool_]:
    mask = np.pad((ridges | black).astype(np.uint8), BRIDGED_CELLS)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    wide = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (BRIDGED_CELLS, BRIDGED_CELLS))
    bridged = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, wide) & np.pad(dark, BRIDGED_CELLS)
    mask = np.asarray(cv2.morphologyEx(mask | bridged, cv2.MORPH_CLOSE, disc), np.uint8)
    mask = np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, disc), np.uint8)
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(mask, outlines, -1, 1, cv2.FILLED)
    inner = slice(BRIDGED_CELLS, -BRIDGED_CELLS)
    return np.asarray(mask[inner, inner] > 0)


def patches(found: Field, share: float = SHARE) -> list[Patch]:
    """Connected patches that are large enough to be a fingertip, by mass, largest first. share: of the strongest
    ridges that a cell needs."""
    level = _level(found.strength, share)
    mask = _mask(found.strength > level, found.black, found.ink > DARK)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    made = []
    for k in range(1, count):
        if stats[k, cv2.CC_STAT_AREA] * CELL_MM**2 < SMALLEST_MM2:
            continue
        left, top, width, height = (int(stats[k, i]) for i in range(4))
        window = (slice(top, top + height), slice(left, left + width))
        rows, columns = np.nonzero(labels[window] == k)
        strength = found.strength[window][rows, columns]
        if float((strength > level).mean()) > RIDGED:
            made.append(
                Patch(cell_mm(columns + left), cell_mm(rows + top), np.maximum(strength, np.float32(level)))
            )
    return sorted(made, key=lambda patch: -patch.mass)


def cell_mm(cells: NDArray[np.intp]) -> Float:
    """Middles of cells."""
    return np.asarray((cells + 0.5) * CELL_MM, np.float32)
