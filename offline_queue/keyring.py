"""Several station keys in one folder, and which of them seals: sealed bytes name their key, so all of them open.

A folder (mode 0700) holds `<key id>.key` (32 bytes, mode 0600) for each key and `current`, the id of the one that
seals. systemd hands a folder on as files beside each other (`LoadCredential=station-keys:/etc/…` gives
`station-keys_current` and so on); `…/station-keys` then names them all. Every write is whole or not at all, and synced.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from offline_queue.errors import VaultError
from offline_queue.outward import Recipient
from offline_queue.sealed import KEY_BYTES
from offline_queue.vault import Vault, key_id, read_key

CURRENT = "current"
SUFFIX = ".key"
DOOMED = ".doomed"
ID = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class Keys:
    """current: the id that seals; all: id → path of its file."""

    current: bytes
    all: dict[bytes, Path]


def is_keyring(path: Path) -> bool:
    """A folder, or the common beginning of a folder's files among systemd's credentials."""
    return path.is_dir() or path.with_name(f"{path.name}_{CURRENT}").exists()


def _file(folder: Path, name: str) -> Path:
    return folder / name if folder.is_dir() else folder.with_name(f"{folder.name}_{name}")


def read(folder: Path) -> Keys:
    """What the folder holds. VaultError `vault.keyring` when it names no key that is there."""
    try:
        text = _file(folder, CURRENT).read_text("ascii", errors="replace").strip()
    except OSError as error:
        raise _unfit(folder, f"{CURRENT}: {error.strerror}") from error
    pattern = _file(folder, f"*{SUFFIX}")
    found = {}
    for path in sorted(pattern.parent.glob(pattern.name)):
        stem = path.name.removesuffix(SUFFIX)[-16:]
        if ID.fullmatch(stem):
            found[bytes.fromhex(stem)] = path
    if not ID.fullmatch(text) or bytes.fromhex(text) not in found:
        raise _unfit(folder, f"{CURRENT} names {text[:40]!r}, which is no key here")
    return Keys(bytes.fromhex(text), found)


class Keyring(Vault):
    """A vault over a folder. It notices by itself when the folder's current key changes."""

    def __init__(self, folder: Path, recipient: Recipient | None = None) -> None:
        self.folder = folder
        self.recipient = recipient
        self.live = folder.is_dir()
        self._seen = self._look()
        self._read()

    def refresh(self) -> None:
        """Read the folder again when `current` is another file than before."""
        now = self._look()
        if now != self._seen:
            self._read()
            self._seen = now

    def _look(self) -> tuple[int, int, int]:
        try:
            status = _file(self.folder, CURRENT).stat()
        except OSError as error:
            raise _unfit(self.folder, f"{CURRENT}: {error.strerror}") from error
        return status.st_ino, status.st_mtime_ns, status.st_size

    def _read(self) -> None:
        keys = read(self.folder)
        held = {name: _checked(name, path) for name, path in keys.all.items()}
        self._hold(held.pop(keys.current), *held.values())


def create(folder: Path, first: bytes | None = None) -> Keys:
    """A new keyring, with `first` (the key of a single key file, to go on with) or a fresh key. VaultError
    `vault.keyring_exists`."""
    if (folder / CURRENT).exists():
        raise VaultError("vault.keyring_exists", f"{folder} already has keys", "rotate them instead")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    use(folder, add(folder, first))
    return read(folder)


def add(folder: Path, key: bytes | None = None) -> bytes:
    """Put a key into the folder (a fresh one when none is given) without using it yet. Returns its id."""
    key = os.urandom(KEY_BYTES) if key is None else key
    name = key_id(key)
    _write(folder / f"{name.hex()}{SUFFIX}", key)
    return name


def use(folder: Path, name: bytes) -> None:
    """From now on this key seals."""
    _write(folder / CURRENT, name.hex().encode() + b"\n")


def mark(folder: Path, name: str, key: bytes) -> None:
    """Note a key's id in a file of the folder."""
    _write(folder / name, key.hex().encode() + b"\n")


def settled(folder: Path, name: str) -> None:
    """Remove such a note."""
    (folder / name).unlink(missing_ok=True)
    _sync(folder)


def doomed(folder: Path) -> list[bytes]:
    """Keys whose destruction was begun and cut short; `destroy` goes on with it."""
    return [bytes.fromhex(path.stem) for path in sorted(folder.glob(f"*{DOOMED}")) if ID.fullmatch(path.stem)]


def destroy(folder: Path, name: bytes) -> None:
    """Overwrite and remove a key that does not seal. VaultError `vault.keyring` for the current one."""
    keys = read(folder)
    if name == keys.current:
        raise _unfit(folder, "the key that seals cannot be destroyed")
    going = folder / f"{name.hex()}{DOOMED}"
    if name in keys.all:  # first no key by its name: one half overwritten would make the whole folder unfit
        keys.all[name].rename(going)
        _sync(folder)
    if not going.exists():
        return
    with going.open("r+b") as file:
        file.write(bytes(KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    going.unlink()
    _sync(folder)


def _checked(name: bytes, path: Path) -> bytes:
    key = read_key(path)
    if key_id(key) != name:
        raise _unfit(path.parent, f"{path.name} holds another key than its name says")
    return key


def _write(path: Path, data: bytes) -> None:
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unfit(folder: Path, message: str) -> VaultError:
    return VaultError(
        "vault.keyring", f"{folder}: {message}", "restore the folder of station keys from its backup"
    )
