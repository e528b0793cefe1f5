"""Every limit of size, count and age in the queue at its edge, and which states wait, are open, or may be erased."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest

from offline_queue import audit_seal, envelope, statements
from offline_queue.ballast import MIB
from offline_queue.erasure import erase_due
from offline_queue.errors import QueueError, QueueFull
from offline_queue.room import Limits
from offline_queue.signers import Signer
from offline_queue.states import State
from offline_queue.store import Queue
from tests.conftest import FrozenClock
from tests.unit.offline_queue.kit import submission
from tests.unit.offline_queue.test_store import accepted, claimed

# what a submission may be called: the longest and the shortest, and what is one more or less
SHAPES = {
    "submission_id": ("a A1 a._- " + "x" * 64, " .a -a a/b a+b é " + "x" * 65),
    "tcn": ("! ~ " + "T" * 40, " " + "T" * 41 + " \x7f é"),
    "tot": ("A 9 " + "T" * 16, " a A- " + "T" * 17),
    "ori": ("A 9 " + "O" * 20, " a A- " + "O" * 21),
}


@pytest.mark.parametrize("field", SHAPES)
def test_an_id_is_as_long_as_it_may_be_and_no_longer(field: str) -> None:
    good, bad = SHAPES[field]
    for value in good.split():
        envelope.check(submission(**{field: value}), "ST-1")
    for value in ["", *bad.split(), "two words"]:
        with pytest.raises(QueueError, match=field):
            envelope.check(submission(**{field: value}), "ST-1")


@pytest.mark.parametrize("name", ["S", "S" * 40, "S._-"])
def test_a_station_has_a_name_of_1_to_40_letters(name: str) -> None:
    envelope.check(submission(), name)


@pytest.mark.parametrize("name", ["", "S" * 41, "S T"])
def test_another_name_of_a_station_is_refused(name: str) -> None:
    with pytest.raises(QueueError, match="station_id"):
        envelope.check(submission(), name)


class Sized:
    """Bytes of a size, without being them."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __len__(self) -> int:
        return self.size


@pytest.mark.parametrize(("size", "good"), [(0, False), (1, True), (64 * MIB, True), (64 * MIB + 1, False)])
def test_a_payload_has_1_byte_to_64_mib(size: int, good: bool) -> None:
    given = submission(payload=Sized(size))  # type: ignore[arg-type]
    if good:
        envelope.check(given, "ST-1")
    else:
        with pytest.raises(QueueError, match=f"a payload of {size} bytes"):
            envelope.check(given, "ST-1")


# signed heads of the chain


def test_the_head_is_signed_again_when_it_is_an_hour_old(
    queue: Queue, signer: Signer, clock: FrozenClock
) -> None:
    assert queue.seal_audit_when_due(signer) == "boot"
    clock.move(3599.999)
    assert queue.seal_audit_when_due(signer) is None
    clock.move(0.001)
    assert queue.seal_audit_when_due(signer) == "hourly"
    assert audit_seal.HOUR_MS == 3_600_000


def test_the_head_is_signed_again_when_its_time_lies_ahead(
    queue: Queue, signer: Signer, clock: FrozenClock
) -> None:
    queue.seal_audit_when_due(signer)
    clock.move(-0.001)
    assert queue.seal_audit_when_due(signer) == "hourly"


# erasure

# state: may its bytes go, once its receipt is old enough
ERASED = "ready no sending no unknown no asking no held no custody yes answered yes quarantined no".split()


@pytest.mark.parametrize(("state", "gone"), list(zip(ERASED[::2], ERASED[1::2], strict=True)))
def test_only_what_is_in_custody_is_erased(queue: Queue, signer: Signer, state: str, gone: str) -> None:
    queue.enqueue(submission(), signer)
    claim = claimed(queue)
    queue.settle(claim, accepted(claim))
    queue.database.sql(f"UPDATE submission SET state = '{state}'")
    assert bool(erase_due(queue.database, dt.timedelta(0))) == (gone == "yes")


def test_every_state_is_told_whether_it_may_be_erased() -> None:
    assert ERASED[::2] == [str(state) for state in State]


def test_bytes_are_erased_at_the_very_end_of_the_time_they_are_kept(
    queue: Queue, signer: Signer, clock: FrozenClock
) -> None:
    queue.enqueue(submission(), signer)
    claim = claimed(queue)
    queue.settle(claim, accepted(claim))
    keep = dt.timedelta(days=30)
    clock.move(30 * 86400 - 0.001)
    assert erase_due(queue.database, keep) == ()
    clock.move(0.001)
    assert erase_due(queue.database, keep) == ("sub-1",)
    assert erase_due(queue.database, keep) == ()


# room

# state: counts it as waiting
WAITING = (
    "ready yes sending yes unknown yes asking yes held yes custody no answered no quarantined no".split()
)


@pytest.mark.parametrize(("state", "waits"), list(zip(WAITING[::2], WAITING[1::2], strict=True)))
def test_what_the_gateway_does_not_have_yet_counts_as_waiting(
    queue: Queue, signer: Signer, state: str, waits: str
) -> None:
    queue.enqueue(submission(), signer)
    queue.database.sql(f"UPDATE submission SET state = '{state}'")
    assert statements.waiting(queue.database) == (waits == "yes")


def test_5000_may_wait_and_64_mib_stay_free_unless_somebody_says_otherwise() -> None:
    assert (Limits().open_entries, Limits().reserve_bytes) == (5000, 64 * MIB)
    assert (Limits().ballast_bytes, Limits().audit_bytes) == (0, 0)


def test_a_queue_is_full_with_as_many_as_may_wait(opened: Callable[..., Queue], signer: Signer) -> None:
    queue = opened(limits=Limits(open_entries=2))
    queue.enqueue(submission(1), signer)
    queue.check_room()
    queue.enqueue(submission(2), signer)
    with pytest.raises(QueueFull, match="2 submissions wait"):
        queue.check_room()


@pytest.mark.parametrize(("free", "good"), [(10 * MIB + 2000, True), (10 * MIB + 1999, False)])
def test_a_submission_needs_twice_its_size_beside_the_reserve(
    opened: Callable[..., Queue], free: int, good: bool
) -> None:
    queue = opened(limits=Limits(reserve_bytes=10 * MIB), free=lambda _: free)
    if good:
        queue.check_room(1000)
    else:
        with pytest.raises(QueueFull, match="10 MiB free, 10 MiB are kept"):
            queue.check_room(1000)


def test_the_log_is_written_back_when_a_minute_is_over(
    queue: Queue, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[float] = []
    monkeypatch.setattr(queue.room, "write_back", lambda: written.append(clock.monotonic()))
    for step in (59.999, 0.001, 59.999, 0.001):
        clock.move(step)
        queue.tidy()
    assert written == [1060.0, 1120.0]
