"""Taking an entry to work on it, and saying how it ended. Each is one transaction with its audit row.

A claim is a lease: owner, fencing token, end. Leases and retry times are monotonic milliseconds of one
boot; after a
reboot, or when they lie further ahead than anything we schedule, they are void.
"""

from __future__ import annotations

import hashlib
from typing import Any

from offline_queue import audit, statements
from offline_queue.backoff import LONGEST_S
from offline_queue.clock import stamp
from offline_queue.database import Database
from offline_queue.errors import EntryUnknown, LeaseLost, StateError
from offline_queue.models import Claim, Entry, Outcome, Tables
from offline_queue.rows import entry_of, errors_text
from offline_queue.states import Event, State, after

AHEAD_MS = int(LONGEST_S * 1000)
# The planner would rather sort all waiting entries; the partial index makes a claim as fast at 100,000 as
# at 1,000.
NEXT_DUE = """
    SELECT seq FROM submission INDEXED BY submission_due
    WHERE state IN ('ready','unknown')
      AND (retry_boot IS NULL OR retry_boot IS NOT ? OR retry_at_ms <= ? OR retry_at_ms > ?)
    ORDER BY priority DESC, seq LIMIT 1
"""
SIGNED_AFTER = "certificate.signed_after_revocation"
FREE = {"lease_worker": None, "lease_boot": None, "lease_until_ms": None}


def now_ms(database: Database) -> int:
    return int(database.clock.monotonic() * 1000)


def claim(database: Database, worker: str, lease_s: float) -> Claim | None:
    """The next due entry, oldest first within its priority; None when nothing is due."""
    with database.write() as tables:
        _expire(database, tables, None)
        now = now_ms(database)
        found = database.sql(NEXT_DUE, (database.boot, now, now + AHEAD_MS))
        if not found:
            return None
        was = statements.submission_of(database, found[0][0])
        taken = _move(
            database,
            tables,
            was,
            Event.CLAIM,
            {"worker": worker},
            _lease(database, worker, was, lease_s, now),
        )
        kind = "send" if taken["state"] == State.SENDING else "ask"
        _begin_attempt(database, taken, kind, worker)
        return Claim(entry_of(taken, database.boot, now), kind, worker, taken["lease_token"])


def settle(database: Database, claimed: Claim, outcome: Outcome) -> Entry:
    """Move the entry as the table says and close its attempt. LeaseLost when the claim is no longer ours."""
    with database.write() as tables:
        row = statements.submission_of(database, claimed.entry.seq)
        if row["lease_token"] != claimed.token or row["lease_worker"] != claimed.worker:
            raise LeaseLost(
                "queue.lease_lost",
                f"{claimed.entry.submission_id} was taken over by another worker",
                "nothing to do: the other worker asks for its status",
            )
        changes: dict[str, Any] = dict(FREE)
        detail: dict[str, Any] = {"code": outcome.code} if outcome.code else {}
        if outcome.event is Event.ACCEPTED:
            detail |= _keep_receipt(database, tables, row, outcome)
            changes |= {
                "receipt_at": stamp(outcome.receipt.received_at) if outcome.receipt else None,
                "last_error": None,
            }
        elif outcome.event is not Event.ABSENT:
            changes["last_error"] = errors_text(outcome)
        if outcome.event is Event.EXPIRED:
            changes["held_for"] = "officer" if outcome.code == SIGNED_AFTER else "certificate"
        if outcome.refused:
            changes["refusals"] = row["refusals"] + 1
        delay_ms = min(int(outcome.delay_s * 1000), AHEAD_MS)
        changes |= (
            {"retry_boot": database.boot, "retry_at_ms": now_ms(database) + delay_ms}
            if delay_ms > 0
            else {
                "retry_boot": None,
                "retry_at_ms": None,
            }
        )
        row = _move(database, tables, row, outcome.event, detail, changes)
        _end_attempt(database, tables, row, outcome)
        if outcome.event is Event.ACCEPTED and _is_answered(tables, row["tcn"]):
            row = _move(database, tables, row, Event.RESPONSE, {}, {})
        return entry_of(row, database.boot, now_ms(database))


def recover(database: Database, worker: str) -> int:
    """End every lease of this worker name: it has just started, so an earlier one of its name is gone."""
    with database.write() as tables:
        return _expire(database, tables, worker)


def step(
    database: Database, submission_id: str, event: Event, reason: str = "", held_for: str = "officer"
) -> Entry:
    """An officer's step, or a rule's: HOLD (held_for says whose), RELEASE or RETRY."""
    if event not in (Event.HOLD, Event.RELEASE, Event.RETRY):
        raise StateError(
            "queue.illegal_transition", f"{event} is not an officer's step", "hold, release or retry"
        )
    with database.write() as tables:
        t = tables.submission
        row = t.select().where(t.submission_id == submission_id).first()
        if row is None:
            raise EntryUnknown("queue.no_such_entry", f"no entry {submission_id}", "see: station queue list")
        changes: dict[str, Any] = {"retry_boot": None, "retry_at_ms": None}
        if event is Event.RETRY:
            changes["refusals"] = 0
        else:
            changes["held_for"] = held_for if event is Event.HOLD else None
        row = _move(database, tables, row, event, {"reason": reason} if reason else {}, changes)
        return entry_of(row, database.boot, now_ms(database))


def respond(database: Database, tables: Tables, tcr: str, seq: int) -> None:
    """A response to `tcr` was kept in this transaction: mark its entry, if it is ours and in custody."""
    t = tables.submission
    row = t.select().where(t.tcn == tcr).first()
    if row is not None and row["state"] in (State.CUSTODY, State.ANSWERED):
        _move(database, tables, row, Event.RESPONSE, {"response_seq": seq}, {})


def _move(
    database: Database,
    tables: Tables,
    row: dict[str, Any],
    event: Event,
    detail: dict[str, Any],
    changes: dict[str, Any],
) -> dict[str, Any]:
    """The one place where a state changes."""
    state = after(State(row["state"]), event)
    moved = statements.move_submission(database, row["seq"], row["state"], changes | {"state": str(state)})
    audit.append(database, tables, str(event), row["submission_id"], detail | {"state": str(state)})
    return moved


def _lease(database: Database, worker: str, row: dict[str, Any], lease_s: float, now: int) -> dict[str, Any]:
    return {
        "lease_worker": worker,
        "lease_token": row["lease_token"] + 1,
        "lease_boot": database.boot,
        "lease_until_ms": now + min(int(lease_s * 1000), AHEAD_MS),
        "attempts": row["attempts"] + 1,
    }


def _expire(database: Database, tables: Tables, worker: str | None) -> int:
    """Entries whose worker is gone go to `unknown`: it may have died after sending."""
    gone = statements.leased(database, now_ms(database), AHEAD_MS, worker)
    for row in gone:
        outcome = Outcome(
            Event.LEASE_EXPIRED, "queue.lease_expired", "the worker ended before it knew the outcome"
        )
        moved = _move(database, tables, row, outcome.event, {}, FREE | {"last_error": errors_text(outcome)})
        _end_attempt(database, tables, moved, outcome)
    return len(gone)


def _begin_attempt(database: Database, row: dict[str, Any], kind: str, worker: str) -> None:
    values = {"seq": row["seq"], "n": row["attempts"], "kind": kind, "worker": worker}
    statements.add(database, "attempt", values | {"started_at": stamp(database.clock.utcnow())})


def _end_attempt(database: Database, tables: Tables, row: dict[str, Any], outcome: Outcome) -> None:
    a = tables.attempt
    ended = {
        "ended_at": stamp(database.clock.utcnow()),
        "outcome": str(outcome.event),
        "code": outcome.code or None,
        "message": outcome.message[:500] or None,
    }
    a.update(**ended).where((a.seq == row["seq"]) & (a.n == row["attempts"])).execute()


def _keep_receipt(
    database: Database, tables: Tables, row: dict[str, Any], outcome: Outcome
) -> dict[str, Any]:
    """Second look at what the verifier already checked: only this entry's receipt may close it."""
    receipt = outcome.receipt
    if receipt is None or (receipt.submission_id, receipt.tcn, receipt.sha256, receipt.size) != (
        row["submission_id"],
        row["tcn"],
        row["sha256"],
        row["size"],
    ):
        raise StateError(
            "queue.illegal_transition", "accepted without this entry's receipt", "verify the receipt first"
        )
    tables.receipt.insert(
        {
            "seq": row["seq"],
            "receipt": receipt.raw,
            "signature": receipt.signature,
            "gateway": receipt.gateway,
            "received_at": stamp(receipt.received_at),
            "kept_at": stamp(database.clock.utcnow()),
        }
    ).execute()
    return {"receipt_sha256": hashlib.sha256(receipt.raw).hexdigest()}


def _is_answered(tables: Tables, tcn: str) -> bool:
    return bool(tables.response.select(tables.response.seq).where(tables.response.tcr == tcn).first())
