"""Every limit of time in the queue at its edge: leases, waiting times, how far ahead we schedule, back-off."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from offline_queue import claims
from offline_queue.backoff import LONGEST_S, Backoff
from offline_queue.errors import LeaseLost, StateError
from offline_queue.models import Outcome
from offline_queue.signers import Signer
from offline_queue.states import Event, State
from offline_queue.store import Queue
from tests.conftest import FrozenClock
from tests.unit.offline_queue.kit import submission
from tests.unit.offline_queue.test_store import NOT_SENT, accepted, claimed

HOUR_S = 3600.0
MS = 0.001


@pytest.fixture
def one(queue: Queue, signer: Signer) -> Queue:
    queue.enqueue(submission(), signer)
    return queue


def unsure(delay_s: float) -> Outcome:
    return Outcome(Event.UNSURE, "gateway.deadline", "no answer", delay_s)


def test_nothing_is_scheduled_further_ahead_than_an_hour() -> None:
    assert LONGEST_S == HOUR_S
    assert claims.AHEAD_MS == 3_600_000


def test_a_lease_ends_with_its_last_millisecond(one: Queue, clock: FrozenClock) -> None:
    claimed(one, "first", 60)
    clock.move(60 - MS)
    assert one.claim("second", 60) is None
    clock.move(MS)
    assert claimed(one, "second").kind == "ask"


def test_a_lease_lasts_an_hour_at_most(one: Queue, clock: FrozenClock) -> None:
    claimed(one, "first", 7200)
    clock.move(HOUR_S - MS)
    assert one.claim("second", 60) is None
    clock.move(MS)
    assert claimed(one, "second").kind == "ask"


def test_a_lease_that_lies_further_ahead_than_an_hour_is_void(one: Queue, clock: FrozenClock) -> None:
    claimed(one, "first", 3600)
    assert one.claim("second", 60) is None
    clock.move(-MS)
    assert claimed(one, "second").kind == "ask"


def test_each_claim_has_a_number_of_its_own_and_counts_as_an_attempt(one: Queue, clock: FrozenClock) -> None:
    tokens, attempts = [], []
    for _ in range(3):
        claim = claimed(one)
        tokens.append(claim.token)
        attempts.append(claim.entry.attempts)
        one.settle(claim, NOT_SENT)
    assert tokens == [1, 2, 3]
    assert attempts == [1, 2, 3]
    assert [attempt.n for attempt in one.attempts("sub-1")] == [1, 2, 3]


def test_a_claim_settles_for_its_own_worker_and_number_only(one: Queue, clock: FrozenClock) -> None:
    first = claimed(one, "w")
    clock.move(60)
    second = claimed(one, "w")  # the same worker, later
    with pytest.raises(LeaseLost):
        one.settle(first, accepted(first))
    assert one.settle(second, accepted(second)).state is State.CUSTODY
    with pytest.raises(LeaseLost):
        one.settle(second, accepted(second))


@pytest.mark.parametrize("delay_s", [0.001, 30.0, 3600.0])
def test_an_entry_is_due_when_its_waiting_time_is_over(
    one: Queue, clock: FrozenClock, delay_s: float
) -> None:
    assert one.settle(claimed(one), unsure(delay_s)).next_attempt_s == pytest.approx(delay_s)
    assert one.claim("w", 60) is None
    clock.move(delay_s - MS)
    assert (delay_s == MS) or one.claim("w", 60) is None
    clock.move(MS)
    assert one.entry("sub-1").next_attempt_s == 0.0
    assert claimed(one).kind == "ask"


def test_an_entry_waits_an_hour_at_most(one: Queue) -> None:
    assert one.settle(claimed(one), unsure(86400.0)).next_attempt_s == HOUR_S


def test_less_than_a_millisecond_is_no_waiting_time(one: Queue) -> None:
    assert one.settle(claimed(one), unsure(0.0009)).next_attempt_s == 0.0
    assert one.database.sql("SELECT retry_boot, retry_at_ms FROM submission") == [(None, None)]


def test_a_waiting_time_that_lies_further_ahead_than_an_hour_is_void(one: Queue, clock: FrozenClock) -> None:
    one.settle(claimed(one), unsure(3600.0))
    assert (one.claim("w", 60), one.entry("sub-1").next_attempt_s) == (None, HOUR_S)
    clock.move(-MS)
    assert one.entry("sub-1").next_attempt_s == 0.0
    assert claimed(one).kind == "ask"


def test_a_waiting_time_of_another_boot_is_void(opened: Callable[..., Queue], one: Queue) -> None:
    one.settle(claimed(one), unsure(3600.0))
    assert one.claim("w", 60) is None
    assert claimed(opened(boot=lambda: "boot-2")).kind == "ask"


# what an officer or a rule may do, and what it leaves behind


@pytest.mark.parametrize("event", [event for event in Event if event not in ("hold", "release", "retry")])
def test_only_hold_release_and_retry_are_steps_of_an_officer(one: Queue, event: Event) -> None:
    with pytest.raises(StateError, match="is not an officer's step"):
        claims.step(one.database, "sub-1", event)
    assert one.entry("sub-1").state is State.READY


def test_a_step_ends_the_wait_and_says_for_whom_it_is_held(one: Queue) -> None:
    one.settle(claimed(one), unsure(3600.0))
    held = one.hold("sub-1", "wrong person")
    assert (held.state, held.held_for) == (State.HELD, "officer")
    released = one.release("sub-1")
    assert (released.state, released.held_for, released.next_attempt_s) == (State.UNKNOWN, None, 0.0)
    ruled = claims.step(one.database, "sub-1", Event.HOLD, held_for="clock")
    assert ruled.held_for == "clock"


def test_a_retry_begins_the_count_of_refusals_anew_and_a_release_does_not(
    one: Queue, clock: FrozenClock
) -> None:
    for n in (1, 2):
        entry = one.settle(claimed(one), Outcome(Event.UNSURE, "gateway.refused.x", "no", 0.0, refused=True))
        assert entry.refusals == n
        one.settle(claimed(one), Outcome(Event.ABSENT))
    one.hold("sub-1")
    assert one.release("sub-1").refusals == 2
    one.settle(claimed(one), Outcome(Event.ABSENT))
    one.settle(claimed(one), Outcome(Event.REFUSED, "gateway.refused.x", "no", refused=True))
    assert one.entry("sub-1").refusals == 3
    assert one.retry("sub-1").refusals == 0


@pytest.mark.parametrize(
    ("code", "held_for"),
    [
        ("certificate.expired", "certificate"),
        ("certificate.revoked", "certificate"),
        ("certificate.signed_after_revocation", "officer"),
    ],
)
def test_a_certificate_that_ran_out_holds_for_itself_and_a_forged_time_for_an_officer(
    one: Queue, code: str, held_for: str
) -> None:
    entry = one.settle(claimed(one), Outcome(Event.EXPIRED, code, "over"))
    assert (entry.state, entry.held_for, entry.last_error) == (State.HELD, held_for, f"{code}: over")


def test_an_attempt_keeps_500_letters_of_its_message(one: Queue) -> None:
    one.settle(claimed(one), Outcome(Event.NOT_SENT, "c", "x" * 501))
    (attempt,) = one.attempts("sub-1")
    assert attempt.message == "x" * 500
    assert len(one.entry("sub-1").last_error or "") == 500


def test_a_good_answer_takes_the_last_error_away_and_an_absent_one_leaves_it(one: Queue) -> None:
    one.settle(claimed(one), unsure(0.0))
    assert one.settle(claimed(one), Outcome(Event.ABSENT)).last_error == "gateway.deadline: no answer"
    claim = claimed(one)
    assert one.settle(claim, accepted(claim)).last_error is None


# back-off


def test_the_usual_wait_is_2_seconds_doubled_to_60() -> None:
    longest, shortest = Backoff(jitter=lambda: 0.0), Backoff(jitter=lambda: 1.0)
    assert [longest.delay_s(n) for n in range(-1, 8)] == [0, 0, 2, 4, 8, 16, 32, 60, 60]
    assert [shortest.delay_s(n) for n in range(1, 8)] == [1, 2, 4, 8, 16, 30, 30]
    assert Backoff(jitter=lambda: 0.5).delay_s(1) == 1.5


def test_the_doubling_stops_at_30_so_that_no_number_overflows() -> None:
    steep = Backoff(base_s=1.0, cap_s=1e30, jitter=lambda: 0.0)
    assert [steep.delay_s(n) for n in (30, 31, 32, 10**9)] == [2.0**29, 2.0**30, 2.0**30, 2.0**30]
