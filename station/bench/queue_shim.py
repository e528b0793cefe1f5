"""Builds the recorder of queue_shim.c and runs the worker process of a campaign with it preloaded.

In: a folder. Out: `Worker`, which does jobs (queue_work.py) one by one. Where there is no C compiler, `why_not`
says so.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from station.bench import queue_work

LIBRARY = "qshim.so"
Item = TypeVar("Item")
SOURCE = Path(__file__).with_name("queue_shim.c")
REPO = Path(__file__).resolve().parents[2]


def why_not() -> str:
    """Why the recorder cannot run here; empty when it can."""
    if sys.platform != "linux":
        return "the recorder of writes needs Linux: run it there"
    return (
        "" if shutil.which("cc") else "no C compiler to build the recorder of writes (Debian: gcc libc6-dev)"
    )


def compiled(folder: Path) -> Path:
    """The shared library, built in `folder`."""
    library = folder / LIBRARY
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
    return library


class Worker:
    """One worker process. log: record every change there; no_dirsync: a build that forgets to sync folders; root: look
    at all that lies below it (the queues alone when it is not given)."""

    def __init__(
        self, base: Path, log: Path | None = None, no_dirsync: bool = False, root: Path | None = None
    ) -> None:
        library = base / LIBRARY
        library = library if library.exists() else compiled(base)
        more = {"LD_PRELOAD": str(library), "QSHIM_ROOT": str(root or base / "q-")}
        if log is not None:
            more["QSHIM_LOG"] = str(log)
        if no_dirsync:
            more["QSHIM_NO_DIRSYNC"] = "1"
        self._process = subprocess.Popen(
            [sys.executable, "-m", queue_work.__name__],
            cwd=REPO,
            env=os.environ | more,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def do(self, folder: Path, **job: Any) -> dict[str, Any]:
        """One job and what came of it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job | {"folder": str(folder)}) + "\n")
        self._process.stdin.flush()
        told: dict[str, Any] = json.loads(self._process.stdout.readline())
        return told

    def close(self) -> None:
        self._process.communicate()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def spread(base: Path, items: Sequence[Item], one: Callable[[Worker, Item], Counter[str]]) -> Counter[str]:
    """`one` for every item, a worker process on each core; the sum of what they counted."""

    def share(those: Sequence[Item]) -> Counter[str]:
        counts = Counter[str]()
        with Worker(base) as worker:
            for item in those:
                counts.update(one(worker, item))
        return counts

    if not (base / LIBRARY).exists():
        compiled(base)
    at_once = os.cpu_count() or 1
    with ThreadPoolExecutor(at_once) as pool:
        return sum(pool.map(share, (items[n::at_once] for n in range(at_once))), Counter[str]())
