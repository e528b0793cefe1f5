"""What the kiosk makes of states and errors, in tables typed from their meaning (docs/kiosk.md, docs/errors.md)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from drivers.errors import CaptureRetry, DriverError, LinkError, ReaderFault
from offline_queue.errors import QueueError
from station.booking_subject import SubjectInvalid
from station.errors import StationError
from station.kiosk import guard
from station.kiosk.desk import OVERRIDE_REASONS
from station.kiosk.outbox import STATE_WORDS, Outbox, entry_view
from tests.unit.kiosk.fakes import FakeEntry, FakeQueue

# State of an entry: the word the officer reads, and whether it still waits to be sent.
# Only what the gateway has signed for is in custody, and only what it refused is refused.
STATES = """
ready        Queued      waits
sending      Sending     waits
unknown      Checking    waits
asking       Checking    waits
held         Held        waits
custody      In_custody  done
answered     Answered    done
quarantined  Refused     done
"""
ROWS = [line.split() for line in STATES.strip().splitlines()]


@pytest.mark.parametrize(("state", "word", "waits"), ROWS)
def test_each_state_has_its_word_and_waits_or_not(state: str, word: str, waits: str) -> None:
    entry = replace(FakeEntry("1", "T1"), state=state)
    view = entry_view(entry)
    assert (view["state"], view["word"]) == (state, word.replace("_", " "))
    assert view["icon"]
    assert view["sentence"].endswith(".")
    queue = FakeQueue()
    queue.rows["1"] = entry
    assert Outbox(queue, bytes, list).waiting() == (waits == "waits")


def test_there_is_no_other_word() -> None:
    assert set(STATE_WORDS) == {state for state, *_ in ROWS}


# Code of an error: HTTP status. 401 sign in; 403 not you; 404 not there; 409 not now; 413 too large; 422 correct it;
# 429 wait; 400 a request nobody should send; 503 the machine failed.
CODES = """
access.required         401
access.refused          401
access.throttled        429
access.role             403
access.same_person      403
access.second_refused   403
policy.refused          403
policy.invalid          403
booking.unknown         404
booking.no_impression   404
booking.subject_invalid 422
booking.tot_unknown     422
booking.plan_unknown    422
booking.not_a_finger    422
booking.not_in_plan     422
booking.reason_unknown  422
booking.illegal_step    409
booking.finger_missing  409
booking.impression_reused 409
booking.sequence_alarm  409
request.too_large       413
request.malformed       400
record.invalid          422
image.blank             422
environment.booking_write 503
queue.disk_low          503
signer.pin              503
internal.error          503
strange                 503
"""


@pytest.mark.parametrize(("code", "status"), [line.split() for line in CODES.strip().splitlines()])
def test_each_code_is_the_status_of_its_meaning(code: str, status: str) -> None:
    for kind in (StationError, QueueError):
        assert guard.status_of(kind(code, "what", "how")) == int(status)


def test_the_table_has_every_code_with_a_status_of_its_own() -> None:
    typed = {line.split()[0] for line in CODES.strip().splitlines()}
    assert set(guard.STATUS_BY_CODE) <= typed
    assert set(guard.STATUS_BY_AREA) <= {code.split(".")[0] for code in typed}


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (CaptureRetry("capture.moved", "x"), 504),  # the person should try again
        (ReaderFault("reader.busy", "x"), 503),
        (LinkError("link.io", "x"), 503),
        (DriverError("access.required", "x"), 503),  # whatever its code says: a machine failed
        (SubjectInvalid({"NAM": "is required"}), 422),
        (ValueError("without a code"), 503),
    ],
)
def test_errors_of_a_reader_are_the_persons_or_the_machines(error: Exception, status: int) -> None:
    assert guard.status_of(error) == status


def test_an_override_has_one_of_four_reasons() -> None:
    assert set(OVERRIDE_REASONS) == {"skin_condition", "injury", "checked_by_eye", "other"}


# which requests are served: method, host, headers

SCOPES = """
GET   127.0.0.1       -                         served
GET   localhost:8080  -                         served
GET   [::1]:8080      -                         served
GET   evil.example    -                         request.host
GET   -               -                         request.host
GET   localhost       sec-fetch-site:cross-site served
HEAD  localhost       origin:http://evil        served
OPTIONS localhost     origin:http://evil        served
POST  localhost       -                         served
POST  localhost       sec-fetch-site:same-origin served
POST  localhost       sec-fetch-site:none       served
POST  localhost       sec-fetch-site:same-site  request.cross_site
POST  localhost       sec-fetch-site:cross-site request.cross_site
POST  localhost       origin:http://localhost   served
POST  localhost       origin:https://localhost  request.cross_site
POST  localhost       origin:null               request.cross_site
PUT   localhost       origin:http://evil        request.cross_site
DELETE localhost      origin:http://evil        request.cross_site
POST  localhost       content-length:262144     served
POST  localhost       content-length:262145     request.too_large
POST  localhost       content-length:-1         request.too_large
POST  localhost       content-length:x          request.too_large
POST  localhost       transfer-encoding:chunked request.too_large
WS    localhost       -                         served
WS    localhost       origin:http://evil        request.cross_site
WS    localhost       sec-fetch-site:cross-site request.cross_site
"""


@pytest.mark.parametrize(
    ("method", "host", "header", "wanted"), [line.split() for line in SCOPES.strip().splitlines()]
)
def test_each_request_is_served_or_refused_for_its_reason(
    method: str, host: str, header: str, wanted: str
) -> None:
    headers = [] if host == "-" else [(b"host", host.encode())]
    if header != "-":
        name, _, value = header.partition(":")
        headers.append((name.encode(), value.encode()))
    scope = {"type": "websocket" if method == "WS" else "http", "method": method, "headers": headers}
    refused = guard.refusal(scope)
    assert (refused[0] if refused else "served") == wanted
