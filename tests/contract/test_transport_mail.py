"""The transport contract by mail: a real mail server with TLS, a bureau that answers by mail, the station's Maildir."""

from __future__ import annotations

import email
import hashlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult

from offline_queue import canonical, cms
from offline_queue.backoff import Backoff
from offline_queue.clock import SystemClock
from offline_queue.errors import AwaitingReceipt, Certainty, QueueError, TransportFault
from offline_queue.receipts import Verifier
from offline_queue.signers import load_signer
from offline_queue.states import State
from offline_queue.store import Queue
from offline_queue.sync import Sync
from offline_queue.transports import Parcel, Transport, load_transport
from offline_queue.vault import Vault
from offline_queue.wire import BadItem, WireResponse
from station.bench.queue_world import World
from station.sim.mail_bureau import make_maildir, message
from station.sim.pki import PkiPaths
from tests.conftest import FrozenClock
from tests.contract.mail_kit import BUREAU, STATION, Post, post_office
from tests.contract.test_transport import pin_of
from tests.kit.helpers import background
from tests.kit.waiting import PATIENCE_S

DEADLINE_S = 10.0
MODES = ["smtp", "smtps"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def pki(world: World) -> PkiPaths:
    return world.pki


@pytest.fixture(params=MODES)
def post(request: pytest.FixtureRequest, pki: PkiPaths, tmp_path: Path) -> Iterator[Post]:
    with post_office(pki, tmp_path, implicit=request.param == "smtps") as running:
        yield running


Open = Callable[..., Transport]


@pytest.fixture
def connect(pki: PkiPaths, tmp_path: Path) -> Open:
    def open_transport(url: str, clock: Any = None, **changes: str) -> Transport:
        options = {
            "ca": str(pki.gateway_ca),
            "receipt_ca": str(pki.gateway_ca),
            "sender": STATION,
            "recipient": BUREAU,
            "mailbox": str(make_maildir(tmp_path / "mail")),
            "total_deadline_s": str(DEADLINE_S),
        }
        return load_transport(url, {k: v for k, v in (options | changes).items() if v}, clock)

    return open_transport


@pytest.fixture
def queue(world: World, pki: PkiPaths, tmp_path: Path, clock: FrozenClock) -> Iterator[Queue]:
    vault = Vault.load(pki.station_vault_key)
    now = SystemClock().utcnow()
    clock._start = now
    with Queue.open(
        tmp_path / "queue.db", vault, clock, station_id="ST-BENCH", free=lambda _: 10**12, boot=lambda: "b"
    ) as opened:
        yield opened


def parcel(queue: Queue, world: World, n: int = 1) -> Parcel:
    name = queue.enqueue(world.submission(n), world.signer).submission_id
    return Parcel(name, queue.payload(name), queue.manifest(name), queue.signature(name))


def fault_of(call: Callable[[], object]) -> TransportFault:
    with pytest.raises(TransportFault) as error:
        call()
    assert error.value.advice
    return error.value


def test_a_submission_arrives_whole_and_its_signed_receipt_comes_back_by_mail(
    post: Post, connect: Open, queue: Queue, world: World, pki: PkiPaths
) -> None:
    given = parcel(queue, world)
    transport = connect(post.url)
    with pytest.raises(AwaitingReceipt):
        transport.submit(given)
    signed = transport.status(given.submission_id)
    assert signed is not None
    receipt = Verifier(pki.gateway_ca.read_bytes(), SystemClock()).receipt(
        signed, queue.entry(given.submission_id)
    )
    assert receipt.submission_id == given.submission_id
    (stored,) = post.bureau.state.store.submissions()
    assert (stored.content, stored.manifest, stored.signature) == (
        given.transaction,
        given.manifest,
        given.signature,
    )
    heard = email.message_from_bytes(post.received[0])
    assert heard["Subject"] == f"SIMTEXT {queue.entry(given.submission_id).tcn}"
    assert heard["Message-ID"] == f"<{given.submission_id}@county.invalid>"


def test_the_same_again_is_harmless_and_needs_no_second_message_once_the_receipt_is_there(
    post: Post, connect: Open, queue: Queue, world: World
) -> None:
    given = parcel(queue, world)
    post.lose_answers = True
    transport = connect(post.url)
    fault_of(lambda: transport.submit(given))
    post.lose_answers = False
    fault_of(lambda: transport.submit(given))
    assert transport.submit(given).receipt
    assert len(post.received) == 2
    assert len(post.bureau.state.store.submissions()) == 1


def test_no_receipt_for_long_is_a_no_and_then_it_is_sent_again(
    post: Post, connect: Open, queue: Queue, world: World, clock: FrozenClock
) -> None:
    given = parcel(queue, world)
    post.lose_answers = True
    transport = connect(post.url, clock, resend_after_s="900")
    fault_of(lambda: transport.submit(given))
    clock.move(899)
    assert fault_of(lambda: transport.status(given.submission_id)).code == "gateway.awaiting_receipt"
    clock.move(1)
    assert transport.status(given.submission_id) is None


def test_a_refusal_counts_only_with_the_bureaus_signature(
    post: Post, connect: Open, queue: Queue, world: World, pki: PkiPaths
) -> None:
    given = parcel(queue, world)
    post.lose_answers = True
    content = canonical.dumps({"code": "bad", "message": "no", "submission_id": given.submission_id})
    station = cms.sign_detached(content, load_signer(pki.signing_uri), SystemClock().utcnow())
    bureau = cms.sign_detached(content, load_signer(pki.receipt_signing_uri), SystemClock().utcnow())
    post.deliver(message("refusal", "REFUSED", content, station, STATION))
    transport = connect(post.url)
    assert isinstance(fault_of(lambda: transport.submit(given)), AwaitingReceipt)
    post.deliver(message("refusal", "REFUSED", content, bureau, STATION))
    assert transport.status(given.submission_id) is None
    fault = fault_of(lambda: transport.submit(given))
    assert (fault.code, fault.certainty) == ("gateway.refused.bad", Certainty.REFUSED)
    assert isinstance(fault_of(lambda: transport.submit(given)), AwaitingReceipt), (
        "an officer's retry sends anew"
    )


def test_a_forged_receipt_does_not_hide_the_genuine_one(
    post: Post, connect: Open, queue: Queue, world: World, pki: PkiPaths, clock: FrozenClock
) -> None:
    queue.enqueue(world.submission(1), world.signer)
    forged = canonical.dumps({"submission_id": "s-1", "custody": True})
    post.deliver(message("receipt", "RECEIPT", forged, b"nothing", STATION))
    sync = Sync(queue, connect(post.url, clock), Verifier(pki.gateway_ca.read_bytes(), clock), clock, "sync")
    for _ in range(4):
        sync.step()
        clock.move(61)
    assert queue.entry("s-1").state is State.CUSTODY


def test_many_are_sent_at_once_their_receipts_and_answers_matched_by_control_number(
    post: Post, connect: Open, queue: Queue, world: World, pki: PkiPaths, clock: FrozenClock
) -> None:
    entries = [queue.enqueue(world.submission(n), world.signer) for n in range(1, 6)]
    backoff = Backoff(jitter=lambda: 0.0)
    verifier = Verifier(pki.gateway_ca.read_bytes(), clock)
    sync = Sync(queue, connect(post.url, clock), verifier, clock, "sync", backoff=backoff)
    report = sync.step()
    assert (report.unsure, report.fault) == (5, None), "waiting for mail is no failure of the gateway"
    clock.move(61)
    assert sync.step().accepted == 5
    assert post.bureau.publish() >= 5
    for _ in range(3):
        sync.step()
        clock.move(61)
    assert queue.counts() == {"answered": 5}
    assert {response.tcr for response in queue.responses()} == {entry.tcn for entry in entries}
    assert [s.submission_id for s in post.bureau.state.store.submissions()] == [
        e.submission_id for e in entries
    ]
    assert not list((post.mailbox / "new").iterdir()), "everything was filed as seen"
    assert len(queue.responses()) == len({response.seq for response in queue.responses()})


def test_responses_are_numbered_as_they_come_and_filed_once_they_are_kept(post: Post, connect: Open) -> None:
    for n in range(3):
        post.deliver(message("response", f"SRE TCN{n}", b"an2 %d" % n, b"sig", STATION))
    post.deliver(b"Subject: buy now\r\n\r\nspam")
    transport = connect(post.url)
    page = transport.responses(7, 2)
    assert [(i.seq, i.tcr, i.tot) for i in page.items if isinstance(i, WireResponse)] == [
        (8, "TCN0", "SRE"),
        (9, "TCN1", "SRE"),
    ]
    assert page.more
    assert [item.seq for item in transport.responses(7, 2).items] == [8, 9], "asking twice gives the same"
    rest = transport.responses(9, 2)
    assert [type(item) for item in rest.items] == [WireResponse, BadItem]
    assert not rest.more
    assert transport.responses(11, 2).items == ()
    assert len(list((post.mailbox / "cur").iterdir())) == 4


@pytest.mark.parametrize(
    ("verb", "said", "code", "certainty", "wide"),
    [
        ("RCPT", "450 try later", "gateway.busy", Certainty.NOT_SENT, True),
        ("RCPT", "550 nobody here", "gateway.mail_refused", Certainty.NOT_SENT, True),
        ("MAIL", "530 who are you", "gateway.not_permitted", Certainty.NOT_SENT, True),
        ("DATA", "451 disk full", "gateway.busy", Certainty.NOT_SENT, True),
        ("DATA", "554 looks like spam", "gateway.mail_rejected", Certainty.UNKNOWN, False),
    ],
)
def test_what_the_mail_server_refuses_is_never_the_bureaus_decision(
    post: Post, connect: Open, queue: Queue, world: World,
    verb: str, said: str, code: str, certainty: Certainty, wide: bool,
) -> None:  # fmt: skip
    post.replies[verb] = said
    fault = fault_of(lambda: connect(post.url).submit(parcel(queue, world)))
    assert (fault.code, fault.certainty, fault.gateway_wide) == (code, certainty, wide)
    assert said.partition(" ")[2] in fault.message
    assert post.received == []


def test_a_message_larger_than_the_server_takes_is_not_begun(
    pki: PkiPaths, tmp_path: Path, connect: Open, queue: Queue, world: World
) -> None:
    with post_office(pki, tmp_path, data_size_limit=500) as post:
        fault = fault_of(lambda: connect(post.url).submit(parcel(queue, world)))
    assert (fault.code, fault.gateway_wide) == ("gateway.mail_rejected", False)


def test_a_server_without_tls_gets_nothing(
    pki: PkiPaths, tmp_path: Path, connect: Open, queue: Queue, world: World
) -> None:
    with post_office(pki, tmp_path, tls=False) as post:
        fault = fault_of(lambda: connect(post.url).submit(parcel(queue, world)))
    assert (fault.code, fault.certainty) == ("gateway.tls", Certainty.NOT_SENT)
    assert post.received == []


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize(
    ("cert", "code"),
    [
        ("gateway_wrong_name", "gateway.certificate_wrong_name"),
        ("gateway_expired", "gateway.certificate_expired"),
    ],
)
def test_a_wrong_certificate_stops_before_anything_is_sent(
    pki: PkiPaths,
    tmp_path: Path,
    connect: Open,
    queue: Queue,
    world: World,
    cert: str,
    code: str,
    implicit: bool,
) -> None:
    with post_office(pki, tmp_path, cert=cert, implicit=implicit) as post:
        fault = fault_of(lambda: connect(post.url).submit(parcel(queue, world)))
    assert (fault.code, fault.certainty, post.received) == (code, Certainty.NOT_SENT, [])


def test_an_unknown_authority_and_a_key_that_is_not_pinned_get_nothing(
    post: Post, connect: Open, queue: Queue, world: World, pki: PkiPaths
) -> None:
    given = parcel(queue, world)
    stranger = fault_of(lambda: connect(post.url, ca=str(pki.station_ca)).submit(given))
    assert stranger.code == "gateway.certificate_untrusted"
    other = connect(post.url, pin_sha256=pin_of(pki.gateway_receipt_cert))
    assert fault_of(lambda: other.submit(given)).code == "gateway.certificate_pin"
    assert post.received == []
    right = connect(post.url, pin_sha256=pin_of(pki.gateway_server_cert))
    assert isinstance(fault_of(lambda: right.submit(given)), AwaitingReceipt)


def test_nobody_there_is_known_not_to_be_sent(connect: Open, queue: Queue, world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    fault = fault_of(lambda: connect(f"smtp://127.0.0.1:{port}").submit(parcel(queue, world)))
    assert (fault.code, fault.certainty) == ("gateway.unreachable", Certainty.NOT_SENT)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("greeting", [b"", b"220 mail\r\n", b"220-" + b"x" * 400])
def test_silence_or_a_drip_ends_at_the_total_deadline(
    connect: Open, queue: Queue, world: World, mode: str, greeting: bytes
) -> None:
    done = threading.Event()

    def serve(listener: socket.socket) -> None:
        line, _ = listener.accept()
        with line:
            for byte in greeting:
                line.sendall(bytes([byte]))
                if done.wait(0.03):
                    return
            done.wait(PATIENCE_S)

    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        background(serve, listener, stop=done.set, name="a silent mail server") as server,
    ):
        url = f"{mode}://127.0.0.1:{listener.getsockname()[1]}"
        transport = connect(url, total_deadline_s="0.4")
        fault = fault_of(lambda: transport.submit(parcel(queue, world)))
        assert server.running, "the fault came before the server's end, which is a minute away"
    assert fault.code in ("gateway.deadline", "gateway.tls"), fault
    assert fault.certainty is Certainty.NOT_SENT


@pytest.mark.parametrize(
    ("uri", "changes", "code"),
    [
        ("smtp://", {}, "gateway.uri"),
        ("smtp://user@host", {}, "gateway.uri"),
        ("smtps://host/path", {}, "gateway.uri"),
        ("smtp://host:99999", {}, "gateway.options"),
        ("smtp://host", {"sender": "two words"}, "gateway.options"),
        ("smtp://host", {"recipient": "a@b\r\nRCPT TO:<c@d>"}, "gateway.options"),
        ("smtp://host", {"more": "x"}, "gateway.options"),
        ("smtp://host", {"recipient": ""}, "gateway.options"),
        ("smtp://host", {"user": "me"}, "gateway.options"),
        ("smtp://host", {"user": "me", "password_file": "/none"}, "gateway.options"),
        ("smtp://host", {"receipt_ca": "/none"}, "gateway.options"),
        ("smtp://host", {"pin_sha256": "zz"}, "gateway.options"),
        ("smtp://host", {"ca": "/none"}, "gateway.own_ca"),
        ("smtp://host", {"client_cert": "/none", "client_key": "/none"}, "gateway.own_certificate"),
        ("smtp://host", {"mailbox": "/none"}, "gateway.mailbox"),
    ],
)
def test_an_address_or_option_that_cannot_be_used_is_named(
    connect: Open, uri: str, changes: dict[str, str], code: str
) -> None:
    assert fault_of(lambda: connect(uri, **changes)).code == code


def test_a_mailbox_that_goes_away_is_named(post: Post, connect: Open) -> None:
    transport = connect(post.url)
    (post.mailbox / "new").rename(post.mailbox / "gone")
    assert fault_of(lambda: transport.responses(0, 5)).code == "gateway.mailbox"


def test_the_bureau_refuses_by_mail_what_the_gateway_would_refuse(
    post: Post, connect: Open, queue: Queue, world: World
) -> None:
    given = parcel(queue, world)
    other = Parcel(given.submission_id, given.transaction + b"x", given.manifest, given.signature)
    transport = connect(post.url)
    fault_of(lambda: transport.submit(other))
    assert transport.status(given.submission_id) is None
    assert fault_of(lambda: transport.submit(given)).code == "gateway.refused.digest_mismatch"
    post.bureau.receive(b"no mail at all")
    assert hashlib.sha256(given.transaction).hexdigest() == queue.entry(given.submission_id).sha256


def test_the_password_is_given_only_under_tls_and_a_wrong_one_is_named(
    pki: PkiPaths, tmp_path: Path, connect: Open, queue: Queue, world: World
) -> None:
    heard: list[tuple[str, bytes]] = []

    def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        heard.append((mechanism, data.password))
        return AuthResult(success=data.password == b"right", handled=False)

    secret = tmp_path / "mail.password"
    secret.touch(mode=0o600)
    given = parcel(queue, world)
    with post_office(pki, tmp_path, authenticator=authenticate, auth_required=True) as post:
        for password, code in (("wrong", "gateway.not_permitted"), ("right\n", "gateway.awaiting_receipt")):
            secret.write_text(password)
            transport = connect(post.url, user="st-1", password_file=str(secret))
            assert fault_of(lambda: transport.submit(given)).code == code  # noqa: B023
        other = parcel(queue, world, 2)
        assert fault_of(lambda: connect(post.url).submit(other)).code == "gateway.not_permitted"
    assert heard[-1][1] == b"right"
    secret.chmod(0o644)
    assert (
        fault_of(lambda: connect("smtp://h", user="a", password_file=str(secret))).code == "gateway.options"
    )


def test_a_line_that_breaks_in_the_middle_of_a_message_leaves_the_outcome_unknown(
    pki: PkiPaths, tmp_path: Path, connect: Open, queue: Queue, world: World
) -> None:
    with post_office(pki, tmp_path, implicit=True) as post:
        post.cut = True
        fault = fault_of(lambda: connect(post.url).submit(parcel(queue, world)))
    assert (fault.code, fault.certainty) == ("gateway.connection_lost", Certainty.UNKNOWN)


def test_a_manifest_that_is_none_cannot_be_mailed(post: Post, connect: Open) -> None:
    with pytest.raises(QueueError) as error:
        connect(post.url).submit(Parcel("s-1", b"x", b"{}", b""))
    assert error.value.code == "manifest.malformed"
