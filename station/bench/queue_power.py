"""Campaign `power`: what may be left of the queue when the power goes, thousands of times, and the queue opened on it.

In: how many states, a seed. Out: counts. One whole life of a queue is recorded (migration of a file of schema 1,
enqueue, send, rotation of the keys, backup, erasure, vacuum, checkpoint); each state is a point of it and a third of
them each of the models of queue_disk.py. Everything the officer was told was saved must be there and whole, the file
must open, its audit chain hold. On every 25th state the work is finished as well: all must arrive, once.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from typing import Any

from station.bench import queue_disk, queue_shim
from station.bench.queue_disk import MODELS, Change, Disk, Model
from station.bench.queue_kill import ZERO, bad_places, forget, judge
from station.bench.queue_work import PAGES, make_base

FINISHED = 25
SHARES = 20  # of the states; each replays the recording once
NO_FOLDER_SYNC = "no_folder_sync"
State = tuple[int, int, Model]
MEMORY = "-shm"  # shared memory, not kept by a disk


def run(
    runs: int, seed: int, progress: Callable[[str], None] = lambda _: None, mutant: str = ""
) -> dict[str, Any]:
    """`runs` states, half of them of files with the pages of older ones. mutant: a broken build
    (queue_work.break_build, or NO_FOLDER_SYNC)."""
    if reason := queue_shim.why_not():
        return {"skipped": reason}
    counts, changes = Counter[str](), {}
    for n, page in enumerate(PAGES):
        share_of_runs = (runs + n) // len(PAGES)
        with tempfile.TemporaryDirectory() as name:
            changes[page], found = _of_size(
                Path(name), page, share_of_runs, f"{seed} {page}", mutant, progress
            )
            counts.update(found)
    return {
        "changes_recorded": changes,
        "states": {model: counts[f"as {model}"] for model in MODELS},
        "finished_after": counts["finished"],
        "bad": bad_places(counts)[:20],
        "must_be_zero": {what: counts[what] for what in (*ZERO, "files_the_recording_misses")},
    }


def _of_size(
    base: Path, page: int, runs: int, seed: str, mutant: str, progress: Callable[[str], None]
) -> tuple[int, Counter[str]]:
    """How many changes a whole life makes, and what was wrong with `runs` states of it."""
    make_base(base)
    record(base, mutant, page)
    changes = len(list(queue_disk.read(_log(base))))
    chance = random.Random(seed)
    states = [(n, chance.randint(0, changes), MODELS[n % len(MODELS)]) for n in range(runs)]
    counts = _all(base, sorted(states, key=lambda state: state[1]), seed, mutant, progress)
    return changes, counts + Counter(files_the_recording_misses=_differs(base))


def _all(
    base: Path, states: Sequence[State], seed: str, mutant: str, progress: Callable[[str], None]
) -> Counter[str]:
    counts, size = Counter[str](), max(1, -(-len(states) // SHARES))
    with ProcessPoolExecutor(os.cpu_count(), mp_context=multiprocessing.get_context("spawn")) as pool:
        shares = [
            pool.submit(share, base, states[start : start + size], seed, mutant)
            for start in range(0, len(states), size)
        ]
        for each in as_completed(shares):
            counts.update(each.result())
            progress(f"{sum(counts[f'as {model}'] for model in MODELS)} of {len(states)}")
    return counts


def _log(base: Path) -> Path:
    return base / "writes.log"


def _before(base: Path) -> Path:
    return base / "before"


def record(base: Path, mutant: str, page: int) -> None:
    """The log of one whole life in q-0, with its gateway g-0; `before` gets the files as they were when it began."""
    with queue_shim.Worker(base) as worker:
        worker.do(base / "q-0", prepare_only=True, page=page)
    for name in ("q-0", "g-0"):
        shutil.copytree(base / name, _before(base) / name)
    unsynced = mutant == NO_FOLDER_SYNC
    with queue_shim.Worker(base, _log(base), no_dirsync=unsynced, root=base) as worker:
        told = worker.do(base / "q-0", mutant="" if unsynced else mutant)
    if told["killed"] or told["error"] or told.get("unclear"):
        raise RuntimeError(f"the recorded run failed: {told}")


def share(base: Path, states: Sequence[State], seed: str, mutant: str) -> Counter[str]:
    """Some states, in the order of the recording, each looked at in a folder of its own."""
    counts, changes, taken = Counter[str](), list(queue_disk.read(_log(base))), 0
    platter, elsewhere = Disk(_before(base)), Disk(_before(base))
    with queue_shim.Worker(base) as worker:
        for n, at, model in states:
            for change in itertools.islice(changes, taken, at):
                moved = _moved(change, base)
                (elsewhere if _is_elsewhere(moved.path) else platter).take(moved)
            taken = at
            folder, chance = base / f"q-{n + 1}", random.Random(f"{seed} {n}")
            _lay_down(base, folder, platter.left(model, chance) | _kept(elsewhere))
            where = f"{model} at {at}"
            counts.update(judge(folder, {}, complete=False, where=where))
            if n % FINISHED == 0 and not mutant:
                counts.update(judge(folder, worker.do(folder), complete=True, where=f"{where}, finished"))
                counts["finished"] += 1
            counts[f"as {model}"] += 1
            forget(folder)
    return counts


def _is_elsewhere(path: str) -> bool:
    """The gateway and the officer's memory are not on the disk that loses its power."""
    return path.endswith("/marks") or "/g-0/" in path


def _kept(disk: Disk) -> dict[str, bytes]:
    left = disk.left("kept", random.Random(0))
    return {path: content for path, content in left.items() if _is_elsewhere(path)}


def _moved(change: Change, base: Path) -> Change:
    """As if it had been done to the files in `before`."""
    start, there = len(str(base)), str(_before(base))
    data = change.data
    if change.op == queue_disk.RENAME:
        data = there.encode() + data[start:]
    return replace(change, path=there + change.path[start:], data=data)


def _lay_down(base: Path, folder: Path, files: dict[str, bytes]) -> None:
    gate = folder.with_name(f"g{folder.name[1:]}")
    gate.mkdir()
    for path, content in files.items():
        first, *rest = Path(path).relative_to(_before(base)).parts
        place = (folder if first == "q-0" else gate).joinpath(*rest)
        if not path.endswith(MEMORY):
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
            place.chmod(0o600)


def _differs(base: Path) -> int:
    """Files of the recorded life that its replay does not give byte for byte: writes the recorder did not see."""
    disk = Disk(_before(base))
    for change in queue_disk.read(_log(base)):
        disk.take(_moved(change, base))
    replayed = {
        str(Path(path).relative_to(_before(base))): content
        for path, content in disk.left("kept", random.Random(0)).items()
    }
    real = {
        str(path.relative_to(base)): path.read_bytes()
        for name in ("q-0", "g-0")
        for path in (base / name).rglob("*")
        if path.is_file()
    }
    names = {name for name in real.keys() | replayed.keys() if not name.endswith(MEMORY)}
    return sum(real.get(name) != replayed.get(name) for name in names)
