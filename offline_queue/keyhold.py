"""Who still seals with a station key that it read once: such a process holds a shared lock named after the key.

A key may be destroyed only when nobody holds it (`nobody`). A lock ends with its process, however that ends. A keyring
on its own folder notices a new key by itself and needs none; systemd's credentials are a copy made at the start.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from offline_queue.vault import Vault

SHARED = 0o660


def hold(database: Path, vault: Vault) -> int | None:
    """A descriptor to keep open while this vault may seal; None when the vault follows its folder by itself."""
    if vault.live:
        return None
    descriptor = _open(database, vault.key_id)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


def nobody(database: Path, key: bytes) -> bool:
    """True when no running process seals with this key; its lock file is then removed."""
    if not path(database, key).exists():
        return True
    descriptor = _open(database, key)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path(database, key).unlink()
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def path(database: Path, key: bytes) -> Path:
    """Where the lock of a key lies: beside the queue, which all processes share."""
    return database.with_name(f"{database.name}.key-{key.hex()}")


def _open(database: Path, key: bytes) -> int:
    return os.open(path(database, key), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, SHARED)
