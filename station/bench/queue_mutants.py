"""Campaign `mutants`: four builds broken on purpose, each of which the other campaigns must catch.

In: how many power-cut states a build, a seed. Out: how often each was caught. `normal`: SQLite's synchronous NORMAL;
`ack_first`: the officer is told before the commit; `no_idempotency`: an attempt of unknown outcome is sent again
without asking; `no_folder_sync`: the folder of a new name is not synced. The whole build goes the same way and must
give no alarm.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from station.bench import queue_power, queue_shim
from station.bench.queue_kill import ZERO, forget, judge
from station.bench.queue_work import make_base

BY_POWER = ("normal", "ack_first", queue_power.NO_FOLDER_SYNC)
BY_DEATH = "no_idempotency"
WHOLE = ""
DEATHS = 10


def run(runs: int, seed: int, progress: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """`runs` power-cut states of each build, DEATHS deaths of the process right after the gateway took something."""
    if reason := queue_shim.why_not():
        return {"skipped": reason}
    found: dict[str, Counter[str]] = {}
    for mutant in (*BY_POWER, WHOLE):
        progress(mutant or "the whole build")
        found[mutant] = Counter(queue_power.run(runs, seed, mutant=mutant)["must_be_zero"])
    found[BY_DEATH] = deaths(DEATHS, BY_DEATH)
    found[WHOLE] += deaths(DEATHS, WHOLE)
    broken = (*BY_POWER, BY_DEATH)
    return {
        "found": {mutant: dict(+found[mutant]) for mutant in broken},
        "must_be_zero": {
            "not_caught": sum(not any(found[mutant].values()) for mutant in broken),
            "false_alarms": sum(found[WHOLE].values()),
        },
    }


def deaths(number: int, mutant: str) -> Counter[str]:
    """The process dies when the gateway has taken the first, second, ... submission and has not answered yet."""
    counts = Counter[str]()
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        make_base(base)
        with queue_shim.Worker(base) as worker:
            for effect in range(1, number + 1):
                folder = base / f"q-{effect}"
                if not worker.do(folder, mutant=mutant, die_at_effect=effect)["killed"]:
                    raise RuntimeError("the process lived on")
                counts.update(judge(folder, worker.do(folder, mutant=mutant), complete=True))
                forget(folder)
    return Counter({what: counts[what] for what in ZERO})
