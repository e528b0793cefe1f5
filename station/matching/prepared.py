"""A template made ready for many comparisons. In: MinutiaTemplate; out: Prepared, remembered as long as it lives.

Whatever a comparison can look up instead of computing is computed here once: the description of each neighbourhood
and, for every two minutiae, distance, direction difference and both bearings as 16-bit numbers. An angle is a whole
number of 65,536ths of a turn, so differences wrap by themselves.
"""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from station.friction_ridge import MinutiaTemplate
from station.matching import parameters as p
from station.matching.descriptors import Matrix, describe

Index = NDArray[np.intp]
Short = NDArray[np.int16]
Packed = NDArray[np.int64]
Plane = NDArray[np.complex64]

TURN = 65536.0 / (2.0 * np.pi)
"""units of a Short angle in a radian."""
TOLERANCE = 65536.0 * p.ANGLE_TOLERANCE / 360.0
"""units by which relations may differ: angles, and distances after `_distance_units`."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """n minutiae at 500 ppi, as a comparison wants them.

    x, y: float32 [n], px, y up, so that angles turn as the template's do; place: the same as complex64
    pointing: complex64 [n], unit vector of the direction
    target: float32 [6, n]: x, y, x² + y², 1, and the direction's cosine and sine; see alignment.apart
    weight: float32 [n], 0 to 1, how surely it is a minutia
    looks: float32 [n, DESCRIPTOR], of length 1, or 0 where there are too few neighbours; columns: its transpose
    relations: of minutia i to j at i·n + j, int64 [n·n] made of four int16: distance, direction difference, bearing
               of j from i, bearing of i from j; each may differ by TOLERANCE between impressions
    near: float32 [n·n], 1 where i and j are at most NEARBY apart and not the same
    rows: intp [n], i·n
    total: sum of the weights
    key: orders two templates, so that a comparison does not depend on which comes first
    """

    x: Matrix
    y: Matrix
    place: Plane
    pointing: Plane
    target: Matrix
    weight: Matrix
    looks: Matrix
    columns: Matrix
    relations: Packed
    near: Matrix
    rows: Index
    total: float
    key: tuple[float, ...]

    def __len__(self) -> int:
        return int(self.x.size)


_cache: weakref.WeakKeyDictionary[MinutiaTemplate, Prepared] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def prepare(template: MinutiaTemplate) -> Prepared:
    """The template ready for matching; remembered as long as the template lives."""
    known = _cache.get(template)
    if known is None:
        known = _prepare(template)
        with _lock:
            _cache[template] = known
    return known


def _prepare(template: MinutiaTemplate) -> Prepared:
    weight = weights(template.quality)
    usable = np.flatnonzero(np.isfinite(template.x) & np.isfinite(template.y) & np.isfinite(template.angle))
    kept = np.sort(usable[np.argsort(-weight[usable], kind="stable")[: p.MOST]])
    scale = np.float32(500.0 / template.ppi)
    x, y = template.x[kept] * scale, -template.y[kept] * scale
    angle, weight = np.radians(template.angle[kept]).astype(np.float32), weight[kept]
    looks = describe(x, y, angle, weight)
    n = x.size
    return Prepared(
        x=x,
        y=y,
        place=(x + 1j * y).astype(np.complex64),
        pointing=np.exp(1j * angle).astype(np.complex64),
        target=np.stack([x, y, x * x + y * y, np.ones_like(x), np.cos(angle), np.sin(angle)]).astype(
            np.float32
        ),
        weight=weight,
        looks=looks,
        columns=np.ascontiguousarray(looks.T),
        relations=_relations(x, y, angle),
        near=_near(x, y),
        rows=np.arange(n, dtype=np.intp) * n,
        total=float(weight.sum()),
        key=(n, float(weight.sum()), float(np.abs(looks).sum()), float(x.sum()), float(y.sum())),
    )


def weights(quality: NDArray[np.uint8]) -> Matrix:
    """How surely each is a minutia, float32 UNSURE to 1: its quality as a percentage, 1 where none is reported; all
    raised to a mean of SURE, because other extractors' qualities need not be probabilities."""
    sure = np.where(quality > 0, quality, 100).astype(np.float32) / 100
    if sure.size:
        sure *= np.float32(max(1.0, p.SURE / float(sure.mean())))
    return np.clip(sure, np.float32(p.UNSURE), np.float32(1))


def shorts(units: NDArray[np.floating]) -> Short:
    """Rounded, wrapped into 16 bits."""
    return np.asarray(np.rint(units).astype(np.int64).astype(np.uint16).view(np.int16), dtype=np.int16)


def _relations(x: Matrix, y: Matrix, angle: Matrix) -> Packed:
    dx, dy = x[None, :] - x[:, None], y[None, :] - y[:, None]
    bearing = np.arctan2(dy, dx) - angle[:, None]
    distance = _distance_units(np.hypot(dx, dy))
    # A minutia cannot be two of the other impression's: to itself it gets a distance no two minutiae have.
    np.fill_diagonal(distance, _distance_units(np.float32(0.0)) - 3 * TOLERANCE)
    every = (distance, (angle[None, :] - angle[:, None]) * TURN, bearing * TURN, bearing.T * TURN)
    return (
        np.ascontiguousarray(np.stack([shorts(values) for values in every], axis=-1)).view(np.int64).ravel()
    )


def _distance_units(distance: Matrix | np.float32) -> Matrix:
    """Distances on a scale on which the allowed difference, some px and some per cent, is TOLERANCE everywhere."""
    longest = np.float32(p.DISTANCE_TOLERANCE) + np.float32(p.DISTANCE_STRETCH) * distance
    return np.asarray(np.log(longest) * np.float32(TOLERANCE / p.DISTANCE_STRETCH), dtype=np.float32)


def _near(x: Matrix, y: Matrix) -> Matrix:
    near = np.hypot(x[None, :] - x[:, None], y[None, :] - y[:, None]) < p.NEARBY
    np.fill_diagonal(near, False)
    return np.asarray(near.ravel(), dtype=np.float32)
