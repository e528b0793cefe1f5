"""Time as drivers use it: in goes nothing but the machine, out come a clock and whether its wall time is synchronised.

Every driver, link and peer takes a `Clock`; tests inject `drivers.sim.clock.VirtualClock`, so nothing sleeps there.
"""

from __future__ import annotations

import ctypes
import datetime as dt
import os
import time
from typing import Protocol

_TIME_ERROR = 5  # adjtimex(2): "the clock is not synchronised to a reliable server"
_TIMEX_BYTES = 256  # struct timex is 208 bytes on 64-bit Linux; spare room costs nothing


class Clock(Protocol):
    """Time as a driver needs it; injected, so that no test sleeps."""

    def monotonic(self) -> float: ...
    def utcnow(self) -> dt.datetime: ...
    def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """Real time. utcnow() is aware UTC; monotonic() never steps."""

    def monotonic(self) -> float:
        return time.monotonic()

    def utcnow(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(max(0.0, seconds))


def synchronised() -> bool:
    """True when the kernel says that the wall clock follows a time server (adjtimex(2), a read without rights)."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        answer = libc.adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (OSError, AttributeError):
        return False
    return os.name == "posix" and 0 <= answer < _TIME_ERROR
