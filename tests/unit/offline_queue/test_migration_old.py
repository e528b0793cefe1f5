"""From schema 1 with an entry in every state that it knew: nothing is lost, altered or doubled; it can be undone."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from offline_queue import database as database_module
from offline_queue.clock import SystemClock
from offline_queue.database import Database
from offline_queue.migrations import migrations
from offline_queue.models import Claim, Outcome, Receipt
from offline_queue.receipts import Verifier
from offline_queue.signers import Signer
from offline_queue.states import Event, State
from offline_queue.store import Queue
from offline_queue.sync import Sync
from offline_queue.vault import Vault
from station.bench import queue_old
from tests.conftest import FrozenClock
from tests.unit.offline_queue.kit import AT, MemoryGateway, Stored, receipt_bytes, sign, submission

WERE = {
    "sub-1": State.CUSTODY,
    "sub-2": State.ANSWERED,
    "sub-3": State.QUARANTINED,
    "sub-4": State.UNKNOWN,
    "sub-5": State.HELD,
    "sub-6": State.ASKING,
    "sub-7": State.SENDING,
    "sub-8": State.READY,
}
Rows = dict[str, list[tuple[object, ...]]]


@pytest.fixture
def old(tmp_path: Path, vault: Vault, signer: Signer, gateway_signer: Signer) -> Path:
    """The file as the first program left it."""

    def live(queue: Queue) -> None:
        def claimed() -> Claim:
            claim = queue.claim("sync", 60)
            assert claim is not None
            return claim

        def taken() -> None:
            claim = claimed()
            signed = sign(receipt_bytes(claim.entry), gateway_signer)
            said = (claim.entry.submission_id, claim.entry.tcn, claim.entry.sha256, claim.entry.size)
            receipt = Receipt(signed.receipt, signed.signature, "SIMULATED", *said, received_at=AT)
            queue.settle(claim, Outcome(Event.ACCEPTED, receipt=receipt))

        taken()
        taken()
        queue.keep_response(1, submission(2).tcn, b"an answer", tot="SRE", signature=b"its signature")
        queue.quarantine_response(2, "response.signature", "not signed", b"no answer")
        queue.settle(claimed(), Outcome(Event.REFUSED, "gateway.refused.record", "no name", refused=True))
        queue.settle(claimed(), Outcome(Event.UNSURE, "gateway.deadline", "no answer", delay_s=3000))
        queue.hold("sub-5", "an officer looks at it")
        queue.settle(claimed(), Outcome(Event.UNSURE, "gateway.deadline", "no answer"))
        assert (claimed().kind, claimed().kind) == ("ask", "send")

    path = tmp_path / "queue.db"
    queue_old.make(path, vault, signer, "ST-1", [submission(n) for n in range(1, 9)], live)
    return path


def rows(path: Path, shape: Rows | None = None) -> Rows:
    """Every row of every table, in the columns of schema 1: the file's own, or those of `shape`'s file."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as base:
        tables = [
            name
            for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
            if not name.startswith("sqlite_") and (shape is None or name in shape)
        ]
        found: Rows = {}
        for table in tables:
            columns = ", ".join(COLUMNS[table])
            found[table] = base.execute(f"SELECT {columns} FROM {table} ORDER BY 1, 2").fetchall()
        return found


def _columns() -> dict[str, list[str]]:
    with closing(sqlite3.connect(":memory:")) as base:
        for statement in migrations()[1]:
            base.execute(statement)
        names = base.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {name: [row[1] for row in base.execute(f"PRAGMA table_info({name})")] for (name,) in names}


COLUMNS = _columns()


def test_the_old_file_holds_every_state_of_its_schema(old: Path) -> None:
    with closing(sqlite3.connect(old)) as base:
        assert base.execute("PRAGMA user_version").fetchone() == (1,)
        found = dict(base.execute("SELECT submission_id, state FROM submission").fetchall())
        (allowed,) = base.execute("SELECT sql FROM sqlite_master WHERE name = 'submission'").fetchone()
    assert found == {name: str(state) for name, state in WERE.items()}
    assert all(f"'{state}'" in allowed for state in State), "schema 1 knew the same eight"
    assert all(rows(old)[table] for table in COLUMNS if table != "sqlite_sequence")


def test_every_entry_its_proofs_and_the_audit_chain_come_through(
    old: Path, opened: Callable[..., Queue], gateway_signer: Signer
) -> None:
    before = rows(old)
    queue = opened()
    assert queue.database.sql("PRAGMA user_version") == [(max(migrations()),)]
    assert rows(old, before) == before, "every value of every old column"
    assert {entry.submission_id: entry.state for entry in queue.entries()} == WERE
    for n, name in enumerate(WERE, start=1):
        assert queue.payload(name) == submission(n).payload
        assert queue.manifest(name)
        assert queue.signature(name)
    for name in ("sub-1", "sub-2"):
        assert queue.receipt(name) == receipt_bytes(queue.entry(name))
        assert queue.receipt_signature(name)
    assert [attempt.kind for attempt in queue.attempts("sub-6")] == ["send", "ask"]
    assert [response.content for response in queue.responses()] == [b"an answer"]
    assert [each.raw for each in queue.quarantined_responses()] == [b"no answer"]
    assert queue.cursor() == 1
    report = queue.verify_audit()
    assert report.ok, report.reason
    assert report.rows == len(before["audit"]) > 20
    assert queue.check().ok


def test_what_was_there_goes_on_and_arrives_once(
    old: Path, opened: Callable[..., Queue], gateway: MemoryGateway, verifier: Verifier, clock: FrozenClock
) -> None:
    queue = opened()
    entry = queue.entry("sub-7")
    gateway.stored["sub-7"] = Stored("sub-7", entry.tcn, entry.sha256, entry.size)  # sent, the answer lost
    queue.recover("sync")
    queue.release("sub-5")
    queue.retry("sub-3")
    Sync(queue, gateway, verifier, clock, "sync").drain()
    assert set(queue.counts()) <= {State.CUSTODY, State.ANSWERED}
    sent = Counter(name for verb, name in gateway.calls if verb == "submit")
    assert sent == Counter(["sub-3", "sub-4", "sub-5", "sub-6", "sub-8"])
    assert queue.verify_audit().ok
    assert queue.check().ok


def test_the_copy_made_before_opens_with_the_old_schema_and_migrates_again(
    old: Path, opened: Callable[..., Queue], vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rows(old)
    opened().hold("sub-8", "changed after the migration")
    copy = old.with_name("queue.db.before-2")
    assert rows(copy) == before
    with monkeypatch.context() as patch:
        patch.setattr(database_module, "migrations", lambda: {1: migrations()[1]})
        first = Database.open(copy, SystemClock())
        assert first.sql("PRAGMA user_version") == [(1,)]
        assert first.sql("SELECT count(*) FROM submission") == [(len(WERE),)]
        assert first.sql("PRAGMA integrity_check") == [("ok",)]
        first.close()
    with Queue.open(copy, vault, SystemClock(), station_id="ST-1") as again:
        assert {entry.submission_id: entry.state for entry in again.entries()} == WERE
        assert again.verify_audit().ok
