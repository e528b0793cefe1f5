"""Constants of quality scoring: value, unit, origin."""

from __future__ import annotations

from typing import Final

ALGORITHM: Final = "livescan-station-q2"
"""who says so: our own score, not NFIQ 2."""

COHERENT: Final = 0.7
"""coherence above which ridges are clearly parallel. chosen."""
FAR: Final = 3.0
"""spreads from the mean at which a feature stops counting: nothing is known beyond. chosen."""
FINE_PPI: Final = 400
"""ppi from which on a picture is judged as one of 500 ppi. chosen between the two resolutions of the fit."""

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

TIP_SQUAT: Final = 0.95
"""height over width under which a small contact is a tip: the ball of a finger is taller than wide. chosen."""
TIP_AREA: Final = 55_000.0
"""px² (142 mm²): a larger contact is more than a tip. chosen."""
SECOND_AREA: Final = 9_000.0
"""px² (23 mm²) of a contact beside the largest that is another finger. chosen."""
SECOND_SHARE: Final = 0.2
"""of the largest contact. chosen."""
BESIDE: Final = 0.6
"""widths of the largest contact: nearer, above or below, is the same finger across its crease. chosen."""
RESIDUE_CONTRAST: Final = 3.0
"""grey levels RMS on the empty platen that a mark leaves. chosen."""
RESIDUE_NOISE: Final = 2.5
"""times the empty platen's median contrast: noise of the reader is no mark. chosen."""
RESIDUE_BAND: Final = 0.6
"""share of a block's power in one ridge system that makes it an old print. chosen: an edge has less."""
RESIDUE_CLEAR: Final = 28
"""px around the contact where sweat and the edge of the finger are no residue. chosen."""
RESIDUE_SHARE: Final = 0.08
"""of the empty platen marked that is worth a wipe. chosen."""
CROSS_ANGLE: Final = 35.0
"""degrees between two ridge systems that cross. chosen: less is a bend."""
CROSS_SHARE: Final = 0.5
"""power of the second system over the first. chosen."""
CROSS_BAND: Final = 0.5
"""share of a block's power that lies within the two. chosen: a scar has less."""
DOUBLE_SHARE: Final = 0.13
"""of the contact crossed that means a second touch. chosen: cores and deltas are less."""
