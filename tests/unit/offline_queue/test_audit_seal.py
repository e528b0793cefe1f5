from __future__ import annotations

from collections.abc import Callable

import peewee
import pytest

from offline_queue import canonical, cms
from offline_queue.signers import Signer
from offline_queue.store import Queue
from station.sim.pki import PkiPaths
from tests.conftest import FrozenClock
from tests.unit.offline_queue.kit import submission


def seals(queue: Queue) -> list[dict[str, object]]:
    rows = queue.database.sql("SELECT statement FROM audit_seal ORDER BY audit_id")
    return [canonical.loads(bytes(row[0])) for row in rows]


def test_each_submission_signs_the_head_that_has_its_row(queue: Queue, signer: Signer, pki: PkiPaths) -> None:
    queue.enqueue(submission(1), signer)
    queue.enqueue(submission(2), signer)
    first, second = seals(queue)
    assert first == {
        "schema": 1,
        "station_id": "ST-1",
        "audit_id": 1,
        "hash": queue.database.sql("SELECT hash FROM audit WHERE id = 1")[0][0].hex(),
        "at": "2026-03-02T09:30:00.000Z",
        "boot": "boot-1",
        "monotonic_ms": 1_000_000,
        "trust": "confirmed",
        "reason": "submission",
    }
    assert second["hash"] == queue.verify_audit().head
    statement, signature = queue.database.sql("SELECT statement, signature FROM audit_seal")[0]
    who = cms.verify_detached(
        statement, signature, pki.station_ca.read_bytes(), queue.database.clock.utcnow()
    )
    assert who.certificate == signer.certificate


def test_the_head_is_signed_once_a_boot_and_once_an_hour(
    queue: Queue, opened: Callable[..., Queue], signer: Signer, clock: FrozenClock
) -> None:
    assert queue.seal_audit_when_due(signer) == "boot"
    assert queue.seal_audit_when_due(signer) is None
    clock.move(3599)
    assert queue.seal_audit_when_due(signer) is None
    clock.move(1)
    assert queue.seal_audit_when_due(signer) == "hourly"
    assert opened(boot=lambda: "boot-2").seal_audit_when_due(signer) == "boot"
    assert [seal["reason"] for seal in seals(queue)] == ["boot", "hourly", "boot"]
    assert queue.verify_audit().ok


def test_a_head_is_signed_once_and_an_empty_chain_not_at_all(queue: Queue, signer: Signer) -> None:
    assert queue.seal_audit(signer) is False
    queue.enqueue(submission(), signer)
    assert queue.seal_audit(signer) is False
    queue.hold("sub-1")
    assert queue.seal_audit(signer, "export") is True


def test_a_signed_head_is_never_changed(queue: Queue, signer: Signer) -> None:
    queue.enqueue(submission(), signer)
    with pytest.raises(peewee.IntegrityError):
        queue.database.sql("UPDATE audit_seal SET reason = 'boot'")


def damaged(queue: Queue, signer: Signer, *statements: str) -> tuple[int | None, str]:
    queue.enqueue(submission(1), signer)
    queue.enqueue(submission(2), signer)
    for name in ("audit_never_changes", "audit_never_goes", "audit_seal_never_changes"):
        queue.database.sql(f"DROP TRIGGER {name}")
    for statement in statements:
        queue.database.sql(statement)
    report = queue.verify_audit()
    assert not report.ok
    return report.first_broken, report.reason


def test_rows_cut_off_together_with_the_head_are_named_by_the_signed_one(
    queue: Queue, signer: Signer
) -> None:
    found = damaged(
        queue,
        signer,
        "DELETE FROM audit WHERE id = 2",
        "UPDATE audit_head SET last_id = 1, hash = (SELECT hash FROM audit WHERE id = 1)",
    )
    assert found == (2, "rows are missing at the end: a signed head names more")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_seal SET signature = x'00' WHERE audit_id = 2",
        "UPDATE audit_seal SET statement = x'7b7d' WHERE audit_id = 2",
        "UPDATE audit_seal SET statement = (SELECT statement FROM audit_seal WHERE audit_id = 1) WHERE audit_id = 2",
    ],
)
def test_a_damaged_signed_head_is_named(queue: Queue, signer: Signer, statement: str) -> None:
    assert damaged(queue, signer, statement) == (2, "the signed head of this row is damaged")


@pytest.mark.parametrize("statement", ["UPDATE audit_seal SET reason = 'boot' WHERE audit_id = 2"])
def test_a_signed_head_with_another_reason_is_named(queue: Queue, signer: Signer, statement: str) -> None:
    assert damaged(queue, signer, statement) == (2, "the signed head of this row speaks of another")


def test_a_row_rewritten_with_a_good_hash_contradicts_its_signed_head(queue: Queue, signer: Signer) -> None:
    queue.enqueue(submission(1), signer)
    statement, signature = queue.database.sql("SELECT statement, signature FROM audit_seal")[0]
    queue.database.sql("DROP TRIGGER audit_seal_never_changes")
    said = canonical.loads(statement) | {"hash": "00" * 32}
    other = canonical.dumps(said)
    signed = cms.sign_detached(other, signer, queue.database.clock.utcnow())
    queue.database.sql("UPDATE audit_seal SET statement = ?, signature = ?", (other, signed))
    assert queue.verify_audit().reason == "the row is not the one whose hash was signed"
    assert signature != signed
