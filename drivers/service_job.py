"""One piece of reader work in a thread of its own: work in; previews, signs of life and an outcome out."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

from drivers.clock import Clock
from drivers.errors import DriverError
from drivers.reader import Frame


class Job:
    """Runs work(job) at once. The worker calls put_preview and is_cancelled; the rest belongs to the watcher.

    frame, error: the outcome once `done`. Never blocks the worker: an unread preview is replaced by a newer one.
    """

    def __init__(self, work: Callable[[Job], Frame | None], clock: Clock) -> None:
        self.frame: Frame | None = None
        self.error: BaseException | None = None
        self.done = False
        self.cancelled = False
        self._clock = clock
        self._beat = clock.monotonic()
        self._preview: Frame | None = None
        self._news = threading.Condition()
        self._afterwards: list[Callable[[], None]] = []
        threading.Thread(target=self._run, args=(work,), daemon=True, name="reader").start()

    # for the worker

    def put_preview(self, frame: Frame) -> None:
        with self._news:
            self._preview = frame
            self._beat = self._clock.monotonic()
            self._news.notify_all()

    def is_cancelled(self) -> bool:
        """The driver asks often, so asking is also the sign of life."""
        self._beat = self._clock.monotonic()
        return self.cancelled

    # for the watcher

    def cancel(self) -> None:
        self.cancelled = True

    def silent_s(self) -> float:
        """Seconds since the last sign of life."""
        return self._clock.monotonic() - self._beat

    def newest_preview(self) -> Frame | None:
        """The newest preview nobody took yet."""
        with self._news:
            frame, self._preview = self._preview, None
            return frame

    def wait(self, seconds: float) -> bool:
        """Wait for a preview or the end, at most so long; True once done."""
        with self._news:
            self._news.wait_for(lambda: self.done or self._preview is not None, seconds)
            return self.done

    def finish(self, seconds: float) -> bool:
        """Wait for the end alone, at most so long; True once done."""
        with self._news:
            return self._news.wait_for(lambda: self.done, seconds)

    def when_done(self, action: Callable[[], None]) -> None:
        """Do action after the work, in the worker's thread; at once when it is over already."""
        with self._news:
            if not self.done:
                self._afterwards.append(action)
                return
        _quietly(action)

    def _run(self, work: Callable[[Job], Frame | None]) -> None:
        try:
            self.frame = work(self)
        except BaseException as error:  # the watcher reports it; a driver must not take the service down
            self.error = error
        with self._news:
            self.done = True
            actions, self._afterwards = self._afterwards, []
            self._news.notify_all()
        for action in actions:
            _quietly(action)


def _quietly(action: Callable[[], None]) -> None:
    with suppress(DriverError, OSError):
        action()
