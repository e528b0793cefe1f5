"""A damaged queue file is mended by itself: what can be proved goes into a new one, what cannot is named.

`mend(path, ...)` looks first (examine.py) and does nothing to a whole file. Otherwise the new file takes the place of
the old one, which is kept beside it with its log; an audit row says what was lost. It runs before the services start,
alone on the file. Killed anywhere, the next call begins anew or finishes the exchange.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from offline_queue import audit_rows, durable, examine, wal
from offline_queue.clock import Clock
from offline_queue.database import Database
from offline_queue.durable import Head
from offline_queue.errors import StoreFault
from offline_queue.examine import Chain
from offline_queue.salvage_chain import put_chain, said_hash, signed_heads
from offline_queue.salvage_read import Recovered, Row
from offline_queue.salvage_rows import Fate, Rows, put_rest
from offline_queue.store import Queue
from offline_queue.store_faults import translated
from offline_queue.trust import TimeSource
from offline_queue.vault import Vault

OPEN_LOCK = (
    128  # byte of the -shm file that every connection keeps locked (sqlite.org/walformat, section 2.3)
)
# Nothing is wrong with the file itself, or nothing can be done about it here.
FOREIGN = ("queue.no_folder", "queue.cannot_open", "queue.busy", "queue.disk_full", "queue.read_only")


@dataclass(frozen=True)
class Mended:
    """problems: what was found, none in a whole file; aside: where the damaged file is kept, None when nothing was
    done; damaged: ids that must be booked again; asked: ids the gateway is asked for first; audit_gaps: (first, last)
    numbers of audit rows that are gone."""

    problems: tuple[str, ...]
    aside: Path | None = None
    damaged: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    audit_gaps: tuple[tuple[int, int], ...] = ()


def look(database: Path, vault: Vault, clock: Clock, station_id: str) -> list[str]:
    """What is wrong with the file; nothing in one that is whole. StoreFault when it cannot be looked at for another
    reason than damage."""
    log, kept = Path(f"{database}-wal"), _kept_log(database)
    if (
        not in_use(database) and log.exists() and log.stat().st_size
    ):  # a log that is being written cannot be judged
        if problems := examine.before_opening(database):
            return problems  # opening it would drop what the log still holds
        shutil.copyfile(
            log, kept
        )  # what may be a power cut's, or damage, SQLite drops: only the mark can tell
    try:
        with Queue.open(database, vault, clock, station_id=station_id) as queue:
            problems = examine.opened(queue)
    except StoreFault as fault:
        if fault.code in FOREIGN:
            raise
        problems = [str(fault)]
    if not problems:
        kept.unlink(missing_ok=True)
    return problems


def mend(
    database: Path, vault: Vault, clock: Clock, station_id: str, time_source: TimeSource | None = None
) -> Mended:
    """Look, and salvage when there is something wrong. StoreFault `queue.in_use` while a process has it open,
    or what the disk says; the damaged file then stays as it is."""
    if not database.exists():
        return Mended(())
    _refuse_when_open(database)
    problems = look(database, vault, clock, station_id)
    if not problems:
        return Mended(())
    work = Path(f"{database}.mend")
    with translated(database), durable.mending(database):
        _refuse_when_open(database)
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(mode=0o700)
        try:
            fate, chain = _rebuilt(database, work, _Means(vault, clock, station_id, time_source), problems)
            aside = durable.into_place(work / "queue.db", database)
            _kept_log(database).unlink(missing_ok=True)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return Mended(tuple(problems), aside, tuple(fate.damaged), tuple(fate.asked), tuple(chain.new_gaps()))


def _refuse_when_open(database: Path) -> None:
    if in_use(database):
        raise StoreFault(
            "queue.in_use", f"a process has {database} open", "stop livescan-web and livescan-sync first"
        )


@dataclass(frozen=True)
class _Means:
    vault: Vault
    clock: Clock
    station_id: str
    time_source: TimeSource | None


def _rebuilt(database: Path, work: Path, means: _Means, problems: Sequence[str]) -> tuple[Fate, Chain]:
    """The new file work/queue.db, closed."""
    target, fate = Database.open(work / "queue.db", means.clock), Fate()
    target.time_source = means.time_source
    with closing(target), closing(_read(database, work / "raw.db", _columns(target))) as found:
        seals = signed_heads(found)
        head = _head(database, found, seals)
        chain = examine.chain(found.rows("audit"), head.number)
        put_chain(target, chain, head)
        rows = Rows(found, chain, means.vault, means.station_id)
        with target.write() as tables:
            detail = {
                "sha256": _digest(database),
                "problems": [problem[:200] for problem in problems[:5]],
                "audit_gaps": [list(gap) for gap in chain.new_gaps()],
            }
            audit_rows.append(target, tables, "salvaged", None, detail)
        rows.put(target, fate)
        put_rest(rows, target, seals)
        target.checkpoint()
    return fate, chain


def _read(database: Path, raw: Path, columns: Mapping[str, Sequence[str]]) -> Recovered:
    """All rows there are. The log is read to its last commit, and beyond it when the mark beside the file tells that
    there was another: its own frame is then what was hit."""
    kept, mark = _kept_log(database), durable.head(database)
    log = kept if kept.exists() else Path(f"{database}-wal")
    wal.replayed(database, raw, log)
    found = Recovered(raw, columns)
    newest = max(examine.chain(found.rows("audit")).rows, default=0)
    if mark is None or newest >= mark.number:
        return found
    found.close()
    wal.replayed(database, raw, log, to_the_end=True)
    return Recovered(raw, columns)


def in_use(database: Path) -> bool:
    """A process has the file open: it would go on writing into the one that is moved aside. Asked of the lock itself,
    not through SQLite, which would drop what it does not like of the log."""
    try:
        descriptor = os.open(f"{database}-shm", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, OPEN_LOCK)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _kept_log(database: Path) -> Path:
    return Path(f"{database}.log-kept")


def _columns(target: Database) -> dict[str, list[str]]:
    names = [row[0] for row in target.sql("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {name: [row[1] for row in target.sql(f"PRAGMA table_info({name})")] for name in names}


def _head(database: Path, found: Recovered, seals: Mapping[int, Row]) -> Head:
    """The newest audit row that anything speaks of: a row, a signed head, or the mark beside the file."""
    chain, mark = examine.chain(found.rows("audit")), durable.head(database)
    heads = [Head(0, audit_rows.START)] + ([mark] if mark is not None else [])
    heads += [Head(number, said_hash(seal)) for number, seal in seals.items()]
    heads += [Head(number, bytes(row["hash"])) for number, row in chain.rows.items()]
    return max(heads, key=lambda head: head.number)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
