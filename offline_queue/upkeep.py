"""Copies of the queue, and giving its free pages back: backup, restore, vacuum. Nothing here reads a payload.

A backup is one file (still sealed: it needs the station keys too) and its SHA-256 beside it in `<file>.sha256`.
"""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from offline_queue import durable
from offline_queue.database import APPLICATION_ID, SHARED
from offline_queue.durable import sync_file, sync_folder
from offline_queue.errors import StoreFault
from offline_queue.states import State
from offline_queue.store import Queue
from offline_queue.store_faults import translated


@dataclass(frozen=True)
class Sizes:
    """Bytes of the file before and after."""

    before: int
    after: int


def backup(queue: Queue, target: Path) -> int:
    """A consistent copy while the queue works; it is checked before its name appears. Returns its bytes. StoreFault
    `backup.exists`, `backup.cannot_write`, or what the disk says."""
    if target.exists():
        raise StoreFault("backup.exists", f"{target} is already there", "name a new file")
    draft = target.with_name(f".{target.name}.new")
    try:
        draft.unlink(missing_ok=True)
        with queue.database.alone():
            queue.database.sql("VACUUM INTO ?", (str(draft),))
        draft.chmod(0o600)
        _look(draft)
        sidecar(target).write_text(f"{_digest(draft)}  {target.name}\n", "ascii")
        for path in (draft, sidecar(target)):
            sync_file(path)
        draft.rename(target)
        sync_folder(target.parent)
        return target.stat().st_size
    except OSError as error:
        raise StoreFault(
            "backup.cannot_write", f"{target}: {error.strerror}", "choose another folder"
        ) from error
    finally:
        draft.unlink(missing_ok=True)


def check(copy: Path) -> int:
    """Entries in a backup whose digest and database are whole. StoreFault `backup.cannot_read`, `backup.digest`,
    `queue.corrupt`, `queue.not_a_queue`."""
    try:
        whole = sidecar(copy).read_text("ascii").split()[:1] == [_digest(copy)]
    except (OSError, ValueError) as error:
        raise StoreFault("backup.cannot_read", f"{copy}: {error}", "name a backup and its .sha256") from error
    if not whole:
        raise StoreFault("backup.digest", f"{copy} is not what was written", "take another backup")
    return _look(copy)


def put_back(copy: Path, database: Path) -> Path | None:
    """A checked backup takes the place of the queue's file, while no process has it open. What was there is moved
    aside with its WAL; returns where to, None when there was nothing. Then `ask_again`. StoreFault as `check`."""
    check(copy)
    draft = database.with_name(f".{database.name}.new")
    try:
        shutil.copyfile(copy, draft)
        draft.chmod(SHARED)
        sync_file(draft)
        return durable.into_place(draft, database)
    except OSError as error:
        raise StoreFault(
            "backup.cannot_write", f"{database}: {error.strerror}", "check its folder and disk"
        ) from error
    finally:
        draft.unlink(missing_ok=True)


def ask_again(queue: Queue, reason: str) -> int:
    """After a restore: what waits may have been sent since the backup, so the gateway is asked for it first. Returns
    how many entries that are."""
    queue.database.checkpoint()
    waiting = queue.entries(State.READY)
    for entry in waiting:
        queue.hold(entry.submission_id, reason)
        queue.release(entry.submission_id, reason)
    return len(waiting)


def vacuum(queue: Queue) -> Sizes:
    """Give free pages back to the disk. Needs as much free space as the file has."""
    before = queue.database.path.stat().st_size
    with queue.database.alone():
        queue.database.sql("VACUUM")
    queue.database.checkpoint()
    return Sizes(before, queue.database.path.stat().st_size)


def sidecar(path: Path) -> Path:
    """Where the digest of a backup lies."""
    return path.with_name(f"{path.name}.sha256")


def _look(path: Path) -> int:
    """Entries of a file that SQLite finds whole. StoreFault `queue.corrupt`, `queue.not_a_queue`."""
    with translated(path), closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as base:
        if base.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            raise StoreFault(
                "queue.not_a_queue", f"{path} is another program's database", "name another file"
            )
        if base.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
            raise StoreFault("queue.corrupt", f"{path} is damaged", "take another backup")
        return int(base.execute("SELECT count(*) FROM submission").fetchone()[0])


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
