"""Many against many in one call. In: probes and gallery; out: scores [p, g], those of `match`.

Looks are compared in one matrix product; the candidates of all pairs of templates are then checked for consistency
together. Only pairs with hope, few of them of other fingers, are aligned one by one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from station.friction_ridge import MinutiaTemplate
from station.matching import parameters as p
from station.matching.consistency import Pairs, deviation
from station.matching.descriptors import Matrix
from station.matching.matcher import FEWEST, hopeful, judge
from station.matching.prepared import Index, Packed, Prepared, prepare


def identify(probes: Sequence[MinutiaTemplate], gallery: Sequence[MinutiaTemplate]) -> Matrix:
    """Score of every probe with every template of the gallery: float32 [p, g], as `match` within a hundredth.

    A score is a reason to compare, not an identification.
    """
    left, right = [prepare(one) for one in probes], [prepare(one) for one in gallery]
    scores = np.zeros((len(left), len(right)), np.float32)
    rows, columns = np.nonzero(
        np.logical_and.outer([len(one) >= FEWEST for one in left], [len(one) >= FEWEST for one in right])
    )
    if rows.size == 0:
        return scores
    first, second = _Side(left), _Side(right)
    alike = first.looks @ second.looks.T
    for start in range(0, rows.size, p.SCREENED):
        part = slice(start, start + p.SCREENED)
        for i, j, pairs in _screen(first, second, alike, rows[part], columns[part]):
            block = alike[first.span(i), second.span(j)]
            scores[i, j] = _judge(left[i], right[j], block, pairs)
    return scores


class _Side:
    """The templates of one side in a row. starts, counts: intp [t], minutiae before and in each; looks: float32
    [all, DESCRIPTOR]; relations: all tables; tables: intp [t], where each table starts; total: float64 [t]."""

    def __init__(self, templates: Sequence[Prepared]) -> None:
        self.counts: Index = np.array([len(one) for one in templates], np.intp)
        self.starts: Index = np.concatenate([[0], np.cumsum(self.counts)[:-1]]).astype(np.intp)
        self.tables: Index = np.concatenate([[0], np.cumsum(self.counts**2)[:-1]]).astype(np.intp)
        self.looks: Matrix = np.concatenate([one.looks for one in templates])
        self.relations: Packed = np.concatenate([one.relations for one in templates])
        self.total: NDArray[np.float64] = np.array([one.total for one in templates])

    def span(self, one: int) -> slice:
        return slice(int(self.starts[one]), int(self.starts[one] + self.counts[one]))

    def places(self, which: Index, minutiae: Index) -> Index:
        """Where the relations of every two of these minutiae stand: [pairs, m, m]."""
        rows = self.tables[which, None] + minutiae * self.counts[which, None]
        return np.asarray(rows[:, :, None] + minutiae[:, None, :])


def _screen(
    first: _Side, second: _Side, alike: Matrix, rows: Index, columns: Index
) -> list[tuple[int, int, Pairs]]:
    """Of the pairs of templates (rows, columns), the hopeful ones with their candidates."""
    a, b, weight = _candidates(first, second, alike, rows, columns)
    agree = deviation(
        first.relations.take(first.places(rows, a)), second.relations.take(second.places(columns, b))
    )
    agree *= weight[:, :, None]
    agree *= weight[:, None, :]
    share = weight
    for _ in range(p.ROUNDS):
        share = np.matvec(agree, share)
    squared = np.maximum(np.vecdot(share, share), np.float32(1e-30))
    support = np.vecdot(share, np.matvec(agree, share)) / squared
    hope = hopeful(support, np.minimum(first.total[rows], second.total[columns]))
    return [
        (int(rows[k]), int(columns[k]), Pairs(a[k], b[k], weight[k], agree[k], share[k], float(support[k])))
        for k in np.flatnonzero(hope)
    ]


def _candidates(
    first: _Side, second: _Side, alike: Matrix, rows: Index, columns: Index
) -> tuple[Index, Index, Matrix]:
    """Most similar pairs of minutiae of each pair of templates: [pairs, CANDIDATES] each, weight 0 where fewer."""
    a = np.zeros((rows.size, p.CANDIDATES), np.intp)
    b, weight = np.zeros_like(a), np.zeros(a.shape, np.float32)
    for k, (i, j) in enumerate(zip(rows.tolist(), columns.tolist(), strict=True)):
        flat = alike[first.span(i), second.span(j)].ravel()
        most = min(p.CANDIDATES, flat.size)
        best = flat.argpartition(flat.size - most)[flat.size - most :]
        weight[k, :most] = flat.take(best)
        a[k, :most] = best // second.counts[j]
        b[k, :most] = best - a[k, :most] * second.counts[j]
    return a, b, np.maximum(weight, 0, out=weight)


def _judge(first: Prepared, second: Prepared, alike: Matrix, pairs: Pairs) -> float:
    """In the order of their keys, as `match` does."""
    if first.key <= second.key:
        return judge(first, second, alike, pairs).score
    turned = Pairs(pairs.b, pairs.a, pairs.weight, pairs.agree, pairs.share, pairs.support)
    return judge(second, first, alike.T, turned).score
