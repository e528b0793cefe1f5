"""Marks on the skin: scars, fine white creases, the crease of the first joint.

In: a finger, a touch and where it lies. Out: float32 [h, w], 0 untouched skin, 1 no contact there at all. Marks
belong to the finger, so two touches show the same ones.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.sim.finger_types import Finger, FloatImage, Touch
from drivers.sim.placement import Placement
from drivers.sim.warp import Array

_WORN_CREASES = 14
"""Fine creases more at wear 1."""
_SUBPIXEL = 3
"""Bits of sub-pixel precision of the drawing."""

Region = tuple[int, int, int, int]


def marks(finger: Finger, placement: Placement, touch: Touch, region: Region) -> FloatImage:
    """All marks in a region (x, y, width, height) of the platen."""
    rng = np.random.Generator(np.random.PCG64([finger.seed, finger.position, 41]))
    light = np.zeros((region[3], region[2]), np.uint8)
    for _ in range(int(rng.integers(1, 7))):
        crease, depth = _curve(rng, (2.0, 8.0), 0.25), int(rng.integers(70, 160))
        _stroke(light, placement, region, *crease, width_mm=0.1, level=depth)
    worn = np.random.Generator(np.random.PCG64([finger.seed, finger.position, 43]))
    for _ in range(round(_WORN_CREASES * touch.wear)):
        _stroke(light, placement, region, *_curve(worn, (3.0, 10.0), 0.25), width_mm=0.16, level=220)
    scars = np.random.Generator(np.random.PCG64([finger.seed, finger.position, 47]))
    for _ in range(touch.scars):
        _scar(light, placement, region, scars)
    for offset, width in ((0.0, 0.8), (float(rng.uniform(1.2, 1.9)), 0.35)):
        _stroke(light, placement, region, *_joint(finger, rng, offset), width_mm=width, level=250)
    soft = cv2.GaussianBlur(light, (0, 0), max(0.4, 0.03 * placement.px_mm))
    return np.asarray(soft, np.float32) * np.float32(1.0 / 255.0)


def _curve(
    rng: np.random.Generator, length_mm: tuple[float, float], bend: float, reach_mm: float = 8.0
) -> tuple[Array, Array]:
    """A gently bent line somewhere on the pad, mm."""
    x, y = float(rng.uniform(-reach_mm, reach_mm)), float(rng.uniform(-reach_mm - 1.0, reach_mm + 2.0))
    angle, length = float(rng.uniform(0.0, np.pi)), float(rng.uniform(*length_mm))
    s = np.linspace(-0.5, 0.5, 14)
    turn = angle + bend * float(rng.normal()) * 2.0 * s
    step = length / s.size
    wander = rng.normal(0.0, 0.06, s.size)
    dx, dy = np.cumsum(np.cos(turn)) * step, np.cumsum(np.sin(turn)) * step
    return x + dx - dx.mean(), y + dy - dy.mean() + wander


def _scar(light: NDArray[np.uint8], placement: Placement, region: Region, rng: np.random.Generator) -> None:
    """A healed cut: a bent line, thick in the middle and thin at its ends, ragged."""
    width = float(rng.uniform(0.6, 1.1))
    x, y = _curve(rng, (8.0, 16.0), 0.35, reach_mm=4.0)
    for i in range(x.size - 1):
        swell = np.sin(np.pi * (i + 0.6) / x.size) ** 0.6 * float(rng.uniform(0.65, 1.2))
        _stroke(light, placement, region, x[i : i + 2], y[i : i + 2], width_mm=width * swell, level=240)


def _joint(finger: Finger, rng: np.random.Generator, offset: float) -> tuple[Array, Array]:
    """The crease of the first joint: across the finger, a little wavy."""
    x = np.linspace(-14.0, 14.0, 24)
    wave = 0.35 * np.sin(x * float(rng.uniform(0.25, 0.45)) + float(rng.uniform(0.0, 6.0)))
    return x, finger.build.crease_mm + offset + wave + rng.normal(0.0, 0.08, x.size) + 0.004 * x * x


def _stroke(
    light: NDArray[np.uint8],
    placement: Placement,
    region: Region,
    x: Array,
    y: Array,
    *,
    width_mm: float,
    level: int,
) -> None:
    px, py = placement.to_platen(x, y)
    points = np.stack([px - region[0], py - region[1]], axis=-1)
    fixed = np.rint(points * (1 << _SUBPIXEL)).astype(np.int32)
    thickness = max(1, round(width_mm * placement.px_mm))
    cv2.polylines(light, [fixed], False, (level,), thickness, cv2.LINE_AA, _SUBPIXEL)
