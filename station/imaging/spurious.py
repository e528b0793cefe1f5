"""Stage 7: drop residues that are not minutiae. In: Residues; out: fewer Residues, strongest first.

A broken ridge, a pore or a bridge makes a pair of residues of opposite direction close together; the rim of the
contact area cuts ridges off; noise has little ridge strength.
"""

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


def not_cut_off(found: Residues, mask: NDArray[np.bool_]) -> Residues:
    """Residues with foreground behind them: where it ends there, the ridge left the contact instead."""
    reach, side = p.BORDER_BEHIND
    inside = np.ones(len(found), np.bool_)
    for turn in (-side, 0.0, side):
        back = np.radians(found.angle + 180.0 + turn)
        column = np.floor((found.x + reach * np.cos(back)) / p.GRID).astype(int)
        row = np.floor((found.y - reach * np.sin(back)) / p.GRID).astype(int)
        within = (column >= 0) & (row >= 0) & (column < mask.shape[1]) & (row < mask.shape[0])
        inside &= within & mask[row.clip(0, mask.shape[0] - 1), column.clip(0, mask.shape[1] - 1)]
    return found.keep(inside)


def remove(found: Residues) -> Residues:
    """Residues strong enough, without dipoles and crowds, at most MAX_MINUTIAE, strongest first."""
    strong = found.keep(found.strength >= p.MIN_STRENGTH)
    strong = strong.keep(np.argsort(-strong.strength, kind="stable"))
    lone = strong.keep(~_in_dipole(strong))
    return lone.keep(~_crowded(lone)).keep(np.arange(p.MAX_MINUTIAE)[: int((~_crowded(lone)).sum())])


def _distances(found: Residues) -> NDArray[np.float32]:
    distance = np.hypot(found.x[:, None] - found.x[None, :], found.y[:, None] - found.y[None, :])
    np.fill_diagonal(distance, np.inf)
    return np.asarray(distance, dtype=np.float32)


def _in_dipole(found: Residues) -> NDArray[np.bool_]:
    """Members of the closest pairs of opposite direction: each residue is used up by one partner only."""
    if len(found) < 2:
        return np.zeros(len(found), np.bool_)
    facing = np.cos(np.radians(found.angle[:, None] - found.angle[None, :])) < -0.5
    distance = np.where(facing, _distances(found), np.inf)
    used = np.zeros(len(found), np.bool_)
    first, second = np.nonzero(np.triu(distance <= p.DIPOLE_DISTANCE))
    for k in np.argsort(distance[first, second], kind="stable"):
        if not used[first[k]] and not used[second[k]]:
            used[first[k]] = used[second[k]] = True
    return used


def _crowded(found: Residues) -> NDArray[np.bool_]:
    """Residues with a stronger one (earlier in order) next to them."""
    if len(found) < 2:
        return np.zeros(len(found), np.bool_)
    near = np.tril(_distances(found) < p.CROWD_DISTANCE, -1)
    return np.asarray(near.any(axis=1), dtype=np.bool_)
