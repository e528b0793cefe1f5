"""What to take for one booking: a plan name and the missing fingers in, the steps in order out.

The tenprint plan is the 14-image card of FBI EBTS 9.1 (FGP 1-10 rolled, 13, 14, 11, 12 plain); identification
flats are FGP 13, 14, 15 (EFTS 7 appendix N). A finger annotated XX or UP (AMP, 2.084) has no roll and is left
out of its slap; a slap without any finger left is skipped. FGP 11/12 and 15 never occur in one plan: one
contact may not be recorded twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from drivers.reader import CaptureKind
from station.errors import BookingError
from station.friction_ridge import AMP, FGP, IMP, SLAP_FINGERS

_ROLL = (IMP.LIVESCAN_ROLLED, CaptureKind.ROLL)
_PLAIN = (IMP.LIVESCAN_PLAIN, CaptureKind.PLAIN)
_SLAP = (IMP.LIVESCAN_PLAIN, CaptureKind.SLAP)

FINGERS: tuple[FGP, ...] = tuple(FGP(number) for number in range(1, 11))
"""The ten fingers, FGP 1 to 10, in order."""

PLANS: dict[str, tuple[tuple[FGP, tuple[IMP, CaptureKind]], ...]] = {
    "tenprint": (
        *((finger, _ROLL) for finger in FINGERS),
        (FGP.PLAIN_RIGHT_FOUR, _SLAP),
        (FGP.PLAIN_LEFT_FOUR, _SLAP),
        (FGP.PLAIN_RIGHT_THUMB, _PLAIN),
        (FGP.PLAIN_LEFT_THUMB, _PLAIN),
    ),
    "flats-4-4-2": (
        (FGP.PLAIN_RIGHT_FOUR, _SLAP),
        (FGP.PLAIN_LEFT_FOUR, _SLAP),
        (FGP.PLAIN_THUMBS, _SLAP),
    ),
    **{f"single-{int(finger)}": ((finger, _PLAIN),) for finger in FINGERS},
}
"""Plan name → positions in the order they are taken, each with its impression type and kind of contact."""

PLAN_OF_TOT: dict[str, str] = {"CAR": "tenprint"}
"""The plan a type of transaction asks for, when the officer names none."""

LABELS: dict[FGP, str] = {
    FGP.RIGHT_THUMB: "Right thumb",
    FGP.RIGHT_INDEX: "Right index",
    FGP.RIGHT_MIDDLE: "Right middle",
    FGP.RIGHT_RING: "Right ring",
    FGP.RIGHT_LITTLE: "Right little",
    FGP.LEFT_THUMB: "Left thumb",
    FGP.LEFT_INDEX: "Left index",
    FGP.LEFT_MIDDLE: "Left middle",
    FGP.LEFT_RING: "Left ring",
    FGP.LEFT_LITTLE: "Left little",
    FGP.PLAIN_RIGHT_THUMB: "Right thumb, plain",
    FGP.PLAIN_LEFT_THUMB: "Left thumb, plain",
    FGP.PLAIN_RIGHT_FOUR: "Right four fingers",
    FGP.PLAIN_LEFT_FOUR: "Left four fingers",
    FGP.PLAIN_THUMBS: "Both thumbs",
}


@dataclass(frozen=True)
class Step:
    """One impression of a plan. number: 1-based place; fingers: those expected on the platen, in anatomical
    order; skipped: the AMP codes that left no finger, or None when there is something to take."""

    number: int
    fgp: FGP
    imp: IMP
    kind: CaptureKind
    fingers: tuple[FGP, ...]
    skipped: str | None

    @property
    def label(self) -> str:
        """The position in the officer's words."""
        return LABELS[self.fgp]

    @property
    def lamps(self) -> tuple[int, ...]:
        """Finger lamps (1 to 10) of the fingers expected."""
        return tuple(int(finger) for finger in self.fingers)


def steps(plan: str, missing: Mapping[FGP, AMP]) -> tuple[Step, ...]:
    """The steps of `plan`, in order, those without a printable finger marked skipped.

    Raises BookingError `booking.plan_unknown` for a name that is not in PLANS.
    """
    if plan not in PLANS:
        raise BookingError(
            "booking.plan_unknown", f"no plan is called {plan!r}", f"one of {', '.join(PLANS)}"
        )
    return tuple(_step(number, *row, missing) for number, row in enumerate(PLANS[plan], start=1))


def fingers_of(fgp: FGP) -> tuple[FGP, ...]:
    """Which of the ten fingers a position shows: itself, or those of a slap."""
    return SLAP_FINGERS.get(fgp, (fgp,))


def _step(number: int, fgp: FGP, how: tuple[IMP, CaptureKind], missing: Mapping[FGP, AMP]) -> Step:
    everyone = fingers_of(fgp)
    present = tuple(finger for finger in everyone if finger not in missing)
    codes = "" if present else "/".join(sorted({str(missing[finger]) for finger in everyone}))
    return Step(number, fgp, how[0], how[1], present, codes or None)
