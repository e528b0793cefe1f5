"""Stage 6: minutiae as phase residues of the ridge wave. In: RidgeWave; out: Residues (raw, many spurious).

Where a ridge ends or forks, the phase of the ridge wave turns by 2π around the point. That is found on every 2×2
loop of pixels without binarising or thinning (Larkin and Fletcher 2007). The sign of the turn says on which side
there is one ridge more, hence the direction; ridge or valley on the side with fewer says ending or bifurcation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from station.friction_ridge import MinutiaKind
from station.imaging import parameters as p
from station.imaging.enhance import RidgeWave
from station.imaging.normalise import Plane

Vector = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Residues:
    """Equal-length arrays. x, y: px; angle: degrees as in MinutiaTemplate; kind: MinutiaKind; strength: 0 to 1."""

    x: Vector
    y: Vector
    angle: Vector
    kind: NDArray[np.uint8]
    strength: Vector

    def __len__(self) -> int:
        return int(self.x.size)

    def keep(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> Residues:
        """The residues a mask or index array names."""
        return Residues(
            self.x[which], self.y[which], self.angle[which], self.kind[which], self.strength[which]
        )


def find(wave: RidgeWave, mask: NDArray[np.uint8], strength: Plane, period: Plane) -> Residues:
    """All residues where `mask` (full size) is not zero. strength, period: coarse grid."""
    rows, columns = _candidates(wave, mask)
    charge, row, column = _winding(wave, rows, columns)
    x, y = column.astype(np.float32), row.astype(np.float32)
    at = (row.astype(int), column.astype(int))
    nx, ny = wave.nx[at], wave.ny[at]
    # towards the side with one ridge more: the normal turned a quarter clockwise as seen, times the charge
    ux, uy = -ny * charge, nx * charge
    grid_x, grid_y = x / np.float32(p.GRID), y / np.float32(p.GRID)
    reach = np.float32(p.SIDE_DISTANCE) * _at(period, grid_x, grid_y)
    ahead = _at(wave.real, x + ux * reach, y + uy * reach)
    behind = _at(wave.real, x - ux * reach, y - uy * reach)
    kind = np.where(behind > ahead, MinutiaKind.BIFURCATION, MinutiaKind.ENDING).astype(np.uint8)
    angle = np.degrees(np.arctan2(-uy, ux)) % 360.0
    return Residues(x, y, angle.astype(np.float32) % 360, kind, _at(strength, grid_x, grid_y))


def _candidates(wave: RidgeWave, mask: NDArray[np.uint8]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """2×2 loops in which both parts change sign: only they can hold a zero."""
    mixed = mask[:-1, :-1] != 0
    for part in (wave.real, wave.imag):
        sign = (part > 0).astype(np.uint8)
        total = cv2.boxFilter(sign, cv2.CV_8U, (2, 2), anchor=(0, 0), normalize=False)[:-1, :-1]
        if part is wave.imag:
            # the imaginary part also flips where the normal's arbitrary sign does: look again, aligned, below
            mixed &= ((total > 0) & (total < 4)) | _flips(wave)
        else:
            mixed &= (total > 0) & (total < 4)
    rows, columns = np.nonzero(mixed)
    return rows, columns


def _flips(wave: RidgeWave) -> NDArray[np.bool_]:
    """2×2 loops across which the normal changes sign (it lies near the vertical image axis there)."""
    sign = (wave.ny > 0).astype(np.uint8)
    total = cv2.boxFilter(sign, cv2.CV_8U, (2, 2), anchor=(0, 0), normalize=False)[:-1, :-1]
    return np.asarray((total > 0) & (total < 4) & (np.abs(wave.ny[:-1, :-1]) > 0.7), dtype=np.bool_)


def _winding(
    wave: RidgeWave, rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> tuple[Vector, NDArray[np.intp], NDArray[np.intp]]:
    """Charge (+1 or -1, counter-clockwise as seen) of the loops that have one, and where they are."""
    nx0, ny0 = wave.nx[rows, columns], wave.ny[rows, columns]
    corners = []
    for dy, dx in (
        (0, 0),
        (1, 0),
        (1, 1),
        (0, 1),
    ):  # down, right, up, left: counter-clockwise as seen, y down
        at = (rows + dy, columns + dx)
        same = np.where(wave.nx[at] * nx0 + wave.ny[at] * ny0 >= 0, 1.0, -1.0)
        corners.append(wave.real[at] + 1j * wave.imag[at] * same)
    turn = sum(np.angle(corners[(k + 1) % 4] * np.conj(corners[k])) for k in range(4))
    charge = np.rint(np.asarray(turn) / (2.0 * np.pi))
    hit = charge != 0
    return np.sign(charge[hit]).astype(np.float32), rows[hit], columns[hit]


def _at(plane: Plane, x: NDArray[np.floating[Any]], y: NDArray[np.floating[Any]]) -> Vector:
    """Nearest values of a plane at points, edge values outside."""
    column = np.clip(np.rint(x), 0, plane.shape[1] - 1).astype(int)
    row = np.clip(np.rint(y), 0, plane.shape[0] - 1).astype(int)
    return np.asarray(plane[row, column], dtype=np.float32)
