"""Constants of the imaging pipeline: value, unit and where each comes from. Nothing else holds a number.

All lengths are pixels at 500 ppi (1 px = 0.0508 mm) unless said otherwise. "chosen" = set by reasoning on ridge
geometry and checked on the development sets, not fitted to a single one of them.
"""

from __future__ import annotations

from typing import Final

NOMINAL_PPI: Final = 500
"""ppi. Every stage works at this resolution: ANSI/NIST-ITL's minimum scanning resolution."""
MIN_PPI: Final = 250
"""ppi. Below it a 9 px ridge period falls under 5 px: not enough to sample ridges."""
MAX_PPI: Final = 1200
"""ppi. Above it the header is more likely wrong than the image."""
MIN_SIDE: Final = 96
"""px at the image's own ppi: smaller than any reader's platen (ten ridges across)."""
MAX_PIXELS: Final = 12_000_000
"""px: a 3.2 by 3.0 inch platen at 1000 ppi has 9.6 million."""
BLANK_SPREAD: Final = 6.0
"""grey levels between the 1st and 99th percentile under which nothing is on the image. chosen."""
INVERTED_BY: Final = 36.0
"""grey levels by which the surroundings are darker than the print when it is inverted. chosen: at most 19 on 380
real prints, 29 on synthetic ones with dirt and smear; a good print upside down has 60 and more."""
INVERTED_GROUND: Final = 0.05
"""share of the picture that must be surroundings before they are judged."""
INVERTED_FAR: Final = 7
"""coarse cells, side of the square by which surroundings keep away from the print."""

BAND_FINE: Final = 0.8
"""px, sigma of the inner Gaussian of the band-pass: keeps periods from about 3 px. Middle of a flat optimum."""
BAND_COARSE: Final = 3.0
"""px, sigma of the outer Gaussian: shading that is left biases the ridge frequency. Middle of a flat optimum
(2.5 to 3.5) on five development sets; 6 doubles their error."""
GRID: Final = 4
"""px, pitch of the coarse grid on which slow fields (orientation, frequency, masks) live. chosen for speed."""
CONTRAST_SIGMA: Final = 8.0
"""px, sigma over which local contrast is measured: about one ridge each way. chosen."""
CONTRAST_FLOOR: Final = 3.0
"""grey levels RMS: contrast below it is treated as reader noise. chosen."""
CONTRAST_RELATIVE: Final = 0.18
"""share of the image's own 95th percentile of contrast that a foreground point must reach. chosen."""
CONTRAST_LOCAL: Final = 0.42
"""share of the strongest contrast nearby that it must reach: about one half marks the true edge. chosen."""
CONTRAST_NEARBY: Final = 64
"""px, diameter of "nearby". chosen: seven ridges."""
FOREGROUND_COHERENCE: Final = 0.25
"""0 to 1: orientation coherence under which a contrasty place is a smear, not ridges. chosen."""
FOREGROUND_CLOSE: Final = 20
"""px, holes and gaps up to this are bridged. chosen: two ridge periods."""
FOREGROUND_OPEN: Final = 44
"""px, islands and spurs thinner than this are dropped. chosen."""
FOREGROUND_MIN_AREA: Final = 2_500
"""px²: a patch of five by five ridges."""
FOREGROUND_MIN_SHARE: Final = 0.08
"""of the largest patch: a little finger's tip beside a thumb is more. chosen."""

ORIENTATION_SIGMA: Final = 7.0
"""px, smoothing of the structure tensor. chosen: under one ridge period, so that cores stay curved."""
ORIENTATION_REGULARISE: Final = 12.0
"""px, second smoothing of the unit orientation vectors, weighted by coherence, where coherence is low. chosen."""
PERIOD_MIN: Final = 5.0
"""px, ridge period. Adults: 8 to 11 px (Moore 1989, 0.43 to 0.53 mm); children and tall crowded ridges less."""
PERIOD_MAX: Final = 14.0
"""px, ridge period."""
PERIOD_DEFAULT: Final = 9.0
"""px, where nothing can be measured."""
FREQUENCY_SIGMA: Final = 24.0
"""px, smoothing of the ridge frequency: it varies slowly. chosen."""
STRIP: Final = 48
"""rows worked on at a time along and across ridges: the strips of a wide roll fit a 2 MB cache. chosen for speed."""

ALONG_STEPS: Final = (1.5, 3.0, 5.0)
"""px, offsets of the three passes of 1/4 1/2 1/4 smoothing along the ridge: together sigma 4.3 px. chosen."""
ACROSS_STEP: Final = 1.5
"""px between taps of the complex filter across the ridge. chosen: at least three taps in the shortest period."""
ACROSS_TAPS: Final = 4
"""taps each side of the middle."""
ACROSS_SIGMA: Final = 3.2
"""px, Gaussian window of the complex filter: a third of a ridge period. chosen."""

BORDER: Final = 8
"""px: residues nearer than this to the edge of the foreground are where ridges leave the contact. chosen: one
ridge; what lies further in is for the confidence network to judge, which sees the contact's outline."""
CROWD_DISTANCE: Final = 5.0
"""px: of two equal residues nearer than this the weaker is dropped. chosen: half a ridge period."""
MARGIN: Final = 16
"""px around the contact area's bounding box that the fine stages work on too."""
SIDE_DISTANCE: Final = 0.55
"""ridge periods ahead of and behind a residue at which ridge or valley is read for the type. chosen."""
MIN_STRENGTH: Final = 0.05
"""0 to 1, local ridge strength below which a residue is not looked at. chosen."""
MAX_CANDIDATES: Final = 400
"""residues looked at: twice what a template may hold. chosen, bounds the cost of noise."""
PATCH: Final = 24
"""samples each way of the square the confidence network sees; the weights are made for it."""
PATCH_PITCH: Final = 1.6
"""px between these samples: the square is 38 px wide, four ridge periods. Likewise."""
PATCH_WAVE: Final = 0.25
"""factor that brings the ridge wave to about ±1. Likewise."""
BATCH: Final = 100
"""residues judged at a time: bounds memory."""
MIN_CONFIDENCE: Final = 0.3
"""probability from which a residue is a minutia. Middle of a flat optimum (0.2 to 0.5) on six development sets."""
MAX_MINUTIAE: Final = 200
"""most minutiae a template may hold: under the 255 of ISO/IEC 19794-2 and INCITS 378's count byte."""

SINGULAR_SMOOTH: Final = 8.0
"""px, smoothing of the orientation field before the index is read. chosen: under one ridge period."""
SINGULAR_FILTER: Final = 14.0
"""px, sigma of the complex filters: one and a half ridge periods. chosen."""
SINGULAR_QUALITY: Final = 0.5
"""0 to 1, answer of the filter from which a core or delta is told. chosen on synthetic fingers."""
SINGULAR_SAME: Final = 12.0
"""px: two cores (or two deltas) nearer than this are one."""
SINGULAR_PAIR: Final = 24.0
"""px: a core and a delta nearer than this are a ripple of the field. chosen: two and a half ridge periods."""
SINGULAR_MINUTIAE: Final = 8
"""minutiae without which cores and deltas are not told: a picture without ridges has a flow too. chosen."""
PATTERN_QUALITY: Final = 0.55
"""0 to 1, the least quality of the points a pattern class is told from. chosen on synthetic fingers."""
LOOP_SIDE: Final = (15.0, 100.0)
"""degrees between the way a core opens and the way to its delta: less is a tented arch, more is no loop. chosen."""
WHORL_OPPOSITE: Final = 60.0
"""degrees, by which the ways two cores open may differ from opposite. chosen."""
