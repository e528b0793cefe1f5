"""Campaign `speed`: what keeping a submission costs, against sqlite3 alone and against other queues, in the same run.

In: how many items, a seed. Out: milliseconds and ratios; `must_be_zero` counts the limits that were missed. An item is
600 KiB and a hundred rows. All take turns item by item, so that a disk that grows slow is slow for everybody. Others
write their logs back inside a put; ours is written back between two, as the sync process does it in its pauses. The
limit is for all of it together, like for like; what somebody waits for is told apart. It needs a real disk (TMPDIR).
"""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from offline_queue import audit, statements
from offline_queue.clock import SystemClock, stamp
from offline_queue.models import Outcome, Receipt, Submission
from offline_queue.states import Event
from offline_queue.store import Limits, Queue
from offline_queue.trust import Sync
from station.bench import queue_memory, queue_rivals
from station.bench.queue_rivals import Contender, Row
from station.bench.queue_world import ORI, STATION, World

IN_ALL = False
RUNS = 200
PAYLOAD_BYTES = 600 * 1024
ROWS = 100
AT_LEAST, AT_MOST, MEMORY_MB = 0.8, 1.5, 60.0
FEW, MANY, CLAIMS = 1_000, 100_000, 200
QUEUED_A_RUN = 25  # 5,000 at the usual number of runs
WARM = 5
WRITE_BACK_EVERY = 10  # items: often enough that no commit ever has to
NO_DISK = ("tmpfs", "ramfs")
# As livescan-web.service sets it: memory once used for a large item is kept for the next one. Handing it back and
# getting it again, page by page, took a third of an enqueue. All who are compared get the same.
MEMORY_KEPT = {"MALLOC_MMAP_THRESHOLD_": "67108864", "MALLOC_TRIM_THRESHOLD_": "67108864"}
Progress = Callable[[str], None]


class Ours:
    """The queue as the station uses it: sealed, signed, audited, on a clock that is watched."""

    def __init__(self, folder: Path) -> None:
        self._world = World(folder)
        self._queue = Queue.open(
            folder / "queue.db",
            self._world.vault,
            SystemClock(),
            station_id=STATION,
            limits=Limits(open_entries=10**6),
            time_source=lambda: Sync.NOW,
        )
        self.written_back_s = 0.0

    def write_back(self) -> None:
        """What the sync process does in a pause."""
        began = time.perf_counter()
        self._queue.room.write_back()
        self.written_back_s += time.perf_counter() - began

    def put(self, n: int, payload: bytes, rows: Sequence[Row], whole: bytes) -> None:  # noqa: ARG002
        self._queue.enqueue(Submission(f"s-{n}", f"SPEED-{n:012}", "CAR", ORI, whole), self._world.signer)

    def take(self) -> None:
        claim = self._queue.claim("bench", 60.0)
        assert claim is not None
        entry = claim.entry
        self._queue.payload(entry.submission_id)
        self._queue.signature(entry.submission_id)
        now = SystemClock().utcnow()
        said = (entry.submission_id, entry.tcn, entry.sha256, entry.size)
        receipt = Receipt(bytes(400), bytes(1100), "SIMULATED", *said, received_at=now)
        self._queue.settle(claim, Outcome(Event.ACCEPTED, receipt=receipt))

    def close(self) -> None:
        self._queue.close()


def run(runs: int, seed: int, progress: Progress = lambda _: None) -> dict[str, Any]:
    """Everything; a file system in memory is refused with a reason."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        disk = file_system(folder)
        if disk in NO_DISK:
            return {"skipped": f"{folder.parent} is {disk}: set TMPDIR to a folder on a real disk"}
        progress("items")
        figures = {"disk": disk, **_in_child(folder / "items", runs, seed)}
        progress("claims")
        figures |= claims(folder / "claims", FEW, MANY * runs // RUNS, max(10, CLAIMS * runs // RUNS))
        progress("memory of the sync process")
        resident = queue_memory.of_sync(folder / "memory", QUEUED_A_RUN * runs, seed)
    return figures | {"sync_process": vars(resident), "must_be_zero": missed(figures, resident.peak_mb)}


def missed(figures: Mapping[str, Any], memory_mb: float) -> dict[str, int]:
    """Limit → 1 when it was missed."""
    return {
        "enqueue_slower_than_limit": int(figures["enqueue_speed_of_plain"] < AT_LEAST),
        "claim_slower_than_limit": int(figures["claim_many_of_few"] > AT_MOST),
        "memory_above_limit": int(memory_mb >= MEMORY_MB),
    }


def _in_child(folder: Path, runs: int, seed: int) -> dict[str, Any]:
    """`against_others` in a process that is started as the unit of the pages is."""
    command = [sys.executable, "-m", "station.bench.queue_speed", str(folder), str(runs), str(seed)]
    done = subprocess.run(command, env=os.environ | MEMORY_KEPT, stdout=subprocess.PIPE, check=True)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def against_others(folder: Path, runs: int, seed: int) -> dict[str, Any]:
    """Put all, then take all, each in turn."""
    folder.mkdir()
    body = random.Random(seed).randbytes(PAYLOAD_BYTES)
    rows = [(f"field-{n}", "v" * 80) for n in range(ROWS)]
    others, absent = queue_rivals.installed(folder)
    ours = Ours(folder)
    all_of_them: dict[str, Contender] = {
        "plain": queue_rivals.Plain(folder),
        "floor": queue_rivals.Floor(folder),
        "ours": ours,
        **others,
    }
    try:
        item = (b"", b"")

        def put(each: Contender, n: int) -> None:
            each.put(n, item[0], rows, item[1])

        def before(n: int) -> None:
            nonlocal item
            payload = n.to_bytes(8) + body[8:]
            item = (payload, queue_rivals.joined(payload, rows))
            if n % WRITE_BACK_EVERY == 0:
                ours.write_back()

        puts = in_turn(all_of_them, put, runs, before)
        takes = in_turn(all_of_them, lambda each, _: each.take(), runs)
    finally:
        for each in all_of_them.values():
            each.close()
    apart = 1e3 * ours.written_back_s / (runs + WARM)
    return {"enqueue": puts, "take": takes, **_ratios(puts, apart), "absent": absent}


def _ratios(puts: Mapping[str, Mapping[str, float]], apart_ms: float) -> dict[str, float]:
    """Above 1: faster than sqlite3 alone. floor: what sealing and signing leave of it at best."""
    plain, mine = puts["plain"]["mean_ms"], puts["ours"]["mean_ms"]
    return {
        "write_back_ms_an_item": round(apart_ms, 2),
        "enqueue_speed_of_plain": round(plain / (mine + apart_ms), 2),
        "enqueue_speed_of_plain_while_somebody_waits": round(plain / mine, 2),
        "floor_speed_of_plain": round(plain / puts["floor"]["mean_ms"], 2),
    }


def in_turn(
    them: Mapping[str, Contender],
    work: Callable[[Contender, int], None],
    runs: int,
    before: Callable[[int], None] = lambda _: None,
) -> dict[str, dict[str, float]]:
    """Milliseconds each. Who begins changes with every item; the first WARM do not count, nor what is done `before`."""
    taken: dict[str, list[float]] = {name: [] for name in them}
    names = list(them)
    for n in range(1, runs + WARM + 1):
        before(n)
        for name in names[n % len(names) :] + names[: n % len(names)]:
            began = time.perf_counter()
            work(them[name], n)
            taken[name].append((time.perf_counter() - began) * 1e3)
    return {name: _summary(times[WARM:]) for name, times in taken.items()}


def claims(folder: Path, few: int, many: int, count: int) -> dict[str, Any]:
    """A claim with few and with many entries that wait, in turn."""
    queues = {name: _filled(folder / name, number) for name, number in (("few", few), ("many", many))}
    taken: dict[str, list[float]] = {"few": [], "many": []}
    for n in range(count + WARM):
        for name in ("few", "many") if n % 2 else ("many", "few"):
            began = time.perf_counter()
            claim = queues[name].claim("bench", 60.0)
            taken[name].append((time.perf_counter() - began) * 1e3)
            assert claim is not None
            queues[name].settle(claim, Outcome(Event.REFUSED, "gateway.refused.bench", "next"))
    for queue in queues.values():
        queue.close()
    told = {name: _summary(times[WARM:]) for name, times in taken.items()}
    ratio = told["many"]["median_ms"] / told["few"]["median_ms"]
    return {
        "claim": {f"{few} rows": told["few"], f"{many} rows": told["many"]},
        "claim_many_of_few": round(ratio, 2),
    }


def _filled(folder: Path, number: int) -> Queue:
    """A queue with so many entries that wait, each with its audit row; no payloads, which a claim does not touch."""
    world = World(folder)
    queue = Queue.open(
        folder / "queue.db",
        world.vault,
        SystemClock(),
        station_id=STATION,
        limits=Limits(open_entries=10**6),
        time_source=lambda: Sync.NOW,
    )
    now = stamp(SystemClock().utcnow())
    values = {
        "tot": "CAR",
        "ori": ORI,
        "station_id": STATION,
        "state": "ready",
        "size": 1,
        "sha256": "0" * 64,
    }
    values |= {"created_at": now, "boot": queue.database.boot, "monotonic_ms": 0}
    with queue.database.write() as tables:
        for n in range(number):
            mine = values | {"submission_id": f"c-{n}", "tcn": f"CLAIM-{n:012}"}
            statements.add(queue.database, "submission", mine)
            audit.append(queue.database, tables, "enqueued", f"c-{n}", {"n": n})
    return queue


def _summary(times: list[float]) -> dict[str, float]:
    return {
        "mean_ms": round(statistics.fmean(times), 2),
        "median_ms": round(statistics.median(times), 2),
        "p95_ms": round(sorted(times)[int(len(times) * 0.95)], 2),
    }


def file_system(folder: Path, mounts: Path = Path("/proc/self/mountinfo")) -> str:
    """The type of the file system that holds a folder, such as `ext4`."""
    best, found = "", "unknown"
    for line in mounts.read_text().splitlines():
        place, kind = line.split()[4], line.split(" - ")[1].split()[0]
        inside = str(folder.resolve()).startswith(place.rstrip("/") + "/") or place == "/"
        if inside and len(place) >= len(best):
            best, found = place, kind
    return found


if __name__ == "__main__":
    print(json.dumps(against_others(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
