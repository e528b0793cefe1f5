"""A new station key: everything that is sealed gets its data key wrapped anew, then the old key is destroyed.

In: a keyring's folder and the places where sealed bytes lie. It may be killed at any point and is then called again:
the file `next` names the new key until the old ones are gone, and a key is destroyed only when no place names it and no
process seals with it. Bodies are not touched: 72 bytes of each item are written in place.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from offline_queue import audit, keyhold, keyring
from offline_queue.errors import VaultError
from offline_queue.lookup import payload_aad
from offline_queue.sealed import HEAD_BYTES, KEY_ID_BYTES, LEAST_BODY, MAGIC_BYTES, STATION, WRAP_BYTES
from offline_queue.store import Queue
from offline_queue.vault import Vault

NEXT = "next"
BATCH = 50
HEAD = HEAD_BYTES[STATION] + WRAP_BYTES
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Place:
    """A column `sealed` of one SQLite table. write: one exclusive transaction; aads: SQL whose rows are rowid and what
    `aad` turns into the item's aad."""

    table: str
    write: Callable[[], AbstractContextManager[sqlite3.Connection]]
    rows: str
    aad: Callable[..., bytes]


@dataclass(frozen=True)
class Rotated:
    """items: rewrapped by this call; removed: keys destroyed; kept: old keys, still in use somewhere."""

    current: str
    items: int
    removed: tuple[str, ...]
    kept: tuple[str, ...]


def of_queue(queue: Queue) -> tuple[Place, ...]:
    """Where a queue keeps sealed bytes."""

    @contextmanager
    def write() -> Iterator[sqlite3.Connection]:
        with queue.database.write():
            yield queue.database.raw()

    def of_digest(digest: str) -> bytes:
        return b"response:" + digest.encode()

    entries = "SELECT p.seq, s.submission_id FROM payload p JOIN submission s ON s.seq = p.seq ORDER BY p.seq"
    return (
        Place("payload", write, entries, payload_aad),
        Place("response", write, "SELECT rowid, sha256 FROM response ORDER BY rowid", of_digest),
        Place("response_quarantine", write, "SELECT rowid, sha256 FROM response_quarantine", of_digest),
    )


def rotate(
    folder: Path,
    queue: Queue,
    places: Sequence[Place],
    progress: Progress = lambda _done, _all: None,
) -> Rotated:
    """Begin a rotation, or go on with one that was interrupted. VaultError `vault.keyring` when there is no keyring."""
    new = _begin(folder)
    ring = keyring.Keyring(folder)
    olds = [name for name in (*keyring.read(folder).all, *keyring.doomed(folder)) if name != new]
    items = sum(_rewrap(place, ring, progress) for place in places)
    kept, removed = [], []
    for old in olds:
        if keyhold.nobody(queue.database.path, old) and not any(names(place, old) for place in places):
            keyring.destroy(folder, old)
            removed.append(old.hex())
        else:
            kept.append(old.hex())
    if removed or not kept:
        detail = {"current": new.hex(), "items": items, "removed": removed}
        with queue.database.write() as tables:
            audit.append(queue.database, tables, "key_rotated", None, detail)
        queue.database.checkpoint()
    if not kept:
        keyring.settled(folder, NEXT)
    return Rotated(new.hex(), items, tuple(removed), tuple(kept))


def unfinished(folder: Path) -> bool:
    """A rotation was begun and old keys are still there."""
    return (folder / NEXT).exists()


def _begin(folder: Path) -> bytes:
    """The key that is to seal: the one an interrupted rotation made, else a fresh one. It is used from here on."""
    if not folder.is_dir():
        raise VaultError(
            "vault.not_a_keyring",
            f"{folder} is not a folder of keys",
            "see docs/queue-keys.md: a folder of keys",
        )
    keys = keyring.read(folder)
    marker = folder / NEXT
    text = marker.read_text("ascii", errors="replace").strip() if marker.exists() else ""
    new = bytes.fromhex(text) if keyring.ID.fullmatch(text) else b""
    if new not in keys.all:
        new = keyring.add(folder)
        keyring.mark(folder, NEXT, new)
    if keys.current != new:
        keyring.use(folder, new)
    return new


def _rewrap(place: Place, ring: Vault, progress: Progress) -> int:
    with place.write() as connection:
        rows = connection.execute(place.rows).fetchall()
    done = 0
    for start in range(0, len(rows), BATCH):
        with place.write() as connection:
            for rowid, *rest in rows[start : start + BATCH]:
                done += _rewrap_one(connection, place, ring, rowid, place.aad(*rest))
        progress(min(start + BATCH, len(rows)), len(rows))
    return done


def _rewrap_one(connection: sqlite3.Connection, place: Place, ring: Vault, rowid: int, aad: bytes) -> bool:
    try:
        blob = connection.blobopen(place.table, "sealed", rowid)
    except sqlite3.OperationalError:
        return False  # the row went while we worked
    with blob:
        head = blob.read(HEAD)
        if len(blob) < HEAD + LEAST_BODY or not head.startswith(STATION) or _key_of(head) == ring.key_id:
            return False
        try:
            fresh = ring.rewrap(head + bytes(LEAST_BODY), aad, ring)[:HEAD]
        except VaultError:
            return False  # damaged, and found as such when it is sent: it must not stop the others
        blob.seek(0)
        blob.write(fresh)
    return True


def names(place: Place, key: bytes) -> bool:
    """Something here still needs this key. Damaged wraps count too: a backup may mend them."""
    with place.write() as connection:
        for rowid, *_ in connection.execute(place.rows).fetchall():
            with connection.blobopen(place.table, "sealed", rowid, readonly=True) as blob:
                head = blob.read(HEAD)
            if head.startswith(STATION) and _key_of(head) == key:
                return True
    return False


def _key_of(head: bytes) -> bytes:
    return head[MAGIC_BYTES : MAGIC_BYTES + KEY_ID_BYTES]
