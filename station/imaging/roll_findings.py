"""What can go wrong while a finger is rolled, with what to do. Values, and the rules from a journey to findings.

Codes (stable): roll.slip, roll.smear, roll.gap, roll.too_narrow, roll.lifted, roll.back, roll.too_fast.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

ADVICE: dict[str, str] = {
    "roll.slip": "The finger slid on the glass: roll it again, and let it roll without pushing.",
    "roll.smear": "Part of the roll is smeared: dry finger and glass, roll again with less pressure.",
    "roll.gap": "Part of the finger did not touch the glass: roll again in one even movement.",
    "roll.too_narrow": "The finger was laid down, not rolled: roll it from one edge of the nail to the other.",
    "roll.lifted": "The finger left the glass on the way: roll again without lifting it.",
    "roll.back": "The finger rolled back: roll it once, in one direction.",
    "roll.too_fast": "The finger rolled too fast for the reader: roll it again, slower.",
}
"""Plain words for each code; translations are keyed by the code."""

SLIP_MM = 0.28
"""mm between two frames, on which the picture moves on the glass. Skin drawn along by the roll moves less. chosen."""
SMEAR_SHARE = 0.04
"""share of the roll whose best frame is blurred. chosen."""
SMEAR_FRAMES = 0.2
"""share of the frames that are blurred, even where better ones cover their skin: the finger dragged. chosen."""
BLURRED = 0.55
"""of the roll's usual sharpness: less is blurred, from the first frame on. Clean rolls wander down to 0.69. chosen."""
DROP = 0.78
"""of the last clear frame's sharpness: less is blurred. A clean roll changes by a twentieth a frame."""
GAP_MM = 0.7
"""mm of columns without contact inside the roll. chosen: one ridge and a half."""
COLUMN_SHARE = 0.5
"""of its neighbours' height: a column with less contact is a gap. chosen."""
BACK_MM = 1.6
"""mm against the direction of the roll. chosen: settling at the start and end stays under 1."""
TRAVEL_MM = 4.0
"""mm that the contact's middle must travel; a plain touch settles by less than 2. chosen."""
LIFTED_SHARE = 0.2
"""of the usual contact: less is a lifted finger. chosen."""
OVERLAP = 0.3
"""of the contact that two neighbouring frames must share to be laid over each other. chosen."""


@dataclass(frozen=True)
class RollFinding:
    """Something wrong with a roll. box: x, y, width, height in px of the picture, where it has a place."""

    code: str
    message: str
    advice: str
    box: tuple[int, int, int, int] | None = None


@dataclass(frozen=True)
class RollProgress:
    """After one frame. width_mm: rolled so far; direction: `right`, `left`, or "" while it is not known; wrong: the
    code of what just went wrong, or ""."""

    frames: int
    touching: bool
    width_mm: float
    direction: str
    wrong: str


@dataclass(frozen=True, eq=False)
class RollResult:
    """image: uint8 [h, w], the stitched roll on white; coverage: float32 [h, w], 0 not touched, to 1 seen well inside
    a contact; findings: empty for a clean roll; measures: width_mm, travel_mm, slip_mm, frames, cpu-free figures."""

    image: NDArray[np.uint8]
    coverage: NDArray[np.float32]
    findings: tuple[RollFinding, ...]
    measures: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Stop:
    """One frame on its way. centre, left, right: px in the stitched picture; area: px²; step: how far the picture moved
    on the glass since the frame before, px; across, down: gradients for its contrast; blurred: much less sharp than the
    clear frame before; overlap: shared with what was there, 0 to 1; touching: False for empty glass."""

    touching: bool
    centre: float = 0.0
    left: float = 0.0
    right: float = 0.0
    area: float = 0.0
    step: float = 0.0
    across: float = 0.0
    down: float = 0.0
    blurred: bool = False
    overlap: float = 1.0

    @property
    def sharp(self) -> float:
        """Both gradients."""
        return self.across + self.down


@dataclass(frozen=True, eq=False)
class Journey:
    """A whole roll. seen: bool [h, w] of the small grid, where it was touched; sharp: float32 [h, w], sharpness of the
    frame each place was taken from, 0 for a blurred one; cell: px per cell."""

    stops: Sequence[Stop]
    seen: NDArray[np.bool_]
    sharp: NDArray[np.float32]
    cell: int
    ppi: int

    @property
    def touching(self) -> list[Stop]:
        """The frames with a finger."""
        return [stop for stop in self.stops if stop.touching]

    @property
    def travel_mm(self) -> float:
        """How far the contact's middle went."""
        centres = [stop.centre for stop in self.touching]
        return (max(centres) - min(centres)) / self.ppi * 25.4 if centres else 0.0

    @property
    def usual_sharp(self) -> float:
        """The sharpness of a good frame of this roll."""
        return float(np.percentile([stop.sharp for stop in self.touching], 70)) if self.touching else 0.0


def findings(journey: Journey) -> tuple[RollFinding, ...]:
    """All that went wrong, in the order of ADVICE."""
    rules = (_slip, _smear, _gap, _narrow, _lifted, _back, _fast)
    return tuple(found for rule in rules for found in rule(journey))


def _slip(journey: Journey) -> Iterator[RollFinding]:
    limit = SLIP_MM * journey.ppi / 25.4
    slid = [stop for stop in journey.touching if stop.step >= limit]
    if slid:
        far = sum(stop.step for stop in slid) / journey.ppi * 25.4
        yield _finding("roll.slip", f"the finger slid by {far:.1f} mm", _between(journey, slid))


def _smear(journey: Journey) -> Iterator[RollFinding]:
    blurred = journey.seen & (journey.sharp < BLURRED * journey.usual_sharp)
    share = float(blurred.sum()) / max(1, int(journey.seen.sum()))
    dragged = [stop for stop in journey.touching if stop.blurred]
    if share >= SMEAR_SHARE:
        yield _finding("roll.smear", f"{100 * share:.0f} % of the roll is blurred", _box(journey, blurred))
    elif len(dragged) > SMEAR_FRAMES * len(journey.touching):
        yield _finding(
            "roll.smear", f"the finger dragged in {len(dragged)} frames", _between(journey, dragged)
        )


def _gap(journey: Journey) -> Iterator[RollFinding]:
    heights = journey.seen.sum(axis=0).astype(np.float64)
    usual = float(np.median(heights[heights > 0])) if heights.any() else 1.0
    there = np.flatnonzero(heights > COLUMN_SHARE * usual)
    if len(there) < 2:
        return
    holes = np.ones(heights.size, np.bool_)
    holes[there] = False
    holes[: there[0]] = holes[there[-1] + 1 :] = False
    width = float(holes.sum()) * journey.cell / journey.ppi * 25.4
    if width >= GAP_MM:
        place = np.zeros(journey.seen.shape, np.bool_)
        place[np.ix_(journey.seen.any(axis=1), holes)] = True
        yield _finding("roll.gap", f"{width:.1f} mm inside the roll were not touched", _box(journey, place))


def _narrow(journey: Journey) -> Iterator[RollFinding]:
    if journey.travel_mm < TRAVEL_MM:
        yield _finding(
            "roll.too_narrow",
            f"the contact moved by {journey.travel_mm:.0f} mm only",
            _box(journey, journey.seen),
        )


def _lifted(journey: Journey) -> Iterator[RollFinding]:
    touching = journey.touching
    if not touching:
        return
    usual = float(np.median([stop.area for stop in touching]))
    firm = [n for n, stop in enumerate(journey.stops) if stop.touching and stop.area > LIFTED_SHARE * usual]
    off = [n for n in range(firm[0], firm[-1]) if n not in set(firm)]
    if off:
        yield _finding("roll.lifted", f"the finger was off the glass in {len(off)} frames on the way", None)


def _back(journey: Journey) -> Iterator[RollFinding]:
    centres = np.array([stop.centre for stop in journey.touching])
    if centres.size < 3:
        return
    way = centres if centres[-1] >= centres[0] else -centres
    back = float((np.maximum.accumulate(way) - way).max()) / journey.ppi * 25.4
    if back >= BACK_MM:
        yield _finding("roll.back", f"the finger rolled back by {back:.1f} mm", None)


def _fast(journey: Journey) -> Iterator[RollFinding]:
    torn = [stop for stop in journey.touching if stop.overlap < OVERLAP]
    if torn:
        yield _finding("roll.too_fast", f"{len(torn)} frames hardly share skin with those before", None)


def _finding(code: str, message: str, box: tuple[int, int, int, int] | None) -> RollFinding:
    return RollFinding(code, message, ADVICE[code], box)


def _between(journey: Journey, stops: Sequence[Stop]) -> tuple[int, int, int, int]:
    left, right = int(min(s.left for s in stops)), int(max(s.right for s in stops))
    return max(0, left), 0, right - max(0, left), journey.seen.shape[0] * journey.cell


def _box(journey: Journey, place: NDArray[np.bool_]) -> tuple[int, int, int, int] | None:
    rows, columns = np.flatnonzero(place.any(axis=1)), np.flatnonzero(place.any(axis=0))
    if rows.size == 0:
        return None
    cell = journey.cell
    return (
        int(columns[0]) * cell,
        int(rows[0]) * cell,
        int(columns[-1] - columns[0] + 1) * cell,
        int(rows[-1] - rows[0] + 1) * cell,
    )
