"""Quality: how good an image is, what is wrong with it, where, and what to do.

`assess` looks closely (the pipeline's first five stages); `assess_preview` glances at a quarter of the pixels, for
live feedback. Neither raises on a blank image: an empty platen has score 0 and cause `blank`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from station.errors import ImageError
from station.friction_ridge import QualityReport
from station.imaging import check, normalise, pipeline
from station.imaging import parameters as p
from station.imaging.quality import measures
from station.imaging.quality.preview import glance
from station.imaging.quality.report import BLANK, report

__all__ = ["assess", "assess_preview"]

def assess(gray: NDArray[np.uint8], ppi: int) -> QualityReport:
    """Score, causes and measures of a final image uint8 [h, w]. Raises ImageError (image.not_gray8, …), not on blank."""
    try:
        seen = pipeline.look(gray, ppi)
    except ImageError as error:
        if error.code == "image.blank":
            return BLANK
        raise
    return assess_seen(gray, ppi, seen)


def assess_seen(gray: NDArray[np.uint8], ppi: int, seen: pipeline.Ridges) -> QualityReport:
    """The same from ridges already looked at, to share the work with extraction."""
    picture = normalise.resample(gray, ppi)
    put = lambda plane: measures.whole(plane, seen.box, seen.shape)  # noqa: E731
    period = float(np.median(seen.period[seen.mask])) if seen.mask.any() else 0.0
    mask = put(seen.mask.astype(np.float32)) > 0
    scene = measures.Scene(
        gray=picture,
        grey=measures.grey_plane(picture),
        contrast=_everywhere(seen),
        coherence=put(seen.field.coherence),
        mask=mask,
        strength=put(seen.strength) * mask,
        period=period,
        texture=seen.texture,
    )
    return report(scene, ppi / p.NOMINAL_PPI)


def _everywhere(seen: pipeline.Ridges) -> NDArray[np.float32]:
    """Contrast of the whole picture; outside the looked-at crop it is taken as full, so nothing there is solid."""
    out = np.full((-(-seen.shape[0] // p.GRID), -(-seen.shape[1] // p.GRID)), 255.0, np.float32)
    row, column = seen.box[1] // p.GRID, seen.box[0] // p.GRID
    out[row : row + seen.contrast.shape[0], column : column + seen.contrast.shape[1]] = seen.contrast
    return out


def assess_preview(gray: NDArray[np.uint8], ppi: int) -> QualityReport:
    """A quick look at a preview frame: the same causes, a rougher score. Raises ImageError, not on blank."""
    check.check_gray(gray, ppi)
    try:
        check.check_not_blank(gray)
    except ImageError:
        return BLANK
    return report(glance(gray, ppi), ppi / p.NOMINAL_PPI)
