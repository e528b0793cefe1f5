"""Limits of one test: so much CPU time, and so much waiting. How long it takes by the clock is no matter.

A thread looks twice a second at the work of this process and of its children. Past a limit it makes the main thread
fail the test with what was used up and where every thread stands; a main thread that does not come back from C is
ended with its process. Change the limits with `@pytest.mark.limits(cpu_s=300, waiting_s=120)`.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from types import FrameType
from typing import Any

import pytest

from tests.kit.waiting import Work, work_of

CPU_S = 120.0
WAITING_S = 120.0
LOOK_S = 0.5
LAST_WORD_S = 30.0
"""After this much more of either a test that did not fail when told is ended with its process."""


class Meter:
    """What the running test has used: CPU of this process and its children, time in which all of them waited."""

    def __init__(self) -> None:
        self.cpu = self.waited = 0.0
        self._at, self._work = time.monotonic(), work_of(os.getpid())

    def look(self) -> None:
        """Add what was used since the last look."""
        now, work = time.monotonic(), work_of(os.getpid())
        ran = sum(max(0.0, spent.ran - self._before(pid).ran) for pid, spent in work.items())
        queued = sum(max(0.0, spent.queued - self._before(pid).queued) for pid, spent in work.items())
        self.cpu += ran
        self.waited += max(0.0, now - self._at - ran - queued)
        self._at, self._work = now, work

    def _before(self, pid: int) -> Work:
        return self._work.get(pid, Work(0.0, 0.0))


class Watch:
    """The thread that looks, and the signal by which it reaches the main thread."""

    def __init__(self) -> None:
        self.test = ""
        self._limits = (CPU_S, WAITING_S)
        self._meter = Meter()
        self._told = False
        self._why = ""
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="limits of tests", daemon=True)
        self._previous = signal.signal(signal.SIGXCPU, self._fail)
        self._stderr = os.fdopen(os.dup(sys.__stderr__.fileno() if sys.__stderr__ else 2), "w")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()
        signal.signal(signal.SIGXCPU, self._previous)
        self._stderr.close()

    def begin(self, test: str, cpu_s: float, waiting_s: float) -> None:
        with self._lock:
            self.test, self._limits, self._meter, self._told = test, (cpu_s, waiting_s), Meter(), False

    def end(self) -> None:
        with self._lock:
            self.test = ""

    def _run(self) -> None:
        while not self._ended.wait(LOOK_S):
            with self._lock:
                if self.test:
                    self._look()

    def _look(self) -> None:
        meter, (cpu_s, waiting_s) = self._meter, self._limits
        meter.look()
        over = max(meter.cpu - cpu_s, meter.waited - waiting_s)
        if over > LAST_WORD_S:
            self._stderr.write(f"{self.test}: {self._why}, and does not come back; its process ends\n")
            self._stderr.flush()
            faulthandler.dump_traceback(self._stderr)
            os._exit(70)
        if over > 0 and not self._told:
            self._told = True
            self._why = (
                f"computed for {meter.cpu:.0f} s of CPU ({cpu_s:.0f} allowed) and waited {meter.waited:.0f} s "
                f"({waiting_s:.0f} allowed)"
            )
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGXCPU)

    def _fail(self, _: int, frame: FrameType | None) -> None:
        if not self.test:
            return
        names = {thread.ident: thread.name for thread in threading.enumerate()}
        others = [
            f"--- thread {names.get(ident, ident)}\n" + "".join(traceback.format_stack(stack)[-4:])
            for ident, stack in sys._current_frames().items()
            if ident not in (threading.main_thread().ident, self._thread.ident)
        ]
        pytest.fail("\n".join([f"the test {self._why}", *others]))


WATCH: list[Watch] = []


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "limits(cpu_s, waiting_s): how much a test may compute and wait, in seconds"
    )


def pytest_sessionstart(session: pytest.Session) -> None:
    options = session.config.option
    if not options.collectonly and not options.usepdb:  # a debugger waits for a person
        WATCH.append(Watch())
        WATCH[0].start()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish() -> None:
    while WATCH:
        WATCH.pop().stop()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    with limited(item):
        return (yield)


@contextlib.contextmanager
def limited(item: pytest.Item) -> Iterator[None]:
    """The test, its fixtures included, under its limits."""
    limits: dict[str, Any] = {}
    for mark in reversed(list(item.iter_markers("limits"))):
        limits |= mark.kwargs
    for watch in WATCH:
        watch.begin(item.nodeid, limits.get("cpu_s", CPU_S), limits.get("waiting_s", WAITING_S))
    try:
        yield
    finally:
        for watch in WATCH:
            watch.end()
