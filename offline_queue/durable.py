"""Files beside SQLite: synced, exchanged without a moment in which there is none, and the mark of what was promised.

`into_place` puts a new database where another is; cut short anywhere, `finish` goes on with it, and every opening of
the queue calls that. `note_head` keeps the number of the newest committed audit row outside the database: when a
damaged log makes SQLite drop the last transactions without a word, it tells (`head`).
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import shutil
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HEAD = struct.Struct(">Q32sI")


@dataclass(frozen=True)
class Head:
    """Number and hash of an audit row."""

    number: int
    hash: bytes


def sync_file(path: Path) -> None:
    """What was written to a closed file is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """The name of a new file is durable only once its folder is synced."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def note_head(database: Path, number: int, digest: bytes) -> None:
    """After a commit. Not synced: a power cut may leave an older mark, which is right as well. A failure is no failure
    of what was committed."""
    body = HEAD.pack(number, digest, 0)[:-4]
    with contextlib.suppress(OSError):
        descriptor = os.open(f"{database}.head", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o660)
        try:
            os.pwrite(descriptor, body + struct.pack(">I", zlib.crc32(body)), 0)
        finally:
            os.close(descriptor)


def head(database: Path) -> Head | None:
    """The mark; None when there is none that is whole."""
    try:
        content = Path(f"{database}.head").read_bytes()
        number, digest, crc = HEAD.unpack(content)
    except (OSError, struct.error):
        return None
    return Head(number, digest) if zlib.crc32(content[:-4]) == crc else None


def into_place(draft: Path, database: Path) -> Path | None:
    """`draft`, closed and without a log of its own, becomes the database, which no process may have open. What was
    there stays under another name, with its log; returns that name, None when there was nothing."""
    aside = None
    if database.exists():
        status = database.stat()
        draft.chmod(status.st_mode & 0o777)
        with contextlib.suppress(PermissionError):
            os.chown(draft, status.st_uid, status.st_gid)
        number = next(n for n in itertools.count(1) if not Path(f"{database}.aside-{n}").exists())
        aside = Path(f"{database}.aside-{number}")
        for suffix in ("-wal", ""):
            _link(Path(f"{database}{suffix}"), Path(f"{aside}{suffix}"))
    sync_file(draft)
    note = _marker(database)
    written = note.with_name(f"{note.name}.new")
    written.write_text(os.path.relpath(draft, database.parent))
    sync_file(written)
    sync_folder(draft.parent)
    written.rename(note)
    sync_folder(database.parent)
    finish(database)
    return aside


def finish(database: Path) -> bool:
    """Go on with an exchange that was cut short. False when there is none. Call it behind the lock of all writers."""
    note = _marker(database)
    if not note.exists():
        return False
    draft = database.parent / note.read_text()
    for suffix in ("-wal", "-shm", ".head"):  # they belong to the file that goes
        Path(f"{database}{suffix}").unlink(missing_ok=True)
    if draft.exists():
        draft.rename(database)
    sync_folder(database.parent)
    note.unlink()
    sync_folder(database.parent)
    return True


@contextlib.contextmanager
def mending(database: Path) -> Iterator[None]:
    """As long as this lasts, nobody opens the database (`is_mending`). It ends with the process, however that ends."""
    descriptor = os.open(_mend_lock(database), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def is_mending(database: Path) -> bool:
    """Another process exchanges the file just now."""
    try:
        descriptor = os.open(_mend_lock(database), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _mend_lock(database: Path) -> Path:
    return Path(f"{database}.mend-lock")


def _link(source: Path, target: Path) -> None:
    if not source.exists():
        return
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links
        shutil.copyfile(source, target)
        sync_file(target)


def _marker(database: Path) -> Path:
    return Path(f"{database}.exchange")
