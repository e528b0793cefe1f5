"""One SQLite file, opened so that what is committed stays: WAL, synchronous FULL, foreign keys, all read
back.

In: a path and a clock. Out: a Database with `write()` and `read()` blocks; every failure of SQLite or the
disk leaves
them as a StoreFault with a code. Writers of all processes pass through one file lock, so that two
connections never
write or checkpoint at the same instant: SQLite 3.7.0 to 3.51.2 can corrupt a WAL database when they do.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import peewee

from offline_queue import durable, store_faults
from offline_queue.clock import Clock, boot_id
from offline_queue.durable import sync_file, sync_folder
from offline_queue.errors import StoreFault
from offline_queue.migrations import migrations
from offline_queue.models import Tables
from offline_queue.store_faults import translated
from offline_queue.trust import TimeSource

APPLICATION_ID = 0x4C535131  # "LSQ1"
BUSY_S = 10.0
LOCK_POLL_S = 0.005
PAGE_SIZE = 16384  # of a new file; old ones keep SQLite's 4096 (decision 0013)
SHARED = 0o660  # web and sync are different users of one group; the umask has the last word
PRAGMAS: dict[str, str | int] = {
    "journal_mode": "wal",
    "synchronous": 2,
    "foreign_keys": 1,
    "busy_timeout": int(BUSY_S * 1000),
    "temp_store": 2,
    "trusted_schema": 0,
    "cell_size_check": 1,
    "journal_size_limit": 16 * 1024 * 1024,
    # Written back when it has this many pages (16 MiB; 4 MiB in a file with the older page size): a commit that has to
    # do it takes long, so the sync process does it before, in its pauses. It must stay well below the reserve: on a
    # full disk it is the file that has to grow.
    "wal_autocheckpoint": 1024,
    "secure_delete": 1,  # what is erased is overwritten in the file
}


def wal_bug(version: str = sqlite3.sqlite_version) -> bool:
    """This SQLite has the WAL-reset bug (fixed in 3.51.3). The queue avoids it; `doctor` names it."""
    return (3, 7, 0) <= tuple(int(part) for part in version.split(".")[:3]) < (3, 51, 3)


class Database:
    """A connection that one thread at a time uses. Make it with `Database.open`."""

    def __init__(self, path: Path, connection: Any, clock: Clock, lock_file: int, boot: str) -> None:
        self.path = path
        self.clock = clock
        self.boot = boot
        self.time_source: TimeSource | None = None  # None: the wall clock is vouched for from outside
        self.tables = Tables(connection)
        self.newest: tuple[int, bytes] | None = None  # audit row of the transaction that runs
        self._seen: dict[str, tuple[Any, ...] | None] | None = None  # see one_row
        self._connection = connection
        self._lock_file = lock_file
        self._mutex = threading.RLock()

    @classmethod
    def open(cls, path: Path, clock: Clock, boot: Callable[[], str] = boot_id) -> Database:
        """Open or create the file (mode 0660 less the umask), bring it to the newest schema and check all
        settings.

        StoreFault: `queue.no_folder`, `.cannot_open`, `.corrupt`, `.pragma`, `.schema_newer`,
        `.not_a_queue`, ...
        """
        if durable.is_mending(path):
            raise StoreFault("queue.mending", f"{path} is being mended", "wait until that has ended")
        connection = peewee.SqliteDatabase(
            str(path),
            pragmas={"page_size": PAGE_SIZE, **PRAGMAS},
            timeout=BUSY_S,
            autoconnect=False,
            thread_safe=False,
            check_same_thread=False,
        )
        database = cls(path, connection, clock, _create_files(path), boot())
        try:
            with database.alone(), translated(path):
                durable.finish(path)
                connection.connect()
                database._check_settings()
                database._migrate()
        except BaseException:
            database.close()
            raise
        return database

    def close(self) -> None:
        """Give the file back. Closing the last connection checkpoints, so it happens behind the lock too."""
        if self._lock_file < 0:
            return
        with contextlib.suppress(StoreFault), self.alone(), translated(self.path):
            self._connection.close()
        os.close(self._lock_file)
        self._lock_file = -1

    @contextlib.contextmanager
    def write(self) -> Iterator[Tables]:
        """One transaction, begun IMMEDIATE: all of it is on disk when the block ends, or none of it is."""
        with self.alone(), translated(self.path):
            self.newest = None
            try:
                with self._connection.atomic("IMMEDIATE"):
                    self._seen = {}
                    yield self.tables
            finally:
                self._seen = None
            if (appended := self._appended()) is not None:
                durable.note_head(self.path, *appended)

    def _appended(self) -> tuple[int, bytes] | None:
        return self.newest

    @contextlib.contextmanager
    def read(self) -> Iterator[Tables]:
        """One consistent view."""
        with self._mutex, translated(self.path), self._connection.atomic("DEFERRED"):
            yield self.tables

    def sql(self, statement: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Run one statement as it is."""
        with self._mutex:
            try:  # not `translated`: a dozen of these make an enqueue
                return list(self._connection.execute_sql(statement, parameters).fetchall())
            except peewee.IntegrityError:
                raise
            except store_faults.TROUBLE as error:
                raise store_faults.of(self.path, error) from error

    def one_row(self, statement: str) -> tuple[Any, ...] | None:
        """The row of a table that has at most one. A write transaction reads it once: nobody else can change it
        meanwhile."""
        with self._mutex:
            seen = {} if self._seen is None else self._seen
            if statement not in seen:
                seen[statement] = next(iter(self.sql(statement)), None)
            return seen[statement]

    def changed(self, statement: str, row: tuple[Any, ...]) -> None:
        """Call after each change of such a table, with what `statement` would read now."""
        if self._seen is not None:
            self._seen[statement] = row

    def checkpoint(self) -> None:
        """Move the WAL into the file and empty it; a reader of another process can keep it from being emptied."""
        with self.alone():
            self.sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def raw(self) -> sqlite3.Connection:
        """The sqlite3 connection, for tests that trace statements."""
        connection = self._connection.connection()
        assert isinstance(connection, sqlite3.Connection)
        return connection

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """No other connection writes or checkpoints meanwhile."""
        with self._mutex:
            deadline = self.clock.monotonic() + BUSY_S
            while not _try_lock(self._lock_file):
                if self.clock.monotonic() > deadline:
                    raise store_faults.busy(self.path)
                self.clock.sleep(LOCK_POLL_S)
            try:
                yield
            finally:
                fcntl.flock(self._lock_file, fcntl.LOCK_UN)

    def _check_settings(self) -> None:
        """A setting that did not take (an error during set-up can pass in silence) refuses the start."""
        for name, wanted in PRAGMAS.items():
            found = self.sql(f"PRAGMA {name}")[0][0]
            if found != wanted:
                raise StoreFault(
                    "queue.pragma",
                    f"{self.path}: {name} is {found!r}, not {wanted!r}",
                    "check the disk and SQLite",
                )

    def _migrate(self) -> None:
        steps = migrations()
        version, application = self.sql("PRAGMA user_version")[0][0], self.sql("PRAGMA application_id")[0][0]
        tables = self.sql("SELECT count(*) FROM sqlite_master")[0][0]
        if application != (APPLICATION_ID if tables else 0):
            raise StoreFault(
                "queue.not_a_queue", f"{self.path} is another program's database", "name another file"
            )
        if version > max(steps):
            raise StoreFault(
                "queue.schema_newer",
                f"{self.path} has schema {version}, this program knows {max(steps)}",
                "install the newer program again",
            )
        if version == max(steps):
            return
        if version:
            self._copy_before(version + 1)
        with self._connection.atomic("IMMEDIATE"):
            for number in range(version + 1, max(steps) + 1):
                for statement in steps[number]:
                    self._connection.execute_sql(statement)
            self._connection.execute_sql(f"PRAGMA application_id = {APPLICATION_ID}")
            self._connection.execute_sql(f"PRAGMA user_version = {max(steps)}")
        sync_folder(self.path.parent)

    def _copy_before(self, version: int) -> None:
        """The file as it is, on disk under its own name before the first change."""
        copy, draft = Path(f"{self.path}.before-{version}"), Path(f"{self.path}.before-{version}.new")
        draft.unlink(missing_ok=True)
        self.sql("VACUUM INTO ?", (str(draft),))
        draft.chmod(0o600)
        sync_file(draft)
        draft.rename(copy)
        sync_folder(self.path.parent)


def _create_files(path: Path) -> int:
    """Make the database and its lock, for us and our group alone, and return the open lock file."""
    if not path.parent.is_dir():
        raise StoreFault(
            "queue.no_folder", f"there is no folder {path.parent}", "create it, owned by the station"
        )
    try:
        # Never when it is there: closing any descriptor of it ends the locks of this process's other connections, and
        # another process would then take itself for the last one and throw the log away (sqlite.org/howtocorrupt, 2.2).
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, SHARED))
        return os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, SHARED)
    except OSError as error:
        raise store_faults.of_system(path, error) from error


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
