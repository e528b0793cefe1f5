"""What is measured for quality. In: image and the ridges seen in it; out: Measures (numbers) and Places (masks).

Lengths in px at 500 ppi, grey levels of the image, areas in px² at 500 ppi. The coarse grid has a pitch of
parameters.GRID px.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from station.imaging import parameters as p
from station.imaging.normalise import Plane
from station.imaging.quality import parameters as q

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Measures:
    """area: px² with ridges; contact: px² touched, ridges to be seen or not; coherent: px² with clearly parallel
    ridges; strength: mean share of ridge wave in the signal, 0 to 1; coherence: median, 0 to 1; contrast: median
    RMS, grey levels; ground, ink: grey level of the empty platen and of the darkest ridges; duty: share of the
    ridged area that is dark; solid: share of the contact that is dark without ridges; edge_*: share of that side
    of the picture covered by ridges; period: median ridge period, px; texture: strongest contrast anywhere, grey
    levels; inverted: the empty platen is darker than the finger."""

    area: float
    contact: float
    coherent: float
    strength: float
    coherence: float
    contrast: float
    ground: float
    ink: float
    duty: float
    solid: float
    edge_left: float
    edge_right: float
    edge_top: float
    edge_bottom: float
    period: float
    texture: float
    inverted: bool

    def as_dict(self) -> dict[str, float]:
        """Rounded, for QualityReport.measures."""
        return {name: round(float(value), 3) for name, value in asdict(self).items()}


@dataclass(frozen=True, eq=False)
class Scene:
    """Whole-image planes on the coarse grid: grey: mean grey level; contrast; coherence; mask; strength is 0
    outside the mask; period: px; gray: the full-size picture at 500 ppi, for grey-level statistics; texture: see
    Measures."""

    gray: NDArray[np.uint8]
    grey: Plane
    contrast: Plane
    coherence: Plane
    mask: Mask
    strength: Plane
    period: float
    texture: float


def solid_places(scene: Scene, ground: float, ink: float) -> Mask:
    """Dark but ridgeless cells: ridges run together. bool [gh, gw]."""
    span = max(ground - ink, 1.0)
    dark = scene.grey < ground - q.SOLID_DARK * span
    flat = scene.contrast < q.SOLID_CONTRAST * span
    return np.asarray(dark & flat, dtype=np.bool_)


def grey_levels(scene: Scene) -> tuple[float, float]:
    """Empty platen and darkest ridges, grey levels."""
    outside = scene.grey[~scene.mask]
    whole = float(np.percentile(scene.gray[::4, ::4], 98))
    enough = outside.size > q.GROUND_SHARE * scene.grey.size
    ground = max(float(np.percentile(outside, 75)), 1.0) if enough else whole
    inside = _ridged_pixels(scene)
    ink = float(np.percentile(inside, 4)) if inside.size else 0.0
    return ground, ink


def _ridged_pixels(scene: Scene) -> NDArray[np.uint8]:
    """A sample of the grey levels within the mask."""
    step = p.GRID
    sample = scene.gray[step // 2 :: step, step // 2 :: step]
    height, width = min(sample.shape[0], scene.mask.shape[0]), min(sample.shape[1], scene.mask.shape[1])
    return np.asarray(sample[:height, :width][scene.mask[:height, :width]], dtype=np.uint8)


def measure(scene: Scene) -> tuple[Measures, Mask]:
    """All measures, and where the solid places are."""
    ground, ink = grey_levels(scene)
    solid = solid_places(scene, ground, ink) & ~scene.mask
    cell = float(p.GRID**2)
    inside, contact = int(scene.mask.sum()), int((scene.mask | solid).sum())
    some = scene.mask if inside else np.ones_like(scene.mask)
    pixels = _ridged_pixels(scene)
    duty = float((pixels < (ground + ink) / 2).mean()) if pixels.size else 0.0
    result = Measures(
        area=inside * cell,
        contact=contact * cell,
        coherent=float((scene.coherence[scene.mask] > q.COHERENT).sum()) * cell,
        strength=float(scene.strength[some].mean()),
        coherence=float(np.median(scene.coherence[some])),
        contrast=float(np.median(scene.contrast[some])),
        ground=ground,
        ink=ink,
        duty=duty,
        solid=float(solid.sum()) / max(contact, 1),
        edge_left=float(scene.mask[:, 0].mean()),
        edge_right=float(scene.mask[:, -1].mean()),
        edge_top=float(scene.mask[0].mean()),
        edge_bottom=float(scene.mask[-1].mean()),
        period=scene.period,
        texture=scene.texture,
        inverted=bool(pixels.size and ground <= float(np.median(pixels)) - q.INVERTED_BY),
    )
    return result, solid


def box_of(places: Mask, scale: float) -> tuple[int, int, int, int] | None:
    """x, y, width, height in px of the original image around the largest connected place, or None."""
    count, _, stats, _ = cv2.connectedComponentsWithStats(places.astype(np.uint8), connectivity=8)
    if count < 2:
        return None
    x, y, width, height, _ = stats[1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())] * (p.GRID * scale)
    return round(x), round(y), max(round(width), 1), max(round(height), 1)


def whole(plane: Plane, box: tuple[int, int, int, int], shape: tuple[int, ...]) -> Plane:
    """A cropped coarse plane put back into a zero plane of the whole image's coarse shape."""
    out = np.zeros((-(-shape[0] // p.GRID), -(-shape[1] // p.GRID)), plane.dtype)
    row, column = box[1] // p.GRID, box[0] // p.GRID
    out[row : row + plane.shape[0], column : column + plane.shape[1]] = plane
    return out
