"""A sample of the campaigns `kill` and `io`; whole: `station bench queue --campaign kill,io`."""

from __future__ import annotations

import pytest

from station.bench import queue_io, queue_kill, queue_shim

pytestmark = pytest.mark.skipif(bool(queue_shim.why_not()), reason=queue_shim.why_not() or "-")
COPY_BEFORE_MIGRATION = (
    15  # the sync of the copy that a migration makes: an error there once came out without a code
)


def test_a_process_killed_at_any_system_call_loses_and_doubles_nothing() -> None:
    told = queue_kill.run(6, seed=7)
    assert told["killed"] == 6
    assert not any(told["must_be_zero"].values()), told


def test_an_error_of_the_disk_has_a_code_and_the_next_start_goes_on() -> None:
    counts = queue_io.tried([1, COPY_BEFORE_MIGRATION, 60])
    assert not any(counts[what] for what in queue_io.MUST_BE_ZERO), counts
    assert counts["with queue.disk_error"]
    assert counts["with queue.disk_full"]
