"""Small parts of the kiosk: sessions, the outbox, forms and the hands."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.access import Officer, Role
from station.errors import RecordError
from station.friction_ridge import AMP, FGP
from station.kiosk import hands, subject_form
from station.kiosk.outbox import STATE_WORDS, Outbox
from station.kiosk.sessions import MAX_SESSIONS, Sessions
from tests.unit.kiosk.fakes import SUBJECT, FakeClock, FakeEntry, FakeQueue, FakeResponse

AVERY = Officer("avery", "Avery", Role.OFFICER)


def test_the_oldest_session_makes_room():
    clock = FakeClock()
    sessions = Sessions(1800, clock)
    tokens = []
    for _ in range(MAX_SESSIONS + 1):
        clock.forward(1)
        tokens.append(sessions.open(AVERY).token)
    assert sessions.find(tokens[0]) is None
    assert all(sessions.find(token) for token in tokens[1:])


def test_an_answer_that_cannot_be_read_is_kept_and_said():
    def read(content):
        raise RecordError("record.malformed", "broken")

    queue = FakeQueue()
    queue.answers = [FakeResponse("T1", b"?")]
    (response,) = Outbox(queue, read, lambda text: [text]).responses("T1")
    assert response["error"] == "record.malformed"
    assert "cannot be read" in response["plain"][0]


def test_a_programming_error_in_the_decoder_is_not_swallowed():
    queue = FakeQueue()
    queue.answers = [FakeResponse("T1", b"?")]
    with pytest.raises(ZeroDivisionError):
        Outbox(queue, lambda content: 1 // 0, lambda text: [text]).responses("T1")


def test_waiting_counts_what_the_gateway_is_not_known_to_have():
    queue = FakeQueue()
    for number, state in enumerate(("ready", "sending", "custody", "answered", "quarantined", "unknown")):
        queue.rows[str(number)] = replace(FakeEntry(str(number), f"T{number}"), state=state)
    assert Outbox(queue, bytes, list).waiting() == 3


def test_every_state_of_the_queue_has_words():
    from offline_queue.states import State

    assert set(STATE_WORDS) == {str(state) for state in State}


def test_a_subject_becomes_a_form_and_the_form_the_same_subject():
    assert subject_form.subject_of(subject_form.form_of(SUBJECT)) == {**SUBJECT, "OCA": ""}


def test_a_subject_with_several_charges_and_an_unknown_birthday_can_be_edited():
    form = subject_form.form_of(
        {"ASL": [{"AOL": "first"}, {"AOL": "second"}], "DOB": "00000000", "HGT": "600"}
    )
    assert (form["charge"], form["DOB"], form["feet"], form["inches"]) == ("first", "", "6", "0")


@given(st.dictionaries(st.sampled_from([one.name for one in subject_form.QUESTIONS]), st.text(max_size=20)))
def test_any_form_becomes_a_subject(form):
    subject = subject_form.subject_of(form)
    assert set(subject) <= {one.field for one in subject_form.QUESTIONS}


def test_the_right_hand_mirrors_the_left_and_the_thumbs_do_not_touch():
    drawn = {shape.fgp: shape for shape in hands.shapes()}
    for right in range(1, 6):
        assert drawn[right].middle + drawn[right + 5].middle == hands.WIDTH
        assert drawn[right].turn == -drawn[right + 5].turn
    assert drawn[6].middle < drawn[1].middle


def test_a_finger_says_missing_before_now_before_done():
    everything = {FGP(2)}
    (shape,) = [
        one
        for one in hands.shapes(now=everything, done=everything, missing={FGP(2): AMP.UNABLE_TO_PRINT})
        if one.fgp == 2
    ]
    assert (shape.state, shape.mark) == ("missing", "UP")
    assert hands.shapes(now=everything, done=everything)[1].state == "now"
    assert hands.shapes(done=everything)[1].mark == "✓"
