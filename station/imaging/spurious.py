"""Stages 6 and 8: where residues count, and which of them are kept. In: Residues; out: fewer, surest first."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from station.imaging import parameters as p
from station.imaging.residues import Residues


def inner_mask(mask: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """The foreground at full size less a border, with the picture's edge counted as border. uint8, 0 or 1."""
    wide = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    inside = cv2.distanceTransform(wide, cv2.DIST_L2, 3)[1:-1, 1:-1] * p.GRID
    near = cv2.resize(
        (inside > p.BORDER).astype(np.uint8), (shape[1], shape[0]), interpolation=cv2.INTER_NEAREST
    )
    return np.asarray(near, dtype=np.uint8)


def candidates(found: Residues) -> Residues:
    """Residues with any ridge strength, the strongest MAX_CANDIDATES: noise has more of them than a finger."""
    strong = found.keep(found.strength >= p.MIN_STRENGTH)
    return strong.keep(np.argsort(-strong.strength, kind="stable")[: p.MAX_CANDIDATES])


def remove(found: Residues) -> Residues:
    """Residues sure enough (strength holds their confidence), without crowds, at most MAX_MINUTIAE, surest first."""
    sure = found.keep(found.strength >= p.MIN_CONFIDENCE)
    sure = sure.keep(np.argsort(-sure.strength, kind="stable"))
    alone = sure.keep(~_crowded(sure))
    return alone.keep(np.arange(min(len(alone), p.MAX_MINUTIAE)))


def _crowded(found: Residues) -> NDArray[np.bool_]:
    """Residues with a surer one (earlier in order) next to them."""
    if len(found) < 2:
        return np.zeros(len(found), np.bool_)
    distance = np.hypot(found.x[:, None] - found.x[None, :], found.y[:, None] - found.y[None, :])
    return np.asarray(np.tril(distance < p.CROWD_DISTANCE, -1).any(axis=1), dtype=np.bool_)
