"""The wall, monotonic and waiting clock of the running station; tests inject their own."""

from __future__ import annotations

import datetime as dt
import time


class SystemClock:
    """Real time. utcnow() is aware UTC; monotonic() never steps."""

    def monotonic(self) -> float:
        return time.monotonic()

    def utcnow(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
