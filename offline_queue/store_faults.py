"""What SQLite and the operating system refuse, as a StoreFault with a code, words and advice.

In: an error, and the file it is about. Out: the StoreFault to raise. A broken constraint is not one of them.
"""

from __future__ import annotations

import contextlib
import errno
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import peewee

from offline_queue.errors import StoreFault

TROUBLE = (peewee.DatabaseError, sqlite3.DatabaseError, UnicodeDecodeError, OSError)
FAULTS: dict[str, tuple[str, str, str]] = {
    "SQLITE_FULL": (
        "queue.disk_full",
        "the disk is full",
        "free space; waiting submissions are kept and sent later",
    ),
    "SQLITE_READONLY": (
        "queue.read_only",
        "the disk can only be read",
        "check the card and mount it for writing",
    ),
    "SQLITE_CORRUPT": (
        "queue.corrupt",
        "the database is damaged",
        "stop livescan-web and livescan-sync, then: station queue mend",
    ),
    "SQLITE_NOTADB": (
        "queue.corrupt",
        "this is not a database",
        "stop livescan-web and livescan-sync, then: station queue mend",
    ),
    "SQLITE_BUSY": ("queue.busy", "another process holds the database", "try again; see which process hangs"),
    "SQLITE_LOCKED": (
        "queue.busy",
        "another process holds the database",
        "try again; see which process hangs",
    ),
    "SQLITE_IOERR": ("queue.disk_error", "the disk reports an error", "replace the card or disk soon"),
    "SQLITE_CANTOPEN": (
        "queue.cannot_open",
        "the database cannot be opened",
        "check its folder, owner and mode",
    ),
    "SQLITE_PERM": ("queue.cannot_open", "the database cannot be opened", "check its folder, owner and mode"),
}


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """SQLite and operating system errors inside become StoreFault. A broken constraint is ours to fix: it
    passes."""
    try:
        yield
    except peewee.IntegrityError:
        raise
    except TROUBLE as error:
        raise of(path, error) from error


def of(path: Path, error: Exception) -> StoreFault:
    """One of TROUBLE as a StoreFault."""
    if isinstance(error, OSError):
        return of_system(path, error)
    if isinstance(error, UnicodeDecodeError):
        # text that was never written, in a row or in SQLite's own message
        code, message, advice = FAULTS["SQLITE_CORRUPT"]
        return StoreFault(code, f"{path}: {message} (text that is none)", advice)
    for name in _error_names(error):
        for known, (code, message, advice) in FAULTS.items():
            if name == known or name.startswith(known + "_"):
                return StoreFault(code, f"{path}: {message} ({name})", advice)
    return StoreFault("queue.database", f"{path}: {error}", "run: station queue verify")


def of_system(path: Path, error: OSError) -> StoreFault:
    """What the operating system refused, as the same codes."""
    known = {errno.ENOSPC: "SQLITE_FULL", errno.EROFS: "SQLITE_READONLY", errno.EIO: "SQLITE_IOERR"}
    code, message, advice = FAULTS[known.get(error.errno or 0, "SQLITE_CANTOPEN")]
    return StoreFault(code, f"{path}: {message} ({error.strerror})", advice)


def _error_names(error: BaseException | None) -> Iterator[str]:
    """SQLite's names of this error and those before it: on a full disk SQLite has rolled back by itself, and the
    ROLLBACK that follows fails with an error that says nothing."""
    while error is not None:
        yield str(getattr(getattr(error, "orig", error), "sqlite_errorname", ""))
        error = error.__context__


def busy(path: Path) -> StoreFault:
    """Another process holds the lock of all writers."""
    code, message, advice = FAULTS["SQLITE_BUSY"]
    return StoreFault(code, f"{path}: {message}", advice)
