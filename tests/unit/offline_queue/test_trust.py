from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from offline_queue import audit, trust
from offline_queue.errors import ClockUntrusted
from offline_queue.signers import Signer
from offline_queue.store import Queue
from offline_queue.trust import Sync, Trust
from tests.conftest import FrozenClock
from tests.unit.offline_queue.kit import submission
from tests.unit.offline_queue.test_store import accepted, claimed

DAY = 86400.0
Opened = Callable[..., Queue]


@dataclass
class Machine:
    """What the machine says of its clock."""

    says: Sync = Sync.NEVER

    def __call__(self) -> Sync:
        return self.says


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def dated(opened: Opened, machine: Machine) -> Queue:
    return opened(time_source=machine)


def last_row(queue: Queue) -> dict[str, object]:
    with queue.database.read() as tables:
        return list(audit.rows(tables))[-1]


def rebooted(opened: Opened, machine: Machine, boot: str, wall: dt.datetime) -> tuple[Queue, FrozenClock]:
    clock = FrozenClock(wall)
    return opened(time_source=machine, clock=clock, boot=lambda: boot), clock


def test_a_clock_nobody_vouches_for_dates_and_signs_nothing(dated: Queue, signer: Signer) -> None:
    for refused in (dated.check_room, lambda: dated.enqueue(submission(), signer)):
        with pytest.raises(ClockUntrusted) as error:
            refused()
        assert error.value.code == "clock.untrusted"
        assert "station clock confirm" in error.value.advice
    assert dated.entries() == []
    assert dated.seal_audit(signer) is False


def test_an_officer_confirms_the_time_and_it_stands_in_entry_and_row(dated: Queue, signer: Signer) -> None:
    dated.confirm_clock("0117")
    assert last_row(dated)["trust"] == "confirmed"
    dated.enqueue(submission(), signer)
    assert dated.database.sql("SELECT clock_trust FROM submission") == [("confirmed",)]
    assert last_row(dated)["trust"] == "confirmed"
    assert dated.verify_audit().ok


def test_a_synchronised_clock_needs_nobody(dated: Queue, machine: Machine, signer: Signer) -> None:
    machine.says = Sync.ONCE
    dated.enqueue(submission(), signer)
    assert dated.database.sql("SELECT trust FROM audit") == [("synchronised",)]


def test_trust_outlives_the_network_while_both_clocks_move_together(
    dated: Queue, machine: Machine, signer: Signer, clock: FrozenClock
) -> None:
    machine.says = Sync.NOW
    dated.enqueue(submission(), signer)
    machine.says = Sync.NEVER
    clock.move(3 * DAY)
    clock.step_wall(-200)  # what a free-running clock may lose in three days
    assert dated.clock_trust() is Trust.SYNCHRONISED


@pytest.mark.parametrize("step", [-DAY, -60.0, 60.0, 10 * 365 * DAY])
def test_a_stepped_clock_loses_trust_until_it_is_synchronised_or_confirmed(
    dated: Queue, machine: Machine, clock: FrozenClock, step: float
) -> None:
    dated.confirm_clock("0117")
    clock.step_wall(step)
    assert dated.clock_trust() is Trust.UNKNOWN
    machine.says = Sync.ONCE  # timesyncd's marker stays after a step
    assert dated.clock_trust() is Trust.UNKNOWN
    machine.says = Sync.NOW
    assert dated.clock_trust() is (Trust.UNKNOWN if step < 0 else Trust.SYNCHRONISED)
    dated.confirm_clock("0117")
    assert dated.clock_trust() is not Trust.UNKNOWN


@pytest.mark.parametrize(
    "wall",
    [dt.datetime(1970, 1, 1, tzinfo=dt.UTC), dt.datetime(2026, 3, 1, 9, 30, tzinfo=dt.UTC)],
)
def test_a_boot_below_the_floor_is_not_trusted_even_when_the_machine_says_so(
    dated: Queue, opened: Opened, machine: Machine, wall: dt.datetime
) -> None:
    dated.confirm_clock("0117")
    machine.says = Sync.NOW
    queue, _ = rebooted(opened, machine, "boot-2", wall)
    assert queue.clock_trust() is Trust.UNKNOWN
    queue.recover("sync")
    assert queue.database.sql("SELECT at FROM clock_floor") == [("2026-03-02T09:30:00.000Z",)]


def test_a_boot_ten_years_ahead_is_not_believed_without_somebody_who_says_so(
    dated: Queue, opened: Opened, machine: Machine
) -> None:
    dated.confirm_clock("0117")
    queue, _ = rebooted(opened, machine, "boot-2", dt.datetime(2036, 3, 2, tzinfo=dt.UTC))
    assert queue.clock_trust() is Trust.UNKNOWN


def test_a_confirmation_does_not_outlive_the_boot(dated: Queue, opened: Opened, machine: Machine) -> None:
    dated.confirm_clock("0117")
    queue, _ = rebooted(opened, machine, "boot-2", dt.datetime(2026, 3, 2, 9, 31, tzinfo=dt.UTC))
    assert queue.clock_trust() is Trust.UNKNOWN


def test_a_floor_set_too_high_is_lowered_by_an_officer_alone_and_that_is_a_row(
    dated: Queue, opened: Opened, machine: Machine
) -> None:
    queue, _ = rebooted(opened, machine, "boot-2", dt.datetime(2036, 3, 2, tzinfo=dt.UTC))
    queue.confirm_clock("0117")
    assert dated.clock_trust() is Trust.UNKNOWN
    dated.confirm_clock("0118")
    assert '"floor":"2036-03-02T00:00:00.000Z"' in str(last_row(dated)["detail"])
    assert dated.clock_trust() is Trust.CONFIRMED


def test_a_step_during_sending_is_marked_and_the_submission_still_arrives(
    dated: Queue, signer: Signer, clock: FrozenClock
) -> None:
    dated.confirm_clock("0117")
    dated.enqueue(submission(), signer)
    claim = claimed(dated)
    clock.step_wall(-DAY)
    entry = dated.settle(claim, accepted(claim))
    assert entry.state == "custody"
    assert last_row(dated)["trust"] == "unknown"
    assert dated.verify_audit().ok


def test_the_floor_follows_a_trusted_clock(dated: Queue, machine: Machine, clock: FrozenClock) -> None:
    machine.says = Sync.NOW
    dated.confirm_clock("0117")
    clock.move(3600)
    dated.quarantine_response(1, "response.signature", "forged", b"raw")
    assert dated.database.sql("SELECT at, trust FROM clock_floor") == [
        ("2026-03-02T10:30:00.000Z", "synchronised")
    ]


def test_without_a_source_somebody_else_vouches(queue: Queue, signer: Signer) -> None:
    queue.enqueue(submission(), signer)
    assert queue.database.sql("SELECT clock_trust FROM submission") == [("confirmed",)]
    assert queue.database.sql("SELECT count(*) FROM clock_floor") == [(0,)]


def test_a_trust_that_was_changed_breaks_the_chain(dated: Queue) -> None:
    dated.confirm_clock("0117")
    dated.database.sql("DROP TRIGGER audit_never_changes")
    for other in ("'synchronised'", "NULL"):
        dated.database.sql(f"UPDATE audit SET trust = {other}")
        assert dated.verify_audit().first_broken == 1


@pytest.mark.parametrize(
    ("kernel", "marker", "wanted"),
    [(True, False, Sync.NOW), (False, True, Sync.ONCE), (False, False, Sync.NEVER)],
)
def test_what_the_machine_says(tmp_path: Path, kernel: bool, marker: bool, wanted: Sync) -> None:
    if marker:
        (tmp_path / "synchronized").touch()
    assert trust.system(lambda: kernel, tmp_path / "synchronized") is wanted


def test_the_kernel_can_be_asked() -> None:
    assert trust.kernel_synchronised() in (True, False)
