"""Room for what was promised: what is given up, in which order, and when it is made again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from offline_queue import ballast
from offline_queue.ballast import MIB, Ballast
from offline_queue.errors import QueueFull, StoreFault
from offline_queue.receipts import Verifier
from offline_queue.room import Limits, of_settings
from offline_queue.signers import Signer
from offline_queue.store import Queue
from offline_queue.sync import Sync
from tests.conftest import FrozenClock
from tests.unit.offline_queue.kit import MemoryGateway, submission

LIMITS = Limits(reserve_bytes=10 * MIB, ballast_bytes=2 * MIB, audit_bytes=MIB)
FULL = StoreFault("queue.disk_full", "the disk is full")


class Refused:
    """Work that finds the disk full so many times."""

    def __init__(self, times: int) -> None:
        self.left, self.calls = times, 0

    def __call__(self) -> str:
        self.calls += 1
        if self.left:
            self.left -= 1
            raise FULL
        return "done"


@pytest.fixture
def limited(opened: Callable[..., Queue]) -> Queue:
    queue = opened(limits=LIMITS)
    queue.check_room()
    return queue


def test_the_first_look_for_room_takes_the_ballast_and_the_audit_space(
    limited: Queue, tmp_path: Path
) -> None:
    assert (limited.room.ballast.missing, limited.room.audit_space.missing) == (0, 0)
    assert (tmp_path / "queue.db.ballast").stat().st_blocks * 512 >= 2 * MIB
    assert (tmp_path / "queue.db.audit-space").stat().st_blocks * 512 >= MIB


def test_the_log_is_written_back_first_then_the_ballast_goes_then_the_audit_space(
    limited: Queue, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = limited.room
    limited.enqueue(submission(), signer)
    held = []
    for _ in range(3):
        work = Refused(1)
        assert room.used_by(work) == "done"
        held.append((work.calls, bool(room.ballast.held), bool(room.audit_space.held)))
        monkeypatch.setattr(room, "write_back", lambda: False)  # it gave what it had
    assert held == [(2, True, True), (2, False, True), (2, False, False)]
    last = Refused(1)
    with pytest.raises(StoreFault) as error:
        room.used_by(last)
    assert (error.value.code, last.calls) == ("queue.disk_full", 1)


def test_what_is_large_never_gets_the_audit_space(limited: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limited.room, "write_back", lambda: False)
    work = Refused(3)
    with pytest.raises(StoreFault):
        limited.room.used_by(work, small=False)
    assert (limited.room.ballast.held, limited.room.audit_space.missing) == (0, 0)


def test_another_fault_gives_nothing_up(limited: Queue) -> None:
    def broken() -> None:
        raise StoreFault("queue.disk_error", "the disk reports an error")

    with pytest.raises(StoreFault):
        limited.room.used_by(broken)
    assert (limited.room.ballast.missing, limited.room.audit_space.missing) == (0, 0)


def test_a_new_submission_waits_until_the_ballast_can_be_made_again(
    opened: Callable[..., Queue], signer: Signer
) -> None:
    free = [100 * MIB]
    queue = opened(limits=LIMITS, free=lambda _: free[0])
    queue.enqueue(submission(1), signer)
    queue.room.ballast.give_up()
    free[0] = LIMITS.reserve_bytes + MIB
    queue.tidy()
    assert queue.room.ballast.missing, "the reserve comes first"
    with pytest.raises(QueueFull) as error:
        queue.enqueue(submission(2), signer)
    assert error.value.code == "queue.disk_low"
    assert len(queue.entries()) == 1
    free[0] = LIMITS.reserve_bytes + 3 * MIB
    queue.tidy()
    assert not queue.room.ballast.missing
    queue.enqueue(submission(2), signer)


def test_a_queue_without_limits_keeps_no_file(queue: Queue, signer: Signer, tmp_path: Path) -> None:
    queue.enqueue(submission(), signer)
    queue.tidy()
    assert not list(tmp_path.glob("queue.db.[ab]*"))


def test_the_log_is_written_back_once_a_minute_and_keeps_its_blocks(
    queue: Queue, clock: FrozenClock, signer: Signer, tmp_path: Path
) -> None:
    queue.enqueue(submission(payload=bytes(200_000)), signer)
    log, file = tmp_path / "queue.db-wal", tmp_path / "queue.db"
    before = (log.stat().st_size, file.stat().st_size)
    queue.tidy()
    assert file.stat().st_size == before[1]
    clock.move(61)
    queue.tidy()
    assert file.stat().st_size > 200_000 > before[1]
    queue.enqueue(submission(2), signer)
    assert log.stat().st_size == before[0], "the next transaction begins where the log began"


def test_the_sync_process_tidies_before_each_wait(
    queue: Queue, gateway: MemoryGateway, verifier: Verifier, clock: FrozenClock
) -> None:
    tidied: list[int] = []
    sync = Sync(queue, gateway, verifier, clock, "sync", idle=lambda: tidied.append(len(clock.slept)))
    sync.run(lambda: len(clock.slept) == 3, lambda: None)
    assert tidied == [0, 1, 2]


def test_a_sparse_file_holds_nothing(tmp_path: Path) -> None:
    sparse = Ballast(tmp_path / "b", MIB)
    with (tmp_path / "b").open("wb") as file:
        file.truncate(MIB)
    assert sparse.missing == MIB
    assert not sparse.give_up()
    assert sparse.make()
    assert sparse.missing == 0


def test_a_ballast_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    assert not Ballast(tmp_path / "none" / "b", MIB).make()
    assert not Ballast(tmp_path / "none" / "b", MIB).give_up()
    huge = Ballast(tmp_path / "huge", 2**50)
    assert not huge.make()
    assert huge.held == 0


def test_the_settings_are_in_mebibytes() -> None:
    assert of_settings(64, 32) == Limits(64 * MIB, ballast_bytes=32 * MIB, audit_bytes=ballast.AUDIT_BYTES)
    assert of_settings(64, 0) == Limits(64 * MIB)
