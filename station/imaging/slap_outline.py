"""A fingertip's cells as a polygon, a box and an angle in pixels. In: Tip, the lean of its hand; out: numbers.

A tip is found by its strong ridges and then grows over the faint ones at its outline, not down over the crease.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from station.imaging.slap_hand import LEAN_SD
from station.imaging.slap_patches import CELL_MM, Field, Patch, cell_mm
from station.imaging.slap_tips import Tip

FAINT = 0.4
"""of a tip's own contrast that its outline needs"""
USUAL_PERCENT = 70.0
"""which of its contrasts counts as its own: a wet finger has lost most"""
REACH_MM = 3.0
"""how far a tip grows at most"""
PAST_CREASE_MM = 0.8
MARGIN_MM = 0.45
"""around the cells: ridges at the outline are too weak to count. chosen: middle of the error on synthetic slaps."""
MOST_CORNERS = 32
SIMPLER_MM = 0.15

Box = tuple[int, int, int, int]
Polygon = tuple[tuple[int, int], ...]


def grown(tip: Tip, others: Sequence[Tip], frame: float, field: Field) -> Tip:
    """The tip with the faint ridges around it that no other tip is nearer to, if they are connected to it."""
    own, rest = (_cells([tip], field.contrast.shape), _cells(others, field.contrast.shape))
    rows, columns = np.nonzero(own)
    reach = round(REACH_MM / CELL_MM) + 2
    window = tuple(slice(max(int(c.min()) - reach, 0), int(c.max()) + reach + 1) for c in (rows, columns))
    near, far = own[window], rest[window]
    limit = FAINT * float(np.percentile(field.contrast[own > 0], USUAL_PERCENT))
    away = cv2.distanceTransform(1 - near, cv2.DIST_L2, 5)
    faint = (field.contrast[window] > limit) & (away * CELL_MM <= REACH_MM) & (far == 0)
    if far.any():
        faint &= away <= cv2.distanceTransform(1 - far, cv2.DIST_L2, 5)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    joined = np.asarray(
        cv2.morphologyEx((faint | (near > 0)).astype(np.uint8), cv2.MORPH_OPEN, disc), np.uint8
    )
    _, labels = cv2.connectedComponents(joined | near, connectivity=4)
    whole = np.bincount(labels[near > 0])
    y, x = np.nonzero(labels == int(whole.argmax()))
    x, y = x + window[1].start, y + window[0].start
    patch = Patch(cell_mm(x), cell_mm(y), field.strength[y, x])
    _, v = patch.frame(frame)
    bottom = tip.top + tip.length + PAST_CREASE_MM
    return dataclasses.replace(tip, patch=patch.keep(v <= bottom))


def _cells(tips: Sequence[Tip], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    mask = np.zeros(shape, np.uint8)
    for tip in tips:
        mask[tip.patch.cells()] = 1
    return mask


def outline(tip: Tip, ppi: int, shape: tuple[int, ...]) -> Polygon:
    """Convex polygon around the tip, clockwise as seen, px, inside a picture of `shape`."""
    reach = np.float32(CELL_MM / 2 + MARGIN_MM)
    x, y = tip.patch.x, tip.patch.y
    corners = [(x + a * reach, y + b * reach) for a, b in ((-1, 0), (1, 0), (0, -1), (0, 1))]
    points = np.concatenate([np.stack(pair, axis=1) for pair in corners])
    hull = cv2.convexHull(np.asarray(points, np.float32))
    slack = SIMPLER_MM
    while True:
        simple = cv2.approxPolyDP(hull, slack, True)[:, 0]
        if len(simple) <= MOST_CORNERS:
            break
        slack *= 1.5
    limits = np.array([shape[1] - 1, shape[0] - 1])
    inside = np.clip(np.rint(simple * (ppi / 25.4)).astype(int), 0, limits)
    clean = cv2.convexHull(inside.astype(np.int32))[:, 0].astype(int)
    x0, y0 = clean[:, 0], clean[:, 1]
    signed = float((x0 * np.roll(y0, -1) - np.roll(x0, -1) * y0).sum())
    ordered = clean if signed > 0 else clean[::-1]
    return tuple((int(a), int(b)) for a, b in ordered)


def bounds(polygon: Polygon) -> Box:
    """The upright box around a polygon: x, y, width, height, its last column and row included."""
    x, y = [point[0] for point in polygon], [point[1] for point in polygon]
    return min(x), min(y), max(x) - min(x) + 1, max(y) - min(y) + 1


def angle(tip: Tip, frame: float, hand_tilt: float, usual_lean: float) -> float:
    """Radians counter-clockwise: the finger's own axis and what the hand suggests, by how sure each is."""
    own, suggested = tip.lean + frame, hand_tilt + usual_lean
    weight = tip.trust / (tip.trust + 1.0 / LEAN_SD**2)
    return float(weight * own + (1.0 - weight) * suggested)
