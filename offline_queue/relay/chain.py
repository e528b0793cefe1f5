"""The relay's audit chains, one a station and one of its own (''): the rule is the station queue's (audit.row_hash).

A row is written in the transaction of its change, as its last step: the head stays locked until that commits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from offline_queue import audit, canonical
from offline_queue.clock import stamp
from offline_queue.relay import heads as heads_of
from offline_queue.relay.database import Database, Row

OWN = ""
FIELDS = ("id", "at", "boot", "monotonic_ms", "event", "submission_id")
BATCH = 1000
ADD = """
    WITH a AS (INSERT INTO audit (chain, id, at, boot, monotonic_ms, event, submission_id, detail, prev, hash)
        VALUES (%(chain)s, %(id)s, %(at)s, %(boot)s, %(monotonic_ms)s, %(event)s, %(submission_id)s, %(detail)s,
                %(prev)s, %(hash)s))
    UPDATE chain SET last_id = %(id)s, hash = %(hash)s WHERE chain = %(chain)s
"""


@dataclass(frozen=True)
class ChainReport:
    """ok; rows over all chains; heads: chain → hash of its last row; problem: chain, row number and what is wrong."""

    ok: bool
    rows: int
    heads: Mapping[str, str]
    problem: str = ""


def begin(database: Database, chain: str) -> None:
    """Make a chain, unless it is there."""
    database.rows(
        "INSERT INTO chain (chain, last_id, hash) VALUES (%s, 0, %s) ON CONFLICT DO NOTHING",
        (chain, audit.START),
    )


def lock(database: Database, chain: str) -> Row:
    """The head of a chain, locked until the transaction ends."""
    head = database.one("SELECT last_id, hash FROM chain WHERE chain = %s FOR UPDATE", (chain,))
    assert head is not None, "a chain begins with its station"
    return head


def append(
    database: Database,
    chain: str,
    event: str,
    submission_id: str | None,
    detail: Mapping[str, Any],
    head: Row | None = None,
) -> None:
    """Add one row inside the caller's transaction. detail: no personal data. head: from `lock`, when the caller has
    locked the chain already and added nothing since."""
    head = head or lock(database, chain)
    row: dict[str, Any] = {
        "id": head["last_id"] + 1,
        "at": stamp(database.clock.utcnow()),
        "boot": database.boot,
        "monotonic_ms": int(database.clock.monotonic() * 1000),
        "event": event,
        "submission_id": submission_id,
        "detail": dict(detail),
    }
    digest = audit.row_hash(bytes(head["hash"]), row | {"chain": chain})
    stored = row | {"chain": chain, "detail": canonical.dumps(row["detail"]).decode(), "hash": digest}
    database.rows(ADD, stored | {"prev": bytes(head["hash"])})


def verify(database: Database) -> ChainReport:
    """Walk every chain, compare it with its signed heads and with its own."""
    heads: dict[str, str] = {}
    count = 0
    for head in database.rows("SELECT chain, last_id, hash FROM chain ORDER BY chain"):
        name, prev, last = head["chain"], audit.START, 0
        signed = heads_of.Signed(database, name)
        while found := _next(database, name, last):
            for stored in found:
                last += 1
                problem = _problem(stored, name, last, prev) or signed.problem(last, bytes(stored["hash"]))
                if problem:
                    return ChainReport(False, count, heads, f"chain {name!r}, row {last}: {problem}")
                prev = bytes(stored["hash"])
        if (head["last_id"], bytes(head["hash"])) != (last, prev) or signed.cut_off():
            return ChainReport(False, count, heads, f"chain {name!r}: rows are missing after {last}")
        heads[name] = prev.hex()
        count += last
    return ChainReport(True, count, heads)


def _next(database: Database, chain: str, last: int) -> list[Row]:
    statement = "SELECT * FROM audit WHERE chain = %s AND id > %s ORDER BY id LIMIT %s"
    return database.rows(statement, (chain, last, BATCH))


def _problem(stored: Mapping[str, Any], chain: str, number: int, prev: bytes) -> str:
    if stored["id"] != number:
        return "a row is missing"
    if bytes(stored["prev"]) != prev:
        return "the row does not follow the one before it"
    try:
        row = {name: stored[name] for name in FIELDS}
        detail = canonical.loads(stored["detail"].encode())
        digest = audit.row_hash(prev, row | {"detail": detail, "chain": chain})
    except (ValueError, TypeError):
        return "the row is not what was written"
    return "" if digest == bytes(stored["hash"]) else "the row is not what was written"
