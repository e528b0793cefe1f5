"""Rows of the audit chain: hash, append, read. `audit` verifies them, `audit_seal` signs their head."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from offline_queue import canonical, statements
from offline_queue.clock import stamp
from offline_queue.database import Database
from offline_queue.models import Tables
from offline_queue.trust import observe

START = bytes(32)
NAMES = ("id", "at", "boot", "monotonic_ms", "event", "submission_id")


def row_hash(prev: bytes, row: Mapping[str, Any]) -> bytes:
    """Hash of a row {id, at, boot, monotonic_ms, event, submission_id, detail, trust} after `prev`. Rows of schema 1
    have no trust."""
    return hashlib.sha256(prev + canonical.dumps(row)).digest()


def head(tables: Tables) -> bytes:
    """Hash of the last row, START when there is none."""
    return bytes(tables.audit_head.select(tables.audit_head.hash).first()["hash"])


def append(
    database: Database, tables: Tables, event: str, submission_id: str | None, detail: Mapping[str, Any]
) -> bytes:
    """Add one row inside the caller's transaction and return its hash. detail: no personal data."""
    last_id, prev = statements.audit_head(database)
    row: dict[str, Any] = {
        "id": last_id + 1,
        "at": stamp(database.clock.utcnow()),
        "boot": database.boot,
        "monotonic_ms": int(database.clock.monotonic() * 1000),
        "event": event,
        "submission_id": submission_id,
        "detail": dict(detail),
        "trust": str(observe(database, tables)),
    }
    digest = row_hash(prev, row)
    stored = row | {"detail": canonical.dumps(row["detail"]).decode(), "prev": prev, "hash": digest}
    statements.add(database, "audit", stored)
    statements.move_audit_head(database, row["id"], digest)
    database.newest = (row["id"], digest)
    return digest


def content(stored: Mapping[str, Any]) -> dict[str, Any]:
    """The row that was hashed, from the row as stored. ValueError when its detail is not what was written."""
    row = {name: stored[name] for name in NAMES} | {"detail": canonical.loads(stored["detail"].encode())}
    return row if stored["trust"] is None else row | {"trust": stored["trust"]}


def rows(tables: Tables) -> Iterable[dict[str, Any]]:
    """All rows in order, as stored."""
    found: Iterable[dict[str, Any]] = tables.audit.select().order_by(tables.audit.id).iterator()
    return found
