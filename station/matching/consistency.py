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
from station.matching.prepared import TOLERANCE, Index, Prepared, Short

_SCALE = np.float32(1.0 / TOLERANCE)
_ONE = np.float32(1.0)
_TINY = np.float32(1e-9)


@dataclass(frozen=True, eq=False)
class Pairs:
    """a, b: indices [m]; weight: float32 [m], how alike and how sure; agree: float32 [m, m], agreement times both
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
    weight = np.maximum(flat.take(best), 0) * np.sqrt(first.weight.take(a) * second.weight.take(b))
    agree = agreement(first, a, second, b)
    agree *= weight
    agree *= weight[:, None]
    share, support = principal(agree, weight)
    return Pairs(a, b, weight, agree, share, float(support))


def principal(agree: Matrix, start: Matrix) -> tuple[Matrix, Matrix]:
    """Leading eigenvector float32 [..., m], by ROUNDS of power iteration, and eigenvalue [...]."""
    share = start
    for _ in range(p.ROUNDS):
        share = np.matvec(agree, share)
        share = share / (np.sqrt(np.vecdot(share, share)) + _TINY)[..., None]
    return share, np.vecdot(share, np.matvec(agree, share))


def agreement(first: Prepared, a: Index, second: Prepared, b: Index) -> Matrix:
    """How well every two of the pairs (a, b) agree: float32 [m, m], 0 to 1; 1 with itself, 0 for rival pairs."""
    in_a, in_b = first.rows.take(a)[:, None] + a, second.rows.take(b)[:, None] + b
    return agreement_of(first.relations, in_a, second.relations, in_b)


def agreement_of(ours: tuple[Short, ...], in_a: Index, theirs: tuple[Short, ...], in_b: Index) -> Matrix:
    """1 - (largest deviation / tolerance)², at least 0, of the relations at these places of the tables."""
    worst: Short | None = None
    for table, other in zip(ours, theirs, strict=True):
        gap = table.take(in_a)
        gap -= other.take(in_b)
        np.abs(gap, out=gap)
        worst = gap if worst is None else np.maximum(worst, gap, out=worst)
    agree = np.asarray(worst, dtype=np.float32)
    agree *= _SCALE
    agree *= agree
    np.subtract(_ONE, agree, out=agree)
    return np.maximum(agree, 0, out=agree)
