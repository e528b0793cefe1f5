"""What a test leaves behind fails it: a thread that runs on, a child process that nobody ended or collected.

Threads and children of wider fixtures (a server for the session) are theirs and may stay until those end.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit.waiting import STEP_S, Waited

GRACE_S = 5.0
"""How long something that is just about to end may take, in seconds of waiting."""

HELPERS = ("multiprocessing.resource_tracker", "multiprocessing.forkserver")
"""Python's own children, one a process, which stay on purpose."""

_owned_threads: set[threading.Thread] = set()
_owned_children: set[int] = set()


def children() -> set[int]:
    """Direct children of this process, zombies included."""
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):
            found |= set(map(int, (task / "children").read_text().split()))
    return found


def command_of(pid: int) -> str:
    """The words of a process, for people; what is there of a zombie."""
    try:
        words = (
            Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        )
        return words or Path(f"/proc/{pid}/comm").read_text().strip() + " (ended, not collected)"
    except OSError:
        return "(ended)"


def remaining(threads: set[threading.Thread], pids: set[int]) -> tuple[list[threading.Thread], list[int]]:
    """Threads and children that are there now, were not before, and belong to no wider fixture."""
    new_threads = [
        thread
        for thread in threading.enumerate()
        if thread not in threads and thread not in _owned_threads and not thread.name.startswith("pydevd")
    ]
    new_pids = [
        pid
        for pid in children() - pids - _owned_children
        if not any(helper in command_of(pid) for helper in HELPERS)
    ]
    return new_threads, new_pids


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any]) -> Iterator[Any]:
    if fixturedef.scope == "function":
        return (yield)
    threads, pids = set(threading.enumerate()), children()
    try:
        return (yield)
    finally:
        _owned_threads.update(set(threading.enumerate()) - threads)
        _owned_children.update(children() - pids)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[Any]:
    item.stash[_BEFORE] = (set(threading.enumerate()), children())
    return (yield)


_BEFORE = pytest.StashKey[tuple[set[threading.Thread], set[int]]]()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[Any]:
    result = yield
    waited, pause = Waited(), threading.Event()
    threads, pids = remaining(*item.stash[_BEFORE])
    while (threads or pids) and waited.seconds() < GRACE_S:
        pause.wait(STEP_S)
        threads, pids = remaining(*item.stash[_BEFORE])
    if threads or pids:
        _fail(threads, pids)
    return result


def pytest_sessionfinish(exitstatus: int) -> None:
    _exit_codes.append(int(exitstatus))


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """Python would wait at its end for a thread that a test left behind: this process does not."""
    if any(thread.is_alive() and not thread.daemon for thread in _left):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_exit_codes[-1])


_left: list[threading.Thread] = []
_exit_codes = [1]


def _fail(threads: list[threading.Thread], pids: list[int]) -> None:
    """Names what is left, ends the children, and lets the next test begin without them."""
    words = [f"the thread {thread.name}" for thread in threads]
    words += [f"the process {pid}: {command_of(pid)}" for pid in pids]
    _owned_threads.update(threads)
    _left.extend(threads)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)
    pytest.fail(f"left running for {GRACE_S:.0f} s after the test: " + "; ".join(words), pytrace=False)
