"""What a score means: score in, how often two different fingers reach it out.

From 72,000 pairs of different fingers, seven sets of real and SFinGe prints, by `station bench calibrate`; each rate is
the upper end of its 90 % interval, and beyond what was measured it does not fall: a rate smaller than that cannot be
known from so many pairs. Of these sets, that is: another reader may be worse (the worst of the seven is ten times the
mean at 40). No synthetic finger of this project is in it.
"""

from __future__ import annotations

import math

import numpy as np

MEASURED = (
    (0.0, 1.0),
    (10.0, 1.3e-1),
    (15.0, 7.3e-2),
    (20.0, 3.2e-2),
    (25.0, 1.1e-2),
    (28.0, 5.6e-3),
    (30.0, 3.2e-3),
    (32.0, 1.8e-3),
    (34.0, 9.5e-4),
    (36.0, 4.5e-4),
    (38.0, 2.3e-4),
    (40.0, 1.0e-4),
    (42.0, 8.4e-5),
    (44.0, 6.2e-5),
    (48.0, 3.8e-5),
)
"""score, rate"""
_SCORES, _LOGS = (np.array(column) for column in zip(*((s, math.log(r)) for s, r in MEASURED), strict=True))


def false_match_rate(score: float) -> float:
    """At most this share of pairs of different fingers reach the score: 1 down to 3.8e-5. ValueError for no number."""
    if math.isnan(score):
        raise ValueError("a score is a number")
    return math.exp(float(np.interp(score, _SCORES, _LOGS)))
