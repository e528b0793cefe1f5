"""Disk space that is held so that it can be let go: a file of real blocks beside the queue.

When the disk is full, not even a receipt can be written, so nothing could ever leave the queue again. Two such files
are kept: the ballast, which lets what waits be sent and answered, and after it the audit space, for small rows alone.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

MIB = 1024 * 1024
AUDIT_BYTES = 4 * MIB
SHARED = 0o660
BLOCK = 512  # the unit of st_blocks, whatever the file system's own is


class Ballast:
    """One file of `size` bytes; a size of 0 means that none is wanted."""

    def __init__(self, path: Path, size: int) -> None:
        self.path, self.size = path, size

    @property
    def held(self) -> int:
        """Bytes of the disk that it holds. A sparse copy of the file holds nothing."""
        try:
            return self.path.stat().st_blocks * BLOCK
        except OSError:
            return 0

    @property
    def missing(self) -> int:
        """Bytes to make it whole."""
        return max(0, self.size - self.held)

    def make(self) -> bool:
        """Take the space. False when the disk does not give it: then nothing of it is kept."""
        if not self.missing:
            return True
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, SHARED)
        except OSError:
            return False
        try:
            os.posix_fallocate(descriptor, 0, self.size)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, 0)
            return False
        finally:
            os.close(descriptor)
        return not self.missing

    def give_up(self) -> bool:
        """Let the space go. False when there was none. Synced: some file systems free blocks only when their journal
        is written."""
        if not self.held:
            return False
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            os.ftruncate(descriptor, 0)
            os.fsync(descriptor)
        except OSError:
            return False
        finally:
            os.close(descriptor)
        return True


def of_queue(database: Path, size: int) -> Ballast:
    """What is given up first."""
    return Ballast(database.with_name(f"{database.name}.ballast"), size)


def of_audit(database: Path, size: int) -> Ballast:
    """What is given up last."""
    return Ballast(database.with_name(f"{database.name}.audit-space"), size)
