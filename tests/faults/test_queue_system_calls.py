"""Samples of the campaigns kill, io, power and mutants; whole: `station bench queue --campaign NAME`."""

from __future__ import annotations

import pytest

from station.bench import queue_io, queue_kill, queue_mutants, queue_power, queue_shim

pytestmark = pytest.mark.skipif(bool(queue_shim.why_not()), reason=queue_shim.why_not() or "-")
COPY_BEFORE_MIGRATION = (
    15  # the sync of the copy that a migration makes: an error there once came out without a code
)


def test_a_process_killed_at_any_system_call_loses_and_doubles_nothing(thorough: bool) -> None:
    runs = 24 if thorough else 6
    told = queue_kill.run(runs, seed=7)
    assert told["killed"] == runs
    assert not any(told["must_be_zero"].values()), told


def test_an_error_of_the_disk_has_a_code_and_the_next_start_goes_on(thorough: bool) -> None:
    counts = queue_io.tried([1, COPY_BEFORE_MIGRATION, 60] if thorough else [COPY_BEFORE_MIGRATION])
    assert not any(counts[what] for what in queue_io.MUST_BE_ZERO), counts
    assert counts["with queue.disk_error"]
    assert counts["with queue.disk_full"]


def test_what_a_power_cut_may_leave_opens_and_is_whole(thorough: bool) -> None:
    each = 20 if thorough else 2
    told = queue_power.run(3 * each, seed=5)
    assert told["states"] == {"kept": each, "lost": each, "torn": each}
    assert not any(told["must_be_zero"].values()), told


@pytest.mark.long
@pytest.mark.parametrize("mutant", ["normal", queue_power.NO_FOLDER_SYNC])
def test_a_build_that_syncs_less_is_caught(mutant: str) -> None:
    assert queue_power.run(24, seed=5, mutant=mutant)["must_be_zero"]["lost"]


def test_a_build_that_sends_without_asking_is_caught() -> None:
    assert queue_mutants.deaths(1, "no_idempotency")["doubled"] == 1
    assert not any(queue_mutants.deaths(1, "").values())
