"""The vocabulary of friction ridges: positions, impression types, impressions, templates, quality. No logic.

Code tables: ANSI/NIST-ITL 1-2011 Update 2015 (IMP table 7, FGP table 8, AMP 14.018), as published in NIEM 6.0 biom.xsd.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from drivers.reader import Frame


class FGP(enum.IntEnum):
    """Friction ridge generalised position."""

    RIGHT_THUMB = 1
    RIGHT_INDEX = 2
    RIGHT_MIDDLE = 3
    RIGHT_RING = 4
    RIGHT_LITTLE = 5
    LEFT_THUMB = 6
    LEFT_INDEX = 7
    LEFT_MIDDLE = 8
    LEFT_RING = 9
    LEFT_LITTLE = 10
    PLAIN_RIGHT_THUMB = 11
    PLAIN_LEFT_THUMB = 12
    PLAIN_RIGHT_FOUR = 13
    PLAIN_LEFT_FOUR = 14
    PLAIN_THUMBS = 15


SLAP_FINGERS: dict[FGP, tuple[FGP, ...]] = {
    FGP.PLAIN_RIGHT_THUMB: (FGP.RIGHT_THUMB,),
    FGP.PLAIN_LEFT_THUMB: (FGP.LEFT_THUMB,),
    FGP.PLAIN_RIGHT_FOUR: (FGP.RIGHT_INDEX, FGP.RIGHT_MIDDLE, FGP.RIGHT_RING, FGP.RIGHT_LITTLE),
    FGP.PLAIN_LEFT_FOUR: (FGP.LEFT_INDEX, FGP.LEFT_MIDDLE, FGP.LEFT_RING, FGP.LEFT_LITTLE),
    FGP.PLAIN_THUMBS: (FGP.LEFT_THUMB, FGP.RIGHT_THUMB),
}
"""Which of the ten fingers a plain position shows, in anatomical order (index to little; thumbs left to right)."""


class IMP(enum.IntEnum):
    """Impression type, the codes used toward the FBI."""

    LIVESCAN_PLAIN = 0
    LIVESCAN_ROLLED = 1


class AMP(enum.StrEnum):
    """Why a finger is not printed."""

    AMPUTATED = "XX"
    UNABLE_TO_PRINT = "UP"


class MinutiaKind(enum.IntEnum):
    """Minutia type, the codes of INCITS 378 and ISO/IEC 19794-2."""

    OTHER = 0
    ENDING = 1
    BIFURCATION = 2


class PatternClass(enum.StrEnum):
    """General pattern class, the codes of ANSI/NIST-ITL 1-2011 Update 2015 field 9.307 (PCF)."""

    PLAIN_ARCH = "PA"
    TENTED_ARCH = "TA"
    ARCH = "AU"
    RIGHT_LOOP = "RS"
    LEFT_LOOP = "LS"
    PLAIN_WHORL = "PW"
    DOUBLE_LOOP = "DL"
    WHORL = "WU"


@dataclass(frozen=True)
class SingularPoint:
    """A core or a delta. x, y: pixels as in MinutiaTemplate; angle: degrees counter-clockwise from +x, the way a
    core opens, None for a delta or where it is not certain; quality: 0 to 1."""

    kind: Literal["core", "delta"]
    x: float
    y: float
    angle: float | None = None
    quality: float = 1.0


@dataclass(frozen=True, eq=False)
class MinutiaTemplate:
    """Minutiae of one image, as read-only arrays of equal length n.

    x, y:     float32 [n], pixels of an image `width` × `height` at `ppi`, origin top left, y down
    angle:    float32 [n], degrees in [0, 360), counter-clockwise from +x as seen on the image; it points along
              the ridge away from an ending (into the ridge), and into the valley between the branches of a
              bifurcation: the direction of INCITS 378-2004 and ISO/IEC 19794-2
    kind:     uint8 [n], MinutiaKind
    quality:  uint8 [n], 1 to 100, 0 = not reported
    singular: cores and deltas that are certain enough to be told
    pattern:  the pattern class where it is certain, else None
    """

    width: int
    height: int
    ppi: int
    x: NDArray[np.float32]
    y: NDArray[np.float32]
    angle: NDArray[np.float32]
    kind: NDArray[np.uint8]
    quality: NDArray[np.uint8]
    singular: tuple[SingularPoint, ...] = ()
    pattern: PatternClass | None = None

    def __post_init__(self) -> None:
        for name in ("x", "y", "angle", "kind", "quality"):
            values = getattr(self, name)
            values.setflags(write=False)
            if values.shape != self.x.shape:
                raise ValueError(f"{name} has {values.shape}, x has {self.x.shape}")

    def __len__(self) -> int:
        return int(self.x.size)


@dataclass(frozen=True)
class QualityCause:
    """One thing wrong with an image, for the officer.

    code: stable key, e.g. `too_dry` (station/imaging/quality/ lists them); severity 0 to 1;
    advice: what to do, in plain words; box: x, y, width, height in pixels of the image, or None.
    """

    code: str
    severity: float
    advice: str
    box: tuple[int, int, int, int] | None = None


@dataclass(frozen=True)
class QualityReport:
    """How good an image is. score: 0 (useless) to 100; algorithm: who says so; causes: worst first."""

    score: int
    algorithm: str
    causes: tuple[QualityCause, ...] = ()
    measures: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Impression:
    """One recorded contact: the frame, where and how it was taken, and by whom."""

    frame: Frame
    fgp: FGP
    imp: IMP
    officer: str
    attempt: int
