"""Two hands as an inline SVG: where each finger is drawn and what it shows. Marks in, plain values out.

Backs of the hands as the person sees them: left hand left, little finger outermost. Positions 1 to 5 are the right
hand from the thumb, 6 to 10 the left (FGP).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from station.booking_plan import FINGERS, LABELS
from station.friction_ridge import AMP, FGP

WIDTH = 640
_THICK = 46
_LEFT: dict[FGP, tuple[int, int, int, int]] = {
    FGP.LEFT_LITTLE: (22, 92, 108, -10),
    FGP.LEFT_RING: (78, 44, 150, -4),
    FGP.LEFT_MIDDLE: (134, 24, 168, 0),
    FGP.LEFT_INDEX: (190, 50, 144, 5),
    FGP.LEFT_THUMB: (212, 152, 108, 32),
}
"""x, y, length in drawing units and turn in degrees of each finger of the left hand; the right is its mirror."""


@dataclass(frozen=True)
class FingerShape:
    """One finger of the drawing. state: todo, now, done or missing; mark: the sign written on it."""

    fgp: int
    label: str
    x: int
    y: int
    width: int
    height: int
    turn: int
    state: str
    mark: str

    @property
    def middle(self) -> int:
        """Centre line, drawing units."""
        return self.x + self.width // 2

    @property
    def foot(self) -> int:
        """Lower end, around which the finger is turned."""
        return self.y + self.height


def shapes(
    *, now: Collection[FGP] = (), done: Collection[FGP] = (), missing: Mapping[FGP, AMP] | None = None
) -> list[FingerShape]:
    """The ten fingers with their state, in order of FGP."""
    marks = missing or {}
    return [_shape(finger, finger in now, finger in done, marks.get(finger)) for finger in FINGERS]


def _shape(finger: FGP, now: bool, done: bool, amp: AMP | None) -> FingerShape:
    left_twin = finger if finger >= FGP.LEFT_THUMB else FGP(int(finger) + 5)
    x, y, length, turn = _LEFT[left_twin]
    if finger < FGP.LEFT_THUMB:
        x, turn = WIDTH - x - _THICK, -turn
    state = "missing" if amp else "now" if now else "done" if done else "todo"
    mark = str(amp) if amp else "✓" if done and not now else str(int(finger))
    return FingerShape(int(finger), LABELS[finger], x, y, _THICK, length, turn, state, mark)
