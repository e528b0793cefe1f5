"""Whether there is room: for a new submission, which may be refused, and for what was promised, which may not.

In: the database, limits, the free bytes of its disk. A new submission is refused at a high-water mark. What waits is
sent on a full disk too: the log is written back, then the ballast is given up, then, for small rows, the audit space.
All of it is made again, and new submissions are taken again, once there is room, without a person.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from offline_queue import ballast, statements
from offline_queue.ballast import MIB
from offline_queue.database import Database
from offline_queue.errors import QueueFull, StoreFault

WRITE_BACK_S = 60.0
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Limits:
    """When to refuse a new submission. reserve_bytes stay free on the disk beside the ballast, for what is already
    promised; at most open_entries may wait. ballast_bytes, audit_bytes: 0 keeps no such file."""

    reserve_bytes: int = 64 * MIB
    open_entries: int = 5000
    ballast_bytes: int = 0
    audit_bytes: int = 0


def of_settings(reserve_mib: int, ballast_mib: int) -> Limits:
    """As `station.toml` says it."""
    audit_bytes = ballast.AUDIT_BYTES if ballast_mib else 0
    return Limits(reserve_mib * MIB, ballast_bytes=ballast_mib * MIB, audit_bytes=audit_bytes)


def free_bytes(folder: Path) -> int:
    """Bytes an ordinary process may still write to the disk of `folder`."""
    return shutil.disk_usage(folder).free


class Room:
    """The room of one queue file."""

    def __init__(self, database: Database, limits: Limits, free: Callable[[Path], int]) -> None:
        self.ballast = ballast.of_queue(database.path, limits.ballast_bytes)
        self.audit_space = ballast.of_audit(database.path, limits.audit_bytes)
        self._database, self._limits, self._free = database, limits, free
        self._written_back = database.clock.monotonic()

    def check(self, size: int) -> None:
        """QueueFull `queue.disk_low` or `queue.full` when `size` more bytes may not come."""
        if not self._fits(2 * size) or not self._make():
            raise QueueFull(
                "queue.disk_low",
                f"{self._free(self._database.path.parent) // MIB} MiB free, {self._wanted() // MIB} MiB are kept in "
                "reserve",
                "free space on the station's disk; what waits is still sent",
            )
        waiting = statements.waiting(self._database)
        if waiting >= self._limits.open_entries:
            raise QueueFull(
                "queue.full", f"{waiting} submissions wait", "restore the connection to the gateway"
            )

    def used_by(self, work: Callable[[], _Result], *, small: bool = True) -> _Result:
        """Do `work`, one transaction for what was promised. On a full disk it is tried again with whatever can be
        given up; small: it may use the audit space too. StoreFault `queue.disk_full` when nothing is left."""
        reliefs = [self.write_back, self.ballast.give_up, *([self.audit_space.give_up] if small else [])]
        while True:
            try:
                return work()
            except StoreFault as fault:
                if fault.code != "queue.disk_full" or not _one_gave(reliefs):
                    raise

    def tidy(self) -> None:
        """For the pauses of the sync process: give the ballast its space again, and write the log back before a
        booking has to wait for it. Trouble with the disk is left to those who need it."""
        if self._fits(0):
            self._make()
        now = self._database.clock.monotonic()
        if now - self._written_back >= WRITE_BACK_S:
            self._written_back = now
            self.write_back()

    def _wanted(self) -> int:
        return self._limits.reserve_bytes + self.ballast.missing + self.audit_space.missing

    def _fits(self, size: int) -> bool:
        return self._free(self._database.path.parent) - size >= self._wanted()

    def _make(self) -> bool:
        return self.audit_space.make() and self.ballast.make()

    def write_back(self) -> bool:
        """Move the log into the file; the next transaction then begins at its start, on blocks it has already. Not
        truncated: a log that grows again costs time, and on a full disk room. True when all of it is in the file."""
        with contextlib.suppress(StoreFault), self._database.alone():
            busy, pages, moved = self._database.sql("PRAGMA wal_checkpoint(PASSIVE)")[0]
            return not busy and 0 < pages == moved
        return False


def _one_gave(reliefs: list[Callable[[], bool]]) -> bool:
    """Try them in order until one gives room. None is tried twice for one piece of work."""
    while reliefs:
        if reliefs.pop(0)():
            return True
    return False
