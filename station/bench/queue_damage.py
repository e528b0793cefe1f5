"""Campaign `damage`: 512 bytes of the queue's file or its log are overwritten, then the station starts as at a boot.

In: how many overwrites, a seed. Out: counts. Half of the runs damage a file that was closed, half one whose log still
holds the newest transactions; half of each have the pages of older files. `station queue mend` runs, then everything
due is sent. What was touched must be found before it is sent; everything else must arrive, once, in its own bytes.
"""

from __future__ import annotations

import itertools
import random
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from offline_queue import salvage
from offline_queue.clock import SystemClock
from offline_queue.errors import QueueError
from offline_queue.receipts import Verifier
from offline_queue.states import State
from offline_queue.store import Queue
from offline_queue.sync import Sync
from station.bench.queue_kill import forget
from station.bench.queue_work import PAGES, STATION, Work, make_base

SECTOR = 512
FRAME, LOG_HEAD = 24, 32
SENT_BEFORE = 7
ZERO = (
    "missed",
    "falsely_sent",
    "doubled",
    "rest_not_sent",
    "neither_sent_nor_named",
    "not_mended",
    "mended_twice",
)


@dataclass(frozen=True)
class Before:
    """A queue as it was before the damage. rows: all of it, as SQL shows it; waiting: ids not yet sent; marks: for
    each waiting id byte strings by which its pages are known."""

    folder: Path
    rows: Any
    waiting: frozenset[str]
    marks: dict[str, tuple[bytes, ...]]
    page: int


def run(
    runs: int, seed: int, progress: Callable[[str], None] = lambda _: None, *, sealed: bool = False
) -> dict[str, Any]:
    """`runs` overwrites of one sector each. sealed: of queues whose submissions are sealed to the gateway."""
    chance, counts = random.Random(seed), Counter[str]()
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        make_base(base, sealed=sealed)
        befores = [
            _before(base, f"q-{'closed' if closed else 'open'}-{page}", page, closed=closed)
            for page in PAGES
            for closed in (True, False)
        ]
        for n in range(runs):
            counts.update(_one(befores[n % len(befores)], base / f"q-{n}", chance))
            progress(f"{n + 1} of {runs}")
    told = (
        "live",
        "found_at_boot",
        "found_at_claim",
        "found_by_check",
        "mended_for_nothing",
        "named",
        "sent",
    )
    return {
        "counts": {what: counts[what] for what in told},
        "bad": sorted(key[4:] for key in counts if key.startswith("bad "))[:40],
        "must_be_zero": {what: counts[what] for what in ZERO},
    }


def _before(base: Path, name: str, page: int, *, closed: bool) -> Before:
    work = Work(base / name)
    work.prepare(page)
    work.run(("migrate", "seal_sign_enqueue"))
    with work.open() as queue:
        done = itertools.count()
        _sync(work, queue).drain(stop=lambda: next(done) >= SENT_BEFORE)
        work._purge(queue)
        work._seal_sign_enqueue_more(queue)
        waiting = [entry for entry in queue.entries() if entry.state is State.READY]
        marks = {entry.submission_id: _marks(queue, entry.submission_id) for entry in waiting}
        if not closed:
            copy = base / f"{name}-copy"
            shutil.copytree(work.folder, copy)
    folder = work.folder if closed else copy
    look = base / f"{name}-look"
    shutil.copytree(folder, look)
    rows = _rows(look / "queue.db")
    return Before(folder, rows, frozenset(marks), marks, page)


def _marks(queue: Queue, name: str) -> tuple[bytes, ...]:
    entry = queue.entry(name)
    with queue.database.read() as tables:
        sealed = bytes(tables.payload.select().where(tables.payload.seq == entry.seq).first()["sealed"])
    pieces = [sealed[start : start + 24] for start in range(0, len(sealed) - 24, 256)]
    return (entry.sha256.encode(), queue.manifest(name)[:40], queue.signature(name)[-24:], *pieces)


def _one(before: Before, folder: Path, chance: random.Random) -> Counter[str]:
    shutil.copytree(before.folder, folder)
    gate = folder.with_name("g" + folder.name[1:])
    original = before.folder.name.removesuffix("-copy")
    shutil.copytree(before.folder.with_name("g" + original[1:]), gate)
    where, touched = _overwrite(folder, before, chance)
    shutil.copytree(folder, folder.with_name(f"x{folder.name}"))
    live = _rows(folder.with_name(f"x{folder.name}") / "queue.db") != before.rows
    shutil.rmtree(folder.with_name(f"x{folder.name}"))
    try:
        counts = _judged(before, Work(folder), live, touched)
    except (QueueError, sqlite3.Error, ValueError, TypeError, KeyError, AttributeError) as error:
        counts = Counter({"not_mended": 1, f"bad {where}: {type(error).__name__} {error}": 1})
    if any(counts[what] for what in ZERO):
        counts[f"bad {where}: {sorted(+counts)}"] += 1
    forget(folder)
    return counts + Counter(live=int(live))


def _overwrite(folder: Path, before: Before, chance: random.Random) -> tuple[str, bytes]:
    """Where it was, and the pages it lies in as they were."""
    files = [path for path in (folder / "queue.db", folder / "queue.db-wal") if path.exists()]
    path = chance.choices(files, [file.stat().st_size for file in files])[0]
    content = bytearray(path.read_bytes())
    start = chance.randrange(len(content) // SECTOR) * SECTOR
    step, skip = (before.page, 0) if path.suffix == ".db" else (before.page + FRAME, LOG_HEAD)
    first, last = ((max(0, at - skip) // step) * step + skip for at in (start, start + SECTOR - 1))
    pages = bytes(content[first : last + step])
    content[start : start + SECTOR] = chance.randbytes(SECTOR)
    path.write_bytes(content)
    return f"{path.name} at {start}", pages


def _judged(before: Before, work: Work, live: bool, touched: bytes) -> Counter[str]:
    database, vault, clock = work.folder / "queue.db", work.vault(), SystemClock()
    told = salvage.mend(database, vault, clock, STATION)
    with work.open() as queue:
        report = _sync(work, queue).drain()
        entries = {entry.submission_id: entry for entry in queue.entries()}
        claimed = report.damaged + report.expired
        checked = not queue.check().ok
    named = {name for name, entry in entries.items() if entry.state is State.QUARANTINED}
    arrived = work.gateway.effects()
    unsent = before.waiting - set(arrived)
    owners = {name for name, marks in before.marks.items() if any(mark in touched for mark in marks)}
    again = salvage.mend(database, vault, clock, STATION)
    return Counter(
        {
            "found_at_boot": bool(told.problems),
            "found_at_claim": not told.problems and claimed > 0,
            "found_by_check": not told.problems and not claimed and checked,
            "missed": live and not told.problems and not claimed and not checked,
            "mended_for_nothing": bool(told.problems) and not live,
            "falsely_sent": work.gateway.wrong(),
            "doubled": len(arrived) - len(set(arrived)),
            "rest_not_sent": len(unsent - owners),
            "neither_sent_nor_named": len(unsent - named),
            "mended_twice": bool(again.problems),
            "named": len(unsent & named),
            "sent": len(before.waiting) - len(unsent),
        }
    )


def _sync(work: Work, queue: Queue) -> Sync:
    clock = SystemClock()
    verifier = Verifier(work.pki.gateway_ca.read_bytes(), clock)
    return Sync(queue, work.gateway, verifier, clock, "sync")


def _rows(database: Path) -> Any:
    """Everything the file says, or the error it says instead."""
    try:
        with closing(sqlite3.connect(database)) as base:
            base.text_factory = bytes
            tables = base.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
            ).fetchall()
            whole = base.execute("PRAGMA integrity_check").fetchall()
            pragmas = [
                base.execute(f"PRAGMA {name}").fetchone() for name in ("user_version", "application_id")
            ]
            return (
                whole,
                pragmas,
                [base.execute(f"SELECT * FROM {name.decode()}").fetchall() for (name,) in tables],  # noqa: S608
            )
    except (sqlite3.Error, UnicodeDecodeError) as error:
        return str(error)
