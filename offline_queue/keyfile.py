"""Reads a secret from a file, and refuses one that others on the machine could read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from offline_queue.errors import QueueError

LIMIT = 64 * 1024


def read_secret(path: Path, refuse: type[QueueError], prefix: str) -> bytes:
    """Path of a regular file to its bytes. Raises `refuse` with code `<prefix>.key_missing`,
    `.key_unreadable` or `.key_too_open`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise refuse(
            f"{prefix}.key_missing", f"there is no key file {path}", "provision the station's keys"
        ) from None
    except OSError as error:
        raise refuse(
            f"{prefix}.key_unreadable", f"{path}: {error.strerror}", "check its owner and mode"
        ) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise refuse(
                f"{prefix}.key_unreadable", f"{path} is not a regular file", "name the key file itself"
            )
        if _too_open(path, stat.S_IMODE(status.st_mode)):
            raise refuse(
                f"{prefix}.key_too_open",
                f"{path} has mode {stat.S_IMODE(status.st_mode):04o}: others can read this key",
                f"chmod 600 {path}, and replace the key if anybody may have read it",
            )
        return os.read(descriptor, LIMIT)
    finally:
        os.close(descriptor)


def _too_open(path: Path, mode: int) -> bool:
    """systemd shows an access list on its credential files as the group bit, so that one is allowed there."""
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    if credentials and path.parent == Path(credentials):
        return bool(mode & 0o037)
    return bool(mode & 0o077)
