from __future__ import annotations

from collections.abc import Callable

import peewee
import pytest

from offline_queue import audit, audit_rows
from offline_queue.models import Outcome
from offline_queue.signers import Signer
from offline_queue.states import Event
from offline_queue.store import Queue
from tests.unit.offline_queue.kit import submission
from tests.unit.offline_queue.test_store import UNSURE, accepted, claimed

TRIGGERS = ("audit_never_changes", "audit_never_goes", "audit_only_grows", "receipt_never_changes")
COLUMNS = "(id, at, boot, monotonic_ms, event, submission_id, detail, prev, hash)"


@pytest.fixture
def busy(queue: Queue, signer: Signer) -> Queue:
    """Three entries: custody, unknown, ready; eight audit rows."""
    for n in (1, 2, 3):
        queue.enqueue(submission(n), signer)
    claim = claimed(queue)
    queue.settle(claim, accepted(claim))
    queue.settle(claimed(queue), UNSURE)
    queue.quarantine_response(1, "response.signature", "forged", b"raw")
    return queue


def without_triggers(queue: Queue, *statements: str) -> Queue:
    for name in TRIGGERS:
        queue.database.sql(f"DROP TRIGGER {name}")
    for statement in statements:
        queue.database.sql(statement)
    return queue


def test_every_change_has_a_row_and_the_chain_holds(busy: Queue) -> None:
    report = busy.verify_audit()
    assert (report.ok, report.rows, report.first_broken, report.reason) == (True, 8, None, "")
    with busy.database.read() as tables:
        events = [row["event"] for row in audit.rows(tables)]
    assert events == ["enqueued"] * 3 + ["claim", "accepted", "claim", "unsure", "response_quarantined"]


def test_an_empty_chain_holds(queue: Queue) -> None:
    assert queue.verify_audit().head == "0" * 64


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET event = 'x' WHERE id = 2",
        "DELETE FROM audit WHERE id = 8",
        "DELETE FROM audit",
        f"INSERT INTO audit {COLUMNS} VALUES (3,'','',0,'x',NULL,'{{}}',x'',x'')",
        f"INSERT OR REPLACE INTO audit {COLUMNS} VALUES (3,'','',0,'x',NULL,'{{}}',x'',x'')",
        f"INSERT INTO audit {COLUMNS} VALUES (10,'','',0,'x',NULL,'{{}}',x'',x'')",
    ],
)
def test_the_database_itself_refuses_to_change_rows(busy: Queue, statement: str) -> None:
    with pytest.raises(peewee.IntegrityError):
        busy.database.sql(statement)
    assert busy.verify_audit().ok


@pytest.mark.parametrize("row", range(1, 9))
@pytest.mark.parametrize(
    "column",
    [
        "at = 'x'",
        "event = 'x'",
        "detail = '{}'",
        "detail = '{'",
        "boot = 'x'",
        "monotonic_ms = 1",
        "hash = x'00'",
    ],
)
def test_a_changed_row_is_named(busy: Queue, row: int, column: str) -> None:
    if column == "detail = '{}'" and row == 99:
        return
    report = without_triggers(busy, f"UPDATE audit SET {column} WHERE id = {row}").verify_audit()
    assert not report.ok
    assert report.first_broken == row


@pytest.mark.parametrize("row", range(1, 9))
def test_a_dropped_row_is_named(busy: Queue, row: int) -> None:
    report = without_triggers(busy, f"DELETE FROM audit WHERE id = {row}").verify_audit()
    assert (report.ok, report.first_broken) == (False, row)


def test_swapped_rows_are_named(busy: Queue) -> None:
    swap = [f"UPDATE audit SET id = {to} WHERE id = {now}" for now, to in ((4, 99), (5, 4), (99, 5))]
    assert without_triggers(busy, *swap).verify_audit().first_broken == 4


def rewritten(queue: Queue, keep: Callable[[dict[str, object]], bool]) -> Queue:
    """What somebody with the whole file and our program could do: write a new, consistent chain."""
    with queue.database.read() as tables:
        rows = [row for row in audit.rows(tables) if keep(row)]
    without_triggers(queue, "DELETE FROM audit", "DELETE FROM audit_seal")
    prev = audit.START
    with queue.database.write() as tables:
        for number, row in enumerate(rows, start=1):
            digest = audit.row_hash(prev, audit_rows.content(row | {"id": number}))
            tables.audit.insert(row | {"id": number, "prev": prev, "hash": digest}).execute()
            prev = digest
        tables.audit_head.update(last_id=len(rows), hash=prev).execute()
    return queue


def test_a_chain_rewritten_without_an_entry_contradicts_its_manifest(busy: Queue) -> None:
    report = rewritten(busy, lambda row: row["submission_id"] != "sub-2").verify_audit()
    assert not report.ok
    assert "sub-2" in report.reason


def test_a_chain_rewritten_without_a_receipt_contradicts_the_receipt(busy: Queue) -> None:
    report = rewritten(busy, lambda row: row["event"] != "accepted").verify_audit()
    assert not report.ok
    assert "custody receipt of sub-1" in report.reason


def test_a_changed_receipt_or_manifest_is_found(busy: Queue) -> None:
    without_triggers(busy, "UPDATE receipt SET receipt = x'7b7d'")
    assert "custody receipt of sub-1" in busy.verify_audit().reason
    busy.database.sql("DROP TRIGGER envelope_never_changes")
    busy.database.sql("UPDATE envelope SET manifest = x'7b'")
    assert "sub-1 was not enqueued" in busy.verify_audit().reason


def test_a_later_step_of_an_officer_is_in_the_chain(busy: Queue) -> None:
    busy.hold("sub-3", "wrong person")
    with busy.database.read() as tables:
        last = list(audit.rows(tables))[-1]
    assert (last["event"], last["submission_id"]) == (str(Event.HOLD), "sub-3")
    assert '"reason":"wrong person"' in last["detail"]
    assert Outcome(Event.HOLD).receipt is None
