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
from typing import TypeVar

import pytest

T = TypeVar("T")

PATIENCE_S = 60.0
"""How long a test waits for somebody else: a server, a thread, a page. Only a test that fails waits that long."""

STEP_S = 0.01
_NS = 1e9


def busy_seconds(root: int | None = None) -> dict[int, float]:
    """Seconds that each process of the tree below `root` (this process if None) ran or queued for a processor.

    Read from /proc/PID/task/*/schedstat; empty where the kernel keeps no such count.
    """
    found: dict[int, float] = {}
    waiting = [os.getpid() if root is None else root]
    while waiting:
        pid = waiting.pop()
        try:
            tasks = list(Path(f"/proc/{pid}/task").iterdir())
        except OSError:
            continue
        for task in tasks:
            try:
                ran, queued, _ = (task / "schedstat").read_text().split()
                found[pid] = found.get(pid, 0.0) + (int(ran) + int(queued)) / _NS
                waiting += map(int, (task / "children").read_text().split())
            except (OSError, ValueError):
                continue
    return found


class Waited:
    """Seconds in which a tree of processes only waited, added up from one call of `seconds` to the next."""

    def __init__(self, root: int | None = None) -> None:
        self._root = root
        self._at = time.monotonic()
        self._busy = busy_seconds(root)
        self._sum = 0.0

    def seconds(self) -> float:
        """The sum so far. What ran or queued since the last call is taken off the time that passed."""
        now, busy = time.monotonic(), busy_seconds(self._root)
        worked = sum(max(0.0, spent - self._busy.get(pid, 0.0)) for pid, spent in busy.items())
        self._sum += max(0.0, now - self._at - worked)
        self._at, self._busy = now, busy
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
