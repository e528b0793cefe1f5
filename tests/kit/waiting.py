"""Waits of tests, measured so that a busy machine does not fail them.

`Waited` tells how long a tree of processes did nothing: neither ran nor stood in the queue for a processor. `until`
asks a condition again and again, and fails with what it waited for and for how long.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

import pytest

T = TypeVar("T")

PATIENCE_S = 60.0
"""How long a test waits for somebody else: a server, a thread, a page. Only a test that fails waits that long."""

STEP_S = 0.01
_NS = 1e9


class Work(NamedTuple):
    """Seconds that a process had a processor, and seconds that it stood in the queue for one."""

    ran: float
    queued: float


def work_of(root: int) -> dict[int, Work]:
    """The work of each process of the tree below `root`, itself included; empty where the kernel keeps no count.

    From /proc/PID/task/*/schedstat (Documentation/scheduler/sched-stats.rst of the kernel).
    """
    found: dict[int, Work] = {}
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        ran = queued = 0
        try:
            for task in Path(f"/proc/{pid}/task").iterdir():
                words = (task / "schedstat").read_text().split()
                ran, queued = ran + int(words[0]), queued + int(words[1])
                waiting += map(int, (task / "children").read_text().split())
        except (OSError, ValueError, IndexError):
            pass  # it ended while it was read: what was read of it counts
        if ran or queued:
            found[pid] = Work(ran / _NS, queued / _NS)
    return found


class Waited:
    """Seconds in which a tree of processes only waited, added up from one call of `seconds` to the next."""

    def __init__(self, root: int | None = None) -> None:
        self._root = os.getpid() if root is None else root
        self._at = time.monotonic()
        self._work = work_of(self._root)
        self._sum = 0.0

    def seconds(self) -> float:
        """The sum so far. What ran or queued since the last call is taken off the time that passed."""
        now, work = time.monotonic(), work_of(self._root)
        busy = sum(max(0.0, sum(spent) - sum(self._work.get(pid, (0.0,)))) for pid, spent in work.items())
        self._sum += max(0.0, now - self._at - busy)
        self._at, self._work = now, work
        return self._sum


def until(condition: Callable[[], T], what: str, patience_s: float = PATIENCE_S) -> T:
    """The first true value of `condition`, asked every 10 ms. Fails the test after `patience_s` seconds of waiting."""
    waited, pause, began = Waited(), threading.Event(), time.monotonic()
    checked = began
    while not (value := condition()):
        if time.monotonic() - checked > 1:
            checked = time.monotonic()
            if (spent := waited.seconds()) > patience_s:
                pytest.fail(f"waited {spent:.0f} s ({checked - began:.0f} s by the clock) for {what}")
        pause.wait(STEP_S)
    return value
