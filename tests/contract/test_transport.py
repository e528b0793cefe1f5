"""Every transport in offline_queue/transports, against a real server and the script of faults."""

from __future__ import annotations

import base64
import email
import email.policy
import hashlib
import importlib
import json
import pkgutil
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from offline_queue import transports
from offline_queue.clock import SystemClock
from offline_queue.errors import Certainty, ReceiptError, TransportFault
from offline_queue.models import Entry
from offline_queue.receipts import Verifier
from offline_queue.signers import load_signer
from offline_queue.states import State
from offline_queue.transports import Parcel, Transport, load_transport
from offline_queue.transports.budget import key_pin
from offline_queue.wire import BadItem, WireResponse
from station.sim.pki import PkiPaths, make_pki
from tests.contract.tls_peer import Peer, Request, drip, hang, raw, reply
from tests.kit.waiting import PATIENCE_S, Waited
from tests.unit.offline_queue.kit import receipt_answer, receipt_bytes, sign

DEADLINE_S = 1.5  # enough for a handshake on a busy machine, where the deadline is to come after it
SLACK_S = 1.5
TRANSACTION = b"an2" * 1000
PARCEL = Parcel("sub-1", TRANSACTION, b'{"manifest":1}', b"cms")
ENTRY = Entry(
    "sub-1", "TCN1", "CAR", "ZZ0000000", "ST-1", 1, State.SENDING, len(TRANSACTION),
    hashlib.sha256(TRANSACTION).hexdigest(), SystemClock().utcnow(), 1, None, None, None,
)  # fmt: skip


def schemes() -> list[str]:
    names = [info.name for info in pkgutil.iter_modules(transports.__path__)]
    return [
        n for n in names if hasattr(importlib.import_module(f"{transports.__name__}.{n}"), "open_transport")
    ]


def test_every_transport_of_the_folder_is_under_this_contract() -> None:
    assert schemes() == ["https", "smtp", "smtps"], "mail is in test_transport_mail.py"


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> PkiPaths:
    return make_pki(tmp_path_factory.mktemp("pki"), SystemClock())


Open = Callable[..., Transport]


@pytest.fixture
def connect(pki: PkiPaths) -> Iterator[Open]:
    made: list[Transport] = []

    def open_transport(url: str, **options: str) -> Transport:
        given = {
            "ca": str(pki.gateway_ca),
            "client_cert": str(pki.station_client_cert),
            "client_key": str(pki.station_client_key),
            "total_deadline_s": str(PATIENCE_S),
        }
        made.append(load_transport(url, given | options))
        return made[-1]

    yield open_transport
    for transport in made:
        transport.close()


def good_answer(pki: PkiPaths, **changes: Any) -> bytes:
    now = SystemClock().utcnow()
    return receipt_answer(sign(receipt_bytes(ENTRY, **changes), load_signer(pki.receipt_signing_uri), now))


def fault_of(call: Callable[[], object]) -> TransportFault:
    waited = Waited()
    with pytest.raises(TransportFault) as error:
        call()
    assert waited.seconds() < DEADLINE_S + SLACK_S
    assert error.value.advice
    return error.value


def test_a_submission_arrives_whole_and_its_receipt_is_believed(pki: PkiPaths, connect: Open) -> None:
    with Peer(pki, behaviours=[reply("201 Created", good_answer(pki))]) as peer:
        signed = connect(peer.url).submit(PARCEL)
    receipt = Verifier(pki.gateway_ca.read_bytes(), SystemClock()).receipt(signed, ENTRY)
    assert (receipt.submission_id, receipt.gateway) == ("sub-1", "SIMULATED")
    (request,) = peer.requests
    assert (request.method, request.path) == ("PUT", "/v1/submissions/sub-1")
    assert request.headers["idempotency-key"] == "sub-1"
    assert request.headers["accept-encoding"] == "identity"
    assert parts(request) == {
        "transaction": ("application/octet-stream", TRANSACTION),
        "manifest": ("application/json", b'{"manifest":1}'),
        "signature": ("application/pkcs7-signature", b"cms"),
    }


def parts(request: Request) -> dict[str, tuple[str, bytes]]:
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + request.body, policy=email.policy.HTTP)
    return {
        str(part.get_param("name", header="content-disposition")): (
            part.get_content_type(),
            part.get_payload(decode=True),
        )
        for part in message.iter_parts()
    }


def test_one_transport_serves_many_exchanges(pki: PkiPaths, connect: Open) -> None:
    with Peer(pki, behaviours=[reply("200 OK", good_answer(pki))]) as peer:
        transport = connect(peer.url)
        for _ in range(3):
            transport.submit(PARCEL)
    assert len(peer.requests) == 3


def test_status_is_the_receipt_or_a_definite_no(pki: PkiPaths, connect: Open) -> None:
    answers = [reply("200 OK", good_answer(pki)), reply("404 Not Found", b"{}")]
    with Peer(pki, behaviours=answers) as peer:
        transport = connect(peer.url)
        assert transport.status("sub-1") is not None
        assert transport.status("sub-1") is None
    assert peer.requests[0].path == "/v1/submissions/sub-1"


def test_a_404_page_of_somebody_else_is_not_a_definite_no(pki: PkiPaths, connect: Open) -> None:
    with Peer(pki, behaviours=[reply("404 Not Found", b"<html>", "text/html")]) as peer:
        assert fault_of(lambda: connect(peer.url).status("sub-1")).code == "gateway.portal"


def test_responses_come_in_order_and_one_malformed_item_spoils_no_other(pki: PkiPaths, connect: Open) -> None:
    content = b"sre"
    good = {"seq": 2, "tcr": "TCN1", "tot": "SRE", "sha256": hashlib.sha256(content).hexdigest()}
    good |= {"content": base64.b64encode(content).decode(), "signature": base64.b64encode(b"s").decode()}
    items = [good | {"seq": 1, "sha256": "0" * 64}, good, good | {"seq": "3"}, None, good | {"content": "?"}]
    body = json.dumps({"responses": items, "more": True}).encode()
    with Peer(pki, behaviours=[reply("200 OK", body)]) as peer:
        page = connect(peer.url).responses(7, 20)
    assert peer.requests[0].path == "/v1/responses?after=7&limit=20"
    assert page.more
    assert [type(item) for item in page.items] == [BadItem, WireResponse, BadItem, BadItem, BadItem]
    assert [item.seq for item in page.items] == [1, 2, None, None, 2]


@pytest.mark.parametrize("status", ["409 Conflict", "422 Unprocessable Content"])
def test_a_refusal_in_the_protocols_words_is_definite(pki: PkiPaths, connect: Open, status: str) -> None:
    body = b'{"code":"record.invalid","message":"2.018 missing"}'
    with Peer(pki, behaviours=[reply(status, body)]) as peer:
        fault = fault_of(lambda: connect(peer.url).submit(PARCEL))
    assert (fault.certainty, fault.code) == (Certainty.REFUSED, "gateway.refused.record.invalid")
    assert fault.message == "2.018 missing"


UNKNOWN = {
    "a refusal page": (reply("422 No", b"<html>", "text/html"), "gateway.portal"),
    "a refusal without a code": (reply("422 No", b"{}"), "gateway.answer_not_understood"),
    "a refusal with a hostile code": (reply("409 No", b'{"code":"<b>"}'), "gateway.answer_not_understood"),
    "a redirect": (reply("302 Found", b"", Location="https://evil.invalid/"), "gateway.portal"),
    "a portal page": (reply("200 OK", b"<html>sign in</html>", "text/html"), "gateway.portal"),
    "a portal page that says JSON": (reply("200 OK", b"<html>"), "gateway.answer_not_understood"),
    "200 without a receipt": (reply("200 OK", b"{}"), "gateway.answer_not_understood"),
    "200 with nothing": (reply("200 OK", b""), "gateway.answer_not_understood"),
    "204": (reply("204 No Content"), "gateway.answer_not_understood"),
    "a bad base64": (reply("200 OK", b'{"receipt":"?","signature":"?"}'), "gateway.answer_not_understood"),
    "deep nesting": (reply("200 OK", b"[" * 100_000), "gateway.answer_not_understood"),
    "a compressed body": (reply("200 OK", b"{}", Content_Encoding="gzip"), "gateway.answer_not_understood"),
    "a cut body": (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{"), "gateway.connection_lost"),
    "a cut chunk": (
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n99\r\n{"),
        "gateway.connection_lost",
    ),
    "a cut body of unknown length": (
        raw(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{"receipt":"'),
        "gateway.answer_not_understood",
    ),
    "a reset mid-body": (
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", reset=True),
        "gateway.connection_lost",
    ),
    "a reset before the answer": (raw(b"", reset=True), "gateway.connection_lost"),
    "no HTTP": (raw(b"220 mail ready\r\n"), "gateway.connection_lost"),
    "a server failure": (reply("500 Oops", b"{}"), "gateway.server_error"),
    "not permitted": (reply("403 Forbidden", b"{}"), "gateway.not_permitted"),
    "silence": (hang, "gateway.deadline"),
    "a header drip": (drip(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 50), "gateway.deadline"),
    "a body drip": (drip(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + b" " * 99), "gateway.deadline"),
    "endless continues": (drip(b"HTTP/1.1 100 Continue\r\n\r\n" * 50, 0.01), "gateway.deadline"),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_is_no_definite_answer_leaves_the_outcome_unknown(
    pki: PkiPaths, connect: Open, name: str
) -> None:
    behaviour, code = UNKNOWN[name]
    options = {"total_deadline_s": str(DEADLINE_S)} if code == "gateway.deadline" else {}
    with Peer(pki, behaviours=[behaviour]) as peer:
        fault = fault_of(lambda: connect(peer.url, **options).submit(PARCEL))
    assert (fault.certainty, fault.code) == (Certainty.UNKNOWN, code)
    assert len(peer.requests) == 1, "nothing is followed, nothing is repeated"


@pytest.mark.parametrize("length", [True, False])
def test_an_endless_answer_is_cut_at_its_limit(pki: PkiPaths, connect: Open, length: bool) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    head += b"Content-Length: 99999999\r\n\r\n" if length else b"\r\n"
    with Peer(pki, behaviours=[raw(head + b" " * 600_000)]) as peer:
        fault = fault_of(lambda: connect(peer.url).submit(PARCEL))
    assert fault.code == "gateway.answer_too_large"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry_After": "7"}, 7.0),
        ({"Retry_After": "999999999999"}, 3600.0),
        (
            {"Retry_After": "Mon, 23 Nov 2026 10:00:30 GMT", "Date": "Mon, 23 Nov 2026 10:00:00 GMT"},
            30.0,
        ),
        ({"Retry_After": "Mon, 23 Nov 1970 10:00:30 GMT"}, 0.0),
        ({"Retry_After": "soon"}, None),
        ({"Retry_After": "-3"}, None),
        ({}, None),
    ],
)
@pytest.mark.parametrize("status", ["503 Service Unavailable", "429 Too Many Requests"])
def test_a_gateway_that_asks_to_wait_is_heard(
    pki: PkiPaths, connect: Open, status: str, headers: dict[str, str], seconds: float | None
) -> None:
    with Peer(pki, behaviours=[reply(status, b"{}", **headers)]) as peer:
        fault = fault_of(lambda: connect(peer.url).submit(PARCEL))
    assert (fault.code, fault.retry_after_s, fault.gateway_wide) == ("gateway.busy", seconds, True)


def test_a_peer_that_never_reads_a_large_upload_ends_at_the_deadline(pki: PkiPaths, connect: Open) -> None:
    big = Parcel("sub-1", bytes(30_000_000), b"{}", b"s")
    with Peer(pki, before_reading=lambda peer, _: bool(peer.released.wait(PATIENCE_S)) or None) as peer:
        fault = fault_of(lambda: connect(peer.url, total_deadline_s=str(DEADLINE_S)).submit(big))
    assert (fault.code, fault.certainty) == ("gateway.deadline", Certainty.UNKNOWN)


def test_a_refused_connection_is_known_not_to_be_sent(connect: Open) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    fault = fault_of(lambda: connect(f"https://127.0.0.1:{port}").submit(PARCEL))
    assert (fault.code, fault.certainty, fault.gateway_wide) == (
        "gateway.unreachable",
        Certainty.NOT_SENT,
        True,
    )


def test_a_name_that_does_not_exist_is_known_not_to_be_sent(connect: Open) -> None:
    fault = fault_of(lambda: connect("https://gateway.invalid").submit(PARCEL))
    assert (fault.code, fault.certainty) == ("gateway.name_not_resolved", Certainty.NOT_SENT)


def test_a_name_server_that_never_answers_ends_at_the_deadline(
    connect: Open, monkeypatch: pytest.MonkeyPatch, pki: PkiPaths
) -> None:
    with Peer(pki) as peer:
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: peer.released.wait(PATIENCE_S))
        fault = fault_of(
            lambda: connect("https://slow.invalid", total_deadline_s=str(DEADLINE_S)).submit(PARCEL)
        )
    assert (fault.code, fault.certainty) == ("gateway.name_not_resolved", Certainty.NOT_SENT)


def test_a_handshake_that_never_comes_is_known_not_to_be_sent(pki: PkiPaths, connect: Open) -> None:
    with Peer(pki, before_tls=lambda peer, _: bool(peer.released.wait(PATIENCE_S)) or None) as peer:
        fault = fault_of(lambda: connect(peer.url, total_deadline_s=str(DEADLINE_S)).submit(PARCEL))
    assert (fault.code, fault.certainty) == ("gateway.deadline", Certainty.NOT_SENT)


def test_something_that_does_not_speak_tls_is_known_not_to_be_sent(pki: PkiPaths, connect: Open) -> None:
    with Peer(pki, before_tls=lambda _, plain: plain.sendall(b"HTTP/1.1 400 Bad\r\n\r\n")) as peer:
        fault = fault_of(lambda: connect(peer.url).submit(PARCEL))
    assert (fault.code, fault.certainty) == ("gateway.tls", Certainty.NOT_SENT)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("wrong_name", "gateway.certificate_wrong_name"),
        ("expired", "gateway.certificate_expired"),
    ],
)
def test_a_wrong_certificate_stops_before_anything_is_sent(
    pki: PkiPaths, connect: Open, kind: str, code: str
) -> None:
    cert, key = getattr(pki, f"gateway_{kind}_cert"), getattr(pki, f"gateway_{kind}_key")
    with Peer(pki, cert=cert, key=key, behaviours=[reply("200 OK")]) as peer:
        fault = fault_of(lambda: connect(peer.url).submit(PARCEL))
    assert (fault.code, fault.certainty, peer.requests) == (code, Certainty.NOT_SENT, [])


def test_an_unknown_authority_stops_before_anything_is_sent(pki: PkiPaths, connect: Open) -> None:
    with Peer(pki, behaviours=[reply("200 OK")]) as peer:
        fault = fault_of(lambda: connect(peer.url, ca=str(pki.station_ca)).submit(PARCEL))
    assert (fault.code, fault.certainty) == ("gateway.certificate_untrusted", Certainty.NOT_SENT)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_refused_station_certificate_is_named(
    pki: PkiPaths, connect: Open, version: ssl.TLSVersion
) -> None:
    options = {"client_cert": str(pki.gateway_server_cert), "client_key": str(pki.gateway_server_key)}
    with Peer(pki, versions=(version, version), behaviours=[reply("200 OK")]) as peer:
        fault = fault_of(lambda: connect(peer.url, **options).submit(PARCEL))
    assert peer.requests == []
    assert fault.code in ("gateway.client_certificate_refused", "gateway.connection_lost")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_tls_older_than_1_2_is_refused(pki: PkiPaths, connect: Open) -> None:
    with Peer(
        pki, versions=(ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_1), behaviours=[reply("200 OK")]
    ) as peer:
        fault = fault_of(lambda: connect(peer.url).submit(PARCEL))
    assert (fault.certainty, peer.requests) == (Certainty.NOT_SENT, [])


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"submission_id": "sub-2"}, "receipt.wrong_submission"),
        ({"tcn": "TCN2"}, "receipt.wrong_tcn"),
        ({"sha256": "0" * 64}, "receipt.wrong_digest"),
        ({"size": 1}, "receipt.wrong_size"),
        ({"custody": False}, "receipt.no_custody"),
    ],
)
def test_a_receipt_for_something_else_is_not_believed(
    pki: PkiPaths, connect: Open, changes: dict[str, object], code: str
) -> None:
    with Peer(pki, behaviours=[reply("201 Created", good_answer(pki, **changes))]) as peer:
        signed = connect(peer.url).submit(PARCEL)
    with pytest.raises(ReceiptError) as error:
        Verifier(pki.gateway_ca.read_bytes(), SystemClock()).receipt(signed, ENTRY)
    assert error.value.code == code


@pytest.mark.parametrize(
    ("uri", "code"),
    [
        ("ftp://x", "gateway.unknown_scheme"),
        ("budget://x", "gateway.unknown_scheme"),
        ("no address", "gateway.uri"),
        ("https://", "gateway.uri"),
        ("https://user@host", "gateway.uri"),
        ("https://host/?a=b", "gateway.uri"),
    ],
)
def test_an_address_that_cannot_be_used_is_named(connect: Open, uri: str, code: str) -> None:
    assert fault_of(lambda: connect(uri)).code == code


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"ca": "/none"}, "gateway.own_ca"),
        ({"client_key": "/none"}, "gateway.own_certificate"),
        ({"more": "x"}, "gateway.options"),
    ],
)
def test_keys_that_cannot_be_used_refuse_the_start(connect: Open, options: dict[str, str], code: str) -> None:
    assert fault_of(lambda: connect("https://host", **options)).code == code


def test_a_key_of_another_certificate_refuses_the_start(pki: PkiPaths, connect: Open) -> None:
    fault = fault_of(lambda: connect("https://host", client_key=str(pki.station_signing_key)))
    assert fault.code == "gateway.own_certificate"


def pin_of(path: Any) -> str:
    der = x509.load_pem_x509_certificate(path.read_bytes()).public_bytes(serialization.Encoding.DER)
    return key_pin(der)


def test_a_pinned_key_is_taken_and_another_stops_before_anything_is_sent(
    pki: PkiPaths, connect: Open
) -> None:
    right, other = pin_of(pki.gateway_server_cert), pin_of(pki.gateway_receipt_cert)
    with Peer(pki, behaviours=[reply("200 OK", good_answer(pki))]) as peer:
        connect(peer.url, pin_sha256=f"{other}, {right.upper()}").submit(PARCEL)
        fault = fault_of(lambda: connect(peer.url, pin_sha256=other).submit(PARCEL))
    assert (fault.code, fault.certainty) == ("gateway.certificate_pin", Certainty.NOT_SENT)
    assert len(peer.requests) == 1


@pytest.mark.parametrize(
    "options", [{"pin_sha256": "abc"}, {"pin_sha256": "g" * 64}, {"total_deadline_s": "x"}]
)
def test_an_option_that_makes_no_sense_refuses_the_start(connect: Open, options: dict[str, str]) -> None:
    assert fault_of(lambda: connect("https://host", **options)).code == "gateway.options"
