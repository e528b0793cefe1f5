"""The audit chain in a mended file: the rows that hold, with their numbers and gaps, and attempts as they tell them.

In: what examine.py believes of the recovered rows. Nothing is renumbered and no gap is closed: a verifier finds it,
and the row `salvaged` that follows owns up to it.
"""

from __future__ import annotations

from typing import Any

from offline_queue import canonical, statements
from offline_queue.database import Database
from offline_queue.durable import Head
from offline_queue.examine import Chain
from offline_queue.proofs import checks
from offline_queue.salvage_read import Recovered, Row

GUARD = "audit_only_grows"
REASONS = ("boot", "hourly", "submission", "export", "request")


def put_chain(target: Database, chain: Chain, head: Head) -> None:
    """All rows that hold, and a head from which the chain goes on."""
    guard = target.sql("SELECT sql FROM sqlite_master WHERE name = ?", (GUARD,))[0][0]
    with target.write() as tables:
        target.sql(f"DROP TRIGGER {GUARD}")
        for number in sorted(chain.rows):
            tables.audit.insert(chain.rows[number]).execute()
        statements.move_audit_head(target, head.number, head.hash)
        target.sql(guard)


def signed_heads(found: Recovered) -> dict[int, Row]:
    """Number of an audit row → its signed head, where the signature holds."""
    return {row["audit_id"]: row for row in found.rows("audit_seal") if _is_head(row)}


def said_hash(seal: Row) -> bytes:
    """The hash that a signed head names."""
    return bytes.fromhex(canonical.loads(bytes(seal["statement"]))["hash"])


def attempts(seq: int, events: list[Row]) -> list[dict[str, Any]]:
    """Rows of `attempt`, one for each claim in the chain, closed by the event that follows it."""
    made: list[dict[str, Any]] = []
    for event in events:
        if event["event"] == "claim":
            kind = "send" if event["detail"].get("state") == "sending" else "ask"
            worker = str(event["detail"].get("worker", ""))
            made.append(
                {"seq": seq, "n": len(made) + 1, "kind": kind, "worker": worker, "started_at": event["at"]}
            )
        elif made and "outcome" not in made[-1] and "state" in event["detail"]:
            code = event["detail"].get("code")
            made[-1] |= {"ended_at": event["at"], "outcome": event["event"], "code": code}
    return made


def _is_head(row: Row) -> bool:
    if row["reason"] not in REASONS or not checks(row["statement"], row["signature"]):
        return False
    try:
        said = canonical.loads(bytes(row["statement"]))
        return said["audit_id"] == row["audit_id"] and len(bytes.fromhex(said["hash"])) == 32
    except (ValueError, KeyError, TypeError):
        return False
