"""Constants of the matcher: value, unit, origin. Lengths in px at 500 ppi, angles in degrees."""

from __future__ import annotations

from typing import Final

RADIUS: Final = 72.0
"""px, radius of a minutia's neighbourhood. Cappelli, Ferrara, Maltoni 2010 (MCC): 70."""
CELLS: Final = 8
"""cells across the neighbourhood (MCC8: 8)."""
LAYERS: Final = 6
"""direction layers (MCC: 5 or 6)."""
CELL_SIGMA: Final = 10.0
"""px, spatial spread of one minutia. MCC: 28/3."""
LAYER_SIGMA: Final = 36.0
"""degrees, spread in direction. MCC: 2π/9 = 40."""
SATURATION: Final = 0.35
"""cell value at which one more minutia adds little. chosen."""
MIN_NEIGHBOURS: Final = 2
"""fewer neighbours than this describe nothing. MCC: 2."""

BEST_PER_MINUTIA: Final = 3
"""partners a minutia may propose. chosen."""
PAIRS: Final = 96
"""pairs that enter the consistency check: bounds its cost. chosen."""
DISTANCE_TOLERANCE: Final = 6.0
"""px, by which the distance of two minutiae may differ between impressions, plus DISTANCE_STRETCH of it."""
DISTANCE_STRETCH: Final = 0.07
"""share: skin stretches by up to a tenth (Cappelli, Maio, Maltoni 2001)."""
DIRECTION_TOLERANCE: Final = 16.0
"""degrees."""
BEARING_TOLERANCE: Final = 16.0
"""degrees, direction to the other minutia as seen from the one."""
ROUNDS: Final = 4
"""rounds of relaxation (MCC: 5)."""
KEEP: Final = 0.5
"""share of a pair's own evidence kept in each round (MCC: 0.5)."""
SPREAD: Final = 8.0
"""a true pair agrees with perhaps one proposed pair in eight: keeps its support from fading. chosen."""
SEEDS: Final = 4
"""alignments tried. chosen."""
SETTLED_COUNT: Final = 12
"""matched minutiae from which no further seed is tried, if they are"""
SETTLED_SHARE: Final = 0.6
"""this share of the common area's. chosen: saves time on true pairs, changes no error rate."""

ALIGN_DISTANCE: Final = 22.0
"""px, after the rigid alignment two minutiae this near may be the same. chosen: two ridge periods."""
FINE_DISTANCE: Final = 14.0
"""px, after the affine refinement. chosen: a period and a half."""
ALIGN_ANGLE: Final = 32.0
"""degrees, likewise for their directions."""
OVERLAP_REACH: Final = 40.0
"""px: a minutia with a minutia of the other impression this near lies in the common area. chosen."""
NEARBY: Final = 100.0
"""px: matched pairs this near each other should keep their distance and bearing in spite of distortion. chosen."""
SHRINK_SHARE: Final = 8.0
"""minutiae added to the common area's count, so that four of four are not taken for certainty. chosen."""
SHRINK_FIRM: Final = 6.0
"""minutiae, likewise for firmness. chosen."""
WEIGHT_SHARE: Final = 113.0
"""score per share of the minutiae in the common area that match. Logistic regression of same against other finger
on seven development sets and synthetic fingers, equal weight to both classes; one log-odd = 5 points."""
WEIGHT_FIRM: Final = 58.7
"""score per firmness (0 to 1) of the matched pairs. Same regression."""
WEIGHT_CLOSE: Final = 45.5
"""score per mean closeness (0 to 1) of the matched pairs. Same regression."""
WEIGHT_NONE: Final = -69.4
"""puts 40 where about one in 10,000 impostor pairs of those sets is reached. Measured."""
