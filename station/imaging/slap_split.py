"""Fingers that grew together on the picture, taken apart. In: one Patch; out: one or more.

A fingertip is convex. A patch with a waist is several things: two fingers side by side, a tip with its lower joint, a
print upon the rest of an earlier one. It is eroded until it falls apart (or its weak cells are left out until it
does), and every cell goes to the nearest part.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from station.imaging.slap_patches import CELL_MM, SMALLEST_MM2, Patch

CONVEX = 0.93
"""share of its hull that a patch of one thing covers. Synthetic and real tips: 0.92 to 0.97."""
RAGGED = 0.74
"""share above which a patch of the size of a fingertip may well be one, dry or smeared"""
ONE_TIP_MM = (23.0, 28.0)
"""width and length of the largest fingertip"""
EROSIONS = (0.15, 0.3, 0.45, 0.6, 0.7, 0.8, 0.88)
"""of the depth of the patch's innermost cell"""
SHARES = (0.5, 0.65, 0.8)
"""of the patch's own strong cells: below it cells are left out."""
LEAST_SEED_MM2 = 4.0
DEPTH = 3
BETTER, MUCH_BETTER = 0.03, 0.07
"""by how much the parts must be more convex than the whole, and than what may well be one tip."""

Labels = NDArray[np.int32]


def parted(patch: Patch, eager: bool = True, depth: int = DEPTH) -> list[Patch]:
    """The patch, or the parts it falls into. eager: part even what has the size of one fingertip, dry or smeared."""
    whole = solidity(patch)
    likely_one = whole > RAGGED and _one_tip(patch)
    if whole >= CONVEX or depth == 0 or (likely_one and not eager):
        return [patch]
    better = MUCH_BETTER if likely_one else BETTER
    for parts in _attempts(patch):
        share = sum(part.area for part in parts)
        if sum(solidity(part) * part.area for part in parts) / share > whole + better:
            return [piece for part in parts for piece in parted(part, eager, depth - 1)]
    return [patch]


def _one_tip(patch: Patch) -> bool:
    """No larger than a single fingertip."""
    _, sides, _ = cv2.minAreaRect(np.stack([patch.x, patch.y], axis=1))
    return min(sides) < ONE_TIP_MM[0] and max(sides) < ONE_TIP_MM[1]


def solidity(patch: Patch) -> float:
    """Area over the area of the convex hull, 0 to 1."""
    hull = cv2.convexHull(np.stack([patch.x, patch.y], axis=1))
    # the hull of cell middles is half a cell short all round
    around = float(cv2.arcLength(hull, True)) * CELL_MM / 2 + CELL_MM**2
    return min(patch.area / (float(cv2.contourArea(hull)) + around), 1.0)


def _attempts(patch: Patch) -> Iterator[list[Patch]]:
    rows, columns = patch.cells()
    columns, rows = columns - columns.min() + 1, rows - rows.min() + 1
    mask = np.zeros((int(rows.max()) + 2, int(columns.max()) + 2), np.uint8)
    mask[rows, columns] = 1
    inside = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    for erosion in EROSIONS:
        seeds = _seeds(inside > erosion * float(inside.max()), LEAST_SEED_MM2)
        if seeds.max() > 1:
            owner = _nearest(seeds)[rows, columns]
            yield from _of(patch, owner)
    level = float(np.percentile(patch.weight, 90))
    for share in SHARES:
        strong = np.zeros_like(mask)
        strong[rows, columns] = patch.weight > share * level
        strong = np.asarray(cv2.morphologyEx(strong, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8)), np.uint8)
        seeds = _seeds(strong > 0, SMALLEST_MM2)
        if seeds.max() > 1:
            yield from _of(patch, seeds[rows, columns])


def _seeds(mask: NDArray[np.bool_], least_mm2: float) -> Labels:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    lut = np.zeros(count, np.int32)
    large = [k for k in range(1, count) if stats[k, cv2.CC_STAT_AREA] * CELL_MM**2 >= least_mm2]
    lut[large] = np.arange(1, len(large) + 1)
    return np.asarray(lut[labels], np.int32)


def _nearest(seeds: Labels) -> Labels:
    """Everywhere the label of the nearest seed."""
    _, zones = cv2.distanceTransformWithLabels(
        (seeds == 0).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_CCOMP
    )
    names = np.zeros(int(zones.max()) + 1, np.int32)
    names[zones[seeds > 0]] = seeds[seeds > 0]
    return np.asarray(names[zones], np.int32)


def _of(patch: Patch, owner: Labels) -> Iterator[list[Patch]]:
    parts = [patch.keep(owner == k) for k in range(1, int(owner.max(initial=0)) + 1)]
    large = [part for part in parts if part.area >= SMALLEST_MM2]
    if len(large) > 1:
        yield large
