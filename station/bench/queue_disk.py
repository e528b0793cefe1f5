"""A disk after a power cut, out of a recording of everything that was written to it.

In: the log of queue_shim.c. Out: `Disk`, which takes the changes one by one and can be asked at any point what may be
left: all of it (`kept`), only what was synced (`lost`), or any part of what was not, in any order, torn at 512 bytes
(`torn`). A name is durable once its folder was synced, bytes once their file was: more pessimistic than ext4. The
model is that of SQLite's own crash tests (sqlite.org/testing, section 3.3).
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Literal

HEAD = struct.Struct("<BIQQ")
SECTOR = 512
WRITE, TRUNCATE, SYNC, FOLDER_SYNC, CREATE, UNLINK, RENAME = range(1, 8)
Model = Literal["kept", "lost", "torn"]
MODELS: tuple[Model, ...] = ("kept", "lost", "torn")


@dataclass(frozen=True)
class Change:
    """One recorded call. data: bytes written, or the new name of a rename."""

    op: int
    path: str
    offset: int
    data: bytes


def read(log: Path) -> Iterator[Change]:
    """The changes in order."""
    content, at = log.read_bytes(), 0
    while at < len(content):
        op, name, offset, size = HEAD.unpack_from(content, at)
        at += HEAD.size
        path = content[at : at + name].decode()
        yield Change(op, path, offset, content[at + name : at + name + size])
        at += name + size


@dataclass(eq=False)
class File:
    """durable: bytes that were synced; pending: (offset, data), or (length, None) for a truncation, in order."""

    durable: bytearray
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)

    def sync(self) -> None:
        for step in self.pending:
            _apply(self.durable, *step)
        self.pending.clear()

    def left(self, model: Model, chance: random.Random) -> bytes:
        content = bytearray(self.durable)
        if model == "lost":
            return bytes(content)
        for offset, data in self.pending:
            if model == "kept" or data is None:
                if model == "kept" or chance.random() < 0.5:
                    _apply(content, offset, data)
                continue
            whole = chance.choice((True, False, None))  # kept, dropped, torn
            for start in range(0, len(data), SECTOR):
                if whole or (whole is None and chance.random() < 0.5):
                    _apply(content, offset + start, data[start : start + SECTOR])
        return bytes(content)


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    end = offset if data is None else offset + len(data)
    if end > len(content):
        content.extend(bytes(end - len(content)))
    if data is None:
        del content[offset:]
    else:
        content[offset:end] = data


Naming = tuple[tuple[str, File | None], ...]  # path and what it names from then on; a rename is two at once


class Disk:
    """One folder tree. names: as programs see it now; durable: as the platter has it; behind: changes between."""

    def __init__(self, root: Path) -> None:
        files = [path for path in sorted(root.rglob("*")) if path.is_file()]
        self.names = {str(path): File(bytearray(path.read_bytes())) for path in files}
        self.durable = dict(self.names)
        self.behind: list[Naming] = []

    def take(self, change: Change) -> None:
        """One more change has happened."""
        path = change.path
        if change.op == CREATE:
            self._name((path, File(bytearray())))
        elif change.op == UNLINK:
            self._name((path, None))
        elif change.op == RENAME:
            self._name((change.data.decode(), self.names[path]), (path, None))
        elif change.op == FOLDER_SYNC:
            self._sync_folder(path.rstrip("/"))
        elif change.op == SYNC:
            self.names[path].sync()
        else:
            data = change.data if change.op == WRITE else None
            self.names[path].pending.append((change.offset, data))

    def left(self, model: Model, chance: random.Random) -> dict[str, bytes]:
        """Path → bytes, as they may be found when the power is back."""
        names = dict(self.durable)
        for naming in self.behind:
            if model == "kept" or (model == "torn" and chance.random() < 0.5):
                _set(names, naming)
        return {path: file.left(model, chance) for path, file in names.items()}

    def _name(self, *naming: tuple[str, File | None]) -> None:
        _set(self.names, naming)
        self.behind.append(naming)

    def _sync_folder(self, folder: str) -> None:
        done = [naming for naming in self.behind if any(_in(path, folder) for path, _ in naming)]
        for naming in done:
            _set(self.durable, naming)
        self.behind = [naming for naming in self.behind if naming not in done]


def _in(path: str, folder: str) -> bool:
    return str(PurePath(path).parent) == folder


def _set(names: dict[str, File], naming: Naming) -> None:
    for path, file in naming:
        if file is None:
            names.pop(path, None)
        else:
            names[path] = file
