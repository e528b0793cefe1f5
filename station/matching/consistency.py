"""Which pairs of minutiae look alike and agree with each other. In: two Prepared; out: Pairs with support.

Relaxation after Cappelli et al. 2010 (LSA-R): a pair gains from pairs whose distance, direction difference and
bearings are the same in both impressions; all are free of rotation and shift. Here it is the power iteration towards
the largest eigenvalue of the agreement (spectral matching, Leordeanu and Hebert 2005), and that eigenvalue, the
support, tells most other fingers apart before anything is aligned.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from station.matching import parameters as p
from station.matching.descriptors import Matrix
from station.matching.prepared import TOLERANCE, Index, Packed, Prepared

_SCALE = np.float32(1.0 / TOLERANCE)
_ONE = np.float32(1.0)


@dataclass(frozen=True, eq=False)
class Pairs:
    """a, b: indices [m]; weight: float32 [m], how alike, 0 to 1; agree: float32 [m, m], agreement times both
    weights; share: float32 [m], each pair's part in the most consistent group; support: its eigenvalue."""

    a: Index
    b: Index
    weight: Matrix
    agree: Matrix
    share: Matrix
    support: float


def relax(first: Prepared, second: Prepared, alike: Matrix) -> Pairs:
    """The most similar CANDIDATES pairs of minutiae, and how far they support each other.

    alike: float32 [n, m], the looks of the first times those of the second.
    """
    flat = alike.ravel()
    if flat.size > p.CANDIDATES:
        best = flat.argpartition(flat.size - p.CANDIDATES)[-p.CANDIDATES :]
    else:
        best = np.arange(flat.size)
    a = best // len(second)
    b = best - a * len(second)
    weight = np.maximum(flat.take(best), 0)
    agree = agreement(first, a, second, b)
    agree *= weight
    agree *= weight[:, None]
    share, support = _principal(agree, weight)
    return Pairs(a, b, weight, agree, share, support)


def _principal(agree: Matrix, start: Matrix) -> tuple[Matrix, float]:
    """Leading eigenvector float32 [m], by ROUNDS of power iteration, and its eigenvalue (Rayleigh quotient)."""
    share = start
    for _ in range(p.ROUNDS):
        share = agree.dot(share)
    squared = float(share.dot(share))
    return share, float(share.dot(agree.dot(share))) / squared if squared > 0 else 0.0


def agreement(first: Prepared, a: Index, second: Prepared, b: Index) -> Matrix:
    """How well every two of the pairs (a, b) agree: float32 [m, m], 0 to 1; 1 with itself, 0 for rival pairs."""
    in_a, in_b = first.rows.take(a)[:, None] + a, second.rows.take(b)[:, None] + b
    return deviation(first.relations.take(in_a), second.relations.take(in_b))


def deviation(ours: Packed, theirs: Packed) -> Matrix:
    """1 - (largest deviation of the four relations / tolerance)², at least 0: float32 of the same shape."""
    gap = ours.view(np.int16)
    gap -= theirs.view(np.int16)
    # As unsigned, the absolute value of half a turn, -32768, is what it should be.
    apart = np.abs(gap, out=gap).view(np.uint16).reshape(*ours.shape, 4)
    worst = np.maximum(apart[..., 0], apart[..., 1])
    np.maximum(worst, apart[..., 2], out=worst)
    np.maximum(worst, apart[..., 3], out=worst)
    agree = worst.astype(np.float32)
    agree *= _SCALE
    agree *= agree
    np.subtract(_ONE, agree, out=agree)
    return np.maximum(agree, 0, out=agree)
