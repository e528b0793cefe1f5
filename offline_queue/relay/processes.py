"""A family of processes: started, watched by a heartbeat, started again when one ends or falls silent.

A child gets the number of a pipe in $RELAY_HEARTBEAT and writes one byte now and then (`heart()`); the parent needs
nothing else from it, so a child killed in any moment takes nobody along.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from offline_queue.clock import Clock

VARIABLE = "RELAY_HEARTBEAT"
AGAIN_S = 1.0
STOP_S = 15.0
TICK_S = 0.5
# Memory once used for an upload is kept for the next one: glibc would give it back and get it page by page again, a
# quarter of an upload's CPU. Only up to 32 MiB, so that large uploads do not stay for good. A site may set its own.
KEPT_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(32 * 2**20), "MALLOC_TRIM_THRESHOLD_": str(32 * 2**20)}


@dataclass
class Child:
    """One process. argv; fds it inherits; silent_s without a heartbeat and it is killed."""

    name: str
    argv: Sequence[str]
    fds: Sequence[int] = ()
    silent_s: float = 60.0
    process: subprocess.Popen[bytes] | None = None
    pipe: int = -1
    heard_at: float = 0.0
    start_at: float = 0.0
    starts: int = 0


class Family:
    """Keeps its children running until told to stop. say: one line for every start and end."""

    def __init__(self, children: Sequence[Child], clock: Clock, say: Callable[[str], None]) -> None:
        self.children = tuple(children)
        self._clock = clock
        self._say = say

    def run(self, stop: threading.Event, on_tick: Callable[[], None]) -> None:
        """Until stop is set; then the children get SIGTERM and, after STOP_S, SIGKILL."""
        try:
            while not stop.is_set():
                self.tick()
                on_tick()
                stop.wait(TICK_S)
        finally:
            self.close()

    def tick(self) -> None:
        """Start what does not run, hear the heartbeats, end what is silent."""
        now = self._clock.monotonic()
        for child in self.children:
            if child.process is None:
                if now >= child.start_at:
                    self._start(child, now)
                continue
            if _heard(child.pipe):
                child.heard_at = now
            if child.process.poll() is None and now - child.heard_at > child.silent_s:
                self._say(f"{child.name} says nothing: killed")
                child.process.kill()
                child.process.wait()
            if child.process.poll() is not None:
                self._say(f"{child.name} ended with {child.process.returncode}")
                self._forget(child)
                child.start_at = now + AGAIN_S

    def all_run(self) -> bool:
        """Every child runs and has been heard since its start."""
        return all(child.process is not None and child.heard_at > child.start_at for child in self.children)

    def close(self) -> None:
        """End the children, politely first."""
        running = [child for child in self.children if child.process is not None]
        for child in running:
            with contextlib.suppress(ProcessLookupError):
                assert child.process is not None
                child.process.send_signal(signal.SIGTERM)
        for child in running:
            assert child.process is not None
            try:
                child.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
            self._forget(child)

    def _start(self, child: Child, now: float) -> None:
        reading, writing = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        environment = {**KEPT_MEMORY, **os.environ, VARIABLE: str(writing)}
        environment.pop("NOTIFY_SOCKET", None)  # only the parent speaks with the supervisor
        child.process = subprocess.Popen(
            list(child.argv), pass_fds=(writing, *child.fds), env=environment, stdin=subprocess.DEVNULL
        )
        os.close(writing)
        child.pipe, child.start_at, child.heard_at = reading, now, now
        child.starts += 1
        self._say(f"{child.name} started as {child.process.pid}")

    def _forget(self, child: Child) -> None:
        os.close(child.pipe)
        child.process, child.pipe = None, -1


def _heard(pipe: int) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        if not selector.select(0):
            return False
    with contextlib.suppress(BlockingIOError):
        return bool(os.read(pipe, 65536))
    return False


def heart() -> Callable[[], None]:
    """In a child: what to call now and then. A full or closed pipe is no reason to stop."""
    number = os.environ.get(VARIABLE)

    def beat() -> None:
        if number is not None:
            with contextlib.suppress(OSError):
                os.write(int(number), b".")

    return beat
