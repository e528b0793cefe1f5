"""The extractor: one line a stage, each stage a pure function in its own file.

In: uint8 [h, w] at ppi. Out: MinutiaTemplate in pixels of that image, and the intermediate `Ridges` that quality
scoring shares.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from station.friction_ridge import MinutiaTemplate, SingularPoint
from station.imaging import (
    check,
    confidence,
    enhance,
    foreground,
    normalise,
    orientation,
    residues,
    singular,
    spurious,
)
from station.imaging import parameters as p
from station.imaging.normalise import Plane
from station.imaging.trace import Trace, marked


@dataclass(frozen=True, eq=False)
class Ridges:
    """What the first stages saw, at 500 ppi on the coarse grid (pitch parameters.GRID px).

    contrast: grey levels RMS; mask: bool, contact area; coherence, strength: 0 to 1; period: px; band, wave: full size,
    cropped to `box` (x, y, width, height, px at 500 ppi); coarse planes are cropped likewise.
    """

    shape: tuple[int, int]
    box: tuple[int, int, int, int]
    contrast: Plane
    mask: NDArray[np.bool_]
    field: orientation.OrientationField
    strength: Plane
    period: Plane
    band: Plane
    wave: enhance.RidgeWave

    def whole_mask(self) -> NDArray[np.bool_]:
        """The contact area on the coarse grid of the whole image, not of the crop."""
        whole = np.zeros((-(-self.shape[0] // p.GRID), -(-self.shape[1] // p.GRID)), np.bool_)
        row, column = self.box[1] // p.GRID, self.box[0] // p.GRID
        height, width = self.mask.shape
        whole[row : row + height, column : column + width] = self.mask[
            : whole.shape[0] - row, : whole.shape[1] - column
        ]
        return whole


def look(gray: NDArray[np.uint8], ppi: int, trace: Trace | None = None) -> Ridges:
    """Stages 1 to 5: find the contact area and its ridges. Raises ImageError (see check.py)."""
    check.check_gray(gray, ppi)
    check.check_not_blank(gray)
    band = normalise.band_pass(normalise.resample(gray, ppi))
    contrast = normalise.local_contrast(band)
    band = normalise.equalise(band, contrast)
    field = orientation.estimate(band)
    mask = foreground.segment(contrast, field.coherence)
    box = foreground.bounding_box(mask, p.MARGIN, band.shape)
    seen = _ridges(band.shape, box, contrast, mask, field, band)
    if trace is not None:
        _record(trace, band, contrast, mask, seen)
    return seen


def _ridges(
    shape: tuple[int, ...],
    box: tuple[int, int, int, int],
    contrast: Plane,
    mask: NDArray[np.bool_],
    field: orientation.OrientationField,
    equal: Plane,
) -> Ridges:
    """Crop to the contact area and demodulate there only: a slap is two thirds background."""
    x, y, width, height = box if box[2] else (0, 0, p.MIN_SIDE, p.MIN_SIDE)
    fine = (slice(y, y + height), slice(x, x + width))
    coarse = tuple(slice(s.start // p.GRID, -(-s.stop // p.GRID)) for s in fine)
    band, inside = np.ascontiguousarray(equal[fine]), mask[coarse]
    near = orientation.OrientationField(field.cos2[coarse], field.sin2[coarse], field.coherence[coarse])
    nx, ny = orientation.normals(near, band.shape)
    smooth = enhance.smooth_along(band, nx, ny)
    period = enhance.ridge_period(smooth, inside.astype(np.float32))
    wave = enhance.demodulate(smooth, nx, ny, period)
    strength = enhance.ridge_strength(wave, band)
    size = (int(shape[0]), int(shape[1]))
    return Ridges(size, (x, y, width, height), contrast[coarse], inside, near, strength, period, band, wave)


def minutiae(seen: Ridges, trace: Trace | None = None) -> residues.Residues:
    """Stages 6 to 8, in px of the crop at 500 ppi; strength of the result is confidence, 0 to 1."""
    inner = spurious.inner_mask(seen.mask, seen.wave.real.shape)
    found = spurious.candidates(residues.find(seen.wave, inner, seen.strength, seen.period))
    sure = confidence.judge(found, seen.band, seen.wave.real, seen.mask)
    kept = spurious.remove(replace(found, strength=sure))
    if trace is not None:
        trace.image("confidence", marked(seen.wave.real, found.x, found.y, sure))
        trace.image("kept", marked(seen.band, kept.x, kept.y, kept.strength))
        trace.data(
            "minutiae",
            {"found": len(found), "kept": len(kept), "x": kept.x, "y": kept.y, "angle": kept.angle},
        )
    return kept


def run(gray: NDArray[np.uint8], ppi: int, trace: Trace | None = None) -> MinutiaTemplate:
    """Image to template. Raises ImageError (check.py), image.inverted among them."""
    return from_seen(gray, ppi, look(gray, ppi, trace), trace)


def from_seen(gray: NDArray[np.uint8], ppi: int, seen: Ridges, trace: Trace | None = None) -> MinutiaTemplate:
    """The same from ridges already looked at, to share the work with quality. Raises image.inverted."""
    check.check_not_inverted(gray, seen.whole_mask())
    return as_template(seen, minutiae(seen, trace), gray.shape, ppi, trace)


def as_template(
    seen: Ridges,
    kept: residues.Residues,
    shape: tuple[int, ...],
    ppi: int,
    trace: Trace | None = None,
) -> MinutiaTemplate:
    """Residues of the crop at 500 ppi, and stage 9, its cores and deltas, in pixels of the original image."""
    told = len(kept) >= p.SINGULAR_MINUTIAE
    points = singular.find(seen.field, seen.mask) if told else ()
    if trace is not None:
        trace.data("singular", {"points": [asdict(point) for point in points]})
    scale = ppi / p.NOMINAL_PPI
    x = (kept.x + seen.box[0] + 0.5) * scale
    y = (kept.y + seen.box[1] + 0.5) * scale
    quality = np.clip(np.rint(kept.strength * 100.0), 1, 100).astype(np.uint8)
    return MinutiaTemplate(
        width=int(shape[1]),
        height=int(shape[0]),
        ppi=int(ppi),
        x=np.clip(x, 0, shape[1] - 1).astype(np.float32),
        y=np.clip(y, 0, shape[0] - 1).astype(np.float32),
        angle=(kept.angle % 360).astype(np.float32),
        kind=kept.kind.astype(np.uint8),
        quality=quality,
        singular=tuple(_as_singular_point(point, seen.box, scale, shape) for point in points),
        pattern=singular.pattern(points),
    )


def _as_singular_point(
    point: singular.Singularity, box: tuple[int, int, int, int], scale: float, shape: tuple[int, ...]
) -> SingularPoint:
    return SingularPoint(
        kind="core" if point.core else "delta",
        x=min((point.x + box[0]) * scale, shape[1] - 1.0),
        y=min((point.y + box[1]) * scale, shape[0] - 1.0),
        angle=point.angle,
        quality=point.quality,
    )


def _record(trace: Trace, equal: Plane, contrast: Plane, mask: NDArray[np.bool_], seen: Ridges) -> None:
    trace.image("equalised", equal)
    trace.image("contrast", contrast)
    trace.image("foreground", mask)
    trace.image("orientation", np.arctan2(seen.field.sin2, seen.field.cos2))
    trace.image("coherence", seen.field.coherence)
    trace.image("period", seen.period)
    trace.image("strength", seen.strength)
    trace.image("wave", seen.wave.real)
    trace.image("phase", np.arctan2(seen.wave.imag, seen.wave.real))
