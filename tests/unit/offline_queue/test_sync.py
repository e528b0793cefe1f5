from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from offline_queue.backoff import LONGEST_S, Backoff
from offline_queue.errors import LeaseLost, StoreFault
from offline_queue.receipts import Verifier
from offline_queue.signers import Signer
from offline_queue.states import State
from offline_queue.store import Queue
from offline_queue.sync import TICK_S, StepReport, Sync
from offline_queue.wire import BadItem, SignedReceipt
from tests.conftest import FrozenClock
from tests.unit.offline_queue.kit import (
    MemoryGateway,
    not_sent,
    receipt_bytes,
    refused,
    sign,
    submission,
    unsure,
)

FIXED = Backoff(base_s=2.0, cap_s=60.0, jitter=lambda: 0.0)


@pytest.fixture
def sync(queue: Queue, gateway: MemoryGateway, verifier: Verifier, clock: FrozenClock) -> Sync:
    return Sync(queue, gateway, verifier, clock, "sync", deadline_s=10, poll_s=5, backoff=FIXED)


@pytest.fixture
def three(queue: Queue, signer: Signer) -> Queue:
    for n in (1, 2, 3):
        queue.enqueue(submission(n), signer)
    return queue


def states(queue: Queue) -> list[str]:
    return [str(entry.state) for entry in queue.entries()]


def test_everything_due_is_sent_in_order_once(sync: Sync, three: Queue, gateway: MemoryGateway) -> None:
    report = sync.step()
    assert report == StepReport(accepted=3)
    assert report.busy
    assert states(three) == ["custody"] * 3
    assert gateway.calls == [
        ("submit", "sub-1"),
        ("submit", "sub-2"),
        ("submit", "sub-3"),
        ("responses", "0"),
    ]
    assert gateway.stored["sub-2"].sha256 == three.entry("sub-2").sha256
    assert sync.step() == StepReport()


def test_an_accepted_submission_whose_answer_was_lost_is_not_sent_twice(
    sync: Sync, three: Queue, gateway: MemoryGateway, clock: FrozenClock
) -> None:
    gateway.script["sub-1"] = [("after", unsure()), None]
    assert sync.step().unsure == 1
    assert states(three) == ["unknown", "custody", "custody"]
    clock.move(3)
    assert sync.step().accepted == 1
    assert [call for call in gateway.calls if call[1] == "sub-1"] == [
        ("submit", "sub-1"),
        ("status", "sub-1"),
    ]


def test_a_lost_request_is_asked_for_and_then_sent_again(
    sync: Sync, three: Queue, gateway: MemoryGateway, clock: FrozenClock
) -> None:
    gateway.script["sub-1"] = [unsure(), None]
    sync.step()
    clock.move(3)
    report = sync.step()
    assert (report.absent, report.accepted) == (1, 1)
    mine = [what for what, name in gateway.calls if name == "sub-1"]
    assert mine == ["submit", "status", "submit"]


def test_a_gateway_that_is_away_ends_the_pass_and_keeps_the_order(
    sync: Sync, three: Queue, gateway: MemoryGateway
) -> None:
    gateway.script["*"] = [not_sent(), None]
    report = sync.step()
    assert (report.not_sent, report.fault is not None) == (1, True)
    assert gateway.calls == [("submit", "sub-1")]
    assert states(three) == ["ready"] * 3
    assert three.entry("sub-1").last_error == "gateway.unreachable: nobody there"
    assert three.entry("sub-1").next_attempt_s == 0.0
    sync.step()
    assert [name for what, name in gateway.calls if what == "submit"] == ["sub-1", "sub-1", "sub-2", "sub-3"]


def test_an_unreachable_gateway_while_asking_leaves_it_unknown(
    sync: Sync, three: Queue, gateway: MemoryGateway, clock: FrozenClock
) -> None:
    gateway.script["sub-1"] = [unsure(), None]
    sync.step()
    clock.move(3)
    gateway.status_script.append(not_sent())
    assert sync.step().not_sent == 1
    assert three.entry("sub-1").state is State.UNKNOWN


def test_a_refused_one_goes_aside_and_the_rest_is_sent(
    sync: Sync, three: Queue, gateway: MemoryGateway
) -> None:
    gateway.script["sub-2"] = [refused()]
    report = sync.step()
    assert (report.accepted, report.refused) == (2, 1)
    assert states(three) == ["custody", "quarantined", "custody"]
    assert three.entry("sub-2").last_error == "gateway.refused.record.invalid: field 2.018 is missing"


def test_one_that_always_fails_does_not_stop_the_others(
    sync: Sync, three: Queue, gateway: MemoryGateway, clock: FrozenClock
) -> None:
    gateway.script["sub-1"] = [unsure() for _ in range(30)]
    for _ in range(20):
        sync.step()
        clock.move(61)
    assert states(three) == ["unknown", "custody", "custody"]
    assert three.entry("sub-1").attempts >= 20


def test_two_unsure_in_a_row_end_the_pass(sync: Sync, three: Queue, gateway: MemoryGateway) -> None:
    gateway.script["*"] = [unsure(), unsure(), unsure()]
    report = sync.step()
    assert (report.unsure, report.fault is not None) == (2, True)
    assert states(three) == ["unknown", "unknown", "ready"]


def test_a_busy_gateway_ends_the_pass_with_its_wish(sync: Sync, three: Queue, gateway: MemoryGateway) -> None:
    gateway.script["*"] = [unsure("gateway.busy", retry_after_s=40.0, gateway_wide=True)]
    report = sync.step()
    assert (report.unsure, report.retry_after_s) == (1, 40.0)
    assert len(gateway.calls) == 1


def other_id(gateway_signer: Signer, queue: Queue) -> Callable[[SignedReceipt], SignedReceipt]:
    return lambda _: sign(receipt_bytes(queue.entry("sub-3")), gateway_signer)


def test_a_receipt_for_another_is_not_believed_and_asked_for_again(
    sync: Sync, three: Queue, gateway: MemoryGateway, gateway_signer: Signer, clock: FrozenClock
) -> None:
    gateway.script["sub-1"] = [other_id(gateway_signer, three), None]
    sync.step()
    assert states(three) == ["unknown", "custody", "custody"]
    assert str(three.entry("sub-1").last_error).startswith("receipt.wrong_submission")
    assert three.receipt("sub-1") is None
    clock.move(3)
    sync.step()
    assert states(three) == ["custody"] * 3


def test_a_receipt_with_a_bad_signature_is_not_believed(
    sync: Sync, three: Queue, gateway: MemoryGateway
) -> None:
    gateway.script["sub-1"] = [lambda signed: SignedReceipt(signed.receipt + b" ", signed.signature), None]
    sync.step()
    assert str(three.entry("sub-1").last_error).startswith("receipt.signature")
    assert three.entry("sub-1").state is State.UNKNOWN


def test_damaged_bytes_are_never_sent_and_stop_nobody(
    sync: Sync, three: Queue, gateway: MemoryGateway
) -> None:
    three.database.sql("UPDATE payload SET sealed = zeroblob(300) WHERE seq = 2")
    report = sync.step()
    assert (report.accepted, report.damaged) == (2, 1)
    assert three.entry("sub-2").state is State.QUARANTINED
    assert "sub-2" not in gateway.stored


def test_a_lost_lease_ends_the_pass_without_harm(
    sync: Sync, three: Queue, gateway: MemoryGateway, clock: FrozenClock
) -> None:
    def slow(signed: SignedReceipt) -> SignedReceipt:
        clock.move(3000)
        assert three.claim("other", 60) is not None
        return signed

    gateway.script["sub-1"] = [slow, None]
    report = sync.step()
    assert isinstance(report.fault, LeaseLost)
    assert three.entry("sub-1").state is State.ASKING


def test_a_stop_between_two_entries_is_heard(sync: Sync, three: Queue, gateway: MemoryGateway) -> None:
    sync.step(stop=lambda: bool(gateway.calls))
    assert [what for what, _ in gateway.calls] == ["submit"]


def test_responses_are_pulled_kept_and_matched(sync: Sync, three: Queue, gateway: MemoryGateway) -> None:
    gateway.answer(1, "TCN0000001")
    gateway.answer(2, "TCN0000001", b"second stage")
    gateway.answer(3, "UNKNOWN", b"unsolicited")
    assert sync.step().responses == 3
    assert states(three) == ["answered", "custody", "custody"]
    assert [response.content for response in three.responses()] == [
        b"an answer",
        b"second stage",
        b"unsolicited",
    ]
    assert three.cursor() == 3
    assert sync.step() == StepReport()


def test_duplicates_change_nothing(sync: Sync, queue: Queue, gateway: MemoryGateway) -> None:
    gateway.answer(1, "T")
    gateway.answers.append(gateway.answers[0])
    gateway.answer(2, "T")
    report = sync.step()
    assert (report.responses, report.duplicates) == (1, 2)
    assert queue.cursor() == 2


def test_hostile_responses_go_aside_and_the_rest_is_kept(
    sync: Sync, queue: Queue, gateway: MemoryGateway
) -> None:
    gateway.answer(1, "T", b"forged", signature=b"nonsense")
    gateway.answers.append(BadItem(2, "no content", b"{}"))
    gateway.answers.append(BadItem(None, "no number", b"null"))
    gateway.answer(3, "T", b"good")
    report = sync.step()
    assert (report.responses, report.quarantined) == (1, 3)
    assert [aside.code for aside in queue.quarantined_responses()] == [
        "response.signature",
        "response.malformed",
        "response.malformed",
    ]
    assert queue.cursor() == 3
    assert sync.step().quarantined == 0


def test_a_number_given_twice_with_other_bytes_goes_aside(
    sync: Sync, queue: Queue, gateway: MemoryGateway
) -> None:
    gateway.answer(1, "T", b"one")
    gateway.answer(1, "T", b"two")
    assert sync.step().quarantined == 1
    assert queue.quarantined_responses()[0].code == "response.changed"
    assert [response.content for response in queue.responses()] == [b"one"]


def test_an_unsigned_number_far_ahead_does_not_hide_later_responses(
    sync: Sync, queue: Queue, gateway: MemoryGateway
) -> None:
    gateway.answers.append(BadItem(10**9, "hostile", b"{}"))
    sync.step()
    assert queue.cursor() == 0
    gateway.answers.clear()
    gateway.answer(1, "T", b"good")
    assert sync.step().responses == 1


def test_many_pages_are_pulled_in_one_pass(sync: Sync, queue: Queue, gateway: MemoryGateway) -> None:
    for n in range(1, 46):
        gateway.answer(n, "T", b"%d" % n)
    assert sync.step().responses == 45
    assert [what for what, _ in gateway.calls] == ["responses"] * 3


def test_a_page_that_says_more_but_moves_nothing_ends_the_pass(
    sync: Sync, queue: Queue, gateway: MemoryGateway
) -> None:
    gateway.answers += [BadItem(None, "junk", b"%d" % n) for n in range(30)]
    assert sync.step().quarantined == 20
    assert len(gateway.calls) == 1


def test_a_fault_while_pulling_is_reported(sync: Sync, queue: Queue, gateway: MemoryGateway) -> None:
    gateway.pull_script.append(unsure())
    assert sync.step().fault is not None


class Ticks:
    """stop() after so many looks; counts progress and keeps reports."""

    def __init__(self, looks: int) -> None:
        self.looks, self.progress = looks, 0
        self.reports: list[StepReport] = []

    def stop(self) -> bool:
        self.looks -= 1
        return self.looks < 0

    def fed(self) -> None:
        self.progress += 1

    def run(self, sync: Sync) -> Ticks:
        sync.run(self.stop, self.fed, self.reports.append)
        return self


def test_running_sends_new_entries_within_a_tick_and_feeds_the_watchdog(
    sync: Sync, queue: Queue, gateway: MemoryGateway, signer: Signer, clock: FrozenClock
) -> None:
    real, late = clock.sleep, iter([submission(1)])

    def sleep(seconds: float) -> None:
        real(seconds)
        for given in late:
            queue.enqueue(given, signer)

    clock.sleep = sleep  # type: ignore[method-assign]
    ticks = Ticks(200).run(sync)
    assert states(queue) == ["custody"]
    assert ticks.progress > 10
    assert max(clock.slept) <= TICK_S
    assert StepReport(accepted=1) in ticks.reports


def test_running_waits_longer_and_longer_for_a_gateway_that_is_away(
    sync: Sync, three: Queue, gateway: MemoryGateway, clock: FrozenClock
) -> None:
    begin, moments = clock.monotonic(), list[float]()

    def away() -> Iterator[Any]:
        while True:
            moments.append(clock.monotonic() - begin)
            yield not_sent()

    faults = away()
    gateway.submit = lambda parcel: (_ for _ in ()).throw(next(faults))  # type: ignore[method-assign]
    Ticks(2000).run(sync)
    gaps = [round(b - a, 1) for a, b in itertools.pairwise(moments)]
    assert gaps[:6] == [2.0, 4.0, 8.0, 16.0, 32.0, 60.0]
    assert set(gaps[5:]) == {60.0}
    assert states(three) == ["ready"] * 3


def test_running_recovers_at_once_what_its_predecessor_left(
    sync: Sync, three: Queue, gateway: MemoryGateway
) -> None:
    assert three.claim("sync", 3000) is not None
    Ticks(10).run(sync)
    assert states(three) == ["custody"] * 3
    assert gateway.calls[0] == ("status", "sub-1")


def test_running_survives_a_store_that_fails_for_a_while(
    sync: Sync, three: Queue, gateway: MemoryGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failures = Queue.settle, [StoreFault("queue.disk_full", "full", "free space")] * 2

    def settle(self: Queue, *args: Any) -> Any:
        if failures:
            raise failures.pop()
        return real(self, *args)

    monkeypatch.setattr(Queue, "settle", settle)
    ticks = Ticks(100).run(sync)
    assert states(three) == ["custody"] * 3
    assert [report.fault.code for report in ticks.reports if report.fault] == ["queue.disk_full"] * 2
    assert len(gateway.stored) == 3


def test_running_polls_for_answers_at_its_pace(
    sync: Sync, queue: Queue, gateway: MemoryGateway, clock: FrozenClock
) -> None:
    begin = clock.monotonic()
    Ticks(200).run(sync)
    passed = clock.monotonic() - begin
    assert abs(len(gateway.calls) - passed / 5) <= 2


def test_the_wait_doubles_to_its_ceiling_and_jitter_takes_away_at_most_half() -> None:
    assert [FIXED.delay_s(n) for n in range(8)] == [0, 2, 4, 8, 16, 32, 60, 60]
    assert FIXED.delay_s(10**6) == 60.0
    assert Backoff(jitter=lambda: 0.999).delay_s(1) > 1.0
    assert 1.0 <= Backoff().delay_s(1) <= 2.0
    assert LONGEST_S >= 60
