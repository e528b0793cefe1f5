"""Is the queue's file what was written? Asked before anything is sent, at each boot and each start of the sync service.

In: the file, before and after it is opened. Out: problems in words; none, or salvage.py has work. It covers the log,
SQLite's structure and indexes, the audit chain, and what every entry's row says against the chain and its manifest. The
bytes of payloads are checked when they are claimed, and all of them by `Queue.check`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from offline_queue import canonical, durable, wal
from offline_queue.audit_rows import START, content, row_hash
from offline_queue.audit_rows import rows as audit_rows
from offline_queue.clock import from_stamp
from offline_queue.errors import QueueError, StoreFault
from offline_queue.models import Tables
from offline_queue.proofs import checks, names_entry, receipted
from offline_queue.states import State
from offline_queue.store import Queue

MOST = 20
HELD_FOR = (None, "officer", "certificate", "clock")
TRUSTS = ("synchronised", "confirmed", "unknown")
SENT = (State.CUSTODY, State.ANSWERED)


@dataclass
class Chain:
    """What the audit rows prove. rows: those that hold by themselves; gaps: (first, last) numbers that do not, or are
    not there; events: submission → its rows in order, with `detail` as a mapping; known_gaps: what an earlier salvage
    has owned up to; salvaged: there was one."""

    rows: dict[int, dict[str, Any]] = field(default_factory=dict)
    gaps: list[tuple[int, int]] = field(default_factory=list)
    events: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    known_gaps: set[tuple[int, int]] = field(default_factory=set)
    salvaged: bool = False

    def new_gaps(self) -> list[tuple[int, int]]:
        known = {number for first, last in self.known_gaps for number in range(first, last + 1)}
        return [(first, last) for first, last in self.gaps if not known.issuperset(range(first, last + 1))]


def chain(stored: Iterable[Mapping[str, Any]], last: int = 0) -> Chain:
    """Sort audit rows out. last: the number of the last row there should be, if more is known than the rows say."""
    made = Chain()
    for row in stored:
        if _holds(row):
            made.rows[row["id"]] = dict(row)
    expected, before = 1, START
    for number in sorted(made.rows):
        row = made.rows[number]
        if number > expected:
            made.gaps.append((expected, number - 1))
        elif bytes(row["prev"]) != before:
            made.gaps.append((number, number))
        expected, before = number + 1, bytes(row["hash"])
        _sort_in(made, row | {"detail": json.loads(row["detail"])})
    if last >= expected:
        made.gaps.append((expected, last))
    return made


def _holds(row: Mapping[str, Any]) -> bool:
    try:
        whole = row_hash(bytes(row["prev"]), content(row)) == bytes(row["hash"])
        return whole and isinstance(row["id"], int)
    except (ValueError, TypeError, AttributeError, KeyError):
        return False


def _sort_in(made: Chain, row: dict[str, Any]) -> None:
    if row["submission_id"] is not None:
        made.events.setdefault(row["submission_id"], []).append(row)
    if row["event"] == "salvaged":
        made.salvaged = True
        made.known_gaps.update((first, last) for first, last in row["detail"]["audit_gaps"])


def before_opening(database: Path) -> list[str]:
    """What only shows as long as SQLite has not touched the log."""
    dropped = wal.dropped_commits(database)
    return [f"the log is damaged: {dropped} transactions would be dropped"] if dropped > 1 else []


def opened(queue: Queue) -> list[str]:
    """Everything but the bytes of payloads and responses. No more than about MOST problems are named."""
    try:
        problems = [row[0] for row in queue.database.sql(f"PRAGMA integrity_check({MOST})") if row[0] != "ok"]
        if problems:
            return problems
        with queue.database.read() as tables:
            return _rows(queue, tables)[:MOST]
    except StoreFault as fault:
        return [str(fault)]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return [f"a row is not what was written: {type(error).__name__}"]


def _rows(queue: Queue, tables: Tables) -> list[str]:
    mark, last = durable.head(queue.database.path), tables.audit_head.select().first()
    problems = []
    if mark is not None and mark.number > last["last_id"]:
        problems.append(f"the last {mark.number - last['last_id']} changes are gone")
    proved = chain(audit_rows(tables), last["last_id"])
    if proved.new_gaps():
        problems.append(f"the audit chain is broken at row {proved.new_gaps()[0][0]}")
    if proved.rows and bytes(last["hash"]) != bytes(proved.rows[max(proved.rows)]["hash"]):
        problems.append("the head of the audit chain is not its last row")
    if not proved.gaps and not proved.salvaged and not queue.verify_audit().ok:
        problems.append(f"audit: {queue.verify_audit().reason}")
    attempts = Counter(row["seq"] for row in tables.attempt.select().iterator())
    have = {
        name: {row["seq"] for row in getattr(tables, name).select(getattr(tables, name).seq).iterator()}
        for name in ("payload", "envelope", "receipt")
    }
    for row in tables.submission.select().order_by(tables.submission.seq).iterator():
        wrong = _entry_problem(row, proved.events.get(row["submission_id"], []), attempts, have)
        if not wrong and not _is_known(proved.events.get(row["submission_id"], [])):
            wrong = _unproved(queue, tables, row)
        problems += [f"{row['submission_id']}: {wrong}"] if wrong else []
    missing = proved.events.keys() - {row["submission_id"] for row in tables.submission.select()}
    return problems + [f"{name}: its row is gone" for name in sorted(missing)]


def _entry_problem(
    row: Mapping[str, Any],
    events: list[dict[str, Any]],
    attempts: Mapping[int, int],
    have: Mapping[str, set[int]],
) -> str:
    """Why this row is not what the chain says of it; empty when it is, or when its damage is known."""
    if _is_known(events):
        return ""
    seq, state = row["seq"], row["state"]
    for name in ("created_at", "receipt_at", "exported_at", "erased_at"):
        if row[name] is not None:
            from_stamp(row[name])  # ValueError when it is no time
    said = [event["detail"]["state"] for event in events if "state" in event["detail"]]
    claims = sum(event["event"] == "claim" for event in events)
    wrong = {
        "its state is not the one of the chain": bool(said) and said[-1] != state,
        "its attempts are not those of the chain": claims != row["attempts"] or attempts[seq] != claims,
        "its receipt is gone": (seq in have["receipt"]) != (state in SENT),
        "its time of receipt is gone": (row["receipt_at"] is None) != (state not in SENT),
        "its envelope is gone": seq not in have["envelope"],
        "its payload is gone": seq not in have["payload"],
        "a column is not what was written": _unfit(row),
        "it was erased, or was not": (row["erased_at"] is not None)
        != any(event["event"] == "erased" for event in events),
    }
    return next((words for words, is_so in wrong.items() if is_so), "")


def _unproved(queue: Queue, tables: Tables, row: Mapping[str, Any]) -> str:
    """What no longer vouches for this entry: its signed manifest, its counter-signatures, its receipt."""
    name, seq = row["submission_id"], row["seq"]
    try:
        first = queue.signature(name)
    except QueueError as error:
        return error.message
    if not all(checks(first, later) for later in queue.counter_signatures(name)):
        return "a counter-signature is damaged"
    kept = tables.receipt.select().where(tables.receipt.seq == seq).first()
    if kept is None:
        return ""
    sound = receipted(kept) and names_entry(kept, row) and kept["received_at"] == row["receipt_at"]
    same = sound and canonical.loads(bytes(kept["receipt"])).get("gateway") == kept["gateway"]
    return "" if same else "its receipt is damaged"


def _is_known(events: list[dict[str, Any]]) -> bool:
    """A salvage found this entry damaged and said so."""
    return any(event["detail"].get("damaged") for event in events if event["event"] == "mended")


def _unfit(row: Mapping[str, Any]) -> bool:
    numbers = ("priority", "size", "monotonic_ms", "attempts", "lease_token", "refusals")
    maybe = ("retry_at_ms", "lease_until_ms")
    texts = ("last_error", "retry_boot", "lease_worker", "lease_boot", "imported_from")
    return not (
        all(isinstance(row[name], int) for name in numbers)
        and all(row[name] is None or isinstance(row[name], int) for name in maybe)
        and all(row[name] is None or isinstance(row[name], str) for name in texts)
        and isinstance(row["boot"], str)
        and row["held_for"] in HELD_FOR
        and row["clock_trust"] in TRUSTS
    )
