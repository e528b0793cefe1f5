"""Campaign `io`: EIO and ENOSPC at each of the first `runs` writes and syncs of a whole run.

In: how many places, a seed (not used: nothing is drawn). Out: counts. The process must end with an error that has a
code, or go on; a new process must start and finish the work; nothing saved may be lost, doubled or falsely sent.
"""

from __future__ import annotations

import errno
import itertools
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from station.bench import queue_shim
from station.bench.queue_kill import ZERO, bad_places, forget, judge
from station.bench.queue_work import PAGES, make_base

ERRORS = (errno.EIO, errno.ENOSPC)
MUST_BE_ZERO = (*ZERO, "error_without_code")


def run(
    runs: int,
    seed: int,  # noqa: ARG001
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """`runs` places with EIO and as many with ENOSPC, on files with pages of each size there is."""
    if reason := queue_shim.why_not():
        return {"skipped": reason}
    counts = tried(range(1, runs + 1), progress)
    return {
        "places": runs,
        "errors": len(ERRORS) * len(PAGES) * runs,
        "ended_with": {key[5:]: count for key, count in counts.most_common() if key.startswith("with ")},
        "bad": bad_places(counts),
        "must_be_zero": {what: counts[what] for what in MUST_BE_ZERO},
    }


def tried(places: Iterable[int], progress: Callable[[str], None] = lambda _: None) -> Counter[str]:
    """Both errors at each of these writes and syncs, counted from the start of a run."""
    tries, done = list(itertools.product(ERRORS, PAGES, places)), itertools.count(1)
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        make_base(base)

        def one(worker: queue_shim.Worker, item: tuple[int, int, int]) -> Counter[str]:
            error, page, at = item
            folder = base / f"q-{error}-{page}-{at}"
            told = worker.do(folder, arm=(at, error), page=page)
            ending = told.get("error") or told.get("unclear", "").split(":")[0] or "no error: went on"
            counts = Counter({"error_without_code": int("unclear" in told), f"with {ending}": 1})
            counts.update(judge(folder, worker.do(folder), complete=True, where=f"{error} at {at}, {ending}"))
            forget(folder)
            progress(f"{next(done)} of {len(tries)}")
            return counts

        return queue_shim.spread(base, tries, one)
