"""Cores, deltas and the pattern class. In: orientation field and contact area, coarse grid; out: SingularPoints.

Around a core the direction of the ridges, doubled, turns once with the way around it, around a delta once against it.
Where: points the doubled direction of the smoothed field winds around (Poincaré index; Kawagoe and Tojo 1984). How
sure, and which way a core opens: the field's answer to the complex filters x ± iy under a Gaussian (Nilsson and
Bigun 2003), 1 for the ideal pattern wholly in view.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from station.friction_ridge import PatternClass
from station.imaging import parameters as p
from station.imaging.normalise import Plane
from station.imaging.orientation import OrientationField


@dataclass(frozen=True)
class Singularity:
    """x, y: px of the field's crop at 500 ppi; angle: degrees counter-clockwise, the way a core opens, None for a
    delta; quality: 0 to 1."""

    core: bool
    x: float
    y: float
    angle: float | None
    quality: float


def find(field: OrientationField, mask: NDArray[np.bool_]) -> tuple[Singularity, ...]:
    """At most two cores and two deltas, each surest first, cores before deltas."""
    inside = mask.astype(np.float32)
    # twice the angle of the ridges (not of their normal), y up
    cos2, sin2 = -field.cos2 * inside, field.sin2 * inside
    turn = _turns(cos2, sin2)
    found = []
    for core in (True, False):
        real, imag = _answer(cos2, sin2, core)
        wound = np.argwhere(turn > 0.5 if core else turn < -0.5)
        found.append([_point(core, row, column, real, imag) for row, column in wound])
    cores, deltas = (_apart([s for s in some if s.quality >= p.SINGULAR_QUALITY]) for some in found)
    return tuple(_unpaired(cores, deltas))


def _turns(cos2: Plane, sin2: Plane) -> Plane:
    """How often the smoothed field winds around each 2×2 loop, counter-clockwise as seen: -1, 0 or 1."""
    sigma = p.SINGULAR_SMOOTH / p.GRID
    smooth = [cv2.GaussianBlur(part, (0, 0), sigma) for part in (cos2, sin2)]
    phase = cv2.phase(smooth[0], smooth[1]) * np.float32(0.5 / np.pi)  # in turns
    down, right = np.diff(phase, axis=0), np.diff(phase, axis=1)
    down -= np.rint(down)
    right -= np.rint(right)
    return np.asarray(down[:, :-1] + right[1:] - down[:, 1:] - right[:-1], np.float32)


def _answer(cos2: Plane, sin2: Plane, core: bool) -> tuple[Plane, Plane]:
    """The field's answer to the complex filter, real and imaginary part; its size is 1 for the ideal pattern."""
    sigma = p.SINGULAR_FILTER / p.GRID
    reach = int(np.ceil(3 * sigma))
    line = np.arange(-reach, reach + 1, dtype=np.float32)
    bell = np.exp(-0.5 * (line / sigma) ** 2)
    ramp = line * bell
    total = float(np.sum(np.hypot(line[:, None], line[None, :]) * bell[:, None] * bell[None, :]))
    bell, ramp = (np.asarray(k / np.sqrt(total), np.float32) for k in (bell, ramp))

    def across(plane: Plane) -> Plane:
        return np.asarray(cv2.sepFilter2D(plane, cv2.CV_32F, ramp, bell, borderType=cv2.BORDER_CONSTANT))

    def upward(plane: Plane) -> Plane:
        return np.asarray(cv2.sepFilter2D(plane, cv2.CV_32F, bell, -ramp, borderType=cv2.BORDER_CONSTANT))

    # a core is exp(+i·around), so times its conjugate x - iy; a delta the other way
    sign = 1.0 if core else -1.0
    real = across(cos2) + sign * upward(sin2)
    imag = across(sin2) - sign * upward(cos2)
    return np.asarray(real, np.float32), np.asarray(imag, np.float32)


def _point(core: bool, row: int, column: int, real: Plane, imag: Plane) -> Singularity:
    window = (slice(row, row + 2), slice(column, column + 2))
    a, b = float(real[window].mean()), float(imag[window].mean())
    x, y = (column + 1.0) * p.GRID, (row + 1.0) * p.GRID
    angle = float(np.degrees(np.arctan2(b, a))) % 360.0 if core else None
    return Singularity(core, x, y, angle, min(float(np.hypot(a, b)), 1.0))


def _apart(points: list[Singularity]) -> list[Singularity]:
    """The surest two that are not the same point twice."""
    kept: list[Singularity] = []
    for point in sorted(points, key=lambda s: -s.quality):
        if all(np.hypot(point.x - k.x, point.y - k.y) > p.SINGULAR_SAME for k in kept):
            kept.append(point)
    return kept[:2]


def _unpaired(cores: list[Singularity], deltas: list[Singularity]) -> list[Singularity]:
    """Without cores and deltas so near each other that a ripple of the field explains both."""

    def alone(one: Singularity, others: list[Singularity]) -> bool:
        return all(np.hypot(one.x - o.x, one.y - o.y) > p.SINGULAR_PAIR for o in others)

    return [c for c in cores if alone(c, deltas)] + [d for d in deltas if alone(d, cores)]


def pattern(points: tuple[Singularity, ...]) -> PatternClass | None:
    """The class where the points tell it: two cores that open away from each other's side are a whorl, one core with
    its one delta to the side of the way it opens is a loop. None otherwise; an arch is never told (it has no points,
    like a print whose points are out of view)."""
    cores = [s for s in points if s.core]
    deltas = [s for s in points if not s.core]
    if len(cores) == 2 and _facing(cores[0], cores[1]):
        return PatternClass.WHORL
    if len(cores) != 1 or len(deltas) != 1 or cores[0].angle is None:
        return None
    if min(cores[0].quality, deltas[0].quality) < p.PATTERN_QUALITY:
        return None
    away = np.degrees(np.arctan2(cores[0].y - deltas[0].y, deltas[0].x - cores[0].x))
    side = (away - cores[0].angle + 180.0) % 360.0 - 180.0
    if not p.LOOP_SIDE[0] < abs(side) < p.LOOP_SIDE[1]:
        return None
    return PatternClass.LEFT_LOOP if side > 0 else PatternClass.RIGHT_LOOP


def _facing(one: Singularity, other: Singularity) -> bool:
    """Both sure enough and opening in opposite directions."""
    if one.angle is None or other.angle is None or min(one.quality, other.quality) < p.PATTERN_QUALITY:
        return False
    return abs((one.angle - other.angle) % 360.0 - 180.0) < p.WHORL_OPPOSITE
