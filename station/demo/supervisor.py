"""Start the shipped processes, restart the ones that die (as systemd's Restart=always would), stop them all.

In: command lines. Out: running processes, one log file each. A process is ready when it prints a line `ready …`.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from station.errors import EnvironmentFault

READY_S = 60.0
STOP_S = 10.0
MOST_RESTARTS = 50


@dataclass
class _Unit:
    """One supervised process."""

    name: str
    command: Sequence[str]
    log: IO[bytes]
    process: subprocess.Popen[bytes] | None = None
    ready: queue.Queue[str | None] = field(default_factory=queue.Queue)
    restarts: int = 0
    wanted: bool = True
    proven: bool = False
    """it was ready once: whatever ends it later, even before it is ready again, was not its own mistake."""


class Supervisor:
    """Runs units by name. `kill(name)` is a power cut for one process; the watcher brings it back."""

    def __init__(self, logs: Path, environment: Mapping[str, str] | None = None) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        self._logs = logs
        # One thread per numeric library call: several processes share a small machine.
        limits = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
        self._environment = {**os.environ, **limits, **(environment or {})}
        self._units: dict[str, _Unit] = {}
        self._lock = threading.Lock()

    def start(self, name: str, module: str, *arguments: str) -> str:
        """Start `python -m module arguments`; returns what it printed after `ready`. Raises EnvironmentFault."""
        log = (self._logs / f"{name}.log").open("ab")
        unit = _Unit(name, [sys.executable, "-m", module, *arguments], log)
        with self._lock:
            self._units[name] = unit
        self._spawn(unit)
        return self.wait_ready(name)

    def wait_ready(self, name: str) -> str:
        """Block until the unit (re)started and said `ready`; returns the rest of that line."""
        unit = self._units[name]
        try:
            line = unit.ready.get(timeout=READY_S)
        except queue.Empty:
            line = None
        if line is None:
            raise EnvironmentFault(
                "environment.process_not_ready",
                f"{name} did not start; its log ends: {self._tail(name)}",
                f"read {self._logs / name}.log",
            )
        return line

    def kill(self, name: str, *, signal_number: int = signal.SIGKILL) -> None:
        """End a unit without warning. The watcher restarts it; `wait_ready` tells when it is back."""
        process = self._units[name].process
        if process is not None:
            process.send_signal(signal_number)

    def restarts(self, name: str) -> int:
        """How often the unit was brought back."""
        return self._units[name].restarts

    def stop(self) -> None:
        """Stop everything, last started first."""
        with self._lock:
            units = list(self._units.values())[::-1]
            for unit in units:
                unit.wanted = False
        for unit in units:
            if unit.process is not None and unit.process.poll() is None:
                unit.process.terminate()
        for unit in units:
            if unit.process is not None:
                try:
                    unit.process.wait(STOP_S)
                except subprocess.TimeoutExpired:
                    unit.process.kill()
                    unit.process.wait()
            unit.log.close()

    def _spawn(self, unit: _Unit) -> None:
        unit.process = subprocess.Popen(
            unit.command,
            stdout=subprocess.PIPE,
            stderr=unit.log,
            env=self._environment,
            start_new_session=True,
        )
        threading.Thread(target=self._watch, args=(unit, unit.process), daemon=True).start()

    def _watch(self, unit: _Unit, process: subprocess.Popen[bytes]) -> None:
        """Copy stdout to the log, notice `ready`, and start the unit again when it ends unasked."""
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                with contextlib.suppress(ValueError):
                    unit.log.write(line)
                    unit.log.flush()
                if line.startswith(b"ready"):
                    unit.proven = True
                    unit.ready.put(line.decode(errors="replace").removeprefix("ready").strip())
        process.wait()
        with self._lock:
            if not unit.wanted:
                return
            if not unit.proven or unit.restarts >= MOST_RESTARTS:
                unit.ready.put(None)
                return
            unit.restarts += 1
            self._spawn(unit)

    def _tail(self, name: str) -> str:
        text = (self._logs / f"{name}.log").read_text(errors="replace").strip()
        return text[-600:] or "(empty)"
