from __future__ import annotations

import itertools

import pytest

from offline_queue.errors import StateError
from offline_queue.states import DUE, LEASED, OPEN, TRANSITIONS, Event, State, after

CELLS = list(itertools.product(State, Event))


@pytest.mark.parametrize(("state", "event"), CELLS)
def test_every_cell_moves_as_the_table_says_or_is_refused(state: State, event: Event) -> None:
    if (state, event) in TRANSITIONS:
        assert after(state, event) is TRANSITIONS[(state, event)]
        return
    with pytest.raises(StateError) as error:
        after(state, event)
    assert error.value.code == "queue.illegal_transition"


def test_only_a_verified_receipt_leads_to_custody() -> None:
    assert {event for (_, event), to in TRANSITIONS.items() if to is State.CUSTODY} == {Event.ACCEPTED}


def test_nothing_leads_out_of_custody_but_an_answer() -> None:
    moves = {event for state, event in TRANSITIONS if state in (State.CUSTODY, State.ANSWERED)}
    assert moves == {Event.RESPONSE}


def test_an_entry_is_sent_only_from_ready() -> None:
    assert [state for (state, event), to in TRANSITIONS.items() if to is State.SENDING] == [State.READY]


def test_whatever_may_have_been_sent_is_asked_for_before_it_is_ready_again() -> None:
    back = {(state, event) for (state, event), to in TRANSITIONS.items() if to is State.READY}
    assert back == {(State.SENDING, Event.NOT_SENT), (State.ASKING, Event.ABSENT)}


def test_every_state_is_reached_and_open_or_closed() -> None:
    reached = {State.READY} | set(TRANSITIONS.values())
    assert reached == set(State)
    assert set(OPEN) >= set(DUE) | set(LEASED)
    assert set(State) - set(OPEN) == {State.CUSTODY, State.ANSWERED, State.QUARANTINED}
