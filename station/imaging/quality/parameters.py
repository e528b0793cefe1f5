"""Constants of quality scoring: value, unit, origin. "dev" = fitted to NFIQ 2 on the development sets, see docs."""

from __future__ import annotations

from typing import Final

ALGORITHM: Final = "livescan-station-q1"
"""who says so: our own score, not NFIQ 2."""

COHERENT: Final = 0.7
"""coherence above which ridges are clearly parallel. chosen."""
AREA_ENOUGH: Final = 110_000.0
"""px²: a good plain print (284 mm²); more contact earns nothing more, so that rolled prints fall when spoiled."""
OFFSET: Final = -5.0
"""score at nothing. dev."""
PER_COHERENT: Final = 0.160
"""score per px of the square root of the coherent area. dev."""
PER_STRENGTH: Final = 0.134
"""score per px of the square root of the strength-weighted area. dev."""
CONTRAST_FULL: Final = 20.0
"""grey levels RMS: less contrast lowers the score in proportion to its root. chosen."""

SOLID_DARK: Final = 0.62
"""of the way from platen to ink: darker on average than ridges and valleys together can be. chosen."""
SOLID_CONTRAST: Final = 0.085
"""of that span: RMS contrast under which no ridges show. chosen."""
GROUND_SHARE: Final = 0.05
"""of the picture that must be empty platen to read its grey level there. chosen."""

AREA_WANTED: Final = 36_000.0
"""px² (93 mm²): less is a tip or an edge of a finger. chosen: half of a small plain print."""
AREA_NOTHING: Final = 6_000.0
"""px² (15 mm²)."""
LIGHT_INK: Final = 0.40
"""share of the platen's grey level that the darkest ridges of a firm touch stay below. chosen on synthetic touches."""
DRY_COHERENCE: Final = 0.66
"""median coherence under which a light print is broken up rather than just light. chosen on synthetic touches."""
DRY_DUTY: Final = 0.37
"""share of dark within a dry or light print. chosen on synthetic touches: half of a ridge period is 0.5."""
WET_DUTY: Final = 0.54
"""share of dark within a wet or pressed print. chosen on synthetic touches."""
WET_SOLID: Final = 0.04
"""share of the contact without ridges. chosen."""
SMEAR_CONTRAST: Final = 0.13
"""contrast over the span from platen to ink under which ridges are blurred. chosen on synthetic touches."""
SMEAR_DUTY: Final = 0.68
"""share of dark above which blurred ridges come from pressure, not from sliding. chosen on synthetic touches."""
LOW_SPAN: Final = 60.0
"""grey levels from platen to ink under which the whole picture is pale. chosen."""
NO_RIDGES: Final = 0.35
"""median coherence of noise is about 0.3."""
TEXTURE: Final = 12.0
"""grey levels RMS somewhere in the picture: something is there, though no ridges. chosen."""
EDGE: Final = 0.12
"""share of a side covered by ridges, with less than a third of it on the other side: cut off. chosen."""
INVERTED_BY: Final = 25.0
"""grey levels by which the surroundings are darker than the middle of the print. chosen."""
