"""Threads and processes of a test, which end with it: also when an assertion failed, also when they hang."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from tests.kit.waiting import PATIENCE_S


class Background:
    """A function in a thread. `end` waits for it and raises what it raised."""

    def __init__(self, target: Callable[..., Any], *args: Any, name: str = "", **kwargs: Any) -> None:
        self.result: Any = None
        self.error: BaseException | None = None
        self.name = name or getattr(target, "__name__", "background")
        self._call = functools.partial(target, *args, **kwargs)
        self.thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.result = self._call()
        except BaseException as error:
            self.error = error

    @property
    def running(self) -> bool:
        """True until the function has returned or raised."""
        return self.thread.is_alive()

    def end(self, patience_s: float = PATIENCE_S) -> Any:
        """What the function returned. Fails the test when it does not end within `patience_s` seconds."""
        self.thread.join(patience_s)
        if self.thread.is_alive():
            pytest.fail(f"waited {patience_s:.0f} s for the end of the thread {self.name}")
        if self.error is not None:
            raise self.error
        return self.result


@contextlib.contextmanager
def background(
    target: Callable[..., Any],
    *args: Any,
    stop: Callable[[], object] = lambda: None,
    name: str = "",
    **kwargs: Any,
) -> Iterator[Background]:
    """Runs `target` in a thread for as long as the block lasts; `stop` tells it to end, also after a failed assertion.

    An exception of the thread is raised at the end of the block, unless the block raised one itself.
    """
    made = Background(target, *args, name=name, **kwargs)
    try:
        yield made
    except BaseException:
        stop()
        made.thread.join(PATIENCE_S)
        raise
    stop()
    made.end()


@contextlib.contextmanager
def running(command: Sequence[str | os.PathLike[str]], **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """A process for as long as the block lasts, in a group of its own which is killed at the end with its children.

    `subprocess.Popen` as a context manager would wait for the process instead, for ever when an assertion fails.
    """
    process: subprocess.Popen[Any] = subprocess.Popen(command, start_new_session=True, **options)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        process.wait(PATIENCE_S)
