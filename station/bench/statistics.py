"""Error rates, intervals and correlations that the benchmarks share. In: arrays; out: fractions (0 to 1), not percent.

    curve(genuine, impostor) -> Curve            FMR and FNMR at every threshold; a pair is accepted at score >= t
    rates(genuine, impostor) -> Rates            .eer .fmr100 .fmr1000 .zerofmr as fractions
    eer(genuine, impostor) -> float              where the two straight-line curves cross
    fnmr_at(curve, limit) -> float               lowest FNMR with FMR <= limit
    PairScores, bootstrap_rates(scores) -> {name: Interval}   fingers drawn with replacement, 5 to 95 %
    bootstrap(statistic, labels) -> Interval     any statistic(index array), whole groups drawn with replacement
    wilson(hits, trials, confidence) -> Interval     interval of a proportion
    spearman(a, b) -> float                      rank correlation, ties share their mean rank
    error_versus_discard(quality, scores, threshold, fractions) -> [n]   FNMR when the worst pairs are left out
    area_under(x, y) -> float                    trapezoids, divided by the width

The rates are those of ISO/IEC 19795-1 and of the FVC protocol (Maio et al., FVC2000, IEEE PAMI 24(3)): exact over all
distinct thresholds, so equal scores fall together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
LOW_PERCENT, HIGH_PERCENT = 5.0, 95.0
RESAMPLES = 1000
MOST_TRIES = 20
"""Draws tried for each that is wanted: with two fingers every second has only one of them."""
FMR_LIMITS: Mapping[str, float] = {"fmr100": 0.01, "fmr1000": 0.001, "zerofmr": 0.0}
NAMES = ("eer", *FMR_LIMITS)


@dataclass(frozen=True)
class Interval:
    """A figure and how far it could be from the truth."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Curve:
    """threshold ascending from -inf to +inf, with FMR (falling) and FNMR (rising) at each, fractions."""

    threshold: Array
    fmr: Array
    fnmr: Array


@dataclass(frozen=True)
class Rates:
    """Fractions. fmrN: the lowest FNMR with FMR <= 1/N; zerofmr: with FMR = 0."""

    eer: float
    fmr100: float
    fmr1000: float
    zerofmr: float


@dataclass(frozen=True, eq=False)
class PairScores:
    """Scores with the fingers they come from, so that whole fingers can be drawn again.

    genuine [g], genuine_finger [g]: scores of one finger with itself and which finger (0-based);
    impostor [i], impostor_fingers [i, 2]: scores of two fingers and which.
    """

    genuine: Array
    genuine_finger: NDArray[np.int64]
    impostor: Array
    impostor_fingers: NDArray[np.int64]

    @property
    def fingers(self) -> int:
        """How many fingers there are."""
        return int(max(self.genuine_finger.max(initial=-1), self.impostor_fingers.max(initial=-1))) + 1


def curve(
    genuine: ArrayLike,
    impostor: ArrayLike,
    genuine_weight: ArrayLike | None = None,
    impostor_weight: ArrayLike | None = None,
) -> Curve:
    """Rates at every distinct score, from "accept all" to "accept none". Raises ValueError for NaN or no scores."""
    g, i = np.asarray(genuine, float), np.asarray(impostor, float)
    if not g.size or not i.size or np.isnan(g).any() or np.isnan(i).any():
        raise ValueError("scores are missing or not a number")
    threshold = np.append(np.unique(np.concatenate([g, i, [-np.inf]])), np.inf)
    fnmr, fmr = _share_below(g, genuine_weight, threshold), 1.0 - _share_below(i, impostor_weight, threshold)
    fnmr[-1], fmr[-1] = 1.0, 0.0  # a score of +inf is not accepted by "accept none"
    return Curve(threshold, fmr, fnmr)


def _share_below(scores: Array, weight: ArrayLike | None, threshold: Array) -> Array:
    order = np.argsort(scores, kind="stable")
    heavy = np.ones(scores.size) if weight is None else np.asarray(weight, float)[order]
    total = np.concatenate([[0.0], np.cumsum(heavy)])
    if total[-1] <= 0:
        raise ValueError("no score has any weight")
    below: Array = total[np.searchsorted(scores[order], threshold, "left")] / total[-1]
    return below


def rates(genuine: ArrayLike, impostor: ArrayLike) -> Rates:
    """The four figures of the FVC protocol."""
    return rates_of(curve(genuine, impostor))


def rates_of(seen: Curve) -> Rates:
    """The same from a curve."""
    return Rates(eer_of(seen), *(fnmr_at(seen, limit) for limit in FMR_LIMITS.values()))


def eer(genuine: ArrayLike, impostor: ArrayLike) -> float:
    """Equal error rate, a fraction."""
    return eer_of(curve(genuine, impostor))


def eer_of(seen: Curve) -> float:
    """Where the FNMR meets the FMR, the points of the curve joined by straight lines."""
    gap = seen.fnmr - seen.fmr  # rises to 1
    after = int(np.argmax(gap >= 0))
    if after == 0 or gap[after] == 0:
        return float(seen.fnmr[after])
    share = -gap[after - 1] / (gap[after] - gap[after - 1])
    return float(seen.fnmr[after - 1] + share * (seen.fnmr[after] - seen.fnmr[after - 1]))


def fnmr_at(seen: Curve, limit: float) -> float:
    """Lowest FNMR among the thresholds with FMR <= limit (a hair of rounding forgiven)."""
    return float(seen.fnmr[seen.fmr <= limit + 1e-12].min())


def bootstrap_rates(
    scores: PairScores, *, resamples: int = RESAMPLES, seed: int = 1, names: Sequence[str] | None = None
) -> dict[str, Interval]:
    """Interval of each rate when whole fingers are drawn with replacement.

    A finger drawn m times weighs m in its own pairs, and m·n in the pairs with one drawn n times. Draws without two
    different fingers are drawn again.
    """
    value = rates_of(curve(scores.genuine, scores.impostor))
    drawn = drawn_rates(scores, resamples=resamples, seed=seed)
    wanted = names or NAMES
    return {name: interval(getattr(value, name), [getattr(d, name) for d in drawn]) for name in wanted}


def drawn_rates(scores: PairScores, *, resamples: int = RESAMPLES, seed: int = 1) -> list[Rates]:
    """The rates of each draw of `bootstrap_rates`, for figures made of several sets."""
    chance, count = np.random.default_rng(seed), scores.fingers
    drawn: list[Rates] = []
    for _ in range(MOST_TRIES * resamples):
        times = np.bincount(chance.integers(0, count, count), minlength=count)
        own = times[scores.genuine_finger]
        cross = times[scores.impostor_fingers[:, 0]] * times[scores.impostor_fingers[:, 1]]
        if own.any() and cross.any():
            drawn.append(rates_of(curve(scores.genuine, scores.impostor, own, cross)))
        if len(drawn) >= resamples:
            break
    return drawn


def bootstrap(
    statistic: Callable[[NDArray[np.int64]], float],
    labels: Sequence[object] | NDArray[np.generic],
    *,
    resamples: int = RESAMPLES,
    seed: int = 1,
) -> Interval:
    """Interval of statistic(indices) when whole groups are drawn with replacement.

    labels: the group of each observation (a finger, a person). statistic gets the indices of the observations drawn,
    those of a group drawn twice standing twice; draws it gives NaN for are left out. Raises ValueError without labels.
    """
    _, group = np.unique(np.asarray(labels), return_inverse=True)
    if not group.size:
        raise ValueError("nothing to draw from")
    members = [np.flatnonzero(group == k) for k in range(int(group.max()) + 1)]
    chance = np.random.default_rng(seed)
    drawn = [
        statistic(np.concatenate([members[k] for k in chance.integers(0, len(members), len(members))]))
        for _ in range(resamples)
    ]
    return interval(float(statistic(np.arange(group.size))), [d for d in drawn if not math.isnan(d)])


def interval(value: float, drawn: Sequence[float]) -> Interval:
    """A figure with the 5th and 95th percentile of its draws; NaN without any."""
    if not drawn:
        return Interval(value, math.nan, math.nan)
    low, high = np.percentile(np.asarray(drawn, float), [LOW_PERCENT, HIGH_PERCENT])
    return Interval(value, float(low), float(high))


def wilson(hits: int, trials: int, confidence: float = 0.9) -> Interval:
    """Score interval of a proportion (Wilson, JASA 22, 1927); 0 to 1 without trials."""
    if trials == 0:
        return Interval(math.nan, 0.0, 1.0)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share, n = hits / trials, trials
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return Interval(share, max(0.0, middle - half), min(1.0, middle + half))


def spearman(a: ArrayLike, b: ArrayLike) -> float:
    """Rank correlation of two arrays of one length; NaN where one of them is constant."""
    first, second = ranks(a), ranks(b)
    if first.size < 2 or first.std() == 0 or second.std() == 0:
        return math.nan
    return float(np.corrcoef(first, second)[0, 1])


def ranks(values: ArrayLike) -> Array:
    """Ranks from 1; equal values share the mean of theirs."""
    _, place, count = np.unique(np.asarray(values, float), return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    mean: Array = (last - (count - 1) / 2.0)[place]
    return mean


def error_versus_discard(
    quality: ArrayLike, scores: ArrayLike, threshold: float, fractions: ArrayLike
) -> Array:
    """FNMR [n] of the genuine pairs left when the given fractions of lowest quality are discarded.

    quality: of each pair, usually the lower of its two images' (Grother and Tabassi, IEEE PAMI 29(4), 2007). Pairs of
    equal quality go in shares, so the order of the input does not matter. Nothing left counts as no error.
    """
    q, wrong = np.asarray(quality, float), (np.asarray(scores, float) < threshold).astype(float)
    _, place = np.unique(q, return_inverse=True)
    share = np.bincount(place, wrong) / np.bincount(place)  # mean error of each quality
    errors = np.concatenate([[0.0], np.cumsum(share[np.sort(place)])])
    gone = np.asarray(fractions, float) * q.size
    left = q.size - gone
    kept = errors[-1] - np.interp(gone, np.arange(q.size + 1), errors)
    rate: Array = np.where(left > 1e-9, kept / np.maximum(left, 1e-9), 0.0)
    return rate


def area_under(x: ArrayLike, y: ArrayLike) -> float:
    """Mean height of a line over its width."""
    across, height = np.asarray(x, float), np.asarray(y, float)
    return float(np.trapezoid(height, across) / (across[-1] - across[0]))
