"""Quality: how good an image is, what is wrong with it, where, and what to do.

Both glance at a quarter of the pixels for grey levels, contact and coherence; `assess` adds how strong the ridge
wave is (the pipeline's first five stages), `assess_preview` guesses that from coherence, for live feedback.
Neither raises on a blank image: an empty platen has score 0 and cause `blank`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from station.errors import ImageError
from station.friction_ridge import QualityReport
from station.imaging import check, pipeline
from station.imaging import parameters as p
from station.imaging.quality import measures
from station.imaging.quality.preview import glance
from station.imaging.quality.report import BLANK, report

__all__ = ["assess", "assess_preview"]


def assess(gray: NDArray[np.uint8], ppi: int) -> QualityReport:
    """Score, causes and measures of a final image uint8 [h, w].

    Raises ImageError (check.py), but not on a blank image.
    """
    try:
        seen = pipeline.look(gray, ppi)
    except ImageError as error:
        if error.code == "image.blank":
            return BLANK
        raise
    return assess_seen(gray, ppi, seen)


def assess_seen(gray: NDArray[np.uint8], ppi: int, seen: pipeline.Ridges) -> QualityReport:
    """The same from ridges already looked at, to share the work with extraction."""
    scene = glance(gray, ppi)
    strength = measures.whole(seen.strength * seen.mask, seen.box, seen.shape)
    period = float(np.median(seen.period[seen.mask])) if seen.mask.any() else 0.0
    return report(
        replace(scene, strength=_fit(strength, scene.mask.shape), period=period), ppi / p.NOMINAL_PPI
    )


def _fit(plane: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The plane cut or padded with zeros by the row or column that rounding may make it differ."""
    out = np.zeros(shape, np.float32)
    height, width = min(shape[0], plane.shape[0]), min(shape[1], plane.shape[1])
    out[:height, :width] = plane[:height, :width]
    return out


def assess_preview(gray: NDArray[np.uint8], ppi: int) -> QualityReport:
    """A quick look at a preview frame: the same causes, a rougher score. Raises ImageError, not on blank."""
    check.check_gray(gray, ppi)
    try:
        check.check_not_blank(gray)
    except ImageError:
        return BLANK
    return report(glance(gray, ppi), ppi / p.NOMINAL_PPI)
