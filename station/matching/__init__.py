"""Minutiae matching: two templates → a score; a new impression → does it belong to the finger it is said to be."""

from __future__ import annotations

from station.matching.calibration import false_match_rate
from station.matching.identify import identify
from station.matching.matcher import SAME, Comparison, compare, match
from station.matching.sequence import SequenceFinding, wrong_finger

__all__ = [
    "SAME",
    "Comparison",
    "SequenceFinding",
    "compare",
    "false_match_rate",
    "identify",
    "match",
    "wrong_finger",
]
