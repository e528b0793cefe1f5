"""Minutiae matching: two templates → a score."""

from __future__ import annotations

from station.matching.matcher import Comparison, compare, match

__all__ = ["Comparison", "compare", "match"]
