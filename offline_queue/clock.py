"""The clock the queue is given: wall time, monotonic time, waiting, and which boot of the machine this is."""

from __future__ import annotations

import datetime as dt
import functools
import time
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """monotonic() in seconds, never steps; utcnow() aware UTC, may be wrong; sleep(seconds)."""

    def monotonic(self) -> float: ...
    def utcnow(self) -> dt.datetime: ...
    def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """Real time."""

    def monotonic(self) -> float:
        return time.monotonic()

    def utcnow(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


@functools.cache
def boot_id(source: Path = Path("/proc/sys/kernel/random/boot_id")) -> str:
    """The kernel's id of this boot. Monotonic times of another boot mean nothing; 'unknown' where there is
    none."""
    try:
        return source.read_text("ascii").strip() or "unknown"
    except OSError:
        return "unknown"


def stamp(moment: dt.datetime) -> str:
    """UTC with milliseconds, e.g. 2026-11-23T19:05:01.250Z (CJIS AU-8 asks for hundredths of a second)."""
    return moment.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_stamp(text: str) -> dt.datetime:
    """The reverse of stamp; ValueError on anything that is not a UTC time ending in Z."""
    if not text.endswith("Z") or not text.isascii():
        raise ValueError("a UTC time ends in Z")
    moment = dt.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a UTC time carries its zone")
    return moment
