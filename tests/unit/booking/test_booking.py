"""The booking value and its table of states."""

from __future__ import annotations

import datetime as dt

import pytest

from station import booking as bookings
from station.booking import Attempt, Booking, BookingState, Event, Finding, Override, SubmissionTicket
from station.errors import BookingError
from station.friction_ridge import AMP, FGP, IMP
from tests.kit import matrix

NOW = dt.datetime(2026, 1, 2, 12, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(minutes=1)


def draft(plan="tenprint", **changes) -> Booking:
    return Booking("b-1", "CAR", plan, {"NAM": "SYNTHETIC,ONE"}, "avery", NOW, NOW, **changes)


def attempt(fgp, number=1, accepted=True, score=80, finding=None) -> Attempt:
    return Attempt(
        FGP(fgp),
        IMP.LIVESCAN_ROLLED,
        number,
        score,
        (),
        finding,
        accepted,
        40,
        f"{fgp}-{number}",
        "avery",
        NOW,
        True,
    )


def filled(plan="tenprint", missing=None) -> Booking:
    booking = bookings.with_missing(draft(plan), missing or {}, NOW)
    for step in booking.steps:
        if not step.skipped:
            booking = bookings.with_attempt(booking, attempt(step.fgp), NOW)
    return booking


# draft      nothing is taken yet: fields may be changed, and a person of whom nothing can be taken is complete at once
# capturing  something is taken: the fields stay as they are, it may only be finished or given up
# complete   every impression is accepted: one may be taken again (which may spoil it), then it is submitted or given up
# submitted  it stays so: pressing the button twice is one submission
# cancelled  the end
MEANING = """
           edit   capture    fill      submit     cancel
draft      draft  capturing  complete  -          cancelled
capturing  -      capturing  complete  -          cancelled
complete   -      capturing  complete  submitted  cancelled
submitted  -      -          -         submitted  -
cancelled  -      -          -         -          -
"""


def test_every_cell_leads_where_its_meaning_says_or_is_refused():
    def step(state: str, event: str) -> str:
        moved = bookings.advance(draft(state=BookingState(state)), Event(event), LATER)
        assert moved.updated_at == LATER
        return str(moved.state)

    assert matrix.wrong_cells(MEANING, BookingState, Event, step, BookingError, "booking.illegal_step") == []


def test_fingers_may_be_marked_and_captured_until_a_booking_is_submitted_or_cancelled():
    open_states = {str(state) for state in BookingState if draft(state=state).is_open}
    assert open_states == {"draft", "capturing", "complete"}


def test_a_booking_is_complete_when_the_last_impression_is_accepted():
    booking = filled(missing={FGP(9): AMP.AMPUTATED})
    assert booking.state is BookingState.COMPLETE
    assert booking.problems() == ()
    assert booking.next_step is None


def test_a_refused_attempt_keeps_the_finger_open():
    booking = bookings.with_attempt(draft(), attempt(1, accepted=False), NOW)
    assert booking.state is BookingState.CAPTURING
    assert booking.next_step.fgp == FGP.RIGHT_THUMB
    assert "Right thumb is not accepted yet" in booking.problems()


def test_a_better_take_replaces_the_accepted_one_and_both_are_kept():
    booking = bookings.with_attempt(draft(), attempt(1), NOW)
    booking = bookings.with_attempt(booking, attempt(1, number=2), NOW)
    assert booking.accepted[FGP(1)].number == 2
    assert [one.accepted for one in booking.attempts_of(FGP(1))] == [False, True]


def test_a_worse_take_leaves_the_accepted_one():
    booking = bookings.with_attempt(draft(), attempt(1), NOW)
    booking = bookings.with_attempt(booking, attempt(1, number=2, accepted=False), NOW)
    assert booking.accepted[FGP(1)].number == 1


def test_marking_a_finger_after_its_slap_opens_the_slap_again():
    booking = bookings.with_missing(filled(), {FGP(3): AMP.UNABLE_TO_PRINT}, LATER)
    assert booking.state is BookingState.CAPTURING
    assert booking.next_step.fgp == FGP.PLAIN_RIGHT_FOUR
    assert booking.next_step.fingers == (FGP(2), FGP(4), FGP(5))
    assert FGP(3) not in booking.accepted


def test_a_roll_stays_good_when_its_finger_was_marked_by_mistake_and_the_slap_does_not():
    marked = bookings.with_missing(filled(), {FGP(3): AMP.UNABLE_TO_PRINT}, LATER)
    again = bookings.with_missing(marked, {FGP(3): None}, LATER)
    assert FGP(3) in again.accepted
    assert [step.fgp for step in again.steps if step.fgp not in again.accepted] == [FGP.PLAIN_RIGHT_FOUR]


def test_both_thumbs_are_retaken_when_one_is_marked_and_one_plain_thumb_is_not():
    flats = bookings.with_missing(filled("flats-4-4-2"), {FGP(6): AMP.AMPUTATED}, LATER)
    assert flats.next_step.fgp == FGP.PLAIN_THUMBS
    assert flats.next_step.fingers == (FGP(1),)
    tenprint = bookings.with_missing(filled(), {FGP(6): AMP.AMPUTATED}, LATER)
    assert tenprint.state is BookingState.COMPLETE
    assert FGP.PLAIN_LEFT_THUMB in bookings.with_missing(tenprint, {FGP(6): None}, LATER).accepted


def test_a_mark_can_be_taken_back_before_anything_is_taken():
    marked = bookings.with_missing(draft(), {FGP(2): AMP.AMPUTATED}, NOW)
    assert bookings.with_missing(marked, {FGP(2): None}, NOW).missing == {}


def test_only_the_ten_fingers_can_be_missing():
    with pytest.raises(BookingError, match=r"booking.not_a_finger"):
        bookings.with_missing(draft(), {FGP.PLAIN_LEFT_FOUR: AMP.AMPUTATED}, NOW)


def test_a_person_without_any_finger_has_nothing_to_submit():
    everyone = {FGP(number): AMP.AMPUTATED for number in range(1, 11)}
    booking = bookings.with_missing(draft(), everyone, NOW)
    assert booking.problems() == ("There is no impression to submit",)


def test_a_missing_finger_and_a_position_outside_the_plan_are_not_taken():
    booking = bookings.with_missing(draft("single-2"), {FGP(2): AMP.AMPUTATED}, NOW)
    with pytest.raises(BookingError, match=r"booking.finger_missing"):
        booking.step(FGP(2))
    with pytest.raises(BookingError, match=r"booking.not_in_plan"):
        booking.step(FGP(3))


def test_an_override_accepts_exactly_the_attempt_it_names():
    finding = Finding("sequence.same_finger", "looks like another", "look", 1)
    booking = bookings.with_attempt(draft(), attempt(2, accepted=False, score=10), NOW)
    booking = bookings.with_attempt(booking, attempt(2, 2, accepted=False, finding=finding), NOW)
    kept = bookings.with_override(booking, Override(FGP(2), 2, "checked_by_eye", "avery", "morgan", LATER))
    assert kept.accepted[FGP(2)].number == 2
    assert kept.overrides[0].second_officer == "morgan"


def test_a_submitted_booking_keeps_its_ticket_and_takes_nothing_more():
    ticket = SubmissionTicket("s-1", "TCN1")
    booking = bookings.with_submission(filled("single-2"), ticket, LATER)
    assert booking.submission == ticket
    assert not booking.is_open
    with pytest.raises(BookingError, match=r"booking.illegal_step"):
        bookings.with_attempt(booking, attempt(2, 2), LATER)


def test_a_cancelled_booking_says_so_among_its_problems():
    cancelled = bookings.advance(filled("single-2"), Event.CANCEL, LATER)
    assert cancelled.problems() == ("The booking is cancelled",)
