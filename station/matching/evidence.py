"""What an overlay says for and against one finger. In: Overlay; out: four numbers, and the score they make."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from station.matching import parameters as p
from station.matching.alignment import Overlay
from station.matching.consistency import agreement
from station.matching.descriptors import Matrix
from station.matching.prepared import Prepared


class Evidence(NamedTuple):
    """firm: mean agreement of the matched pairs with those near them, 0 to 1, less for few; looks: their mean
    similarity, -1 to 1, less for few; matched: square root of how many they are, sure or not, for to coincide makes
    them sure; common: square root of how many minutiae the common area has, each counted by its weight, for an
    unsure one may well be missing; mean of both impressions."""

    firm: float
    looks: float
    matched: float
    common: float


def evidence(first: Prepared, second: Prepared, laid: Overlay, alike: Matrix) -> Evidence:
    """Measured on at least one matched pair."""
    weight = np.sqrt(first.weight.take(laid.a) * second.weight.take(laid.b))
    matched = float(weight.sum())
    trust = laid.a.size / (laid.a.size + p.SHRINK)
    looks = float(weight.dot(alike.ravel().take(laid.a * len(second) + laid.b))) / matched
    common = float(first.weight.dot(laid.near_a)) * float(second.weight.dot(laid.near_b))
    firm = _firmness(first, second, laid, weight)
    return Evidence(trust * firm, trust * looks, math.sqrt(laid.a.size), common**0.25)


def _firmness(first: Prepared, second: Prepared, laid: Overlay, weight: Matrix) -> float:
    """Weighted mean agreement of neighbouring matched pairs, 0 to 1; 0 when none has a neighbour."""
    near = first.near.take(first.rows.take(laid.a)[:, None] + laid.a)
    every = float(weight.dot(near.dot(weight)))
    if every <= 0.0:
        return 0.0
    near *= agreement(first, laid.a, second, laid.b)
    return float(weight.dot(near.dot(weight))) / every


def weigh(seen: Evidence) -> float:
    """The score: 5 points a log-odd of one finger against two, at least 0, never more than so few pairs can prove."""
    score = p.WEIGHT_NONE + sum(weight * value for weight, value in zip(p.WEIGHTS, seen, strict=True))
    return max(0.0, min(score, p.PROOF * seen.matched**2))
