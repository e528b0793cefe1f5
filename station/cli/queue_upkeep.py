"""`station queue vacuum|backup|restore|mend`: the file of the queue."""

from __future__ import annotations

import argparse
import dataclasses
import fcntl
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from offline_queue import salvage, upkeep
from offline_queue.clock import SystemClock
from offline_queue.store import Queue
from offline_queue.vault import Vault
from station.cli.queue_look import NewAction
from station.errors import EnvironmentFault
from station.settings import Settings


def add_actions(action: NewAction) -> None:
    action("vacuum", "give the space of deleted rows back to the disk")
    backup = action("backup", "a consistent copy while everything runs; useless without the station's key")
    backup.add_argument("file", type=Path)
    restore = action("restore", "put a copy in the queue's place; what was there is moved aside")
    restore.add_argument("file", type=Path)
    mend = action("mend", "look whether the file is damaged and, if so, save everything that can be proved")
    mend.add_argument("--look", action="store_true", help="only look")


def _vacuum(queue: Queue, _: Settings, args: argparse.Namespace) -> int:
    sizes = upkeep.vacuum(queue)
    print(json.dumps(dataclasses.asdict(sizes)) if args.json else f"{sizes.before} bytes -> {sizes.after}")
    return 0


def _backup(queue: Queue, _: Settings, args: argparse.Namespace) -> int:
    size = upkeep.backup(queue, args.file)
    _told({"file": str(args.file), "bytes": size, "entries": upkeep.check(args.file)}, args.json)
    return 0


def restore(settings: Settings, args: argparse.Namespace) -> int:
    """Alone on the queue: no process may have it open."""
    database = settings.queue.database
    with _alone(database):
        entries, aside = upkeep.check(args.file), upkeep.put_back(args.file, database)
    vault = Vault.load(settings.queue.station_key)
    with Queue.open(database, vault, SystemClock(), station_id=settings.station.id) as queue:
        asked = upkeep.ask_again(queue, f"restored from {args.file.name}")
        whole = queue.check().ok and queue.verify_audit().ok
    shown = {
        "entries": entries,
        "asked_for_first": asked,
        "moved_aside": str(aside) if aside else None,
        "whole": whole,
    }
    _told(shown, args.json)
    return 0 if whole else 1


def mend(settings: Settings, args: argparse.Namespace) -> int:
    """0: whole, or mended and nothing has to be booked again; 1: something has to be (or, with --look, was found). As
    systemd runs it before the services start; no process may have the queue open."""
    database, clock = settings.queue.database, SystemClock()
    vault = Vault.load(settings.queue.station_key)
    if args.look:
        problems = salvage.look(database, vault, clock, settings.station.id) if database.exists() else []
        _told({"whole": not problems, "problems": problems}, args.json)
        return 1 if problems else 0
    done = salvage.mend(database, vault, clock, settings.station.id, settings.time_source())
    shown = dataclasses.asdict(done) | {
        "aside": str(done.aside) if done.aside else None,
        "whole": not done.problems,
    }
    _told(shown if done.problems else {"whole": True}, args.json)
    return 1 if done.damaged else 0


def _told(shown: dict[str, Any], as_json: bool) -> None:
    print(
        json.dumps(shown, default=str)
        if as_json
        else "\n".join(f"{name}: {value}" for name, value in shown.items())
    )


@contextmanager
def _alone(database: Path) -> Iterator[None]:
    """The locks of the sync process and of all writers, as long as the file is exchanged, and nobody idle beside."""
    held: list[int] = []
    try:
        for suffix in (".sync-lock", ".lock"):
            held.append(os.open(f"{database}{suffix}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660))
            fcntl.flock(held[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
        if database.exists() and _is_open(database):
            raise BlockingIOError
        yield
    except BlockingIOError:
        raise EnvironmentFault(
            "environment.queue_in_use",
            f"a process has {database} open",
            "stop livescan-sync and livescan-web first",
        ) from None
    finally:
        for descriptor in held:
            os.close(descriptor)


def _is_open(database: Path) -> bool:
    """Another connection, even an idle one: it would go on writing into the file that is moved aside.

    A connection in WAL mode keeps a shared lock for as long as it lives, so exclusive mode cannot be had beside it."""
    try:
        with closing(sqlite3.connect(database, timeout=0, isolation_level=None)) as probe:
            probe.execute("PRAGMA locking_mode=EXCLUSIVE")
            probe.execute("BEGIN IMMEDIATE")
            probe.execute("ROLLBACK")
    except sqlite3.Error as error:
        return str(getattr(error, "sqlite_errorname", "")).startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))
    return False


ACTIONS = {"vacuum": _vacuum, "backup": _backup}
