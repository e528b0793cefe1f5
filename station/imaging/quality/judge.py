"""The live judge: frames of one contact in, what the officer should do and when to take the picture out.

A frame counts as steady when its score reaches the threshold, nothing blocks it and the finger has not moved since the
frame before; after `needed` steady frames in a row the judge says `take`, once a contact. No clock of its own: the
caller says when each frame was taken.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from station.errors import ImageError
from station.friction_ridge import QualityCause, QualityReport
from station.imaging.quality import motion
from station.imaging.quality.causes import cause
from station.imaging.quality.report import BLANK

Assess = Callable[[NDArray[np.uint8], int], QualityReport]

STEADY_FRAMES = 5
"""frames in a row that make a contact settled. chosen: a third of a second at 15 frames a second."""
STILL, SLIDING = 0.35, 0.8
"""motion (see motion.py) above which a finger moves, and at which that is all there is to say. chosen on synthetic
touches: pressure and noise stay under 0.2, a slide of 0.25 mm is over 0.5."""
GAP_S = 1.0
"""seconds after which the frame before says nothing about motion. chosen."""
FAINT_SPAN = 45.0
"""grey levels from platen to ink under which ridges are those of an earlier finger. chosen."""
BLOCKING = 0.5
"""severity from which a cause of BLOCKERS holds the shutter. chosen."""
BLOCKERS = frozenset(
    {
        "blank",
        "no_ridges",
        "inverted",
        "too_little_area",
        "tip_only",
        "off_centre",
        "smeared",
        "moved",
        "double_touch",
        "several_fingers",
        "dirty_platen",
    }
)
"""Causes that a high score must not outvote: they are about the wrong skin, or about more than one picture."""


class LiveState(enum.StrEnum):
    """empty: nothing on the platen; adjust: something to mend; hold: steady, not yet long enough; take: now;
    taken: this contact has been taken; lift it."""

    EMPTY = "empty"
    ADJUST = "adjust"
    HOLD = "hold"
    TAKE = "take"
    TAKEN = "taken"


@dataclass(frozen=True)
class LiveVerdict:
    """What one frame says. report: with `moved` among its causes; steady of needed frames
    (0 for a roll, which the judge never takes); motion: 0 to 1."""

    report: QualityReport
    state: LiveState
    steady: int
    needed: int
    motion: float


class LiveJudge:
    """Follows one reader's preview. threshold: 0 to 100; fingers: how many are expected; still: False for a roll,
    where the finger is meant to move and the reader decides when it is over; assess: scores a frame."""

    def __init__(
        self,
        assess: Assess,
        threshold: int,
        *,
        fingers: int = 1,
        still: bool = True,
        needed: int = STEADY_FRAMES,
    ) -> None:
        self._assess = assess
        self._threshold = threshold
        self._fingers = fingers
        self._still = still
        self._needed = needed
        self._before: tuple[float, NDArray[np.float32]] | None = None
        self._steady = 0
        self._taken = False
        self._touching = False  # in the frame before

    def see(self, gray: NDArray[np.uint8], ppi: int, at: float) -> LiveVerdict:
        """Judge one frame taken at `at` (seconds, never stepping back). A frame that is no picture counts as empty."""
        moved = self._motion(gray, ppi, at)
        try:
            report = self._for_this_contact(self._assess(gray, ppi), moved)
        except ImageError:
            report = BLANK
        state = self._state(report, moved)
        needed = self._needed if self._still else 0
        return LiveVerdict(report, state, self._steady, needed, round(moved, 3))

    def _motion(self, gray: NDArray[np.uint8], ppi: int, at: float) -> float:
        """Motion since the frame before; 1 for the first frame: nothing is known to be still."""
        now = motion.ridges_of(gray, ppi)
        before, self._before = self._before, (at, now)
        if before is None or not 0 <= at - before[0] <= GAP_S:
            return 1.0
        return motion.between(before[1], now)

    def _for_this_contact(self, report: QualityReport, moved: float) -> QualityReport:
        """The causes as they are for the finger that is asked for."""
        if _is_residue(report):
            return replace(report, score=0, causes=(cause("blank", 1.0), cause("dirty_platen", 1.0)))
        causes = [one for one in report.causes if one.code != "several_fingers" or self._fingers == 1]
        if self._still and moved > STILL and self._touching and not _is_empty(report):
            causes.append(cause("moved", min((moved - STILL) / (SLIDING - STILL), 1.0)))
        return replace(report, causes=tuple(sorted(causes, key=lambda one: -one.severity)))

    def _state(self, report: QualityReport, moved: float) -> LiveState:
        self._touching = not _is_empty(report)
        if not self._touching:
            self._steady, self._taken = 0, False
            return LiveState.EMPTY
        if self._taken:
            return LiveState.TAKEN
        good = report.score >= self._threshold and not any(_blocks(one) for one in report.causes)
        if not good or (self._still and moved > STILL):
            self._steady = 0
            return LiveState.ADJUST
        self._steady += 1
        if self._steady < self._needed or not self._still:
            return LiveState.HOLD
        self._taken = True
        return LiveState.TAKE


def _blocks(one: QualityCause) -> bool:
    return one.code in BLOCKERS and one.severity >= BLOCKING


def _is_empty(report: QualityReport) -> bool:
    return any(one.code == "blank" for one in report.causes)


def _is_residue(report: QualityReport) -> bool:
    """Ridges so faint on a light platen that no finger can be on it."""
    seen = report.measures
    if "ground" not in seen or _is_empty(report):
        return False
    return seen["ground"] - seen["ink"] < FAINT_SPAN and seen["ink"] > 0.6 * seen["ground"]
