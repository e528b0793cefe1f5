from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offline_queue.backoff import Backoff
from offline_queue.breaker import Breaker, Circuit
from offline_queue.receipts import Verifier
from offline_queue.signers import Signer
from offline_queue.states import State
from offline_queue.store import Queue
from offline_queue.sync import Sync
from tests.conftest import FrozenClock
from tests.kit import matrix
from tests.unit.offline_queue.kit import MemoryGateway, not_sent, refused, submission, unsure

FIXED = Backoff(base_s=2.0, cap_s=60.0, jitter=lambda: 0.0)


@pytest.fixture
def breaker(clock: FrozenClock) -> Breaker:
    return Breaker(clock, FIXED)


def test_a_gateway_wide_failure_opens_it_at_once(breaker: Breaker, clock: FrozenClock) -> None:
    assert breaker.state is Circuit.CLOSED
    assert breaker.failed(wide=True)
    assert (breaker.state, breaker.left_s()) == (Circuit.OPEN, 2.0)
    clock.move(2)
    assert (breaker.state, breaker.left_s()) == (Circuit.HALF_OPEN, 0.0)


def test_two_without_an_answer_open_it_and_an_answer_between_them_does_not(breaker: Breaker) -> None:
    assert not breaker.failed(wide=False)
    breaker.worked()
    assert not breaker.failed(wide=False)
    assert breaker.state is Circuit.CLOSED
    assert breaker.failed(wide=False)
    assert breaker.state is Circuit.OPEN


def test_half_open_one_failure_of_any_kind_opens_it_for_longer(breaker: Breaker, clock: FrozenClock) -> None:
    breaker.failed(wide=True)
    clock.move(2)
    assert breaker.failed(wide=False)
    assert breaker.left_s() == 4.0
    clock.move(4)
    breaker.worked()
    assert breaker.state is Circuit.CLOSED
    breaker.failed(wide=True)
    assert breaker.left_s() == 2.0, "it begins anew"


def test_what_the_gateway_asks_for_is_the_least_it_waits(breaker: Breaker) -> None:
    breaker.failed(wide=True, retry_after_s=50.0)
    assert breaker.left_s() == 50.0


# closed     all goes through
# once       closed, and one exchange in a row ended without an answer
# open       nothing goes through until the wait is over
# half_open  one exchange decides
# A definite answer closes it in any state; what would befall the next submission too opens it in any state.
MEANING = """
           worked  wide  unsure  wait
closed     closed  open  once    closed
once       closed  open  open    once
open       closed  open  open    half_open
half_open  closed  open  open    half_open
"""
PATHS = {"closed": "", "once": "unsure", "open": "wide", "half_open": "wide wait"}


def after(breaker: Breaker, clock: FrozenClock, events: str) -> list[bool]:
    """Let the events happen; of each failure, whether it ended the pass."""
    over = []
    for event in events.split():
        if event == "worked":
            breaker.worked()
        elif event == "wait":
            clock.move(60)
        else:
            over.append(breaker.failed(wide=event == "wide"))
    return over


def seen(breaker: Breaker) -> str:
    """The state of a breaker, which is spoilt by looking at it."""
    if breaker.state is not Circuit.CLOSED:
        return str(breaker.state)
    return "once" if breaker.failed(wide=False) else "closed"


def test_every_cell_leads_where_its_meaning_says() -> None:
    def step(state: str, event: str) -> str:
        clock = FrozenClock()
        breaker = Breaker(clock, FIXED)
        after(breaker, clock, PATHS[state])
        over = after(breaker, clock, event)
        assert over in ([], [breaker.state is Circuit.OPEN]), (
            "a pass is over when nothing goes through any more"
        )
        return seen(breaker)

    events = ("worked", "wide", "unsure", "wait")
    assert matrix.wrong_cells(MEANING, PATHS, events, step, AssertionError, "") == []


@pytest.mark.parametrize(
    ("events", "left_s"),
    [
        ("wide", 2.0),
        ("unsure unsure", 2.0),
        ("wide wait unsure", 4.0),
        ("wide wait wide wait wide", 8.0),
        ("wide unsure", 4.0),
        ("wide wait wide wait worked wide", 2.0),
        ("wide worked unsure unsure", 2.0),
        ("unsure wide", 2.0),
        ("wide wait " * 5 + "wide", 60.0),
    ],
)
def test_each_opening_in_a_row_is_longer(
    breaker: Breaker, clock: FrozenClock, events: str, left_s: float
) -> None:
    after(breaker, clock, events)
    assert breaker.left_s() == left_s


def test_open_ends_with_the_last_moment_of_its_wait(breaker: Breaker, clock: FrozenClock) -> None:
    breaker.failed(wide=True)
    clock.move(1.999)
    assert breaker.state is Circuit.OPEN
    clock.move(0.001)
    assert breaker.state is Circuit.HALF_OPEN


def test_a_wish_shorter_than_the_wait_shortens_nothing(breaker: Breaker) -> None:
    breaker.failed(wide=True, retry_after_s=1.0)
    assert breaker.left_s() == 2.0


def test_it_tolerates_as_many_in_a_row_as_it_is_told(clock: FrozenClock) -> None:
    breaker = Breaker(clock, FIXED, tolerated=4)
    assert [breaker.failed(wide=False) for _ in range(4)] == [False, False, False, True]


@given(st.lists(st.sampled_from(["worked", "wide", "unsure", "wait"]), max_size=40))
def test_it_never_waits_longer_than_its_ceiling_and_never_for_ever(events: list[str]) -> None:
    clock = FrozenClock()
    breaker = Breaker(clock, FIXED)
    for event in events:
        if event == "worked":
            breaker.worked()
            assert breaker.state is Circuit.CLOSED
        elif event == "wait":
            clock.move(60)
            assert breaker.state is not Circuit.OPEN
        else:
            breaker.failed(wide=event == "wide")
        assert 0 <= breaker.left_s() <= 60


@pytest.fixture
def sync(queue: Queue, gateway: MemoryGateway, verifier: Verifier, clock: FrozenClock) -> Sync:
    return Sync(queue, gateway, verifier, clock, "sync", backoff=FIXED, refusals=3)


def tried(gateway: MemoryGateway, name: str) -> list[str]:
    return [what for what, called in gateway.calls if called == name]


def test_poison_goes_to_quarantine_after_its_refusals_and_the_others_are_not_held_up(
    sync: Sync, queue: Queue, gateway: MemoryGateway, signer: Signer, clock: FrozenClock
) -> None:
    for n in (1, 2, 3):
        queue.enqueue(submission(n), signer)
    gateway.script["sub-2"] = [refused() for _ in range(9)]
    sync.step()
    assert [str(entry.state) for entry in queue.entries()] == ["custody", "unknown", "custody"]
    assert queue.entry("sub-2").refusals == 1
    for _ in range(6):
        clock.move(61)
        sync.step()
    poison = queue.entry("sub-2")
    assert (poison.state, poison.refusals) == (State.QUARANTINED, 3)
    assert tried(gateway, "sub-2") == ["submit", "status", "submit", "status", "submit"]


def test_an_officers_retry_counts_refusals_anew(
    sync: Sync, queue: Queue, gateway: MemoryGateway, signer: Signer, clock: FrozenClock
) -> None:
    queue.enqueue(submission(1), signer)
    gateway.script["sub-1"] = [refused() for _ in range(4)]
    for _ in range(6):
        sync.step()
        clock.move(61)
    assert queue.entry("sub-1").state is State.QUARANTINED
    assert queue.retry("sub-1").refusals == 0
    sync.step()
    assert (queue.entry("sub-1").state, queue.entry("sub-1").refusals) == (State.UNKNOWN, 1)


def test_network_errors_never_count_as_refusals(
    sync: Sync, queue: Queue, gateway: MemoryGateway, signer: Signer, clock: FrozenClock
) -> None:
    queue.enqueue(submission(1), signer)
    gateway.script["sub-1"] = [fault for _ in range(50) for fault in (unsure(), not_sent())]
    for _ in range(100):
        sync.step()
        clock.move(61)
    entry = queue.entry("sub-1")
    assert entry.refusals == 0
    assert entry.state in (State.READY, State.UNKNOWN)


def test_a_pass_over_an_open_gateway_is_one_exchange(
    sync: Sync, queue: Queue, gateway: MemoryGateway, signer: Signer, clock: FrozenClock
) -> None:
    for n in range(1, 6):
        queue.enqueue(submission(n), signer)
    gateway.script["*"] = [unsure(), unsure(), unsure(), None]
    sync.step()
    assert (len(gateway.calls), sync.breaker.state) == (2, Circuit.OPEN)
    clock.move(2)
    gateway.status_script.append(unsure())
    sync.step()
    assert (len(gateway.calls), sync.breaker.state) == (3, Circuit.OPEN)
