"""What the synthetic world speaks in: fingers, touches, platens and renderings. Values only, no logic.

Finger frame: millimetres, origin in the middle of the pad (beside the core of most patterns), x to the right and y
down as on an image of an upright finger seen through the glass. Angles: degrees in [0, 360), counter-clockwise from
+x as seen on the image, the direction of INCITS 378-2004 and ISO/IEC 19794-2 (into the ridge at an ending, into the
valley between the branches at a bifurcation).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["ending", "bifurcation"]
Contact = Literal["rolled", "plain"]
FloatImage = NDArray[np.float32]


class Pattern(enum.StrEnum):
    """Pattern class, as seen on an impression (a right loop opens to the right of the image)."""

    ARCH = "arch"
    TENTED_ARCH = "tented_arch"
    LEFT_LOOP = "left_loop"
    RIGHT_LOOP = "right_loop"
    WHORL = "whorl"
    DOUBLE_LOOP = "double_loop"


@dataclass(frozen=True)
class TrueMinutia:
    """One minutia of a finger: place in the finger frame (mm), direction (degrees), type."""

    x_mm: float
    y_mm: float
    angle: float
    kind: Kind


@dataclass(frozen=True)
class Build:
    """Sizes of one finger in mm: ridge period; half widths of a plain and of a rolled contact; distances from the
    origin up to the tip and down to the crease of the first joint."""

    period_mm: float
    plain_half_mm: float
    rolled_half_mm: float
    tip_mm: float
    crease_mm: float


@dataclass(frozen=True, eq=False)
class Finger:
    """One finger, the same for ever for a seed and a position.

    seed, position (FGP 1 to 10), pattern; minutiae: all of the master pattern; cores, deltas: (x_mm, y_mm);
    build: sizes; master: int16 [h, w, 2], ridge height and pores in 1/32767, on a grid of `pitch_mm` whose cell
    `origin` (column, row) is the origin of the finger frame.
    """

    seed: int
    position: int
    pattern: Pattern
    minutiae: tuple[TrueMinutia, ...]
    cores: tuple[tuple[float, float], ...]
    deltas: tuple[tuple[float, float], ...]
    build: Build
    master: NDArray[np.int16]
    pitch_mm: float
    origin: tuple[float, float]


@dataclass(frozen=True)
class Touch:
    """How a finger is put down once. All but the last three lengths and angles are 0 to 1.

    pressure: 0.5 is right; moisture: 0 dry, 0.5 right, 1 wet; wear: of the ridges; scars: how many; rotation_deg:
    counter-clockwise; dx_mm, dy_mm: from the middle of the platen, right and down; distortion: of the skin, 0.3 is
    usual; noise: of the sensor; background: dirt on the platen; smear: sideways motion; seed: of this touch.
    """

    pressure: float = 0.5
    moisture: float = 0.5
    wear: float = 0.0
    scars: int = 0
    rotation_deg: float = 0.0
    dx_mm: float = 0.0
    dy_mm: float = 0.0
    distortion: float = 0.3
    noise: float = 0.1
    background: float = 0.05
    smear: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class Platen:
    """The glass: width and height in pixels, resolution in pixels per inch."""

    width: int
    height: int
    ppi: int


@dataclass(frozen=True)
class PixelMinutia:
    """One minutia on a rendering: pixels (origin top left, y down), degrees, type."""

    x: float
    y: float
    angle: float
    kind: Kind


SlapBox = tuple[int, int, int, int, int, float]
"""(position, x, y, width, height, angle_deg) of the last joint of one finger in a slap, in pixels; an upright box
around the contact area; the angle is that of the finger, counter-clockwise from upright."""


@dataclass(frozen=True, eq=False)
class Rendering:
    """What a reader sees. pixels: uint8 [h, w], dark ridges on light; minutiae: those visible in the contact area;
    mask: bool [h, w], contact area; boxes: per finger of a slap, else empty."""

    pixels: NDArray[np.uint8]
    minutiae: tuple[PixelMinutia, ...]
    mask: NDArray[np.bool_]
    boxes: tuple[SlapBox, ...] = ()
