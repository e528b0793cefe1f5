"""What is taken, in which order, and what missing fingers change."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.reader import CaptureKind
from station.booking_plan import FINGERS, LABELS, PLANS, fingers_of, steps
from station.errors import BookingError
from station.friction_ridge import AMP, FGP, IMP


def test_a_tenprint_is_ten_rolls_then_two_slaps_then_two_plain_thumbs():
    plan = steps("tenprint", {})
    assert [int(step.fgp) for step in plan] == [*range(1, 11), 13, 14, 11, 12]
    assert [step.imp for step in plan] == [IMP.LIVESCAN_ROLLED] * 10 + [IMP.LIVESCAN_PLAIN] * 4
    assert [step.kind for step in plan[10:]] == [CaptureKind.SLAP] * 2 + [CaptureKind.PLAIN] * 2
    assert plan[11].lamps == (7, 8, 9, 10)


def test_identification_flats_are_four_four_two():
    assert [len(step.fingers) for step in steps("flats-4-4-2", {})] == [4, 4, 2]


def test_a_single_finger_plan_is_one_plain_touch():
    (only,) = steps("single-7", {})
    assert (only.fgp, only.kind, only.label) == (FGP.LEFT_INDEX, CaptureKind.PLAIN, "Left index")


def test_an_amputated_thumb_has_neither_roll_nor_plain():
    plan = steps("tenprint", {FGP.RIGHT_THUMB: AMP.AMPUTATED})
    assert [(int(step.fgp), step.skipped) for step in plan if step.skipped] == [(1, "XX"), (11, "XX")]


def test_a_slap_without_any_finger_is_skipped_and_says_why():
    gone = {FGP(2): AMP.AMPUTATED, FGP(3): AMP.UNABLE_TO_PRINT, FGP(4): AMP.AMPUTATED, FGP(5): AMP.AMPUTATED}
    slap = next(step for step in steps("tenprint", gone) if step.fgp == FGP.PLAIN_RIGHT_FOUR)
    assert (slap.fingers, slap.skipped) == ((), "UP/XX")


def test_an_unknown_plan_is_refused():
    with pytest.raises(BookingError, match=r"booking.plan_unknown"):
        steps("palms", {})


def test_no_plan_takes_a_contact_twice():
    for name, rows in PLANS.items():
        positions = [fgp for fgp, _ in rows]
        assert len(set(positions)) == len(positions), name
        assert not ({11, 12} & set(positions) and 15 in positions), name
    assert set(LABELS) == set(FGP)


@given(st.sampled_from(sorted(PLANS)), st.dictionaries(st.sampled_from(FINGERS), st.sampled_from(AMP)))
def test_a_step_shows_exactly_the_fingers_that_are_there(plan, missing):
    for step in steps(plan, missing):
        assert set(step.fingers) == set(fingers_of(step.fgp)) - set(missing)
        assert bool(step.skipped) == (not step.fingers)
