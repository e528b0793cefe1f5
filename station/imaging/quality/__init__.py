"""Quality: how good an image is, what is wrong with it, where, and what to do.

The same look serves a final image and a preview frame; a preview below 400 ppi is scored by coefficients of its own.
Neither raises on a blank image: an empty platen has score 0 and cause `blank`. `nfiq2` computes the real NFIQ 2 where
its library is installed; `judge` follows the frames of a live preview; `where` draws what is wrong.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from station.errors import ImageError
from station.friction_ridge import QualityReport
from station.imaging import check
from station.imaging.quality.judge import LiveJudge, LiveState, LiveVerdict
from station.imaging.quality.places import where
from station.imaging.quality.report import BLANK, report

__all__ = ["LiveJudge", "LiveState", "LiveVerdict", "assess", "assess_preview", "where"]


def assess(gray: NDArray[np.uint8], ppi: int) -> QualityReport:
    """Score, causes and measures of an image uint8 [h, w]. Raises ImageError (check.py), but not on a blank image."""
    check.check_gray(gray, ppi)
    try:
        check.check_not_blank(gray)
    except ImageError:
        return BLANK
    return report(gray, ppi)


assess_preview = assess
"""A preview frame is looked at in the same way: 4 ms for 500×500."""
