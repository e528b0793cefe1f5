"""The states of an entry against a second table, typed from what each state means (docs/queue.md)."""

from __future__ import annotations

import pytest

from offline_queue.errors import StateError
from offline_queue.states import DUE, LEASED, OPEN, TRANSITIONS, Event, State, after
from tests.kit import matrix

# ready        known not to be there: it may be claimed to be sent, or stopped
# sending      a worker sends it: it gets a receipt or a refusal, learns for certain that nothing arrived, or is not
#              sure; a lease that runs out is not sure either; a certificate that ran out stops it before a byte leaves
# unknown      may be there: it may only be claimed to ask, or stopped
# asking       a worker asks: only "absent" makes it ready again; whatever is less than an answer leaves it unknown
# held         somebody stopped it; it may have been sent before that, so it comes back as unknown
# custody      the gateway has it: only answers come
# answered     as custody, with an answer
# quarantined  refused or damaged: only an officer takes it out, and what was refused may have been taken, so: unknown
# Damage is found where bytes are read for the gateway, so before custody.
MEANING = """
             claim    accepted refused     not_sent unsure  absent lease_expired damaged     expired response hold release retry
ready        sending  -        -           -        -       -      -             quarantined -       -        held -       -
sending      -        custody  quarantined ready    unknown -      unknown       quarantined held    -        -    -       -
unknown      asking   -        -           -        -       -      -             quarantined -       -        held -       -
asking       -        custody  -           unknown  unknown ready  unknown       quarantined -       -        -    -       -
held         -        -        -           -        -       -      -             -           -       -        -    unknown -
custody      -        -        -           -        -       -      -             -           -       answered -    -       -
answered     -        -        -           -        -       -      -             -           -       answered -    -       -
quarantined  -        -        -           -        -       -      -             -           -       -        -    -       unknown
"""  # noqa: E501  a matrix is read as a matrix


def test_every_cell_leads_where_its_meaning_says_or_is_refused() -> None:
    def step(state: str, event: str) -> str:
        return str(after(State(state), Event(event)))

    assert matrix.wrong_cells(MEANING, State, Event, step, StateError, "queue.illegal_transition") == []


def test_a_refusal_names_the_state_the_step_and_what_to_do() -> None:
    with pytest.raises(StateError, match=r"an entry that is custody cannot take the step claim") as error:
        after(State.CUSTODY, Event.CLAIM)
    assert "station queue show" in error.value.advice


def test_only_a_verified_receipt_leads_to_custody() -> None:
    assert {event for (_, event), to in TRANSITIONS.items() if to is State.CUSTODY} == {Event.ACCEPTED}


def test_an_entry_is_sent_only_from_ready() -> None:
    assert [state for (state, event), to in TRANSITIONS.items() if to is State.SENDING] == [State.READY]


def test_whatever_may_have_been_sent_is_asked_for_before_it_is_ready_again() -> None:
    back = {(state, event) for (state, event), to in TRANSITIONS.items() if to is State.READY}
    assert back == {(State.SENDING, Event.NOT_SENT), (State.ASKING, Event.ABSENT)}


def test_what_is_due_waits_for_a_worker_what_is_leased_has_one_and_both_are_open() -> None:
    assert {str(state) for state in DUE} == {"ready", "unknown"}
    assert {str(state) for state in LEASED} == {"sending", "asking"}
    assert {str(state) for state in OPEN} == {"ready", "unknown", "sending", "asking", "held"}
    assert len(OPEN) == len(DUE) + len(LEASED) + 1
