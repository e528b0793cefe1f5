"""The audit chain: every change writes one row in its own transaction, and every row holds the hash of the
one before.

hash = SHA-256(prev || canonical JSON of the row). Triggers refuse UPDATE and DELETE; `verify` finds what
was done
without them. Cutting rows off the end is found by the head, and, off this machine, by the head inside each
manifest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from offline_queue import audit_seal, canonical
from offline_queue.audit_rows import START, append, content, head, row_hash, rows
from offline_queue.models import Tables

__all__ = ["START", "AuditReport", "append", "head", "row_hash", "rows", "verify"]


@dataclass(frozen=True)
class AuditReport:
    """ok; rows checked; head: hash of the last row in hexadecimal; first_broken: number of the first row
    that does
    not hold; reason: what is wrong with it."""

    ok: bool
    rows: int
    head: str
    first_broken: int | None = None
    reason: str = ""


def verify(tables: Tables) -> AuditReport:
    """Walk the whole chain, then compare it with the head, the manifests and the receipts."""
    seals = {row["audit_id"]: row for row in tables.audit_seal.select().iterator()}
    hashes: dict[int, bytes] = {}
    enqueued: dict[str, tuple[int, str | None, Any]] = {}
    receipts: dict[str, str] = {}
    prev, count = START, 0
    for stored in rows(tables):
        count += 1
        problem = _row_problem(stored, count, prev)
        if not problem and count in seals:
            hashes[count] = bytes(stored["hash"])
            problem = (audit_seal.problem(seals[count], hashes) or (0, ""))[1]
        if problem:
            return AuditReport(False, count, prev.hex(), count, problem)
        if stored["event"] == "enqueued":
            enqueued[stored["submission_id"]] = (count, prev.hex(), json.loads(stored["detail"]))
        elif stored["event"] == "imported":  # signed on another station's chain
            enqueued[stored["submission_id"]] = (count, None, json.loads(stored["detail"]))
        elif stored["event"] == "accepted":
            receipts[stored["submission_id"]] = json.loads(stored["detail"])["receipt_sha256"]
        prev = bytes(stored["hash"])
    last = tables.audit_head.select().first()
    if (last["last_id"], bytes(last["hash"])) != (count, prev):
        return AuditReport(False, count, prev.hex(), count + 1, "rows are missing at the end")
    beyond = next((number for number in sorted(seals) if number not in hashes), None)
    if beyond is not None:
        found = audit_seal.problem(seals[beyond], hashes)
        return AuditReport(False, count, prev.hex(), count + 1, found[1] if found else "")
    return _against_entries(tables, AuditReport(True, count, prev.hex()), enqueued, receipts)


def _row_problem(stored: Mapping[str, Any], number: int, prev: bytes) -> str:
    if stored["id"] != number:
        return "a row is missing"
    if bytes(stored["prev"]) != prev:
        return "the row does not follow the one before it"
    try:
        digest = row_hash(prev, content(stored))
    except (ValueError, TypeError, AttributeError):
        return "the row is not what was written"
    return "" if digest == bytes(stored["hash"]) else "the row is not what was written"


def _against_entries(
    tables: Tables,
    report: AuditReport,
    enqueued: Mapping[str, tuple[int, str | None, Any]],
    receipts: Mapping[str, str],
) -> AuditReport:
    """Every manifest names the head it was signed on; every receipt has its row. A rewritten chain fails
    here."""
    joined = (
        tables.submission.select(
            tables.submission.submission_id, tables.envelope.manifest, tables.receipt.receipt.alias("receipt")
        )
        .join(tables.envelope, on=(tables.envelope.seq == tables.submission.seq))
        .left_outer_join(tables.receipt, on=(tables.receipt.seq == tables.submission.seq))
    )
    for entry in joined.iterator():
        name = entry["submission_id"]
        number, before, detail = enqueued.get(name, (report.rows + 1, "", {}))
        manifest = bytes(entry["manifest"])
        try:
            said = canonical.loads(manifest).get("prev_audit")
        except ValueError:
            said = None
        same = detail.get("manifest_sha256") == hashlib.sha256(manifest).hexdigest()
        if (before is not None and said != before) or not same:
            return _broken(report, number, f"submission {name} was not enqueued here")
        receipt = entry["receipt"]
        digest = None if receipt is None else hashlib.sha256(bytes(receipt)).hexdigest()
        if receipts.get(name) != digest:
            return _broken(report, number, f"the custody receipt of {name} is not the one that was kept")
    return report


def _broken(report: AuditReport, number: int, problem: str) -> AuditReport:
    return AuditReport(False, report.rows, report.head, number, problem)
