"""Two templates → how likely the same finger. In: MinutiaTemplate twice; out: Comparison with score and evidence."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from station.friction_ridge import MinutiaTemplate
from station.matching import parameters as p
from station.matching.alignment import overlay
from station.matching.consistency import Pairs, relax
from station.matching.descriptors import Matrix
from station.matching.evidence import evidence, weigh
from station.matching.prepared import Prepared, prepare

SAME = 40.0
"""score from which two impressions are very likely of one finger (measured false match rate: docs/matching.md)."""
FEWEST = 3
"""minutiae an impression needs to be compared at all."""


@dataclass(frozen=True)
class Comparison:
    """score: see `match`; matched: minutiae that coincide; common: minutiae of either in the common area;
    rotation_deg: turn of the first against the second, counter-clockwise."""

    score: float
    matched: int
    common: tuple[int, int]
    rotation_deg: float


NOTHING = Comparison(0.0, 0, (0, 0), 0.0)


def match(a: MinutiaTemplate, b: MinutiaTemplate) -> float:
    """How alike two templates are: 0 (nothing in common) to 100; from SAME = 40 on, very likely one finger.

    The same for (a, b) and (b, a), free of rotation and shift; `false_match_rate` says what a score means.
    """
    return compare(a, b).score


def compare(a: MinutiaTemplate, b: MinutiaTemplate) -> Comparison:
    """Score and evidence."""
    first, second = prepare(a), prepare(b)
    if first.key <= second.key:
        return compare_prepared(first, second)
    found = compare_prepared(second, first)
    return Comparison(found.score, found.matched, (found.common[1], found.common[0]), -found.rotation_deg)


def compare_prepared(first: Prepared, second: Prepared) -> Comparison:
    """As `compare`, in the order of their keys."""
    if min(len(first), len(second)) < FEWEST:
        return NOTHING
    alike = first.looks.dot(second.columns)
    pairs = relax(first, second, alike)
    if not hopeful(pairs.support, min(first.total, second.total)):
        return NOTHING
    return judge(first, second, alike, pairs)


@overload
def hopeful(support: float, total: float) -> bool: ...
@overload
def hopeful(support: Matrix, total: NDArray[np.float64]) -> NDArray[np.bool_]: ...
def hopeful(support: Any, total: Any) -> Any:
    """Is a pair of templates worth aligning? total: minutiae of the smaller, each counted by its weight."""
    return support >= p.HOPEFUL * total**0.5


def judge(first: Prepared, second: Prepared, alike: Matrix, pairs: Pairs) -> Comparison:
    """From consistent pairs to a score. alike: float32 [n, m], how alike their neighbourhoods look."""
    laid = overlay(first, second, pairs, alike)
    if laid.a.size < FEWEST:
        return NOTHING
    score = weigh(evidence(first, second, laid, alike))
    common = int(np.count_nonzero(laid.near_a)), int(np.count_nonzero(laid.near_b))
    return Comparison(score, int(laid.a.size), common, math.degrees(laid.turn))
