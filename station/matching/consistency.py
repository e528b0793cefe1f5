"""Which proposed pairs agree with each other. In: two Prepared and their similarity; out: pairs with support.

Relaxation after Cappelli et al. 2010 (LSA-R): a pair gains from pairs whose distance, direction difference and
bearing are the same in both impressions; all three are free of rotation and shift.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from station.matching import parameters as p
from station.matching.descriptors import Matrix, Prepared, wrap

Index = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Pairs:
    """a, b: indices [m]; support: float32 [m], highest first; agree: float32 [m, m], 0 to 1."""

    a: Index
    b: Index
    support: Matrix
    agree: Matrix


def propose(similarity: Matrix) -> tuple[Index, Index]:
    """The pairs worth checking: each minutia's best partners, the best PAIRS of them all."""
    na, nb = similarity.shape
    chosen = np.zeros(similarity.shape, np.bool_)
    k = min(p.BEST_PER_MINUTIA, na, nb)
    chosen[np.arange(na)[:, None], np.argpartition(-similarity, k - 1, axis=1)[:, :k]] = True
    chosen[np.argpartition(-similarity, k - 1, axis=0)[:k], np.arange(nb)[None, :]] = True
    a, b = np.nonzero(chosen & (similarity > 0))
    if a.size > p.PAIRS:
        best = np.argpartition(-similarity[a, b], p.PAIRS)[: p.PAIRS]
        a, b = a[best], b[best]
    return a, b


def relax(first: Prepared, second: Prepared, similarity: Matrix) -> Pairs:
    """Propose pairs and let them support each other."""
    a, b = propose(similarity)
    agree = _agreement(first, a, second, b)
    support = similarity[a, b]
    spread = np.float32((1 - p.KEEP) * p.SPREAD / max(a.size - 1, 1))
    for _ in range(p.ROUNDS):
        support = np.asarray(np.float32(p.KEEP) * support + spread * (agree @ support), dtype=np.float32)
    order = np.argsort(-support, kind="stable")
    return Pairs(a[order], b[order], support[order], agree[np.ix_(order, order)])


def _agreement(first: Prepared, a: Index, second: Prepared, b: Index) -> Matrix:
    distance_a, turn_a, bearing_a = _relations(first, a)
    distance_b, turn_b, bearing_b = _relations(second, b)
    longer = np.maximum(distance_a, distance_b)
    d1 = np.abs(distance_a - distance_b) / (p.DISTANCE_TOLERANCE + p.DISTANCE_STRETCH * longer)
    d2 = np.abs(wrap(turn_a - turn_b)) / np.radians(p.DIRECTION_TOLERANCE)
    d3 = np.abs(wrap(bearing_a - bearing_b)) / np.radians(p.BEARING_TOLERANCE)
    agree = np.exp(-0.5 * (d1**4 + d2**4 + d3**4))
    agree[(a[:, None] == a[None, :]) | (b[:, None] == b[None, :])] = 0.0
    return np.asarray(agree, dtype=np.float32)


def firmness(first: Prepared, a: Index, second: Prepared, b: Index) -> float:
    """Mean agreement of matched pairs with the other matched pairs near them: 0 to 1; 0 when none is near."""
    x, y = first.x[a], first.y[a]
    near = np.hypot(x[:, None] - x, y[:, None] - y) < p.NEARBY
    np.fill_diagonal(near, False)
    return float(_agreement(first, a, second, b)[near].mean()) if near.any() else 0.0


def _relations(side: Prepared, index: Index) -> tuple[Matrix, Matrix, Matrix]:
    """Distance, direction difference and bearing of every two of the indexed minutiae: [m, m] each."""
    x, y, angle = side.x[index], side.y[index], side.angle[index]
    dx, dy = x[None, :] - x[:, None], y[None, :] - y[:, None]
    return np.hypot(dx, dy), angle[None, :] - angle[:, None], np.arctan2(dy, dx) - angle[:, None]
