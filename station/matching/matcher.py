"""Two templates → how likely the same finger. In: MinutiaTemplate twice; out: Comparison with score and evidence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from station.friction_ridge import MinutiaTemplate
from station.matching import alignment, consistency
from station.matching.descriptors import prepare, similarity


SAME = 40.0
"""score from which two impressions are very likely of one finger (measured false match rate: docs/imaging.md)."""


@dataclass(frozen=True)
class Comparison:
    """score: see `match`; matched: minutiae that coincide; common: minutiae of either in the common area;
    rotation_deg: turn of the first against the second, counter-clockwise."""

    score: float
    matched: int
    common: tuple[int, int]
    rotation_deg: float


NOTHING = Comparison(0.0, 0, (0, 0), 0.0)


def compare(a: MinutiaTemplate, b: MinutiaTemplate) -> Comparison:
    """Score and evidence."""
    first, second = prepare(a), prepare(b)
    if len(first) < 3 or len(second) < 3:
        return NOTHING
    alike = similarity(first, second)
    pairs = consistency.relax(first, second, alike)
    if pairs.a.size < 2:
        return NOTHING
    overlay = alignment.best(first, second, pairs)
    if overlay.a.size < 3:
        return NOTHING
    local = np.clip(alike[overlay.a, overlay.b] * 2.0 - 0.5, 0.1, 1.0)
    mass = float((overlay.closeness * local).sum())
    share = overlay.a.size / max(float(np.sqrt(overlay.common[0] * overlay.common[1])), 1.0)
    return Comparison(_scale(mass, share), int(overlay.a.size), overlay.common, overlay.rotation_deg)


def _scale(mass: float, share: float) -> float:
    return 5.0 * mass * min(share, 1.0)


def match(a: MinutiaTemplate, b: MinutiaTemplate) -> float:
    """How alike two templates are: 0 (nothing in common) upwards."""
    return compare(a, b).score
