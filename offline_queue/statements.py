"""The statements of every enqueue as ready-made SQL, because building them anew costs more than running them.

In: a Database inside a `read` or `write` block, plain values. Out: rows as mappings. peewee's connection runs them;
what is asked seldom stays with peewee's query builders (models.py).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from offline_queue.errors import StoreFault
from offline_queue.models import names
from offline_queue.states import OPEN, State

if TYPE_CHECKING:
    from offline_queue.database import Database


def submission_like(database: Database, submission_id: str, tcn: str) -> dict[str, Any] | None:
    """The entry that uses this id or this TCN, if any."""
    return _first(database, "submission", "submission_id = ? OR tcn = ?", submission_id, tcn)


def add_submission(database: Database, values: Mapping[str, Any]) -> dict[str, Any]:
    """Insert, and give the whole row as it is stored."""
    statement = _insert("submission", tuple(values)) + f" RETURNING {', '.join(names('submission'))}"
    row = database.sql(statement, tuple(values.values()))[0]
    return dict(zip(names("submission"), row, strict=True))


def add(database: Database, table: str, values: Mapping[str, Any]) -> None:
    """Insert one row."""
    database.sql(_insert(table, tuple(values)), tuple(values.values()))


def submission_of(database: Database, seq: int) -> dict[str, Any]:
    """The entry with this number, which is there."""
    found = _first(database, "submission", "seq = ?", seq)
    assert found is not None
    return found


def leased(database: Database, now_ms: int, ahead_ms: int, worker: str | None) -> list[dict[str, Any]]:
    """Entries whose lease is over: of another boot, run out, further ahead than we ever schedule, or of `worker`."""
    rows = database.sql(_LEASED, (database.boot, now_ms, now_ms + ahead_ms, worker))
    return [dict(zip(names("submission"), row, strict=True)) for row in rows]


def move_submission(database: Database, seq: int, state: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Change one entry that is still in `state`; the whole row as it is then."""
    statement = _update("submission", tuple(changes)) + f" RETURNING {', '.join(names('submission'))}"
    row = database.sql(statement, (*changes.values(), seq, state))[0]
    return dict(zip(names("submission"), row, strict=True))


def audit_head(database: Database) -> tuple[int, bytes]:
    """Number and hash of the last audit row; 0 and zeroes before the first."""
    row = database.one_row(_AUDIT_HEAD)
    if row is None:
        advice = "stop livescan-web and livescan-sync, then: station queue mend"
        raise StoreFault("queue.corrupt", f"{database.path}: the head of the audit chain is gone", advice)
    return row[0], bytes(row[1])


def move_audit_head(database: Database, last_id: int, digest: bytes) -> None:
    database.sql("UPDATE audit_head SET last_id = ?, hash = ?", (last_id, digest))
    database.changed(_AUDIT_HEAD, (last_id, digest))


def is_sealed(database: Database, audit_id: int) -> bool:
    """This audit row is a signed head already."""
    return bool(database.sql("SELECT 1 FROM audit_seal WHERE audit_id = ?", (audit_id,)))


def waiting(database: Database) -> int:
    """Entries that the gateway is not known to have. By an index: those in custody are not looked at."""
    return int(database.sql(_WAITING)[0][0])


_AUDIT_HEAD = "SELECT last_id, hash FROM audit_head"
_LEASED = (
    f"SELECT {', '.join(names('submission'))} FROM submission WHERE state IN ('{State.SENDING}', '{State.ASKING}') "  # noqa: S608 - our words
    "AND (lease_boot IS NOT ? OR lease_until_ms <= ? OR lease_until_ms > ? OR lease_worker = ?)"
)
_WAITING = f"SELECT count(*) FROM submission WHERE state IN ({', '.join(repr(str(s)) for s in OPEN)})"  # noqa: S608 - our words


def _first(database: Database, table: str, where: str, *values: Any) -> dict[str, Any] | None:
    rows = database.sql(_select(table, where), values)
    return dict(zip(names(table), rows[0], strict=True)) if rows else None


@functools.cache
def _select(table: str, where: str) -> str:
    return f"SELECT {', '.join(names(table))} FROM {table} WHERE {where} LIMIT 1"  # noqa: S608 - our words


@functools.cache
def _update(table: str, columns: tuple[str, ...]) -> str:
    changes = ", ".join(f"{name} = ?" for name in columns)
    return f"UPDATE {table} SET {changes} WHERE seq = ? AND state = ?"  # noqa: S608 - our words


@functools.cache
def _insert(table: str, columns: tuple[str, ...]) -> str:
    marks = ", ".join("?" * len(columns))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608 - our words
