"""What a minutia's neighbourhood looks like, free of position and rotation. In: minutiae; out: a vector for each.

A cylinder per minutia after Cappelli, Ferrara and Maltoni (Minutia Cylinder-Code, PAMI 32(12), 2010): cells around
it, turned with its direction, times layers of direction difference; a neighbour adds to the cells near it. The
cylinder is then projected on the few directions in which neighbourhoods of different minutiae differ most and
impressions of the same differ least (linear discriminant analysis, Fisher 1936), learned from synthetic fingers:
`docs/training/descriptors.py` makes the table anew.
"""

from __future__ import annotations

import functools
import importlib.resources
import io

import numpy as np
from numpy.typing import NDArray

from station.matching import parameters as p

Matrix = NDArray[np.float32]

TABLE = "descriptor.npz"


@functools.cache
def projection() -> tuple[Matrix, Matrix]:
    """mean float32 [cells·layers]; directions float32 [cells·layers, DESCRIPTOR]."""
    data = (importlib.resources.files("station.matching") / TABLE).read_bytes()
    with np.load(io.BytesIO(data), allow_pickle=False) as table:
        return table["mean"].astype(np.float32), table["directions"].astype(np.float32)


def describe(x: Matrix, y: Matrix, angle: Matrix, weight: Matrix) -> Matrix:
    """float32 [n, DESCRIPTOR], length 1 each; 0 for a minutia with fewer than MIN_NEIGHBOURS neighbours.

    x, y: px at 500 ppi, y up; angle: radians; weight: 0 to 1, how much a minutia adds to others' cylinders.
    """
    values, neighbours = cylinders(x, y, angle, weight)
    mean, directions = projection()
    looks = (values - mean) @ directions
    looks /= np.maximum(np.linalg.norm(looks, axis=1, keepdims=True), 1e-6)
    looks[neighbours < p.MIN_NEIGHBOURS] = 0.0
    return np.ascontiguousarray(looks, dtype=np.float32)


def _line() -> Matrix:
    return (((np.arange(p.CELLS) + 0.5) / p.CELLS * 2 - 1) * p.RADIUS).astype(np.float32)


_LINE = _line()
_INSIDE = (np.hypot(_LINE[:, None], _LINE[None, :]) <= p.RADIUS).ravel()
_LAYERS = ((np.arange(p.LAYERS) + 0.5) * (2 * np.pi / p.LAYERS) - np.pi).astype(np.float32)


def cylinders(x: Matrix, y: Matrix, angle: Matrix, weight: Matrix) -> tuple[Matrix, NDArray[np.intp]]:
    """Cell values float32 [n, cells·layers], 0 to 1, and how many neighbours each minutia has. As `describe`."""
    n, cells = x.size, int(_INSIDE.sum())
    if n == 0:
        return np.zeros((0, cells * p.LAYERS), np.float32), np.zeros(0, np.intp)
    dx, dy = x[None, :] - x[:, None], y[None, :] - y[:, None]
    near = dx * dx + dy * dy <= np.float32((p.RADIUS + 2 * p.CELL_SIGMA) ** 2)
    np.fill_diagonal(near, False)
    neighbours = near.sum(axis=1)
    packed = np.argsort(~near, axis=1, kind="stable")[:, : max(int(neighbours.max()), 1)]
    mine = np.arange(n)[:, None]
    dx, dy, share = dx[mine, packed], dy[mine, packed], near[mine, packed] * weight[packed]
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    along = _bumps(cos * dx + sin * dy, _LINE, p.CELL_SIGMA)
    aside = _bumps(cos * dy - sin * dx, _LINE, p.CELL_SIGMA) * share[:, None, :]
    place = (aside[:, :, None, :] * along[:, None, :, :]).reshape(n, p.CELLS**2, -1)[:, _INSIDE]
    off = wrap((angle[packed] - angle[:, None])[:, None, :] - _LAYERS[None, :, None])
    direction = np.exp(off * off * np.float32(-0.5 / np.radians(p.LAYER_SIGMA) ** 2))
    value = 1.0 - np.exp((place @ direction.transpose(0, 2, 1)) * np.float32(-1.0 / p.SATURATION))
    return value.reshape(n, -1).astype(np.float32), neighbours


def _bumps(where: Matrix, centres: Matrix, sigma: float) -> Matrix:
    """Gaussian of each distance to each centre: [n, centres, neighbours] from [n, neighbours]."""
    gap = where[:, None, :] - centres[None, :, None]
    return np.asarray(np.exp(gap * gap * np.float32(-0.5 / sigma**2)), dtype=np.float32)


def wrap(radians: Matrix) -> Matrix:
    """Angles into -π to π."""
    return np.asarray(
        radians - np.float32(2 * np.pi) * np.rint(radians / np.float32(2 * np.pi)), dtype=np.float32
    )
