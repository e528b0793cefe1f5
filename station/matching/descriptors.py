"""What a minutia's neighbourhood looks like, free of position and rotation. In: template; out: Prepared.

A cylinder per minutia after Cappelli, Ferrara and Maltoni (Minutia Cylinder-Code, PAMI 32(12), 2010): cells around
it, turned with its direction, times layers of direction difference; a neighbour adds to the cells near it.
"""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from station.friction_ridge import MinutiaTemplate
from station.matching import parameters as p

Matrix = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Prepared:
    """n minutiae at 500 ppi. x, y: px, y up (so that angles turn as the template's do); angle: radians;
    kind: uint8; cylinders: float32 [n, cells·layers]; norms: float32 [n], 0 = too few neighbours."""

    x: Matrix
    y: Matrix
    angle: Matrix
    kind: NDArray[np.uint8]
    cylinders: Matrix
    norms: Matrix

    def __len__(self) -> int:
        return int(self.x.size)


_cache: weakref.WeakKeyDictionary[MinutiaTemplate, Prepared] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def prepare(template: MinutiaTemplate) -> Prepared:
    """The template ready for matching; remembered as long as the template lives."""
    with _lock:
        known = _cache.get(template)
    if known is None:
        known = _prepare(template)
        with _lock:
            _cache[template] = known
    return known


def _prepare(template: MinutiaTemplate) -> Prepared:
    scale = np.float32(500.0 / template.ppi)
    x, y = template.x * scale, -template.y * scale
    angle = np.radians(template.angle).astype(np.float32)
    cylinders, norms = _cylinders(x, y, angle)
    return Prepared(x, y, angle, template.kind, cylinders, norms)


def _cell_centres() -> tuple[Matrix, Matrix]:
    """u along the minutia's direction, v to its left: float32 [cells] inside the circle."""
    line = (np.arange(p.CELLS, dtype=np.float32) + 0.5) / p.CELLS * 2 - 1
    u, v = (a.ravel() * np.float32(p.RADIUS) for a in np.meshgrid(line, line))
    inside = np.hypot(u, v) <= p.RADIUS
    return np.asarray(u[inside], dtype=np.float32), np.asarray(v[inside], dtype=np.float32)


_U, _V = _cell_centres()


def _cylinders(x: Matrix, y: Matrix, angle: Matrix) -> tuple[Matrix, Matrix]:
    if x.size == 0:
        return np.zeros((0, _U.size * p.LAYERS), np.float32), np.zeros(0, np.float32)
    dx, dy = x[None, :] - x[:, None], y[None, :] - y[:, None]
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    u, v = cos * dx + sin * dy, cos * dy - sin * dx
    near = np.hypot(dx, dy) <= p.RADIUS + 2 * p.CELL_SIGMA
    np.fill_diagonal(near, False)
    u, v, turn, weight = _gather(near, u, v, angle[None, :] - angle[:, None])
    distance = (u[:, None, :] - _U[None, :, None]) ** 2 + (v[:, None, :] - _V[None, :, None]) ** 2
    place = np.exp(distance * np.float32(-0.5 / p.CELL_SIGMA**2)) * weight[:, None, :]
    layers = (np.arange(p.LAYERS, dtype=np.float32) + 0.5) * (2 * np.pi / p.LAYERS) - np.pi
    off = wrap(turn[:, :, None] - layers.astype(np.float32))
    direction = np.exp(off**2 * np.float32(-0.5 / np.radians(p.LAYER_SIGMA) ** 2))
    value = 1.0 - np.exp(-(place @ direction) / np.float32(p.SATURATION))
    cylinders = value.reshape(x.size, -1).astype(np.float32)
    norms = np.where(near.sum(axis=1) >= p.MIN_NEIGHBOURS, np.linalg.norm(cylinders, axis=1), 0.0)
    return cylinders, norms.astype(np.float32)


def _gather(
    near: NDArray[np.bool_], u: Matrix, v: Matrix, turn: Matrix
) -> tuple[Matrix, Matrix, Matrix, Matrix]:
    """Only the neighbours, packed to the left: [n, most neighbours] each, and weight 1 or 0."""
    most = max(int(near.sum(axis=1).max()), 1)
    order = np.argsort(~near, axis=1, kind="stable")[:, :most]
    rows = np.arange(near.shape[0])[:, None]
    return u[rows, order], v[rows, order], turn[rows, order], near[rows, order].astype(np.float32)


def wrap(radians: Matrix) -> Matrix:
    """Angles into -π to π."""
    return np.asarray(
        radians - np.float32(2 * np.pi) * np.rint(radians / np.float32(2 * np.pi)), dtype=np.float32
    )


def similarity(a: Prepared, b: Prepared) -> Matrix:
    """1 - |A-B| / (|A|+|B|) of every two cylinders, in one matrix product. float32 [na, nb], 0 to 1."""
    na, nb = a.norms[:, None], b.norms[None, :]
    gap = np.sqrt(np.maximum(na**2 + nb**2 - 2.0 * (a.cylinders @ b.cylinders.T), 0.0))
    value = 1.0 - gap / np.maximum(na + nb, 1e-6)
    return np.where((na > 0) & (nb > 0), value, 0.0).astype(np.float32)
