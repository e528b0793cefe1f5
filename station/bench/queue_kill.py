"""Campaign `kill`: the process is killed before or after one of its changes to files or exchanges with the gateway.

In: how many kills, a seed. Over migrate, seal, sign, enqueue, claim, send, receipt, rotate, backup, purge, vacuum and
checkpoint, on files with pages of both sizes there are. Then a new process finishes the work. Out: counts. The gateway
does not sort out doubles; everything saved must arrive once.
"""

from __future__ import annotations

import itertools
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from offline_queue import upkeep
from offline_queue.errors import QueueError, StoreFault, VaultError
from offline_queue.states import State
from offline_queue.store import Queue
from station.bench import queue_shim
from station.bench.queue_gate import number, submission
from station.bench.queue_work import FIRST, MORE, OLD, PAGES, Work, make_base

Point = tuple[int, int, int]  # bytes of a page, number of the change, what happens there
ZERO = ("lost", "doubled", "falsely_sent", "unopenable", "audit_broken", "unclear")


def run(
    runs: int, seed: int, progress: Callable[[str], None] = lambda _: None, mutant: str = ""
) -> dict[str, Any]:
    """`runs` kills at changes drawn at random; every change of a whole run once before any comes twice."""
    if reason := queue_shim.why_not():
        return {"skipped": reason}
    chance, done = random.Random(seed), itertools.count(1)
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        make_base(base)
        points = _points(base, runs, chance)

        def one(worker: queue_shim.Worker, item: tuple[int, Point]) -> Counter[str]:
            counts = _kill(worker, base / f"q-{item[0]}", item[1], mutant)
            progress(f"{next(done)} of {runs}")
            return counts

        counts = queue_shim.spread(base, list(enumerate(points)), one)
    stages = {key.split()[1]: count for key, count in sorted(counts.items()) if key.startswith("in ")}
    return {
        "changes_of_a_whole_run": {page: max(at for size, at, _ in points if size == page) for page in PAGES},
        "killed": counts["killed"],
        "killed_in": stages,
        "bad": bad_places(counts),
        "must_be_zero": {what: counts[what] for what in ZERO} | {"not_killed": runs - counts["killed"]},
    }


def _kill(worker: queue_shim.Worker, folder: Path, point: Point, mutant: str) -> Counter[str]:
    """One kill, then the work is finished; what came of it, as counts."""
    page, *arm = point
    told = worker.do(folder, arm=arm, mutant=mutant, page=page)
    counts = Counter({"killed": int(told["killed"]), f"in {told['stage']}": int(told["killed"])})
    counts.update(
        judge(folder, worker.do(folder, mutant=mutant), complete=True, where=f"{point} {told['stage']}")
    )
    forget(folder)
    return counts


def bad_places(counts: Counter[str]) -> list[str]:
    """Where and why something was wrong, as `judge` noted it."""
    return sorted(key[4:] for key in counts if key.startswith("bad "))


def _points(base: Path, runs: int, chance: random.Random) -> list[Point]:
    every: list[Point] = []
    for page in PAGES:
        with queue_shim.Worker(base) as worker:
            whole = worker.do(base / "q-whole", page=page)
        if whole["killed"] or whole["error"] or whole.get("unclear"):
            raise RuntimeError(f"the unharmed run failed: {whole}")
        forget(base / "q-whole")
        every += [(page, at, action) for at in range(1, whole["count"] + 1) for action in (-1, -2)]
    points: list[Point] = []
    while len(points) < runs:
        points += chance.sample(every, min(len(every), runs - len(points)))
    return points


def judge(folder: Path, told: dict[str, Any], *, complete: bool, where: str = "") -> Counter[str]:
    """What is wrong with a queue and its gateway. complete: everything must be sent, else only what was saved be there.
    told: how the process that worked last ended. where: noted, with the reason, when something is wrong."""
    reason = told.get("unclear") or told.get("error", "")
    try:
        wrong = _looked_at(folder, complete) + Counter(unclear=int(bool(reason)))
    except (QueueError, ValueError) as error:
        wrong, reason = Counter(unopenable=1, unclear=int(bool(reason))), f"{reason} {error}"
    if any(wrong.values()):
        wrong[f"bad {where}: {reason}"] += 1
    return wrong


def _looked_at(folder: Path, complete: bool) -> Counter[str]:
    work, wrong = Work(folder), Counter[str]()
    with work.open() as queue:
        entries = {entry.submission_id: entry for entry in queue.entries()}
        wrong["audit_broken"] = int(not queue.verify_audit().ok)
        sent = {n for n, e in entries.items() if e.state in (State.CUSTODY, State.ANSWERED)}
        for words in work.marks():
            wrong["lost"] += words[0] == "saved" and not _is_kept(queue, words[1], words[2])
            wrong["lost"] += words[0] == "sent" and words[1] not in sent
            wrong["lost"] += words[0] == "copied" and not _is_whole(folder / words[1])
    arrived = work.gateway.effects()
    wrong["doubled"] = len(arrived) - len(set(arrived))
    wrong["falsely_sent"] = len(sent - set(arrived)) + work.gateway.wrong()
    if complete:
        wrong["lost"] += len({f"s-{n}" for n in (*OLD, *FIRST, *MORE)} - set(arrived))
    return wrong


def _is_whole(copy: Path) -> bool:
    try:
        upkeep.check(copy)
    except StoreFault:
        return False
    return True


def _is_kept(queue: Queue, submission_id: str, digest: str) -> bool:
    try:
        entry = queue.entry(submission_id)
        queue.signature(submission_id)
        payload = queue.payload(submission_id)
    except VaultError as error:
        return error.code == "vault.erased" and entry.receipt_at is not None
    except QueueError:
        return False
    return entry.sha256 == digest and payload == submission(number(submission_id)).payload


def forget(folder: Path) -> None:
    """Make room for the next run."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(folder.with_name("g" + folder.name[1:]), ignore_errors=True)
