"""What becomes of an entry for every way an exchange may end, from docs/queue.md and gateway-protocol.md."""

from __future__ import annotations

import datetime as dt
import itertools
import socket
import ssl
from typing import Any

import pytest

from offline_queue.backoff import Backoff
from offline_queue.breaker import Circuit
from offline_queue.errors import AwaitingReceipt, Certainty, TransportFault
from offline_queue.receipts import Verifier
from offline_queue.signers import Signer
from offline_queue.store import Queue
from offline_queue.sync import StepReport, Sync
from offline_queue.transports import faults
from offline_queue.wire import BadItem, ResponsePage
from tests.conftest import FrozenClock
from tests.unit.offline_queue.kit import MemoryGateway, submission, unsure

FIXED = Backoff(base_s=2.0, cap_s=60.0, jitter=lambda: 0.0)

# How the exchange ended; what becomes of one that was sent and of one that was asked for; seconds it waits by itself;
# whether the pass is over (the gateway is left alone). With `gateway.refusals` = 2.
# nothing    not one byte left: it is as it was, and so is every other, so the pass ends
# wide       503, a portal: may have arrived, and the next would fare no better
# alone      no definite answer to this one: it waits, the others go on
# first no   a definite refusal, not the last one that is tolerated: asked for and sent again
# last no    the last one. Asked for, a refusal says nothing of custody: no answer
# handed on  by mail: the receipt comes later, and nobody failed
MEANING = """
            sent         waits  asked      waits  over
nothing     ready        0      unknown    0      yes
wide        unknown      0      unknown    0      yes
alone       unknown      2      unknown    2      no
first_no    unknown      2      unknown    2      no
last_no     quarantined  0      unknown    2      no
handed_on   unknown      2      unknown    2      no
"""
ROWS = {words[0]: words[1:] for words in (line.split() for line in MEANING.strip().splitlines()[1:])}
FAULTS: dict[str, TransportFault] = {
    "nothing": TransportFault("gateway.unreachable", "x", certainty=Certainty.NOT_SENT),
    "wide": TransportFault("gateway.busy", "x", gateway_wide=True),
    "alone": TransportFault("gateway.deadline", "x"),
    "first_no": TransportFault("gateway.refused.x", "x", certainty=Certainty.REFUSED),
    "last_no": TransportFault("gateway.refused.x", "x", certainty=Certainty.REFUSED),
    "handed_on": AwaitingReceipt("gateway.awaiting_receipt", "x"),
}


@pytest.fixture
def sync(queue: Queue, gateway: MemoryGateway, verifier: Verifier, clock: FrozenClock) -> Sync:
    return Sync(queue, gateway, verifier, clock, "sync", backoff=FIXED, refusals=2)


@pytest.mark.parametrize(("ended", "kind"), list(itertools.product(ROWS, ("sent", "asked"))))
def test_each_end_of_an_exchange_leads_where_it_is_meant_to(
    sync: Sync, queue: Queue, gateway: MemoryGateway, signer: Signer, ended: str, kind: str
) -> None:
    queue.enqueue(submission(), signer)
    if kind == "asked":
        queue.hold("sub-1")
        queue.release("sub-1")
    if ended == "last_no":
        queue.database.sql("UPDATE submission SET refusals = 1")
    gateway.script["sub-1"], gateway.status_script = [FAULTS[ended]], [FAULTS[ended]]
    sync.drain()
    state, waits = ROWS[ended][:2] if kind == "sent" else ROWS[ended][2:4]
    entry = queue.entry("sub-1")
    left = None if state == "quarantined" else float(waits)
    assert (entry.state, entry.next_attempt_s) == (state, left)
    over = ROWS[ended][4] == "yes"
    assert (sync.breaker.state is Circuit.OPEN) == over
    counted = ended.endswith("no") and kind == "sent"
    assert entry.refusals == (1 if ended == "last_no" else 0) + counted
    assert entry.last_error == f"{FAULTS[ended].code}: x"


def test_the_second_wait_of_one_entry_is_longer_by_what_was_sent_not_by_what_was_asked(
    sync: Sync, queue: Queue, gateway: MemoryGateway, signer: Signer, clock: FrozenClock
) -> None:
    queue.enqueue(submission(), signer)
    waits = []
    for _ in range(4):  # sent, asked (absent) and sent, asked, ...
        gateway.script["sub-1"] = [unsure()]
        sync.breaker.worked()
        sync.drain()
        waits.append(queue.entry("sub-1").next_attempt_s)
        clock.move(60)
    assert waits == [2.0, 4.0, 8.0, 16.0]


def test_a_lease_outlives_the_longest_exchange_by_half_a_minute(
    queue: Queue, gateway: MemoryGateway, verifier: Verifier, clock: FrozenClock, signer: Signer
) -> None:
    queue.enqueue(submission(), signer)
    seen: list[float] = []

    def look(signed: Any) -> Any:
        until = queue.database.sql("SELECT lease_until_ms FROM submission")[0][0]
        seen.append(until / 1000 - clock.monotonic())
        return signed

    gateway.script["sub-1"] = [look, None]
    Sync(queue, gateway, verifier, clock, "sync", deadline_s=10).step()
    assert seen == [40.0]


def test_the_usual_deadline_is_a_minute_and_one_refusal_is_enough(
    queue: Queue, gateway: MemoryGateway, verifier: Verifier, clock: FrozenClock
) -> None:
    usual = Sync(queue, gateway, verifier, clock, "sync")
    assert (usual._lease_s, usual._poll_s, usual._refusals) == (90.0, 5.0, 1)


# responses


def test_a_page_is_20_responses_and_a_pass_50_pages(sync: Sync, queue: Queue, gateway: MemoryGateway) -> None:
    asked: list[tuple[int, int]] = []

    def endless(after: int, limit: int) -> ResponsePage:
        asked.append((after, limit))
        return ResponsePage((BadItem(after + 1, "x", b"%d" % after),), True)

    gateway.responses = endless  # type: ignore[method-assign]
    sync.pull()
    assert asked == [(after, 20) for after in range(50)]


@pytest.mark.parametrize(("seq", "cursor"), [(1000, 1000), (1001, 0), (1, 1)])
def test_a_number_nobody_signed_for_moves_the_cursor_by_1000_at_most(
    sync: Sync, queue: Queue, gateway: MemoryGateway, seq: int, cursor: int
) -> None:
    gateway.answers.append(BadItem(seq, "x", b"{}"))
    sync.step()
    assert queue.cursor() == cursor


@pytest.mark.parametrize(
    ("report", "busy"),
    [
        (StepReport(accepted=1), True),
        (StepReport(responses=1), True),
        (StepReport(refused=1, unsure=1, absent=1, duplicates=1, quarantined=1), False),
    ],
)
def test_a_pass_was_busy_when_an_answer_may_come_soon(report: StepReport, busy: bool) -> None:
    assert report.busy == busy


# statuses of HTTP that are no answer of the protocol

# status: code; whether the whole gateway is left alone; whether its Retry-After counts
STATUSES = """
100 not_understood  no   no
200 not_understood  no   no
204 not_understood  no   no
299 not_understood  no   no
300 portal          yes  no
301 portal          yes  no
302 portal          yes  no
399 portal          yes  no
400 not_understood  no   no
401 not_permitted   yes  no
402 not_understood  no   no
403 not_permitted   yes  no
404 not_understood  no   no
409 not_understood  no   no
413 not_understood  no   no
422 not_understood  no   no
428 not_understood  no   no
429 busy            yes  yes
430 not_understood  no   no
499 not_understood  no   no
500 server_error    no   yes
501 server_error    no   yes
502 server_error    no   yes
503 busy            yes  yes
504 server_error    no   yes
599 server_error    no   yes
"""
NOW = dt.datetime(2026, 3, 2, 9, 30, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("status", "code", "wide", "later"), [line.split() for line in STATUSES.split("\n") if line]
)
def test_each_status_means_what_the_protocol_says(status: str, code: str, wide: str, later: str) -> None:
    code = f"gateway.{code}".replace("gateway.not_understood", "gateway.answer_not_understood")
    fault = faults.of_status(int(status), {"retry-after": "7"}, NOW)
    assert (fault.code, fault.gateway_wide, fault.certainty) == (code, wide == "yes", Certainty.UNKNOWN)
    assert fault.retry_after_s == (7.0 if later == "yes" else None)
    assert fault.advice
    page = faults.of_status(int(status), {"content-type": "text/HTML; charset=x"}, NOW)
    assert (page.code, page.gateway_wide) == ("gateway.portal", True)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("3600", 3600.0),
        ("3601", 3600.0),
        ("9" * 400, 3600.0),
        ("", None),
        ("-1", None),
        ("soon", None),
        ("٣", None),
        ("Mon, 02 Mar 2026 09:31:00 GMT", 60.0),
        ("Mon, 02 Mar 2026 09:29:00 GMT", 0.0),
        ("Mon, 02 Mar 2026 11:30:00 GMT", 3600.0),
    ],
)
def test_a_wish_to_wait_is_seconds_or_a_date_and_an_hour_at_most(value: str, seconds: float | None) -> None:
    assert faults.retry_after({"retry-after": value}, NOW) == seconds
    date = {"retry-after": "Mon, 02 Mar 2026 09:31:00 GMT", "date": "Mon, 02 Mar 2026 09:30:30 GMT"}
    assert faults.retry_after(date, NOW) == 30.0, "by the gateway's own clock"


# causes of a failed exchange: the exception, what it means before and after a byte of the request has left

CAUSES = """
name        name_not_resolved  name_not_resolved
refused     unreachable        connection_lost
reset       unreachable        connection_lost
timeout     deadline           deadline
tls         tls                tls
eof         unreachable        connection_lost
"""
ERRORS: dict[str, BaseException] = {
    "name": socket.gaierror(-2, "Name or service not known"),
    "refused": ConnectionRefusedError(111, "refused"),
    "reset": ConnectionResetError(104, "reset"),
    "timeout": TimeoutError("timed out"),
    "tls": ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"),
    "eof": ssl.SSLEOFError(8, "EOF occurred in violation of protocol"),
}


@pytest.mark.parametrize(("name", "before", "after"), [line.split() for line in CAUSES.strip().splitlines()])
def test_each_cause_is_not_sent_before_a_byte_left_and_unknown_after(
    name: str, before: str, after: str
) -> None:
    for sent, code, certainty in ((False, before, Certainty.NOT_SENT), (True, after, Certainty.UNKNOWN)):
        fault = faults.of_exchange(ERRORS[name], sent)
        assert (fault.code, fault.certainty) == (f"gateway.{code}", certainty)
        wrapped = RuntimeError("outer")
        wrapped.__cause__ = ERRORS[name]
        assert faults.of_exchange(wrapped, sent).code == f"gateway.{code}"


# openssl-verification-options(1), X509_verify_cert_error_string(3)
VERIFY = {
    9: "certificate_not_yet_valid",
    10: "certificate_expired",
    62: "certificate_wrong_name",
    63: "certificate_wrong_name",
    64: "certificate_wrong_name",
}


def test_each_error_of_openssls_verification_has_its_code_and_all_others_mean_untrusted() -> None:
    for number in range(1, 95):
        error = ssl.SSLCertVerificationError(1, "certificate verify failed")
        error.verify_code = number
        code = VERIFY.get(number, "certificate_untrusted")
        assert (number, faults.of_exchange(error, False).code) == (number, f"gateway.{code}")


@pytest.mark.parametrize(
    ("reason", "ours"),
    [
        ("SSLV3_ALERT_BAD_CERTIFICATE", True),
        ("TLSV1_ALERT_UNKNOWN_CA", True),
        ("TLSV1_ALERT_ACCESS_DENIED", True),
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", True),
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", False),
        ("CERTIFICATE_VERIFY_FAILED", False),
    ],
)
def test_an_alert_about_our_certificate_means_that_nothing_was_taken(reason: str, ours: bool) -> None:
    error = ssl.SSLError(1, reason)
    error.reason = reason
    fault = faults.of_exchange(error, True)
    assert (fault.code == "gateway.client_certificate_refused") == ours
    assert (fault.certainty is Certainty.NOT_SENT) == ours
