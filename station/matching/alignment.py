"""Lays one impression over the other and counts what coincides. In: Pairs; out: Overlay."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from station.matching import parameters as p
from station.matching.consistency import Pairs
from station.matching.descriptors import Matrix
from station.matching.prepared import TURN, Index, Prepared, Short, shorts

_FAR = np.float32(9.0)
_ANGLE = np.float32(360.0 / (65536.0 * p.ALIGN_ANGLE))
_DAMP = np.diag([1.0, 1.0, 1e-3]).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Overlay:
    """a, b: matched minutiae [m]; near_a, near_b: bool [n] each, minutiae in the common area; turn: radians, of the
    first against the second, counter-clockwise."""

    a: Index
    b: Index
    near_a: NDArray[np.bool_]
    near_b: NDArray[np.bool_]
    turn: float


def overlay(first: Prepared, second: Prepared, pairs: Pairs, alike: Matrix) -> Overlay:
    """The first laid over the second as the best supported pair and those that agree with it say."""
    x, y, turn = _rigid(first, second, *_group(pairs))
    angle = first.angle + shorts(np.asarray(turn * TURN))
    a, b, _ = _coincide(x, y, angle, second, p.ALIGN_DISTANCE, alike)
    if a.size >= p.AFFINE_FROM:
        x, y = _affine(x, y, second, a, b)
    a, b, apart = _coincide(x, y, angle, second, p.FINE_DISTANCE, alike)
    near = apart <= np.float32(p.OVERLAP_REACH**2)
    return Overlay(a, b, np.asarray(near.any(axis=1)), np.asarray(near.any(axis=0)), turn)


def _group(pairs: Pairs) -> tuple[Index, Index, Matrix]:
    """The pairs that agree with the leading one, and their weights, which sum to 1."""
    seed = int(pairs.share.argmax())
    agree = pairs.agree[seed] > p.SEED_AGREES * pairs.weight[seed] * pairs.weight
    agree[seed] = True
    kept = np.flatnonzero(agree)
    weight = pairs.share.take(kept)
    return pairs.a.take(kept), pairs.b.take(kept), weight / weight.sum()


def _rigid(
    first: Prepared, second: Prepared, a: Index, b: Index, weight: Matrix
) -> tuple[Matrix, Matrix, float]:
    """First impression rotated and shifted onto the second: weighted least squares (Kabsch) over the pairs."""
    za, zb = first.place.take(a), second.place.take(b)
    middle_a, middle_b = weight.dot(za), weight.dot(zb)
    lever = (weight * (zb - middle_b)).dot((za - middle_a).conj())
    spin = weight.dot(second.pointing.take(b) * first.pointing.take(a).conj())
    turn = float(np.angle(lever + np.float32(p.SPIN_LEVER) * spin))
    z = (first.place - middle_a) * np.complex64(complex(np.cos(turn), np.sin(turn))) + middle_b
    return z.real, z.imag, turn


def _affine(x: Matrix, y: Matrix, second: Prepared, a: Index, b: Index) -> tuple[Matrix, Matrix]:
    """A damped affine correction: skin shears and stretches; the damping keeps a few pairs from bending it."""
    every = np.empty((x.size, 3), np.float32)
    seen_x, seen_y = x.take(a), y.take(a)
    every[:, 0] = x - seen_x.mean()
    every[:, 1] = y - seen_y.mean()
    every[:, 2] = 1.0
    every *= np.float32(1.0 / p.AFFINE_SCALE)
    design = every.take(a, axis=0)
    target = np.empty((a.size, 2), np.float32)
    target[:, 0] = second.x.take(b) - seen_x
    target[:, 1] = second.y.take(b) - seen_y
    moved = every.dot(np.linalg.solve(design.T.dot(design) + _DAMP, design.T.dot(target)))
    return x + moved[:, 0], y + moved[:, 1]


def _coincide(
    x: Matrix, y: Matrix, angle: Short, second: Prepared, reach: float, alike: Matrix
) -> tuple[Index, Index, Matrix]:
    """Mutual best minutiae within reach and ALIGN_ANGLE, near and alike: indices; and all squared distances."""
    apart, dy = x[:, None] - second.x, y[:, None] - second.y
    apart *= apart
    dy *= dy
    apart += dy
    turn = (angle[:, None] - second.angle).astype(np.float32)
    turn *= _ANGLE
    turn *= turn
    cost = apart * np.float32(1.0 / reach**2)
    out = np.maximum(cost, turn) > 1
    cost += turn
    cost -= np.float32(p.LOOKS) * alike
    cost[out] = _FAR
    to_b, to_a = cost.argmin(axis=1), cost.argmin(axis=0)
    mine = np.arange(x.size)
    mutual = to_a.take(to_b) == mine
    mutual &= cost.min(axis=1) < _FAR
    a = np.flatnonzero(mutual)
    return a, to_b.take(a), apart
