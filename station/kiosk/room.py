"""The capture room: one capture at a time, in a thread of its own, with a deadline. Job in, Run out.

A run keeps going when the page is closed or reloaded; whoever comes back finds it here. A job that has said
nothing when its deadline passes is told to stop; if it does not, the reader counts as hung and the room stays
shut until the thread ends.
"""

from __future__ import annotations

import enum
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from drivers.errors import ReaderFault
from station.booking import Attempt
from station.errors import BookingError
from station.friction_ridge import FGP

GRACE_S = 3.0
"""Seconds a job gets to stop after it was told to."""


class Clock(Protocol):
    """Time that never steps, injected."""

    def monotonic(self) -> float: ...


class Phase(enum.StrEnum):
    """Where a run is."""

    AWAIT_FINGER = "await_finger"
    CAPTURE = "capture"
    EXAMINE = "examine"
    DONE = "done"
    FAILED = "failed"


@dataclass(eq=False)
class Run:
    """One capture under way or just ended. attempt: what it gave; error: why it gave nothing."""

    booking_id: str
    fgp: FGP
    started: float
    deadline: float
    phase: Phase = Phase.AWAIT_FINGER
    attempt: Attempt | None = None
    error: Exception | None = None
    finished: threading.Event = field(default_factory=threading.Event)
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def running(self) -> bool:
        """True until the job has ended."""
        return not self.finished.is_set()


Job = Callable[[Run], Attempt]


class CaptureRoom:
    """Starts runs and watches their deadlines."""

    def __init__(self, clock: Clock, changed: Callable[[Run], None] = lambda _run: None) -> None:
        self._clock = clock
        self._changed = changed
        self._lock = threading.Lock()
        self._run: Run | None = None

    @property
    def run(self) -> Run | None:
        """The newest run, ended or not."""
        return self._run

    @property
    def busy(self) -> bool:
        """True while a job has the reader."""
        return self._run is not None and self._run.running

    @property
    def hung(self) -> bool:
        """True when a job has outlived its deadline and the grace after it."""
        run = self._run
        return run is not None and run.running and self._clock.monotonic() > run.deadline + GRACE_S

    def start(self, booking_id: str, fgp: FGP, deadline_s: float, job: Job) -> Run:
        """Begin a run. Raises BookingError `booking.capture_busy`, ReaderFault `reader.hung`."""
        with self._lock:
            if self.hung:
                raise hung()
            if self.busy:
                raise BookingError(
                    "booking.capture_busy", "a capture is already running", "finish or cancel it first"
                )
            now = self._clock.monotonic()
            run = self._run = Run(booking_id, fgp, now, now + deadline_s)
        threading.Thread(target=self._work, args=(run, job), name="capture", daemon=True).start()
        return run

    def enter(self, run: Run, phase: Phase) -> None:
        """A job says how far it is."""
        run.phase = phase
        self._changed(run)

    def wait(self, run: Run) -> Attempt:
        """Block until the run ends or its deadline passes. Raises what the job raised, or `reader.hung`."""
        if not run.finished.wait(max(0.0, run.deadline - self._clock.monotonic())):
            run.stop.set()
            if not run.finished.wait(GRACE_S):
                raise hung()
        if run.error is not None:
            raise run.error
        assert run.attempt is not None  # a finished run has one of the two
        return run.attempt

    def cancel(self) -> bool:
        """Ask the running job to stop. False when there is none."""
        run = self._run
        if run is None or not run.running:
            return False
        run.stop.set()
        return True

    def cancelled(self, run: Run) -> bool:
        """What the reader asks while it waits: told to stop, or past the deadline."""
        return run.stop.is_set() or self._clock.monotonic() > run.deadline

    def _work(self, run: Run, job: Job) -> None:
        try:
            run.attempt = job(run)
            run.phase = Phase.DONE
        except Exception as error:  # handed to whoever waits, whatever it is
            run.error = error
            run.phase = Phase.FAILED
        finally:
            run.finished.set()
            self._changed(run)


def hung() -> ReaderFault:
    """The error of a reader that has outlived its deadline."""
    return ReaderFault(
        "reader.hung", "the reader has not answered in time", "restart the capture service, check the cable"
    )
