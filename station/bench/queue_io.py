"""Campaign `io`: EIO and ENOSPC at each of the first `runs` writes and syncs of a whole run.

In: how many places, a seed (not used: nothing is drawn). Out: counts. The process must end with an error that has a
code, or go on; a new process must start and finish the work; nothing saved may be lost, doubled or falsely sent.
"""

from __future__ import annotations

import errno
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from station.bench import queue_shim
from station.bench.queue_kill import ZERO, forget, judge
from station.bench.queue_work import make_base


def run(
    runs: int,
    seed: int,  # noqa: ARG001
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """`runs` places with EIO and as many with ENOSPC."""
    if reason := queue_shim.why_not():
        return {"skipped": reason}
    counts, codes = Counter[str](), Counter[str]()
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        make_base(base)
        with queue_shim.Worker(base) as worker:
            for error in (errno.EIO, errno.ENOSPC):
                for at in range(1, runs + 1):
                    folder = base / f"q-{at}"
                    told = worker.do(folder, arm=(at, int(error)))
                    counts["error_without_code"] += "unclear" in told
                    codes[told.get("error") or told.get("unclear") or "went on"] += 1
                    counts += judge(folder, worker.do(folder), complete=True)
                    forget(folder)
                    progress(f"{errno.errorcode[error]} at {at} of {runs}")
    return {
        "places": runs,
        "errors": 2 * runs,
        "ended_with": dict(codes.most_common()),
        "must_be_zero": {what: counts[what] for what in (*ZERO, "error_without_code")},
    }
