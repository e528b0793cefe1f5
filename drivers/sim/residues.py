"""Minutiae as residues of the ridge phase: where the phase winds once around a point, a ridge begins or ends.

In: the complex ridge signal of ridges.py and its orientation. Out: places, directions and types, to a fraction of a
cell. Larkin and Fletcher (2007) read fingerprints this way; here the phase is that of the noise-free master, so the
minutiae are exact rather than estimated.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.sim.ridges import PERIOD_CELLS, Signal

_PROBE_CELLS = (1.0, 1.75, 2.5, 3.25)
"""Where, on the side of the extra line, height is read to tell a ridge (ending) from a valley (bifurcation)."""
_TWIN_CELLS = 0.6 * PERIOD_CELLS
"""Residues of opposite sign nearer than this are one ripple, not two minutiae."""


@dataclass(frozen=True)
class Residues:
    """column, row: cells; direction: radians, y up, towards the extra ridge or valley; ending: bool."""

    column: NDArray[np.float64]
    row: NDArray[np.float64]
    direction: NDArray[np.float64]
    ending: NDArray[np.bool_]


def _wrap(angle: NDArray[np.float32]) -> NDArray[np.float32]:
    turns = np.round(angle / np.float32(2.0 * np.pi))
    return np.asarray(angle - np.float32(2.0 * np.pi) * turns, np.float32)


def charges(z: Signal, theta: NDArray[np.float64]) -> NDArray[np.int8]:
    """Winding number of the phase around each 2 × 2 cell loop, int8 [h-1, w-1]. The phase of a cell is turned over
    where its normal points against that of the loop's first cell (orientation is known modulo pi only)."""
    phase = np.angle(z).astype(np.float32)
    branch = np.mod(theta, np.pi).astype(np.float32)
    corners = [(slice(None, -1), slice(None, -1)), (slice(None, -1), slice(1, None))]
    corners += [(slice(1, None), slice(1, None)), (slice(1, None), slice(None, -1))]
    first = branch[corners[0]]
    turned = [
        phase[c] * np.where(np.abs(branch[c] - first) > np.pi / 2, np.float32(-1.0), np.float32(1.0))
        for c in corners
    ]
    total = sum(_wrap(turned[(i + 1) % 4] - turned[i]) for i in range(4))
    return np.round(np.asarray(total) / (2.0 * np.pi)).astype(np.int8)


def residues(z: Signal, theta: NDArray[np.float64]) -> Residues:
    """All minutiae of the signal."""
    charge = charges(z, theta)
    row, column = np.nonzero(charge)
    keep = _without_twins(column, row, charge[row, column])
    row, column = row[keep], column[keep]
    t = np.mod(theta[row, column], np.pi)
    # The loop of `charges` runs from +x to +y (down), clockwise as seen, and the phase grows along the normal, down
    # the image: walking along the normal on the side of +t follows the loop, so a winding of +1 adds a line there.
    direction = np.where(charge[row, column] > 0, t, t + np.pi)
    x, y = np.asarray(column + 0.5, np.float64), np.asarray(row + 0.5, np.float64)
    height = np.zeros(x.shape)
    for reach in _PROBE_CELLS:
        height += _read(z.real, x + reach * np.cos(direction), y - reach * np.sin(direction))
    return Residues(x, y, np.mod(direction, 2.0 * np.pi), height > 0.0)


def _read(image: NDArray[np.float32], x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values between cells, linear; the edge goes on for ever."""
    if x.size == 0:
        return np.zeros(0)
    maps = x.astype(np.float32).reshape(-1, 1), y.astype(np.float32).reshape(-1, 1)
    found = cv2.remap(np.ascontiguousarray(image), *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, float).reshape(-1)


def _without_twins(
    column: NDArray[np.int64], row: NDArray[np.int64], charge: NDArray[np.int8]
) -> NDArray[np.bool_]:
    near = np.hypot(column[:, None] - column[None, :], row[:, None] - row[None, :]) < _TWIN_CELLS
    opposite = charge[:, None] * charge[None, :] < 0
    alone: NDArray[np.bool_] = ~(near & opposite).any(axis=1)
    return alone
