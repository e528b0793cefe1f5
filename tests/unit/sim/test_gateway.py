"""The simulated gateway: custody once, refusals by code, answers in time, and every fault of its script."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from offline_queue import cms
from offline_queue.clock import SystemClock as QueueClock
from offline_queue.errors import CmsError, TransportFault
from offline_queue.signers import load_signer
from offline_queue.transports import Parcel, load_transport
from station import responses
from station.clock import SystemClock
from station.errors import SettingsError
from station.records.decode import decode
from station.records.validate import validate
from station.responses import Outcome
from station.sim import gateway
from station.sim.gateway import RunningGateway, running_gateway
from station.sim.gateway_bureau import Rates
from station.sim.pki import PkiPaths, make_pki
from tests.kit import helpers
from tests.kit.waiting import PATIENCE_S
from tests.unit.sim.gateway_kit import Client, manifest, transaction


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> PkiPaths:
    return make_pki(tmp_path_factory.mktemp("pki"), SystemClock())


@pytest.fixture(scope="module")
def shared(pki: PkiPaths, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """One gateway for the tests that leave it as it was."""
    with running_gateway(pki, tmp_path_factory.mktemp("gateway")) as running:
        yield running


@pytest.fixture
def running(pki: PkiPaths, tmp_path: Path) -> Iterator[RunningGateway]:
    with running_gateway(pki, tmp_path, rates=Rates(0.0, 0.0)) as fresh:
        yield fresh


def test_custody_is_taken_once_and_the_same_receipt_given_again(
    running: RunningGateway, pki: PkiPaths
) -> None:
    client = Client(running.url, pki)
    content = transaction()
    first = client.put(content=content)
    assert first.status_code == 201
    receipt = client.receipt(first)
    assert receipt["custody"] is True
    assert receipt["submission_id"] == "s-1"
    assert receipt["tcn"] == "SIM-2026-000001"
    assert receipt["sha256"] == hashlib.sha256(content).hexdigest()
    assert receipt["size"] == len(content)
    again = client.put(content=content)
    assert (again.status_code, again.json()) == (200, first.json())
    assert client.get("/v1/submissions/s-1").json() == first.json()
    assert [each.content for each in running.submissions()] == [content]


def test_the_same_id_with_other_bytes_is_a_conflict(running: RunningGateway, pki: PkiPaths) -> None:
    client = Client(running.url, pki)
    client.put()
    other = client.put(content=transaction(NAM="OTHER,PERSON"))
    assert (other.status_code, other.json()["code"]) == (409, "conflict")
    assert len(running.submissions()) == 1


def test_a_control_number_used_by_another_submission_is_refused(
    running: RunningGateway, pki: PkiPaths
) -> None:
    client = Client(running.url, pki)
    client.put("s-1")
    reused = client.put("s-2")
    assert (reused.status_code, reused.json()["code"]) == (422, "tcn_reused")


def test_an_unknown_submission_is_404(shared: RunningGateway, pki: PkiPaths) -> None:
    reply = Client(shared.url, pki).get("/v1/submissions/none")
    assert (reply.status_code, reply.json()["code"]) == (404, "unknown_submission")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"headers": {"Idempotency-Key": "other"}}, 422, "id_mismatch"),
        ({"said": b"{}"}, 422, "manifest.malformed"),
        ({"signature": b"junk"}, 422, "cms.malformed"),
        ({"submission_id": "s-9", "said": "of s-1"}, 422, "id_mismatch"),
        ({"sha256": "0" * 64}, 422, "digest_mismatch"),
        ({"size": 5}, 422, "digest_mismatch"),
        ({"tot": "CNA"}, 422, "manifest_mismatch"),
        ({"ori": "YY0020000"}, 422, "manifest_mismatch"),
        ({"content": b"no record"}, 422, "unreadable_transaction"),
        ({"content": transaction()[:-7]}, 422, "unreadable_transaction"),
    ],
)
def test_an_upload_that_does_not_fit_together_is_refused_by_its_code(
    shared: RunningGateway, pki: PkiPaths, change: dict[str, Any], status: int, code: str
) -> None:
    client = Client(shared.url, pki)
    if change.get("said") == "of s-1":
        change = {
            **change,
            "content": transaction(),
            "said": manifest(transaction(), "s-1", "SIM-2026-000001"),
        }
    reply = client.put(**change)
    assert (reply.status_code, reply.json()["code"]) == (status, code)
    assert shared.submissions() == ()


def test_an_upload_of_another_form_is_not_a_definite_refusal(shared: RunningGateway, pki: PkiPaths) -> None:
    client = Client(shared.url, pki)
    text = client.request("PUT", "/v1/submissions/s-1", data={"transaction": "x"})
    broken = client.request(
        "PUT", "/v1/submissions/s-1", data=b"x", headers={"Content-Type": "multipart/form-data"}
    )
    endless = client.request("PUT", "/v1/submissions/s-1", data=iter([b"x"]))
    assert [(each.status_code, each.json()["code"]) for each in (text, broken, endless)] == [
        (400, "malformed"),
        (400, "malformed"),
        (413, "too_large"),
    ]
    assert client.get("/v1/responses?after=x").status_code == 400


def test_a_station_without_certificate_is_not_heard(shared: RunningGateway, pki: PkiPaths) -> None:
    with pytest.raises(requests.RequestException):
        Client(shared.url, pki).request("GET", "/v1/responses", known=False)


def test_a_good_submission_is_answered_twice_with_verified_text(
    running: RunningGateway, pki: PkiPaths
) -> None:
    client = Client(running.url, pki)
    client.put()
    page = client.responses()
    assert page["more"] is False
    assert [(each["seq"], each["tot"], each["tcr"]) for each in page["responses"]] == [
        (1, "SRE", "SIM-2026-000001"),
        (2, "SIMTEXT", "SIM-2026-000001"),
    ]
    outcomes = []
    for each in page["responses"]:
        content = base64.b64decode(each["content"])
        client.verify(content, base64.b64decode(each["signature"]))
        assert hashlib.sha256(content).hexdigest() == each["sha256"]
        assert validate(decode(content)) == ()
        outcomes.append(responses.read(content).outcome)
    assert outcomes == [Outcome.NO_CANDIDATE, Outcome.SECOND_STAGE]
    assert client.responses(after=2)["responses"] == []
    assert client.responses(limit=1)["more"] is True


def test_a_candidate_is_named_as_one_and_invented(pki: PkiPaths, tmp_path: Path) -> None:
    with running_gateway(pki, tmp_path, rates=Rates(1.0, 1.0)) as running:
        client = Client(running.url, pki)
        client.put()
        first, second = (
            responses.read(base64.b64decode(each["content"])) for each in client.responses()["responses"]
        )
    assert first.outcome is Outcome.CANDIDATE
    assert first.ucn[0].startswith("SIM")
    assert "INVENTED" in (first.rap_sheet or "")
    assert "NOT A FINDING" in second.messages[0].text


def test_a_submission_with_errors_is_taken_and_rejected_with_the_fields_named(
    running: RunningGateway, pki: PkiPaths
) -> None:
    client = Client(running.url, pki)
    assert client.put(content=transaction(SEX="Q", DOB=None, DOA="20990101")).status_code == 201
    page = client.responses()["responses"]
    assert [each["tot"] for each in page] == ["ERRT"]
    messages = [each.text for each in responses.read(base64.b64decode(page[0]["content"])).messages]
    assert any(text.startswith("E0002 2.024 SEX") for text in messages)
    assert any(text.startswith("E0001 2.022 DOB") for text in messages)
    assert any(text.startswith("E0006 2.045") for text in messages)


def test_answers_come_when_they_are_due_and_late_ones_get_late_numbers(pki: PkiPaths, tmp_path: Path) -> None:
    class Moved:
        now = dt.datetime.now(dt.UTC)

        def utcnow(self) -> dt.datetime:
            return self.now

    clock = Moved()
    with running_gateway(
        pki, tmp_path, answer_after=30, second_stage_after=600, rates=Rates(0.0, 0.0), clock=clock
    ) as running:
        client = Client(running.url, pki)
        client.put("s-1", "SIM-2026-000001")
        assert client.responses()["responses"] == []
        clock.now += dt.timedelta(seconds=31)
        client.put("s-2", "SIM-2026-000002")
        assert [each["tot"] for each in client.responses()["responses"]] == ["SRE"]
        clock.now += dt.timedelta(seconds=599)
        later = client.responses(after=1)["responses"]
    assert [(each["seq"], each["tcr"], each["tot"]) for each in later] == [
        (2, "SIM-2026-000002", "SRE"),
        (3, "SIM-2026-000001", "SIMTEXT"),
    ]


def test_a_restarted_gateway_still_holds_what_it_gave_a_receipt_for(pki: PkiPaths, tmp_path: Path) -> None:
    content = transaction()
    with running_gateway(pki, tmp_path) as running:
        first = Client(running.url, pki).put(content=content).json()
    with running_gateway(pki, tmp_path) as again:
        assert Client(again.url, pki).put(content=content).json() == first
        assert len(again.submissions()) == 1


@pytest.mark.parametrize("fault", ["drop_before_accept", "503", "html"])
def test_a_fault_before_custody_stores_nothing(pki: PkiPaths, running: RunningGateway, fault: str) -> None:
    running.set_faults([{"on": "submit", "nth": [1], "do": fault, "retry_after": 7}])
    client = Client(running.url, pki)
    if fault == "drop_before_accept":
        with pytest.raises(requests.ConnectionError):
            client.put()
    else:
        reply = client.put()
        assert (reply.status_code, reply.headers.get("Retry-After")) in ((503, "7"), (200, None))
        assert fault != "html" or "text/html" in reply.headers["Content-Type"]
    assert running.submissions() == ()
    assert client.put().status_code == 201


@pytest.mark.parametrize("fault", ["drop_after_accept", "truncate"])
def test_a_fault_after_custody_has_stored_once(pki: PkiPaths, running: RunningGateway, fault: str) -> None:
    running.set_faults([{"on": "submit", "nth": [1], "do": fault}])
    client = Client(running.url, pki)
    content = transaction()
    with pytest.raises(requests.RequestException):
        client.put(content=content)
    assert len(running.submissions()) == 1
    assert client.get("/v1/submissions/s-1").status_code == 200
    assert client.put(content=content).status_code == 200
    assert len(running.submissions()) == 1


def test_false_receipts_are_false_in_one_thing_only(pki: PkiPaths, running: RunningGateway) -> None:
    client = Client(running.url, pki)
    content = transaction()
    good = client.receipt(client.put(content=content))
    running.set_faults([{"on": "submit", "do": "wrong_receipt_id"}])
    assert client.receipt(client.put(content=content))["submission_id"] != good["submission_id"]
    running.set_faults([{"on": "status", "do": "wrong_receipt_digest"}])
    assert client.receipt(client.get("/v1/submissions/s-1"))["sha256"] != good["sha256"]
    running.set_faults([{"on": "submit", "do": "bad_receipt_signature"}])
    with pytest.raises(CmsError):
        client.receipt(client.put(content=content))


def test_a_slow_gateway_answers_after_its_time(pki: PkiPaths, running: RunningGateway) -> None:
    running.set_faults([{"on": "status", "do": "slow", "seconds": 0.3}])
    assert Client(running.url, pki).get("/v1/submissions/none").elapsed >= dt.timedelta(seconds=0.3)


def test_a_repeated_answer_comes_under_a_new_number_and_only_once_more(
    pki: PkiPaths, running: RunningGateway
) -> None:
    running.set_faults([{"on": "responses", "nth": "always", "do": "duplicate_response"}])
    client = Client(running.url, pki)
    client.put()
    first = client.responses()["responses"]
    assert [(each["seq"], each["tot"]) for each in first] == [
        (1, "SRE"),
        (2, "SIMTEXT"),
        (3, "SRE"),
        (4, "SIMTEXT"),
    ]
    assert first[0]["content"] == first[2]["content"]
    assert len(client.responses()["responses"]) == 4
    assert len(running.answers()) == 4


def test_false_answers_are_false_in_one_thing_only(pki: PkiPaths, running: RunningGateway) -> None:
    client = Client(running.url, pki)
    client.put()
    good = client.responses()["responses"][0]
    running.set_faults([{"on": "responses", "do": do} for do in ("wrong_receipt_id", "wrong_receipt_digest")])
    bad = client.responses()["responses"][0]
    assert bad["tcr"] != good["tcr"]
    assert bad["sha256"] != good["sha256"]
    assert bad["content"] == good["content"]
    running.set_faults([{"on": "responses", "do": "bad_receipt_signature"}])
    unsigned = client.responses()["responses"][0]
    with pytest.raises(CmsError):
        client.verify(base64.b64decode(unsigned["content"]), base64.b64decode(unsigned["signature"]))


@pytest.mark.parametrize("which", ["unknown_authority", "wrong_name", "expired"])
def test_a_wrong_certificate_is_shown_in_the_handshake_and_the_next_is_right(
    pki: PkiPaths, running: RunningGateway, which: str
) -> None:
    running.set_faults([{"do": "wrong_certificate", "nth": [1], "certificate": which}])
    client = Client(running.url, pki)
    with pytest.raises(requests.exceptions.SSLError):
        client.get("/v1/responses")
    assert client.get("/v1/responses").status_code == 200


def test_a_client_that_names_no_host_sees_the_wrong_certificate_too(
    pki: PkiPaths, running: RunningGateway
) -> None:
    running.set_faults([{"do": "wrong_certificate"}])
    with pytest.raises(requests.exceptions.SSLError):
        Client(running.url.replace("localhost", "127.0.0.1"), pki).get("/v1/responses")


def test_a_gateway_that_cannot_start_says_why(pki: PkiPaths, tmp_path: Path) -> None:
    with pytest.raises(SettingsError), running_gateway(pki, tmp_path, [{"do": "explode"}]):
        pytest.fail("it started")


def test_the_process_survives_a_kill_with_what_it_had_receipted(pki: PkiPaths, tmp_path: Path) -> None:
    content = transaction()
    folder = str(pki.station_ca.parent)
    command = [
        sys.executable,
        "-m",
        "station.sim.gateway",
        "--pki",
        folder,
        "--data",
        str(tmp_path),
        "--port",
        "0",
    ]
    replies = []
    for last in (signal.SIGKILL, signal.SIGTERM):
        with helpers.running(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            word, port = process.stdout.readline().split()
            assert word == "ready"
            replies.append(Client(f"https://localhost:{port}", pki).put(content=content).json())
            os.kill(process.pid, last)
            process.wait(PATIENCE_S)
    assert replies[0] == replies[1]
    assert process.returncode in (0, -signal.SIGTERM)


def test_the_process_without_keys_exits_3_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pki").mkdir()
    assert gateway.main(["--pki", str(tmp_path / "pki"), "--data", str(tmp_path / "data")]) == 3
    assert "simulated gateway:" in capsys.readouterr().err


def test_only_tls_is_spoken(shared: RunningGateway) -> None:
    with pytest.raises(requests.RequestException):
        requests.get(shared.url.replace("https", "http"), timeout=PATIENCE_S)


def test_the_queue_s_own_transport_understands_this_gateway(running: RunningGateway, pki: PkiPaths) -> None:
    options = {
        "ca": str(pki.gateway_ca),
        "client_cert": str(pki.station_client_cert),
        "client_key": str(pki.station_client_key),
    }
    transport = load_transport(running.url, options, QueueClock())
    content = transaction()
    said = manifest(content, "s-1", "SIM-2026-000001")
    signed = cms.sign_detached(said, load_signer(pki.signing_uri), dt.datetime.now(dt.UTC))
    assert transport.status("s-1") is None
    receipt = transport.submit(Parcel("s-1", content, said, signed))
    assert transport.status("s-1") == receipt
    assert [item.tot for item in transport.responses(0, 10).items] == ["SRE", "SIMTEXT"]  # type: ignore[union-attr]
    with pytest.raises(TransportFault) as caught:
        transport.submit(Parcel("s-1", transaction(NAM="OTHER,ONE"), said, signed))
    assert caught.value.code == "gateway.refused.conflict"
