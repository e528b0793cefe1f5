"""Stored rows to value types."""

from __future__ import annotations

from typing import Any

from offline_queue.backoff import LONGEST_S
from offline_queue.clock import from_stamp
from offline_queue.models import Attempt, Entry, Outcome
from offline_queue.states import DUE, State


def entry_of(row: dict[str, Any], boot: str, now_ms: int) -> Entry:
    """A submission row, as seen at monotonic `now_ms` of boot `boot`."""
    return Entry(
        **{
            name: row[name]
            for name in ("submission_id", "tcn", "tot", "ori", "station_id", "seq", "size", "sha256")
        },
        state=State(row["state"]),
        created_at=from_stamp(row["created_at"]),
        attempts=row["attempts"],
        last_error=row["last_error"],
        next_attempt_s=_wait_s(row, boot, now_ms) if row["state"] in DUE else None,
        receipt_at=from_stamp(row["receipt_at"]) if row["receipt_at"] else None,
        priority=row["priority"],
        refusals=row["refusals"],
        imported_from=row["imported_from"],
        held_for=row["held_for"],
        exported_at=from_stamp(row["exported_at"]) if row["exported_at"] else None,
    )


def attempt_of(row: dict[str, Any]) -> Attempt:
    """An attempt row."""
    return Attempt(
        **{name: row[name] for name in ("n", "kind", "worker", "outcome", "code", "message")},
        started_at=from_stamp(row["started_at"]),
        ended_at=from_stamp(row["ended_at"]) if row["ended_at"] else None,
    )


def errors_text(outcome: Outcome) -> str:
    """Code and message of an outcome, short and printable: part of it may come from outside."""
    text = f"{outcome.code}: {outcome.message}" if outcome.message else outcome.code
    return "".join(c if c.isprintable() else " " for c in text)[:500]


def _wait_s(row: dict[str, Any], boot: str, now_ms: int) -> float:
    """Void after a reboot and when it lies beyond anything we schedule."""
    if row["retry_boot"] != boot:
        return 0.0
    wait_s = (row["retry_at_ms"] - now_ms) / 1000
    return wait_s if 0 < wait_s <= LONGEST_S else 0.0
