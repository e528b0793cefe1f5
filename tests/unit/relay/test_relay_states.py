"""What each state means to the relay, in tables typed from the meaning (docs/queue.md, docs/relay.md): every state in
every role, every step of an officer, every limit of time at its edge."""

from __future__ import annotations

import pytest

from offline_queue.errors import LeaseLost, StateError
from offline_queue.models import Claim, Outcome
from offline_queue.relay import status
from offline_queue.relay.intake import used_by
from offline_queue.relay.queue import restored
from offline_queue.relay.sending import erase
from offline_queue.states import Event, State
from tests.kit import matrix
from tests.unit.relay.kit import Desk
from tests.unit.relay.test_queue import claimed, expire_leases, receipt

# claimed   what a worker does with it when it is due; `-`: nothing
# blocks    the next one of this station waits for it: one is in flight at a time, so that the order stays
# expired   where a lease that ran out leads; `=`: there is none, so nothing happens
# restored  after a restore from a backup: what was waiting may have been sent since
# counts    it uses up the station's quota: the bureau does not have it yet
# waiting   the page counts its age: somebody works on it, or will
# erased    its bytes go when the bureau has had them long enough
MEANING = """
             claimed  blocks  expired  restored  counts  waiting  erased
ready        send     no      =        unknown   yes     yes      no
sending      -        yes     unknown  unknown   yes     yes      no
unknown      ask      no      =        =         yes     yes      no
asking       -        yes     unknown  unknown   yes     yes      no
held         -        no      =        =         yes     no       no
custody      -        no      =        =         no      no       yes
answered     -        no      =        =         no      no       yes
quarantined  -        no      =        =         no      no       no
"""
TABLE = matrix.read(MEANING)
ALL = [str(state) for state in State]


def test_the_table_has_every_state() -> None:
    assert {state for state, _ in TABLE} == set(ALL)


def put(desk: Desk, state: str, name: str = "s-1") -> None:
    """Into a state, with what an entry in flight has."""
    leased = state in ("sending", "asking")
    desk.database.rows(
        "UPDATE submission SET state = %s, lease_worker = %s, "
        "lease_until = CASE WHEN %s THEN clock_timestamp() + interval '1 minute' END WHERE submission_id = %s",
        (state, "other" if leased else None, leased, name),
    )


def column(name: str) -> dict[str, str]:
    return {state: TABLE[state, name] for state in ALL}


def yes(condition: bool) -> str:
    return "yes" if condition else "no"


def test_each_state_is_claimed_blocks_and_counts_as_the_table_says(desk: Desk) -> None:
    station, found = desk.county.stations[0], {}
    for number, state in enumerate(ALL):
        first, second = f"s-{number}", f"next-{number}"
        desk.hand_in(station, first, b"1" * 10)
        put(desk, state, first)
        used = used_by(desk.database, "ST-001")
        assert used["waiting_bytes"] == 10 * used["waiting"]
        shown = next(one for one in status.read(desk.database).stations if one.station_id == "ST-001")
        assert (shown.oldest_s is not None) == bool(shown.waiting)
        desk.hand_in(station, second, b"2")
        claim = desk.queue.claim("w", 30.0)
        taken = None if claim is None else claim.entry.submission_id
        found[state] = {
            "claimed": claim.kind if claim is not None and taken == first else "-",
            "blocks": yes(taken is None),
            "counts": yes(bool(used["waiting"])),
            "waiting": yes(bool(shown.waiting)),
        }
        put(desk, "quarantined", first)
        put(desk, "quarantined", second)
    for name in ("claimed", "blocks", "counts", "waiting"):
        assert {state: row[name] for state, row in found.items()} == column(name)


def test_a_lease_that_ran_out_is_ended_where_there_is_one(desk: Desk) -> None:
    desk.hand_in(desk.county.stations[0], "s-1")
    found = {}
    for state in ALL:
        put(desk, state)
        expire_leases(desk)
        ended = desk.queue.recover("nobody")
        found[state] = desk.state("s-1") if ended else "="
        assert ended or desk.state("s-1") == state
    assert found == column("expired")


def test_after_a_restore_what_waited_is_asked_for_first(desk: Desk) -> None:
    desk.hand_in(desk.county.stations[0], "s-1")
    found = {}
    for state in ALL:
        put(desk, state)
        moved = restored(desk.database)
        found[state] = desk.state("s-1") if moved else "="
        lease = desk.database.one("SELECT lease_worker, lease_until FROM submission")
        assert not moved or lease == {"lease_worker": None, "lease_until": None}
    assert found == column("restored")


def test_only_what_the_bureau_has_is_erased(desk: Desk) -> None:
    found = {}
    for number, state in enumerate(ALL):
        name = f"s-{number}"
        desk.hand_in(desk.county.stations[0], name)
        claim = claimed(desk)
        desk.queue.settle(claim, Outcome(Event.ACCEPTED, receipt=receipt(claim)))
        put(desk, state, name)
        found[state] = yes(bool(erase(desk.database, 0)))
        put(desk, "quarantined", name)
    assert found == column("erased")


# an officer's steps

STEPS = """
             hold  release  retry
ready        held  -        -
sending      -     -        -
unknown      held  -        -
asking       -     -        -
held         -     unknown  -
custody      -     -        -
answered     -     -        -
quarantined  -     -        unknown
"""


def test_an_officers_steps_lead_where_they_are_meant_to(desk: Desk) -> None:
    desk.hand_in(desk.county.stations[0], "s-1")

    def step(state: str, event: str) -> str:
        put(desk, state)
        return str(desk.queue.step("ST-001", "s-1", Event(event), "why").state)

    events = ("hold", "release", "retry")
    assert matrix.wrong_cells(STEPS, State, events, step, StateError, "queue.illegal_transition") == []


def test_no_other_event_is_a_step_of_an_officer(desk: Desk) -> None:
    desk.hand_in(desk.county.stations[0], "s-1")
    for event in set(Event) - {Event.HOLD, Event.RELEASE, Event.RETRY}:
        with pytest.raises(StateError, match="not an officer's step"):
            desk.queue.step("ST-001", "s-1", event)


def test_a_step_ends_the_wait_and_only_a_retry_forgets_refusals(desk: Desk) -> None:
    desk.hand_in(desk.county.stations[0], "s-1")
    claim = claimed(desk)
    desk.queue.settle(claim, Outcome(Event.UNSURE, "c", "m", 3000.0, refused=True))
    entry = desk.queue.step("ST-001", "s-1", Event.HOLD)
    assert entry.refusals == 1
    assert desk.database.one("SELECT retry_at FROM submission") == {"retry_at": None}
    assert desk.queue.step("ST-001", "s-1", Event.RELEASE).refusals == 1
    put(desk, "quarantined")
    assert desk.queue.step("ST-001", "s-1", Event.RETRY).refusals == 0


# how an attempt ends

ENDS = """
          accepted  refused      not_sent  unsure   absent  damaged      expired  response  hold  release  retry  claim
sending   custody   quarantined  ready     unknown  -       quarantined  held     -         -     -        -      -
asking    custody   -            unknown   unknown  ready   quarantined  -        -         -     -        -      -
"""


def test_an_attempt_ends_where_its_outcome_means(desk: Desk) -> None:
    station = desk.county.stations[0]
    number = 0

    def step(state: str, event: str) -> str:
        nonlocal number
        number += 1
        name = f"s-{number}"
        desk.hand_in(station, name)
        put(desk, "ready" if state == "sending" else "unknown", name)
        claim = claimed(desk)
        assert claim.entry.submission_id == name
        proof = receipt(claim) if event == "accepted" else None
        try:
            return str(desk.queue.settle(claim, Outcome(Event(event), "c", "m", receipt=proof)).state)
        finally:
            put(desk, "quarantined", name)  # out of the way of the next one

    events = ENDS.split("\n")[1].split()
    found = matrix.wrong_cells(
        ENDS, ("sending", "asking"), events, step, StateError, "queue.illegal_transition"
    )
    assert found == []


def test_a_claim_settles_once_and_for_its_own_worker_only(desk: Desk) -> None:
    desk.hand_in(desk.county.stations[0], "s-1")
    claim = claimed(desk, "w1")
    for other in (Claim(claim.entry, claim.kind, "w2", claim.token), Claim(claim.entry, claim.kind, "w1", 2)):
        with pytest.raises(LeaseLost):
            desk.queue.settle(other, Outcome(Event.UNSURE))
    desk.queue.settle(claim, Outcome(Event.UNSURE))
    with pytest.raises(LeaseLost):
        desk.queue.settle(claim, Outcome(Event.UNSURE))
