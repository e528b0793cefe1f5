"""A fingertip's cells as a polygon, a box and an angle in pixels. In: Tip, the lean of its hand; out: numbers."""

from __future__ import annotations

import cv2
import numpy as np

from station.imaging.slap_hand import LEAN_SD
from station.imaging.slap_patches import CELL_MM
from station.imaging.slap_tips import Tip

MARGIN_MM = 0.45
"""around the cells: ridges at the outline are too weak to count. chosen: middle of the error on synthetic slaps."""
MOST_CORNERS = 32
SIMPLER_MM = 0.15

Box = tuple[int, int, int, int]
Polygon = tuple[tuple[int, int], ...]


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
