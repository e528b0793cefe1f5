"""Lays one impression over the other and counts what coincides. In: Pairs; out: Overlay."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from station.matching import parameters as p
from station.matching.consistency import Pairs
from station.matching.descriptors import Matrix
from station.matching.prepared import Index, Plane, Prepared

_FAR = np.float32(9.0)
_CHORD = 2.0 - 2.0 * math.cos(math.radians(p.ALIGN_ANGLE))
"""squared distance of two unit vectors ALIGN_ANGLE apart."""


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
    looks = np.float32(p.LOOKS) * alike
    x, y, turn = _rigid(first, second, *_group(pairs))
    pointing = first.pointing * np.complex64(complex(math.cos(turn), math.sin(turn)))
    a, b = _mates(_apart(x, y, pointing, second, p.ALIGN_DISTANCE), looks)
    if a.size >= p.AFFINE_FROM:
        x, y = _affine(x, y, second, a, b)
    a, b = _mates(_apart(x, y, pointing, second, p.FINE_DISTANCE), looks)
    near = _apart(x, y, None, second, p.OVERLAP_REACH) <= 1
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
    """A shift and a damped shear and stretch: skin is soft; the damping keeps a few pairs from bending it.

    Least squares about the middle of the pairs, where the shift and the rest do not depend on each other.
    """
    u, v = x.take(a), y.take(a)
    off_x, off_y = second.x.take(b) - u, second.y.take(b) - v
    middle_x, middle_y = float(u.sum()) / a.size, float(v.sum()) / a.size
    u -= middle_x
    v -= middle_y
    damp = p.AFFINE_SCALE**2
    uu, vv, uv = float(u.dot(u)) + damp, float(v.dot(v)) + damp, float(u.dot(v))
    every_u, every_v = x - middle_x, y - middle_y
    moved = []
    for where, off in ((x, off_x), (y, off_y)):
        along, across = float(u.dot(off)), float(v.dot(off))
        scale = 1.0 / (uu * vv - uv * uv)
        slope_u, slope_v = (along * vv - across * uv) * scale, (across * uu - along * uv) * scale
        moved.append(where + every_u * slope_u + every_v * slope_v + float(off.sum()) / a.size)
    return moved[0], moved[1]


def _apart(x: Matrix, y: Matrix, pointing: Plane | None, second: Prepared, reach: float) -> Matrix:
    """Squared distance of every two minutiae over reach², and that of their unit vectors over ALIGN_ANGLE's, added:
    float32 [n, m], by one matrix product. pointing None: distance alone."""
    scale = 1.0 / reach**2
    terms = np.empty((4 if pointing is None else 6, x.size), np.float32)
    np.multiply(x, -2.0 * scale, out=terms[0])
    np.multiply(y, -2.0 * scale, out=terms[1])
    terms[2] = scale
    np.multiply(x, x, out=terms[3])
    terms[3] += y * y
    terms[3] *= scale
    if pointing is not None:
        terms[3] += 2.0 / _CHORD
        np.multiply(pointing.real, -2.0 / _CHORD, out=terms[4])
        np.multiply(pointing.imag, -2.0 / _CHORD, out=terms[5])
    return np.asarray(terms.T.dot(second.target[: len(terms)]), dtype=np.float32)


def _mates(apart: Matrix, looks: Matrix) -> tuple[Index, Index]:
    """Pairs that are each other's nearest, likeness counted, and not farther apart than 1."""
    cost = apart - looks
    np.putmask(cost, apart > 1, _FAR)
    to_b, to_a = cost.argmin(axis=1), cost.argmin(axis=0)
    mine = np.arange(to_b.size)
    kept = to_a.take(to_b) == mine
    kept &= cost[mine, to_b] < _FAR
    a = np.flatnonzero(kept)
    return a, to_b.take(a)
