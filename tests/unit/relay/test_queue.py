"""Claims, leases and fences of the senders, what the bureau answers, and who gets it."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from offline_queue.clock import SystemClock
from offline_queue.errors import DamagedEntry, EntryUnknown, LeaseLost, ResponseError, StateError
from offline_queue.models import Claim, Outcome, Receipt
from offline_queue.relay import answers, chain
from offline_queue.relay.queue import RelayQueue
from offline_queue.relay.sending import erase
from offline_queue.states import Event, State
from tests.kit.helpers import Background
from tests.unit.relay.kit import Desk


def receipt(claim: Claim, **changes: Any) -> Receipt:
    entry = claim.entry
    values: dict[str, Any] = {
        "raw": b"{}",
        "signature": b"sig",
        "gateway": "bureau",
        "submission_id": entry.submission_id,
        "tcn": entry.tcn,
        "sha256": entry.sha256,
        "size": entry.size,
        "received_at": SystemClock().utcnow(),
    }
    return Receipt(**values | changes)


def claimed(desk: Desk, worker: str = "w") -> Claim:
    claim = desk.queue.claim(worker, 30.0)
    assert claim is not None
    return claim


def accept(desk: Desk, claim: Claim) -> None:
    desk.queue.settle(claim, Outcome(Event.ACCEPTED, receipt=receipt(claim)))


def expire_leases(desk: Desk) -> None:
    desk.database.rows("UPDATE submission SET lease_until = clock_timestamp() - interval '1 second'")


def test_workers_share_stations_and_one_station_has_one_entry_in_flight(desk: Desk) -> None:
    for number, station in enumerate(desk.county.stations):
        for n in (1, 2):
            desk.hand_in(station, f"s-{number}-{n}")
    claims = [claimed(desk, f"w{n}") for n in range(3)]
    assert [claim.entry.submission_id for claim in claims] == ["s-0-1", "s-1-1", "s-2-1"]
    assert desk.queue.claim("w9", 30.0) is None
    accept(desk, claims[1])
    assert claimed(desk).entry.submission_id == "s-1-2"


def test_a_station_that_another_worker_is_claiming_is_skipped_not_waited_for(desk: Desk) -> None:

    desk.hand_in(desk.county.stations[0], "s-1")
    desk.hand_in(desk.county.stations[1], "s-2")
    found: list[Claim | None] = []

    def other() -> None:
        found.append(RelayQueue(desk.database, desk.vault).claim("other", 30.0))
        desk.database.close()

    with desk.database.write() as database:
        database.rows("SELECT 1 FROM station WHERE station_id = 'ST-001' FOR NO KEY UPDATE")
        Background(other).end()
    assert [claim and claim.entry.submission_id for claim in found] == ["s-2"]


def test_an_unknown_outcome_is_asked_for_before_it_is_sent_again(desk: Desk) -> None:
    desk.hand_in(desk.county.stations[0], "s-1")
    first = claimed(desk)
    assert first.kind == "send"
    desk.queue.settle(first, Outcome(Event.UNSURE, "gateway.deadline", "late"))
    assert desk.state("s-1") == "unknown"
    asked = claimed(desk)
    assert asked.kind == "ask"
    desk.queue.settle(asked, Outcome(Event.ABSENT))
    assert claimed(desk).kind == "send"


def test_a_late_worker_is_fenced_off(desk: Desk) -> None:
    desk.hand_in(desk.county.stations[0], "s-1")
    late = claimed(desk, "w1")
    expire_leases(desk)
    again = claimed(desk, "w1")
    assert (again.kind, again.token) == ("ask", late.token + 1)
    with pytest.raises(LeaseLost):
        accept(desk, late)
    accept(desk, again)
    assert desk.state("s-1") == "custody"
    assert len(desk.database.rows("SELECT * FROM receipt")) == 1


def test_a_worker_that_starts_again_ends_its_own_leases_only(desk: Desk) -> None:
    for number in (0, 1):
        desk.hand_in(desk.county.stations[number], f"s-{number}")
    claimed(desk, "w1")
    claimed(desk, "w2")
    assert desk.queue.recover("w1") == 1
    assert (desk.state("s-0"), desk.state("s-1")) == ("unknown", "sending")


def test_a_lease_or_a_wait_beyond_anything_we_schedule_is_void(desk: Desk) -> None:
    desk.hand_in(desk.county.stations[0], "s-1")
    claimed(desk)
    desk.database.rows("UPDATE submission SET lease_until = clock_timestamp() + interval '10 years'")
    again = claimed(desk)
    desk.queue.settle(again, Outcome(Event.UNSURE, delay_s=50.0))
    assert desk.queue.claim("w", 30.0) is None
    desk.database.rows("UPDATE submission SET retry_at = clock_timestamp() + interval '10 years'")
    assert claimed(desk).kind == "ask"


def test_another_entrys_receipt_closes_nothing(desk: Desk) -> None:
    desk.hand_in(desk.county.stations[0], "s-1")
    claim = claimed(desk)
    for wrong in (None, receipt(claim, sha256="0" * 64), receipt(claim, submission_id="other")):
        with pytest.raises(StateError):
            desk.queue.settle(claim, Outcome(Event.ACCEPTED, receipt=wrong))
    assert desk.state("s-1") == "sending"


def test_a_step_is_for_an_entry_of_the_station_that_is_named(desk: Desk) -> None:
    desk.hand_in(desk.county.stations[0], "s-1")
    with pytest.raises(EntryUnknown):
        desk.queue.step("ST-002", "s-1", Event.HOLD)
    assert desk.queue.step("ST-001", "s-1", Event.HOLD, "why").state is State.HELD


def test_damaged_bytes_are_found_before_they_are_sent(desk: Desk) -> None:
    desk.hand_in(desk.county.stations[0], "s-1", b"bytes" * 100)
    for change in ("sealed = sealed || '\\x00'", "sealed_sha256 = repeat('0', 64)"):
        desk.database.rows(f"UPDATE payload SET {change}")
        claimed(desk)
        with pytest.raises(DamagedEntry):
            desk.queue.payload("s-1")
        expire_leases(desk)
    desk.database.rows("DELETE FROM payload")
    with pytest.raises(DamagedEntry):
        desk.queue.payload("s-1")


def test_a_response_goes_to_the_station_whose_submission_it_names(desk: Desk) -> None:
    for number in (0, 1):
        desk.hand_in(desk.county.stations[number], f"s-{number}")
        accept(desk, claimed(desk))
    assert desk.queue.keep_response(1, "TCN-s-1", b"answer", tot="SRE", signature=b"sig")
    assert not desk.queue.keep_response(1, "TCN-s-1", b"answer", tot="SRE", signature=b"sig")
    given, more = answers.given(desk.database, desk.vault, "ST-002", 0, 10)
    assert ([(one.seq, one.tcr, one.content) for one in given], more) == ([(1, "TCN-s-1", b"answer")], False)
    assert answers.given(desk.database, desk.vault, "ST-001", 0, 10) == ([], False)
    assert (desk.state("s-0"), desk.state("s-1")) == ("custody", "answered")
    with pytest.raises(ResponseError):
        desk.queue.keep_response(1, "TCN-s-1", b"other", tot="SRE", signature=b"sig")


def test_a_response_before_the_receipt_still_marks_its_entry(desk: Desk) -> None:
    desk.hand_in(desk.county.stations[0], "s-1")
    claim = claimed(desk)
    assert desk.queue.keep_response(7, "TCN-s-1", b"early", tot="SRE", signature=b"s")
    accept(desk, claim)
    assert desk.state("s-1") == "answered"
    assert desk.queue.cursor() == 7


def test_an_unsolicited_response_goes_to_every_station_of_its_agency(desk: Desk) -> None:
    one, two, _ = desk.county.stations
    queue = RelayQueue(desk.database, desk.vault, lambda content: content.decode().split())
    assert queue.keep_response(1, "X", f"{one.ori} {two.ori}".encode(), tot="UNS", signature=b"s")
    assert queue.keep_response(2, "X", b"ZZ1111111", tot="UNS", signature=b"s")
    assert queue.keep_response(5, "X", two.ori.encode(), tot="UNS", signature=b"s")
    seqs = [
        [k.seq for k in answers.given(desk.database, desk.vault, s, 0, 9)[0]]
        for s in ("ST-001", "ST-002", "ST-003")
    ]
    assert seqs == [[1], [1, 2], []], "every station counts for itself, from 1, without gaps"
    page, more = answers.given(desk.database, desk.vault, "ST-002", 0, 1)
    assert (len(page), more) == (1, True)


def test_what_may_not_be_believed_is_kept_apart_once(desk: Desk) -> None:
    assert desk.queue.quarantine_response(3, "response.signature", "not signed", b"raw")
    assert not desk.queue.quarantine_response(3, "response.signature", "not signed", b"raw")
    desk.queue.move_cursor(3)
    desk.queue.move_cursor(1)
    assert desk.queue.cursor() == 3


def test_bytes_are_erased_when_the_bureau_has_had_them_long_enough(desk: Desk) -> None:
    for n in (1, 2):
        desk.hand_in(desk.county.stations[0], f"s-{n}")
    accept(desk, claimed(desk))
    assert erase(desk.database, 1) == 0
    assert erase(desk.database, 0) == 1
    assert erase(desk.database, 0) == 0
    left = desk.database.rows("SELECT submission_id FROM payload JOIN submission USING (seq)")
    assert left == [{"submission_id": "s-2"}], "what waits is never erased"


def test_the_chain_finds_a_row_that_was_changed_dropped_or_cut_off(desk: Desk) -> None:
    for n in range(4):
        desk.hand_in(desk.county.stations[0], f"s-{n}")
    whole = chain.verify(desk.database)
    assert (whole.ok, whole.rows) == (True, 3 + 4)
    for damage, found in (
        (
            "UPDATE audit SET detail = '{}' WHERE chain = 'ST-001' AND id = 2",
            "row 2: the row is not what was written",
        ),
        ("DELETE FROM audit WHERE chain = 'ST-001' AND id = 3", "row 3: a row is missing"),
        ("DELETE FROM audit WHERE chain = 'ST-001' AND id = 4", "rows are missing after 3"),
        ("UPDATE audit SET prev = hash WHERE chain = 'ST-001' AND id = 2", "does not follow"),
    ):
        with contextlib.suppress(ZeroDivisionError), desk.database.write() as database:
            database.rows("ALTER TABLE audit DISABLE TRIGGER never_changes")
            database.rows(damage)
            report = chain.verify(database)
            assert not report.ok
            assert found in report.problem
            raise ZeroDivisionError  # roll it back
    assert chain.verify(desk.database).ok
