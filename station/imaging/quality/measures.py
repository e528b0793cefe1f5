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
from station.imaging.quality import contacts, crossing
from station.imaging.quality import parameters as q

Mask = NDArray[np.bool_]
SAMPLE = 3
"""every so many cells are enough for a median."""


@dataclass(frozen=True)
class Measures:
    """area: px² with ridges; contact: px² touched, ridges to be seen or not; coherent: px² with clearly parallel
    ridges; coherence: median, 0 to 1; contrast: median RMS, grey levels; ground, ink: grey level of the empty platen
    and of the darkest ridges; duty: share of the ridged area that is dark; solid: share of the contact that is dark
    without ridges; edge_*: share of that side of the picture covered by ridges; texture: strongest contrast anywhere,
    grey levels; inverted: the empty platen is darker than the finger; squat: height of the largest contact over its
    width, turned upright; residue: share of the empty platen that carries marks; double: share of the contact where
    two ridge systems cross; second: px² of a second contact beside the largest."""

    area: float
    contact: float
    coherent: float
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
    texture: float
    inverted: bool
    squat: float
    residue: float
    double: float
    second: float

    def as_dict(self) -> dict[str, float]:
        """Rounded, for QualityReport.measures."""
        return {name: round(float(value), 3) for name, value in asdict(self).items()}


@dataclass(frozen=True, eq=False)
class Places:
    """Where things are, bool [gh, gw] on the coarse grid. contact: ridges; solid: dark without ridges; unclear: ridges
    that are not clearly parallel; marked: marks on the empty platen; crossed: two ridge systems; second: another
    finger."""

    contact: Mask
    solid: Mask
    unclear: Mask
    marked: Mask
    crossed: Mask
    second: Mask


@dataclass(frozen=True, eq=False)
class Scene:
    """Whole-image planes on the coarse grid: grey: mean grey level; contrast; coherence; mask.
    half: the picture at 250 ppi; texture: see Measures."""

    half: NDArray[np.uint8]
    grey: Plane
    contrast: Plane
    coherence: Plane
    mask: Mask
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
    whole = float(np.percentile(scene.half[::2, ::2], 98))
    enough = outside.size > q.GROUND_SHARE * scene.grey.size
    ground = max(float(np.percentile(outside, 75)), 1.0) if enough else whole
    inside = _ridged_pixels(scene)
    return ground, level_of(inside, 0.04) if inside.size else 0.0


def level_of(pixels: NDArray[np.uint8], share: float) -> float:
    """The grey level that a share of the pixels does not exceed; counting 256 levels is cheaper than sorting."""
    return float(np.searchsorted(np.cumsum(np.bincount(pixels, minlength=256)), share * pixels.size))


def _ridged_pixels(scene: Scene) -> NDArray[np.uint8]:
    """A sample of the grey levels within the mask."""
    sample = scene.half[1::2, 1::2]
    height, width = min(sample.shape[0], scene.mask.shape[0]), min(sample.shape[1], scene.mask.shape[1])
    return np.asarray(sample[:height, :width][scene.mask[:height, :width]], dtype=np.uint8)


def measure(scene: Scene) -> tuple[Measures, Places]:
    """All measures, and where the things measured are."""
    ground, ink = grey_levels(scene)
    solid = solid_places(scene, ground, ink) & ~scene.mask
    cell = float(p.GRID**2)
    inside, touched = int(scene.mask.sum()), scene.mask | solid
    contact = int(touched.sum())
    some = scene.mask if inside else np.ones_like(scene.mask)
    pixels = _ridged_pixels(scene)
    duty = float((pixels < (ground + ink) / 2).mean()) if pixels.size else 0.0
    shape = contacts.shape_of(touched)
    residue, marked = crossing.residue(scene.half, scene.contrast, touched)
    double, crossed = crossing.crossed(scene.half, scene.coherence, scene.mask)
    result = Measures(
        area=inside * cell,
        contact=contact * cell,
        coherent=float((scene.coherence[scene.mask] > q.COHERENT).sum()) * cell,
        coherence=float(np.median(scene.coherence[some][::SAMPLE])),
        contrast=float(np.median(scene.contrast[some][::SAMPLE])),
        ground=ground,
        ink=ink,
        duty=duty,
        solid=float(solid.sum()) / max(contact, 1),
        edge_left=float(scene.mask[:, 0].mean()),
        edge_right=float(scene.mask[:, -1].mean()),
        edge_top=float(scene.mask[0].mean()),
        edge_bottom=float(scene.mask[-1].mean()),
        texture=scene.texture,
        inverted=bool(pixels.size and ground <= level_of(pixels, 0.5) - q.INVERTED_BY),
        squat=shape.squat,
        residue=residue,
        double=double,
        second=float(shape.second.sum()) * cell,
    )
    unclear = scene.mask & (scene.coherence < q.COHERENT)
    return result, Places(scene.mask, solid, unclear, marked, crossed, shape.second)


def box_of(places: Mask, scale: float) -> tuple[int, int, int, int] | None:
    """x, y, width, height in px of the original image around the largest connected place, or None."""
    count, _, stats, _ = cv2.connectedComponentsWithStats(places.astype(np.uint8), connectivity=8)
    if count < 2:
        return None
    x, y, width, height, _ = stats[1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())] * (p.GRID * scale)
    return round(x), round(y), max(round(width), 1), max(round(height), 1)
