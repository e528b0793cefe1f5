"""Measures → 0 to 100, the score named livescan-station-q1. It tracks NFIQ 2 but is not NFIQ 2 (docs/imaging.md)."""

from __future__ import annotations

import math

from station.imaging.quality import parameters as q
from station.imaging.quality.measures import Measures


def score(m: Measures) -> int:
    """How good: how much area shows clear ridges, and how clear; capped so that a roll is judged by its clarity."""
    if m.area < q.AREA_NOTHING or m.coherence < q.NO_RIDGES or m.inverted:
        return 0
    counted = min(m.contact, q.AREA_ENOUGH) / m.contact
    clear = math.sqrt(m.coherent * counted)
    strong = math.sqrt(m.strength * m.area * counted)
    raw = q.OFFSET + q.PER_COHERENT * clear + q.PER_STRENGTH * strong
    dim = math.sqrt(min(m.contrast / q.CONTRAST_FULL, 1.0))
    return round(min(max(raw * dim, 0.0), 100.0))
