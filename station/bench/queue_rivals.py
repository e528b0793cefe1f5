"""Queues beside ours, all made to keep what they are given: plain sqlite3, persist-queue, litequeue, huey.

In: a folder. Out: objects with `put`, `take`, `close`; each put and each take is durable when it returns. The three
libraries are no dependency: where one is not installed it is left out, and `absent` says so. An item is a payload and a
hundred short rows, as a booking's metadata would be.
"""

from __future__ import annotations

import base64
import hashlib
import importlib
import importlib.util
import os
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

Row = tuple[str, str]
CLEAR = "x" * 400  # about what our clear columns hold


class Contender(Protocol):
    """put: an item, as payload and rows or as one piece, on disk when it returns. take: the oldest one, its bytes read
    and digested, then marked as done."""

    def put(self, n: int, payload: bytes, rows: Sequence[Row], whole: bytes) -> None: ...
    def take(self) -> None: ...
    def close(self) -> None: ...


def joined(payload: bytes, rows: Sequence[Row]) -> bytes:
    """Payload and rows as one piece, for queues that carry one."""
    return payload + "".join(f"{name}:{value}\x1e" for name, value in rows).encode()


class Plain:
    """The measure: sqlite3 as it comes, WAL and FULL, one transaction with an entry, its rows and its payload."""

    def __init__(self, folder: Path) -> None:
        self._base = sqlite3.connect(folder / "plain.db", isolation_level=None)
        for statement in (
            "PRAGMA journal_mode = WAL",
            "PRAGMA synchronous = FULL",
            "CREATE TABLE entry (seq INTEGER PRIMARY KEY, state TEXT, clear TEXT)",
            "CREATE INDEX entry_state ON entry (state, seq)",
            "CREATE TABLE row (entry INTEGER, name TEXT, value TEXT)",
            "CREATE TABLE payload (seq INTEGER PRIMARY KEY, body BLOB)",
        ):
            self._base.execute(statement)

    def put(self, n: int, payload: bytes, rows: Sequence[Row], whole: bytes) -> None:  # noqa: ARG002
        self._base.execute("BEGIN IMMEDIATE")
        self._base.execute("INSERT INTO entry VALUES (?, 'ready', ?)", (n, CLEAR))
        self._base.executemany("INSERT INTO row VALUES (?, ?, ?)", [(n, *row) for row in rows])
        self._base.execute("INSERT INTO payload VALUES (?, ?)", (n, payload))
        self._base.execute("COMMIT")

    def take(self) -> None:
        self._base.execute("BEGIN IMMEDIATE")
        oldest = "SELECT seq FROM entry WHERE state = 'ready' ORDER BY seq LIMIT 1"
        (seq,) = self._base.execute(oldest).fetchone()
        self._base.execute("UPDATE entry SET state = 'sending' WHERE seq = ?", (seq,))
        self._base.execute("COMMIT")
        (body,) = self._base.execute("SELECT body FROM payload WHERE seq = ?", (seq,)).fetchone()
        hashlib.sha256(body).digest()
        self._base.execute("BEGIN IMMEDIATE")
        self._base.execute("UPDATE entry SET state = 'sent' WHERE seq = ?", (seq,))
        self._base.execute("COMMIT")

    def close(self) -> None:
        self._base.close()


class Floor(Plain):
    """The same with what no sealed and signed queue can leave out: one digest of the payload, AES-256-GCM over it, two
    P-256 signatures. No manifest, no audit row, no CMS around the signatures."""

    def __init__(self, folder: Path) -> None:
        (folder / "floor").mkdir()
        super().__init__(folder / "floor")
        self._cipher = AESGCM(os.urandom(32))
        self._key = ec.generate_private_key(ec.SECP256R1())

    def put(self, n: int, payload: bytes, rows: Sequence[Row], whole: bytes) -> None:
        digest, nonce = hashlib.sha256(payload).digest(), os.urandom(12)
        for _ in range(2):
            self._key.sign(digest, ec.ECDSA(hashes.SHA256()))
        super().put(n, self._cipher.encrypt(nonce, payload, None), rows, whole)


class PersistQueue:
    """persist-queue's SQLiteAckQueue: WAL, and FULL by SQLite's own default."""

    def __init__(self, folder: Path) -> None:
        library: Any = importlib.import_module("persistqueue")
        self._queue = library.SQLiteAckQueue(str(folder / "persist"), auto_commit=True)

    def put(self, n: int, payload: bytes, rows: Sequence[Row], whole: bytes) -> None:  # noqa: ARG002
        self._queue.put((n, whole))

    def take(self) -> None:
        item = self._queue.get(block=False)
        hashlib.sha256(item[1]).digest()
        self._queue.ack(item)

    def close(self) -> None:
        self._queue.close()


class LiteQueue:
    """litequeue, which sets NORMAL: it is set to FULL here, or a power cut may take what it has accepted. It keeps text
    only, so bytes go in as Base64."""

    def __init__(self, folder: Path) -> None:
        library: Any = importlib.import_module("litequeue")
        self._queue = library.LiteQueue(str(folder / "lite.db"))
        self._queue.conn.execute("PRAGMA synchronous = FULL")

    def put(self, n: int, payload: bytes, rows: Sequence[Row], whole: bytes) -> None:  # noqa: ARG002
        self._queue.put(f"{n}:{base64.b64encode(whole).decode()}")

    def take(self) -> None:
        message = self._queue.pop()
        hashlib.sha256(base64.b64decode(message.data.partition(":")[2])).digest()
        self._queue.done(message.message_id)

    def close(self) -> None:
        self._queue.close()


class Huey:
    """huey's SqliteStorage with fsync. Taking deletes: what the taker was about to do is lost with it."""

    def __init__(self, folder: Path) -> None:
        library: Any = importlib.import_module("huey.storage")
        self._storage = library.SqliteStorage("bench", str(folder / "huey.db"), fsync=True, strict_fifo=True)

    def put(self, n: int, payload: bytes, rows: Sequence[Row], whole: bytes) -> None:  # noqa: ARG002
        self._storage.enqueue(n.to_bytes(8) + whole)

    def take(self) -> None:
        hashlib.sha256(self._storage.dequeue()).digest()

    def close(self) -> None:
        self._storage.close()


RIVALS: dict[str, tuple[str, Callable[[Path], Contender]]] = {
    "persist-queue": ("persistqueue", PersistQueue),
    "litequeue": ("litequeue", LiteQueue),
    "huey": ("huey", Huey),
}


def installed(folder: Path) -> tuple[dict[str, Contender], dict[str, str]]:
    """Those that are here, and why the others are not."""
    found: dict[str, Contender] = {}
    absent: dict[str, str] = {}
    for name, (module, make) in RIVALS.items():
        if importlib.util.find_spec(module) is None:
            absent[name] = f"not installed: pip install {name}, in an environment of its own"
        else:
            found[name] = make(folder)
    return found, absent
