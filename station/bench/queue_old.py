"""A queue file of schema 1 with submissions in it, as the first program left it: what a migration starts from.

In: a path, keys, submissions. Out: the file. The submissions pass through today's code with schema 1's audit rows
(which had no trust in the clock); then every column that schema 1 had is copied into a file made by its own statements.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

from offline_queue import audit, canonical
from offline_queue.audit_rows import row_hash
from offline_queue.clock import SystemClock, stamp
from offline_queue.database import APPLICATION_ID, Database
from offline_queue.migrations import migrations
from offline_queue.models import Entry, Submission, Tables
from offline_queue.signers import Signer
from offline_queue.store import Queue
from offline_queue.vault import Vault

PAGE = 4096


def make(
    path: Path,
    vault: Vault,
    signer: Signer,
    station: str,
    submissions: Sequence[Submission],
    live: Callable[[Queue], None] = lambda _: None,
    page: int = PAGE,
) -> list[Entry]:
    """Write the file and tell what was put in. live: what that program did with them before it was replaced. page:
    bytes of a page; that program knew SQLite's own only."""
    with tempfile.TemporaryDirectory() as name:
        newer = Path(name) / "queue.db"
        with (
            mock.patch.object(audit, "append", _append),
            Queue.open(newer, vault, SystemClock(), station_id=station) as queue,
        ):
            made = [queue.enqueue(each, signer) for each in submissions]
            live(queue)
        _copy(newer, path, page)
    return made


def _copy(newer: Path, path: Path, page: int) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA page_size = {page}")
    for statement in migrations()[1]:
        connection.execute(statement)
    connection.execute("ATTACH ? AS newer", (str(newer),))
    triggers = connection.execute(
        "SELECT name, sql FROM main.sqlite_master WHERE type = 'trigger'"
    ).fetchall()
    for name, _ in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    tables = "SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    for (table,) in connection.execute(tables).fetchall():
        columns = ", ".join(row[1] for row in connection.execute(f"PRAGMA main.table_info({table})"))
        connection.execute(f"DELETE FROM main.{table}")  # noqa: S608 - names out of the schema
        connection.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM newer.{table}")  # noqa: S608
    for _, statement in triggers:
        connection.execute(statement)
    connection.execute("DETACH newer")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute("PRAGMA user_version = 1")
    connection.close()


def _append(
    database: Database, tables: Tables, event: str, submission_id: str | None, detail: Mapping[str, Any]
) -> bytes:
    """As schema 1 did."""
    last = tables.audit_head.select().first()
    row: dict[str, Any] = {
        "id": last["last_id"] + 1,
        "at": stamp(database.clock.utcnow()),
        "boot": database.boot,
        "monotonic_ms": int(database.clock.monotonic() * 1000),
        "event": event,
        "submission_id": submission_id,
        "detail": dict(detail),
    }
    digest = row_hash(bytes(last["hash"]), row)
    stored = row | {"detail": canonical.dumps(row["detail"]).decode(), "prev": last["hash"], "hash": digest}
    tables.audit.insert(stored).execute()
    tables.audit_head.update(last_id=row["id"], hash=digest).execute()
    return digest
