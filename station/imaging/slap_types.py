"""What segmentation of a slap says: fingers, hand, findings. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from station.friction_ridge import FGP

HandName = Literal["right", "left", "unknown"]


@dataclass(frozen=True)
class SegmentedFinger:
    """One fingertip from the tip to the first crease.

    fgp: 1 to 10; box: x, y, width, height in pixels of the picture, upright (14.021 SEG); polygon: its outline, 3 to
    99 corners (x, y), clockwise as seen, convex, inside the box (14.025 ASEG); angle_deg: lean of the finger,
    counter-clockwise from tip-up as seen, so that turning it by -angle_deg brings it upright; confidence: 0 to 1,
    that there is a fingertip and that it is this one.
    """

    fgp: FGP
    box: tuple[int, int, int, int]
    polygon: tuple[tuple[int, int], ...]
    angle_deg: float
    confidence: float

    @property
    def left(self) -> int:
        """First column, as SEG wants it."""
        return self.box[0]

    @property
    def right(self) -> int:
        """Last column that still belongs to the finger."""
        return self.box[0] + self.box[2] - 1

    @property
    def top(self) -> int:
        """First row."""
        return self.box[1]

    @property
    def bottom(self) -> int:
        """Last row that still belongs to the finger."""
        return self.box[1] + self.box[3] - 1


@dataclass(frozen=True)
class SlapFinding:
    """Something about a slap. code: `slap.` and a word (docs/slaps.md lists them); advice: for the officer; stops: the
    slap should be taken again; box: x, y, width, height of the place, or None."""

    code: str
    message: str
    advice: str
    stops: bool
    box: tuple[int, int, int, int] | None = None


@dataclass(frozen=True)
class SlapSegmentation:
    """The whole answer. fgp: what was asked for; fingers: across the hand, from left to right when it is upright;
    expected: how many fingers the plan wants; hand, hand_certainty (0.5 to 1): which hand lies there, `unknown` when
    that is not certain or a thumb or a single finger was asked for (then 0); tilt_deg: lean of the hand,
    counter-clockwise; findings: what stops first."""

    fgp: FGP
    fingers: tuple[SegmentedFinger, ...]
    expected: int
    hand: HandName
    hand_certainty: float
    tilt_deg: float
    findings: tuple[SlapFinding, ...] = ()

    @property
    def usable(self) -> bool:
        """Nothing found asks for a retake."""
        return not any(finding.stops for finding in self.findings)
