"""Two templates → how likely the same finger. In: MinutiaTemplate twice; out: Comparison with score and evidence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from station.friction_ridge import MinutiaTemplate
from station.matching import alignment, consistency
from station.matching import parameters as p
from station.matching.alignment import Overlay
from station.matching.descriptors import Prepared, prepare, similarity

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
    return Comparison(_score(first, second, overlay), overlay.a.size, overlay.common, overlay.rotation_deg)


def _score(first: Prepared, second: Prepared, overlay: Overlay) -> float:
    """Log-odds of the same finger from three things, weighed on the development sets."""
    count = overlay.a.size
    share = count / (float(np.sqrt(overlay.common[0] * overlay.common[1])) + p.SHRINK_SHARE)
    firm = consistency.firmness(first, overlay.a, second, overlay.b) * count / (count + p.SHRINK_FIRM)
    close = float(overlay.closeness.mean())
    weigh = p.WEIGHT_SHARE * share + p.WEIGHT_FIRM * firm + p.WEIGHT_CLOSE * close + p.WEIGHT_NONE
    return float(max(weigh, 0.0))


def match(a: MinutiaTemplate, b: MinutiaTemplate) -> float:
    """How alike two templates are: 0 (nothing in common) to about 110; from SAME = 40 on, very likely one finger.

    Symmetric up to a few hundredths of its scale, free of rotation and shift. What false match rate a score means
    was measured on impostor pairs: docs/imaging.md.
    """
    return compare(a, b).score
