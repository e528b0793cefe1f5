"""What is taken, in which order, and what missing fingers change."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.booking_plan import FINGERS, LABELS, PLAN_OF_TOT, PLANS, fingers_of, steps
from station.errors import BookingError
from station.friction_ridge import AMP, FGP

# FBI EBTS 9.1: rolls of right thumb to little and left thumb to little, then the fours and the plain thumbs.
# EFTS 7 appendix N: four, four, two. A single finger is one plain touch (IMP 0), never a roll.
# place, position, IMP, contact, fingers on the platen, in the officer's words
TENPRINT = """
1   1   1  roll   1         Right thumb
2   2   1  roll   2         Right index
3   3   1  roll   3         Right middle
4   4   1  roll   4         Right ring
5   5   1  roll   5         Right little
6   6   1  roll   6         Left thumb
7   7   1  roll   7         Left index
8   8   1  roll   8         Left middle
9   9   1  roll   9         Left ring
10  10  1  roll   10        Left little
11  13  0  slap   2,3,4,5   Right four fingers
12  14  0  slap   7,8,9,10  Left four fingers
13  11  0  plain  1         Right thumb, plain
14  12  0  plain  6         Left thumb, plain
"""
FLATS = """
1   13  0  slap   2,3,4,5   Right four fingers
2   14  0  slap   7,8,9,10  Left four fingers
3   15  0  slap   6,1       Both thumbs
"""
NAMES = [line.split(maxsplit=5)[5] for line in TENPRINT.strip().splitlines()[:10]]
SINGLES = {f"single-{n}": f"1  {n}  0  plain  {n}  {NAMES[n - 1]}" for n in range(1, 11)}
PLANNED = {"tenprint": TENPRINT, "flats-4-4-2": FLATS} | SINGLES


def rows(text):
    for line in text.strip().splitlines():
        number, fgp, imp, kind, fingers, words = line.split(maxsplit=5)
        yield int(number), int(fgp), int(imp), kind, tuple(map(int, fingers.split(","))), words


def test_there_are_these_plans_and_a_booking_is_a_tenprint():
    assert set(PLANS) == set(PLANNED)
    assert PLAN_OF_TOT == {"CAR": "tenprint"}
    assert tuple(range(1, 11)) == FINGERS


@pytest.mark.parametrize("plan", PLANNED)
def test_each_plan_takes_what_the_card_asks_for_in_its_order(plan):
    assert [
        (step.number, step.fgp, step.imp, str(step.kind), step.fingers, step.label)
        for step in steps(plan, {})
    ] == list(rows(PLANNED[plan]))
    for step in steps(plan, {}):
        assert step.lamps == tuple(map(int, step.fingers))
        assert step.skipped is None


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
