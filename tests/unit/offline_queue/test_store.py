from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import peewee
import pytest

from offline_queue import cms
from offline_queue.envelope import Manifest
from offline_queue.errors import (
    DamagedEntry,
    EntryUnknown,
    LeaseLost,
    QueueConflict,
    QueueError,
    QueueFull,
    SignerError,
    StateError,
    VaultError,
)
from offline_queue.models import Claim, Outcome, Receipt
from offline_queue.signers import Signer
from offline_queue.states import Event, State
from offline_queue.store import Limits, Queue, free_bytes
from offline_queue.vault import Vault
from station.sim.pki import PkiPaths
from tests.conftest import FrozenClock
from tests.kit.helpers import Background
from tests.unit.offline_queue.kit import AT, submission

UNSURE = Outcome(Event.UNSURE, "gateway.deadline", "no answer", 30.0)
NOT_SENT = Outcome(Event.NOT_SENT, "gateway.unreachable", "nobody there")


def receipt_for(claim: Claim) -> Receipt:
    entry = claim.entry
    return Receipt(b'{"x":1}', b"cms", "GW", entry.submission_id, entry.tcn, entry.sha256, entry.size, AT)


def accepted(claim: Claim) -> Outcome:
    return Outcome(Event.ACCEPTED, receipt=receipt_for(claim))


def claimed(queue: Queue, worker: str = "w", lease_s: float = 60) -> Claim:
    claim = queue.claim(worker, lease_s)
    assert claim is not None
    return claim


def test_what_went_in_comes_out_signed_and_whole(queue: Queue, signer: Signer, pki: PkiPaths) -> None:
    given = submission()
    entry = queue.enqueue(given, signer)
    digest = hashlib.sha256(given.payload).hexdigest()
    assert (entry.state, entry.seq, entry.sha256, entry.size) == (State.READY, 1, digest, len(given.payload))
    assert (entry.attempts, entry.last_error, entry.next_attempt_s, entry.receipt_at) == (0, None, 0.0, None)
    assert entry.created_at == AT
    assert queue.payload("sub-1") == given.payload
    manifest = Manifest.from_bytes(queue.manifest("sub-1"))
    assert (manifest.sha256, manifest.seq, manifest.prev_audit) == (digest, 1, "0" * 64)
    cms.verify_detached(queue.manifest("sub-1"), queue.signature("sub-1"), pki.station_ca.read_bytes(), AT)
    assert queue.receipt("sub-1") is None
    assert queue.receipt_signature("sub-1") is None
    assert json.dumps(entry.as_dict())


def test_each_manifest_names_the_audit_head_before_it(queue: Queue, signer: Signer) -> None:
    queue.enqueue(submission(1), signer)
    head = queue.verify_audit().head
    queue.enqueue(submission(2), signer)
    assert Manifest.from_bytes(queue.manifest("sub-2")).prev_audit == head


def test_the_same_submission_twice_is_one_entry(queue: Queue, signer: Signer) -> None:
    first = queue.enqueue(submission(), signer)
    assert queue.enqueue(submission(), signer) == first
    assert len(queue.entries()) == 1
    assert queue.verify_audit().rows == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"payload": b"other"},
        {"payload": b"other", "tcn": "OTHER"},
        {"tcn": "OTHER"},
        {"submission_id": "other"},
    ],
)
def test_an_id_or_tcn_of_other_bytes_is_a_conflict(
    queue: Queue, signer: Signer, changes: dict[str, object]
) -> None:
    queue.enqueue(submission(), signer)
    with pytest.raises(QueueConflict) as error:
        queue.enqueue(submission(**changes), signer)
    assert error.value.code == "queue.conflict"
    assert len(queue.entries()) == 1


def test_a_signer_that_fails_leaves_nothing_behind(queue: Queue, signer: Signer) -> None:
    class Broken:
        certificate, chain = signer.certificate, signer.chain

        def sign(self, data: bytes) -> bytes:
            raise SignerError("signer.gone", "token removed")

    with pytest.raises(SignerError):
        queue.enqueue(submission(), Broken())
    assert queue.entries() == []
    assert queue.verify_audit().rows == 0
    assert queue.enqueue(submission(), signer).seq == 1


def test_nothing_readable_of_the_payload_is_in_the_files(
    opened: Callable[..., Queue], signer: Signer, tmp_path: Path
) -> None:
    queue = opened()
    queue.enqueue(submission(payload=b"DOE, JANE 1970-01-01 " * 40), signer)
    queue.keep_response(1, "TCN0000001", b"DOE, JANE again " * 40, tot="SRE", signature=b"s")
    queue.quarantine_response(None, "response.malformed", "?", b"DOE, JANE raw " * 40)
    for path in tmp_path.iterdir():
        assert b"DOE, JANE" not in path.read_bytes()
    assert queue.quarantined_responses()[0].raw.startswith(b"DOE, JANE raw")


def test_an_entry_survives_reopening(opened: Callable[..., Queue], signer: Signer) -> None:
    before = opened().enqueue(submission(), signer)
    again = opened()
    assert again.entry("sub-1") == before
    assert again.payload("sub-1") == submission().payload


def test_entries_are_found_by_id_tcn_and_state(queue: Queue, signer: Signer) -> None:
    for n in (1, 2, 3):
        queue.enqueue(submission(n), signer)
    queue.settle(claimed(queue), UNSURE)
    assert [entry.seq for entry in queue.entries("ready")] == [2, 3]
    assert queue.counts() == {"ready": 2, "unknown": 1}
    assert queue.find("TCN0000002").submission_id == queue.find("sub-2").submission_id == "sub-2"


@pytest.mark.parametrize("read", ["entry", "find", "payload", "manifest", "signature", "receipt", "attempts"])
def test_an_unknown_entry_is_a_typed_error(queue: Queue, read: str) -> None:
    with pytest.raises(EntryUnknown) as error:
        getattr(queue, read)("nobody")
    assert error.value.code == "queue.no_such_entry"


def test_a_claim_takes_the_oldest_and_leases_it(queue: Queue, signer: Signer) -> None:
    for n in (1, 2):
        queue.enqueue(submission(n), signer)
    first, second = claimed(queue), claimed(queue)
    assert (first.entry.submission_id, first.kind, first.entry.state) == ("sub-1", "send", State.SENDING)
    assert second.entry.submission_id == "sub-2"
    assert queue.claim("w", 60) is None


def test_a_higher_priority_goes_first(queue: Queue, signer: Signer) -> None:
    queue.enqueue(submission(1), signer)
    queue.enqueue(submission(2, priority=5), signer)
    assert claimed(queue).entry.submission_id == "sub-2"


def test_custody_closes_the_entry_and_keeps_the_receipt(queue: Queue, signer: Signer) -> None:
    queue.enqueue(submission(), signer)
    claim = claimed(queue)
    entry = queue.settle(claim, accepted(claim))
    assert (entry.state, entry.receipt_at, entry.last_error, entry.next_attempt_s) == (
        State.CUSTODY,
        AT,
        None,
        None,
    )
    assert queue.receipt("sub-1") == b'{"x":1}'
    assert queue.receipt_signature("sub-1") == b"cms"
    assert queue.claim("w", 60) is None
    assert queue.verify_audit().ok


def test_a_receipt_of_another_entry_is_refused_by_the_store_too(queue: Queue, signer: Signer) -> None:
    queue.enqueue(submission(1), signer)
    queue.enqueue(submission(2), signer)
    first, second = claimed(queue), claimed(queue)
    for wrong in (accepted(second), Outcome(Event.ACCEPTED)):
        with pytest.raises(StateError):
            queue.settle(first, wrong)
    assert queue.entry("sub-1").state is State.SENDING


def test_an_unknown_outcome_is_asked_for_before_it_is_sent_again(
    queue: Queue, signer: Signer, clock: FrozenClock
) -> None:
    queue.enqueue(submission(), signer)
    entry = queue.settle(claimed(queue), UNSURE)
    assert (entry.state, entry.next_attempt_s) == (State.UNKNOWN, 30.0)
    assert entry.last_error == "gateway.deadline: no answer"
    assert queue.claim("w", 60) is None
    clock.move(31)
    asking = claimed(queue)
    assert asking.kind == "ask"
    assert queue.settle(asking, Outcome(Event.ABSENT)).state is State.READY
    assert claimed(queue).kind == "send"
    assert [attempt.kind for attempt in queue.attempts("sub-1")] == ["send", "ask", "send"]


def test_an_attempt_keeps_how_it_ended(queue: Queue, signer: Signer, clock: FrozenClock) -> None:
    queue.enqueue(submission(), signer)
    claim = claimed(queue)
    assert queue.attempts("sub-1")[0].ended_at is None
    clock.move(2)
    queue.settle(claim, NOT_SENT)
    (attempt,) = queue.attempts("sub-1")
    assert (attempt.outcome, attempt.code, attempt.worker) == ("not_sent", "gateway.unreachable", "w")
    assert attempt.ended_at is not None
    assert (attempt.ended_at - attempt.started_at).total_seconds() == 2


def test_a_lease_that_ran_out_leaves_the_outcome_unknown(
    queue: Queue, signer: Signer, clock: FrozenClock
) -> None:
    queue.enqueue(submission(), signer)
    lost = claimed(queue, "first", 60)
    clock.move(61)
    taken = claimed(queue, "second")
    assert taken.kind == "ask"
    with pytest.raises(LeaseLost):
        queue.settle(lost, accepted(lost))
    assert [attempt.outcome for attempt in queue.attempts("sub-1")] == ["lease_expired", None]


def test_a_worker_that_starts_again_ends_its_own_leases_only(queue: Queue, signer: Signer) -> None:
    for n in (1, 2):
        queue.enqueue(submission(n), signer)
    claimed(queue, "mine")
    claimed(queue, "other")
    assert queue.recover("mine") == 1
    assert [entry.state for entry in queue.entries()] == [State.UNKNOWN, State.SENDING]


def test_a_reboot_voids_leases_and_waiting_times(opened: Callable[..., Queue], signer: Signer) -> None:
    before = opened()
    for n in (1, 2):
        before.enqueue(submission(n), signer)
    before.settle(claimed(before), Outcome(Event.UNSURE, "x", "", 3000.0))
    claimed(before, lease_s=3000)
    after = opened(boot=lambda: "boot-2", clock=FrozenClock())
    assert after.entry("sub-1").next_attempt_s == 0.0
    assert claimed(after).entry.submission_id == "sub-1"
    assert claimed(after).entry.submission_id == "sub-2"


def test_a_wall_clock_step_changes_nothing(queue: Queue, signer: Signer, clock: FrozenClock) -> None:
    queue.enqueue(submission(), signer)
    queue.settle(claimed(queue), UNSURE)
    for years in (-56, 66):
        clock.step_wall(years * 365 * 86400)
        assert queue.claim("w", 60) is None
        assert queue.entry("sub-1").next_attempt_s == 30.0


def test_a_time_further_ahead_than_we_ever_schedule_is_void(
    queue: Queue, signer: Signer, clock: FrozenClock
) -> None:
    queue.enqueue(submission(), signer)
    queue.settle(claimed(queue), UNSURE)
    clock.move(-100_000)
    assert queue.entry("sub-1").next_attempt_s == 0.0
    assert claimed(queue).kind == "ask"


def test_a_definite_refusal_goes_to_quarantine_and_stops_nobody(queue: Queue, signer: Signer) -> None:
    for n in (1, 2):
        queue.enqueue(submission(n), signer)
    refused = queue.settle(
        claimed(queue), Outcome(Event.REFUSED, "gateway.refused.record.invalid", "2.018\x07" * 200)
    )
    assert refused.state is State.QUARANTINED
    assert refused.last_error is not None
    assert refused.last_error.isprintable()
    assert len(refused.last_error) <= 500
    assert claimed(queue).entry.submission_id == "sub-2"
    assert queue.retry("sub-1", "corrected at the bureau").state is State.UNKNOWN


def test_an_officer_holds_and_releases(queue: Queue, signer: Signer) -> None:
    queue.enqueue(submission(), signer)
    assert queue.hold("sub-1", "wrong person").state is State.HELD
    assert queue.claim("w", 60) is None
    assert queue.release("sub-1").state is State.UNKNOWN
    assert claimed(queue).kind == "ask"
    with pytest.raises(StateError):
        queue.hold("sub-1")
    with pytest.raises(EntryUnknown):
        queue.hold("nobody")


def test_network_trouble_never_leads_to_quarantine(queue: Queue, signer: Signer, clock: FrozenClock) -> None:
    queue.enqueue(submission(), signer)
    for _ in range(50):
        queue.settle(claimed(queue), UNSURE)
        clock.move(31)
    assert queue.entry("sub-1").state is State.UNKNOWN
    assert queue.entry("sub-1").attempts == 50


def test_a_full_disk_refuses_before_anything_is_written(opened: Callable[..., Queue], signer: Signer) -> None:
    space = [64 * 2**20 + 10_000]
    queue = opened(free=lambda _: space[0])
    with pytest.raises(QueueFull) as error:
        queue.enqueue(submission(payload=bytes(6000)), signer)
    assert (error.value.code, error.value.exit_code) == ("queue.disk_low", 3)
    assert queue.entries() == []
    space[0] += 10_000
    queue.enqueue(submission(payload=bytes(6000)), signer)
    space[0] = 0
    assert queue.enqueue(submission(payload=bytes(6000)), signer).seq == 1


def test_too_many_waiting_entries_refuse_a_new_one_until_one_is_gone(
    opened: Callable[..., Queue], signer: Signer
) -> None:
    queue = opened(limits=Limits(open_entries=2))
    for n in (1, 2):
        queue.enqueue(submission(n), signer)
    with pytest.raises(QueueFull) as error:
        queue.enqueue(submission(3), signer)
    assert error.value.code == "queue.full"
    claim = claimed(queue)
    queue.settle(claim, accepted(claim))
    queue.enqueue(submission(3), signer)


def test_free_space_is_that_of_the_disk(tmp_path: Path) -> None:
    assert free_bytes(tmp_path) > 0


def test_damaged_bytes_are_found_before_they_are_sent(queue: Queue, signer: Signer) -> None:
    for n in (1, 2):
        queue.enqueue(submission(n), signer)
    queue.database.sql("UPDATE payload SET sealed = x'00' || substr(sealed, 2) WHERE seq = 1")
    with pytest.raises(DamagedEntry):
        queue.payload("sub-1")
    report = queue.check()
    assert (report.ok, report.entries) == (False, 2)
    assert report.problems[0].startswith("sub-1")
    assert queue.payload("sub-2") == submission(2).payload
    queue.database.sql("UPDATE payload SET sealed = 'text' WHERE seq = 1")
    with pytest.raises(DamagedEntry):
        queue.payload("sub-1")
    queue.database.sql("DELETE FROM payload WHERE seq = 2")
    with pytest.raises(DamagedEntry):
        queue.payload("sub-2")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE envelope SET manifest = (SELECT manifest FROM envelope WHERE seq = 2) WHERE seq = 1",
        "UPDATE envelope SET signature = (SELECT signature FROM envelope WHERE seq = 2) WHERE seq = 1",
        "UPDATE envelope SET manifest = x'7b7d' WHERE seq = 1",
        "UPDATE envelope SET signature = x'30' WHERE seq = 1",
    ],
)
def test_a_damaged_manifest_or_signature_is_found_before_it_is_sent(
    queue: Queue, signer: Signer, statement: str
) -> None:
    for n in (1, 2):
        queue.enqueue(submission(n), signer)
    queue.database.sql("DROP TRIGGER envelope_never_changes")
    queue.database.sql(statement)
    with pytest.raises(DamagedEntry):
        queue.signature("sub-1")
    assert [problem.partition(":")[0] for problem in queue.check().problems] == ["sub-1"]


def test_payloads_swapped_between_entries_are_found(queue: Queue, signer: Signer) -> None:
    for n in (1, 2):
        queue.enqueue(submission(n), signer)
    queue.database.sql("UPDATE payload SET sealed = (SELECT sealed FROM payload WHERE seq = 2) WHERE seq = 1")
    with pytest.raises(DamagedEntry):
        queue.payload("sub-1")


def test_a_changed_digest_is_found(queue: Queue, signer: Signer) -> None:
    queue.enqueue(submission(), signer)
    queue.database.sql(f"UPDATE submission SET sha256 = '{'0' * 64}'")
    with pytest.raises(DamagedEntry):
        queue.payload("sub-1")


def test_a_lost_station_key_is_not_mistaken_for_damage(
    tmp_path: Path, opened: Callable[..., Queue], signer: Signer, clock: FrozenClock
) -> None:
    opened().enqueue(submission(), signer)
    with Queue.open(tmp_path / "queue.db", Vault(bytes(32)), clock, station_id="ST-1") as other:
        with pytest.raises(VaultError) as error:
            other.payload("sub-1")
        assert error.value.code == "vault.other_key"
        assert not other.check().ok


def test_a_response_is_kept_once_and_marks_its_entry(queue: Queue, signer: Signer) -> None:
    queue.enqueue(submission(), signer)
    claim = claimed(queue)
    queue.settle(claim, accepted(claim))
    assert queue.keep_response(5, "TCN0000001", b"sre", tot="SRE", signature=b"s")
    assert not queue.keep_response(5, "TCN0000001", b"sre", tot="SRE", signature=b"s")
    assert not queue.keep_response(6, "TCN0000001", b"sre", tot="SRE", signature=b"s")
    assert queue.entry("sub-1").state is State.ANSWERED
    assert queue.cursor() == 6
    (kept,) = queue.responses()
    assert (kept.seq, kept.tcr, kept.tot, kept.content, kept.signature) == (
        5,
        "TCN0000001",
        "SRE",
        b"sre",
        b"s",
    )
    assert queue.keep_response(7, "TCN0000001", b"second stage", tot="SRE", signature=b"s")
    assert [response.seq for response in queue.responses(after=5)] == [7]
    queue.move_cursor(3)
    assert queue.cursor() == 7


def test_an_answer_before_the_receipt_counts_once_the_receipt_is_there(queue: Queue, signer: Signer) -> None:
    queue.enqueue(submission(), signer)
    claim = claimed(queue)
    queue.keep_response(1, "TCN0000001", b"sre", tot="SRE", signature=b"s")
    assert queue.entry("sub-1").state is State.SENDING
    assert queue.settle(claim, accepted(claim)).state is State.ANSWERED


def test_an_unsolicited_response_is_kept(queue: Queue) -> None:
    assert queue.keep_response(1, "NOBODYS", b"hello", tot="SRE", signature=b"s")
    assert queue.responses()[0].tcr == "NOBODYS"


def test_a_response_number_with_other_bytes_is_refused(queue: Queue) -> None:
    queue.keep_response(1, "T", b"one", tot="SRE", signature=b"s")
    queue.keep_response(2, "T", b"two", tot="SRE", signature=b"s")
    for other in (b"three", b"two"):
        with pytest.raises(QueueError) as error:
            queue.keep_response(1, "T", other, tot="SRE", signature=b"s")
        assert error.value.code == "response.changed"


def test_a_damaged_response_is_named_and_hides_no_other(queue: Queue) -> None:
    queue.keep_response(1, "T", b"one", tot="SRE", signature=b"s")
    queue.keep_response(2, "T", b"two", tot="SRE", signature=b"s")
    queue.database.sql("UPDATE response SET sealed = zeroblob(200) WHERE seq = 1")
    assert [response.content for response in queue.responses()] == [b"two"]
    assert queue.check().problems == ("response 1: damaged",)


def test_an_unbelievable_response_is_put_aside_once(queue: Queue) -> None:
    assert queue.quarantine_response(4, "response.signature", "forged", b"raw")
    assert not queue.quarantine_response(4, "response.signature", "forged", b"raw")
    (aside,) = queue.quarantined_responses()
    assert (aside.seq, aside.code, aside.raw) == (4, "response.signature", b"raw")
    assert queue.cursor() == 0


def test_what_was_signed_cannot_be_changed_in_place(queue: Queue, signer: Signer) -> None:
    queue.enqueue(submission(), signer)
    claim = claimed(queue)
    queue.settle(claim, accepted(claim))
    for statement in ("UPDATE envelope SET manifest = x''", "UPDATE receipt SET receipt = x''"):
        with pytest.raises(peewee.IntegrityError):
            queue.database.sql(statement)


def test_threads_share_one_queue(queue: Queue, signer: Signer) -> None:
    threads = [Background(queue.enqueue, submission(n), signer) for n in range(1, 9)]
    for thread in threads:
        thread.end()
    assert sorted(entry.submission_id for entry in queue.entries()) == [f"sub-{n}" for n in range(1, 9)]
    assert queue.verify_audit().ok
