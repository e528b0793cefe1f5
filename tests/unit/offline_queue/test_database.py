from __future__ import annotations

import os
import resource
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from offline_queue import database as database_module
from offline_queue import migrations
from offline_queue.clock import boot_id, from_stamp, stamp
from offline_queue.database import PAGE_SIZE, PRAGMAS, Database, wal_bug
from offline_queue.errors import StoreFault
from offline_queue.signers import Signer
from offline_queue.store import Queue
from tests.conftest import FrozenClock
from tests.unit.offline_queue.kit import AT, submission

NEWEST = max(migrations.migrations())


def fault(path: Path, clock: FrozenClock) -> StoreFault:
    with pytest.raises(StoreFault) as error:
        Database.open(path, clock)
    assert error.value.advice
    assert error.value.exit_code == 3
    return error.value


@pytest.mark.parametrize("name", sorted(PRAGMAS))
def test_a_setting_that_did_not_take_refuses_the_start(
    tmp_path: Path, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    real = Database.sql

    def lying(self: Database, statement: str, parameters: tuple[object, ...] = ()) -> object:
        return [("other",)] if statement == f"PRAGMA {name}" else real(self, statement, parameters)

    monkeypatch.setattr(Database, "sql", lying)
    assert fault(tmp_path / "q.db", clock).code == "queue.pragma"


def test_the_files_are_for_us_and_our_group(tmp_path: Path, clock: FrozenClock) -> None:
    before = os.umask(0o007)
    try:
        Database.open(tmp_path / "q.db", clock).close()
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o660}


def test_a_missing_folder_is_named(tmp_path: Path, clock: FrozenClock) -> None:
    assert fault(tmp_path / "none" / "q.db", clock).code == "queue.no_folder"


def test_a_folder_in_the_place_of_the_file_cannot_be_opened(tmp_path: Path, clock: FrozenClock) -> None:
    (tmp_path / "q.db").mkdir()
    assert fault(tmp_path / "q.db", clock).code == "queue.cannot_open"


def test_a_lock_that_cannot_be_made_is_named(tmp_path: Path, clock: FrozenClock) -> None:
    (tmp_path / "q.db.lock").mkdir()
    assert fault(tmp_path / "q.db", clock).code == "queue.cannot_open"


def test_a_file_that_is_no_database_is_corrupt(tmp_path: Path, clock: FrozenClock) -> None:
    (tmp_path / "q.db").write_bytes(b"not a database at all" * 500)
    assert fault(tmp_path / "q.db", clock).code == "queue.corrupt"


def test_overwritten_pages_are_corrupt_not_a_crash(
    opened: Callable[..., Queue], signer: Signer, tmp_path: Path
) -> None:
    queue = opened()
    queue.enqueue(submission(payload=bytes(200_000)), signer)
    queue.close()
    path = tmp_path / "queue.db"
    data = bytearray(path.read_bytes())
    data[PAGE_SIZE : PAGE_SIZE * 5] = b"\xee" * PAGE_SIZE * 4
    path.write_bytes(data)
    with pytest.raises(StoreFault) as error:
        opened().entries()
    assert error.value.code == "queue.corrupt"


def test_another_programs_database_is_left_alone(tmp_path: Path, clock: FrozenClock) -> None:
    with closing(sqlite3.connect(tmp_path / "q.db")) as other, other:
        other.execute("CREATE TABLE theirs (a)")
    other.close()
    assert fault(tmp_path / "q.db", clock).code == "queue.not_a_queue"


def test_a_newer_schema_is_not_touched(queue: Queue, tmp_path: Path, clock: FrozenClock) -> None:
    queue.database.sql("PRAGMA user_version = 99")
    assert fault(tmp_path / "queue.db", clock).code == "queue.schema_newer"


def test_a_migration_runs_once_under_a_backup(
    opened: Callable[..., Queue], signer: Signer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened().enqueue(submission(), signer)
    steps = migrations.migrations() | {NEWEST + 1: ("ALTER TABLE submission ADD COLUMN later TEXT",)}
    monkeypatch.setattr(database_module, "migrations", lambda: steps)
    queue = opened()
    assert queue.database.sql("PRAGMA user_version") == [(NEWEST + 1,)]
    assert queue.payload("sub-1") == submission().payload
    with closing(sqlite3.connect(tmp_path / f"queue.db.before-{NEWEST + 1}")) as backup:
        assert backup.execute("PRAGMA user_version").fetchone() == (NEWEST,)
        assert backup.execute("SELECT count(*) FROM submission").fetchone() == (1,)
    backup.close()
    assert opened().database.sql("PRAGMA user_version") == [(NEWEST + 1,)]


def test_a_migration_that_fails_changes_nothing(
    opened: Callable[..., Queue], signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened().enqueue(submission(), signer)
    steps = migrations.migrations() | {NEWEST + 1: ("ALTER TABLE submission ADD COLUMN later TEXT", "NO SQL")}
    with monkeypatch.context() as patch:
        patch.setattr(database_module, "migrations", lambda: steps)
        with pytest.raises(StoreFault):
            opened()
    queue = opened()
    assert queue.database.sql("PRAGMA user_version") == [(NEWEST,)]
    assert queue.payload("sub-1") == submission().payload


def test_another_writer_that_never_ends_is_reported(
    queue: Queue, opened: Callable[..., Queue], signer: Signer
) -> None:
    with queue.database.write(), pytest.raises(StoreFault) as error:
        opened()
    assert error.value.code == "queue.busy"
    opened().enqueue(submission(), signer)


def test_a_writer_that_ignores_our_lock_is_reported(queue: Queue, signer: Signer, tmp_path: Path) -> None:
    queue.database.sql("PRAGMA busy_timeout = 1")
    with closing(sqlite3.connect(tmp_path / "queue.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreFault) as error:
            queue.enqueue(submission(), signer)
        assert error.value.code == "queue.busy"
        other.execute("ROLLBACK")
    other.close()
    queue.enqueue(submission(), signer)


def test_a_disk_that_can_only_be_read_is_reported(queue: Queue, signer: Signer) -> None:
    queue.database.sql("PRAGMA query_only = 1")
    with pytest.raises(StoreFault) as error:
        queue.enqueue(submission(), signer)
    assert error.value.code == "queue.read_only"
    queue.database.sql("PRAGMA query_only = 0")
    queue.enqueue(submission(), signer)


def test_a_database_at_its_size_limit_is_a_full_disk_and_goes_on_once_there_is_room(
    queue: Queue, signer: Signer
) -> None:
    queue.enqueue(submission(1), signer)
    pages = queue.database.sql("PRAGMA page_count")[0][0]
    queue.database.sql(f"PRAGMA max_page_count = {pages + 4}")
    with pytest.raises(StoreFault) as error:
        queue.enqueue(submission(2, payload=bytes(500_000)), signer)
    assert error.value.code == "queue.disk_full"
    assert len(queue.entries()) == 1
    assert queue.claim("w", 60) is not None
    queue.database.sql("PRAGMA max_page_count = 1000000")
    assert queue.enqueue(submission(2, payload=bytes(500_000)), signer).seq == 2
    assert queue.verify_audit().ok


LIMITED = """
import datetime as dt, resource, signal, sys
from pathlib import Path
from offline_queue.database import Database
from offline_queue.clock import SystemClock
from offline_queue.errors import StoreFault
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
database = Database.open(Path(sys.argv[1]), SystemClock())
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
try:
    with database.write() as t:
        t.submission.insert(submission_id="a", tcn="a", tot="CAR", ori="Z", station_id="S", state="ready", size=1,
            sha256="x", created_at="x", boot="b", monotonic_ms=0).execute()
        t.payload.insert(seq=1, sealed=bytes(2_000_000), sealed_sha256="").execute()
except StoreFault as fault:
    print(fault.code)
"""


def test_a_file_that_may_not_grow_is_a_typed_fault(tmp_path: Path, repo: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path / "q.db")],
        cwd=repo,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() in ("queue.disk_full", "queue.disk_error"), done.stderr
    assert resource.RLIMIT_FSIZE
    assert signal.SIGXFSZ


@pytest.mark.parametrize(
    ("version", "affected"),
    [
        ("3.6.23", False),
        ("3.7.0", True),
        ("3.40.1", True),
        ("3.51.2", True),
        ("3.51.3", False),
        ("4.0.0", False),
    ],
)
def test_the_known_wal_bug_is_named_by_version(version: str, affected: bool) -> None:
    assert wal_bug(version) is affected


def test_closing_twice_is_harmless(opened: Callable[..., Queue]) -> None:
    queue = opened()
    queue.close()
    queue.close()


def test_a_stamp_is_utc_with_milliseconds() -> None:
    assert stamp(AT) == "2026-03-02T09:30:00.000Z"
    assert from_stamp(stamp(AT)) == AT
    for bad in (
        "2026-03-02T09:30:00.000",
        "2026-03-02T09:30:00+00:00",
        "yesterdayZ",
        "2026-03-02T09:30:00+01:00Z",
    ):
        with pytest.raises(ValueError):
            from_stamp(bad)


def test_the_boot_id_is_the_kernels_or_unknown(tmp_path: Path) -> None:
    (tmp_path / "boot").write_text("abc\n")
    assert boot_id(tmp_path / "boot") == "abc"
    assert boot_id(tmp_path / "none") == "unknown"
    assert len(boot_id()) == 36 or boot_id() == "unknown"
