"""Foreign code kept at arm's length: calls go in, answers come out within a deadline, always from the same thread.

A call into a C library cannot be interrupted. So it runs in a thread of its own; when it does not come back in time the
caller gets a TimeoutError and that thread is never used again. Time here is real time: nobody can inject a clock into
a vendor's library.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

Answer = TypeVar("Answer")


@dataclass(eq=False)
class _Call:
    work: Callable[[], Any]
    done: threading.Event = field(default_factory=threading.Event)
    answer: Any = None
    error: BaseException | None = None


class OwnThread:
    """One thread for one library, from the first call to `end`."""

    def __init__(self, name: str) -> None:
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._open: _Call | None = None
        self._thread = threading.Thread(target=self._run, daemon=True, name=name)
        self._thread.start()

    @property
    def stuck(self) -> bool:
        """True while a call that is overdue has not come back."""
        return self._open is not None and not self._open.done.is_set()

    def run(self, work: Callable[[], Answer], seconds: float) -> Answer:
        """work() in that thread. Raises TimeoutError after seconds or while an earlier call is stuck, else what work
        raises."""
        if self.stuck:
            raise TimeoutError("an earlier call has not come back")
        call = self._open = _Call(work)
        self._calls.put(call)
        if not call.done.wait(seconds):
            raise TimeoutError(f"no answer within {seconds:g} s")
        if call.error is not None:
            raise call.error
        answer: Answer = call.answer
        return answer

    def end(self) -> None:
        """Let the thread finish; waits for it unless it is stuck."""
        self._calls.put(None)
        if not self.stuck:
            self._thread.join(1.0)

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            try:
                call.answer = call.work()
            except BaseException as error:  # it is the caller's, in the caller's thread
                call.error = error
            call.done.set()
