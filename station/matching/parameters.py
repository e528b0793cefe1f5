"""Constants of the matcher: value, unit, origin. Lengths in px at 500 ppi, angles in degrees."""

from __future__ import annotations

from typing import Final

MOST: Final = 160
"""minutiae of one impression that are compared, the surest first: bounds memory and time. A roll has about 130."""
UNSURE: Final = 0.3
"""least weight of a minutia; its quality over 100 otherwise, 1 where no quality is reported."""
SURE: Final = 0.5
"""mean weight of an impression's minutiae, at least. chosen: that of the poorest impressions extracted here."""

RADIUS: Final = 90.0
"""px, radius of a minutia's neighbourhood. Cappelli, Ferrara, Maltoni 2010 (MCC): 70; 90 found more mates on every
set (60, 72, 84, 90 tried)."""
CELLS: Final = 10
"""cells across the neighbourhood (MCC16: 16, MCC8: 8)."""
LAYERS: Final = 6
"""direction layers (MCC: 5 or 6)."""
CELL_SIGMA: Final = 10.0
"""px, spatial spread of one minutia. MCC: 28/3."""
LAYER_SIGMA: Final = 36.0
"""degrees, spread in direction. MCC: 2π/9 = 40."""
SATURATION: Final = 0.35
"""cell value at which one more minutia adds little. chosen (0.7 and 2 are worse)."""
MIN_NEIGHBOURS: Final = 2
"""fewer neighbours than this describe nothing. MCC: 2."""
DESCRIPTOR: Final = 96
"""numbers a neighbourhood is described by. 64 finds a hundredth fewer mates, 128 half a hundredth more."""

CANDIDATES: Final = 32
"""most similar pairs of minutiae that enter the consistency check: bounds its cost. 24 to 40 are alike."""
DISTANCE_TOLERANCE: Final = 6.0
"""px, by which the distance of two minutiae may differ between impressions, plus DISTANCE_STRETCH of it."""
DISTANCE_STRETCH: Final = 0.07
"""share: skin stretches by up to a tenth (Cappelli, Maio, Maltoni 2001)."""
ANGLE_TOLERANCE: Final = 16.0
"""degrees, by which their direction difference and the bearing of each from the other may differ."""
ROUNDS: Final = 3
"""rounds of relaxation (MCC: 5)."""
HOPEFUL: Final = 0.06
"""support (consistency.Pairs) per square root of the smaller impression's minutiae, each counted by its weight, under
which nothing is aligned and the score is 0: four in five pairs of other fingers, and of one finger's pairs that would
have reached 22, one in 500."""
SCREENED: Final = 64
"""pairs of templates screened at a time when many are compared: their tables stay in the processor's cache."""
SEED_AGREES: Final = 0.2
"""agreement with the best supported pair from which a pair takes part in the first alignment. chosen."""

SPIN_LEVER: Final = 200.0
"""px²: what the directions of a pair say about the rotation, against its lever arm. chosen."""
ALIGN_DISTANCE: Final = 22.0
"""px, after the rigid alignment two minutiae this near may be the same. chosen: two ridge periods."""
FINE_DISTANCE: Final = 16.0
"""px, after the affine refinement. chosen: under two ridge periods (12 is worse, 14 the same)."""
ALIGN_ANGLE: Final = 32.0
"""degrees, likewise for their directions."""
LOOKS: Final = 0.5
"""how much looking alike counts against lying apart when mates are chosen. chosen."""
AFFINE_FROM: Final = 6
"""coinciding minutiae from which the affine refinement is tried. chosen."""
AFFINE_SCALE: Final = 50.0
"""px: damps the refinement as one minutia this far from the middle, at its place, would. chosen."""
OVERLAP_REACH: Final = 40.0
"""px: a minutia with a minutia of the other impression this near lies in the common area. chosen."""
NEARBY: Final = 100.0
"""px: matched pairs this near each other should keep their distance and bearing in spite of distortion. chosen."""

SHRINK: Final = 6.0
"""minutiae added to a count, so that four of four are not taken for certainty. chosen."""
WEIGHTS: Final = (63.2, 65.5, 17.4, -15.9)
"""score per evidence.Evidence: firm, looks, matched, common. Logistic regression of one finger against two on seven
development sets and synthetic fingers, equal weight to both classes and to every set; one log-odd = 5 points."""
WEIGHT_NONE: Final = 13.3
"""puts 40 where about one in 10,000 impostor pairs of those sets is reached. `station bench calibrate` measures."""
PROOF: Final = 8.0
"""score that one matched pair can be worth at most: four pairs alone never reach 40. chosen."""
