"""What is sealed to the gateway's key, end to end: over real TLS, by real mail, off a stick; and what is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from offline_queue import carry, cms
from offline_queue.clock import SystemClock
from offline_queue.errors import Certainty, TransportFault
from offline_queue.models import Entry, Submission
from offline_queue.outward import Opener, Recipient, submission_aad
from offline_queue.receipts import Verifier
from offline_queue.signers import load_signer
from offline_queue.states import State
from offline_queue.store import Queue
from offline_queue.sync import Sync
from offline_queue.transports import Parcel, Transport, load_transport
from offline_queue.vault import Vault
from station.sim.gateway import RunningGateway, running_gateway
from station.sim.pki import Authority, PkiPaths, make_pki
from tests.conftest import FrozenClock
from tests.contract.mail_kit import mail_options, post_office
from tests.unit.sim.gateway_kit import HEADER, Client, manifest, transaction

NOW = SystemClock().utcnow()
TCN = "SIM-2026-000001"


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole suite takes long: certificates that a test makes must be good at that test's own time."""
    monkeypatch.setitem(globals(), "NOW", SystemClock().utcnow())


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> PkiPaths:
    return make_pki(tmp_path_factory.mktemp("pki"), SystemClock())


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOW)


@pytest.fixture
def queue(tmp_path: Path, pki: PkiPaths, clock: FrozenClock) -> Iterator[Queue]:
    vault = Vault.load(pki.station_vault_key, pki.gateway_sealing_cert)
    with Queue.open(tmp_path / "queue.db", vault, clock, station_id="station-1") as opened:
        yield opened


@pytest.fixture
def content() -> bytes:
    return transaction(TCN)


@pytest.fixture
def entry(queue: Queue, pki: PkiPaths, content: bytes) -> Entry:
    return queue.enqueue(Submission("s-1", TCN, "CAR", HEADER.ori, content), load_signer(pki.signing_uri))


@pytest.fixture
def gateway(pki: PkiPaths, tmp_path: Path) -> Iterator[RunningGateway]:
    with running_gateway(pki, tmp_path / "gateway") as running:
        yield running


@pytest.fixture
def transport(gateway: RunningGateway, pki: PkiPaths) -> Iterator[Transport]:
    opened = over_tls(gateway.url, pki)
    yield opened
    opened.close()


def over_tls(url: str, pki: PkiPaths) -> Transport:
    names = {"ca": "gateway_ca", "client_cert": "station_client_cert", "client_key": "station_client_key"}
    return load_transport(url, {option: str(getattr(pki, name)) for option, name in names.items()})


def sync_of(queue: Queue, transport: Transport, pki: PkiPaths) -> Sync:
    clock = queue.database.clock
    return Sync(queue, transport, Verifier(pki.gateway_ca.read_bytes(), clock), clock, "sync")


@pytest.mark.usefixtures("entry")
def test_over_tls_the_gateway_opens_it_and_receipts_the_plain_bytes(
    queue: Queue, gateway: RunningGateway, transport: Transport, pki: PkiPaths, content: bytes
) -> None:
    assert sync_of(queue, transport, pki).drain().accepted == 1
    (kept,) = gateway.submissions()
    assert (kept.content, kept.sha256) == (content, hashlib.sha256(content).hexdigest())
    assert queue.entry("s-1").state is State.CUSTODY
    again = Parcel("s-1", *_sent(queue))
    assert transport.submit(again).receipt == queue.receipt("s-1"), "the same again is harmless"


def _sent(queue: Queue) -> tuple[bytes, bytes, bytes, bytes, bool]:
    sealed, flag = queue.outgoing("s-1")
    return sealed, queue.manifest("s-1"), queue.signature("s-1"), b"", flag


@pytest.mark.usefixtures("entry")
@pytest.mark.parametrize("implicit", [False, True], ids=["smtp", "smtps"])
def test_by_mail_the_bureau_opens_it_and_no_mail_server_on_the_way_can(
    queue: Queue, pki: PkiPaths, content: bytes, tmp_path: Path, clock: FrozenClock, implicit: bool
) -> None:
    with post_office(pki, tmp_path, implicit=implicit) as post:
        sync = sync_of(queue, load_transport(post.url, mail_options(pki, post.mailbox)), pki)
        assert sync.drain().unsure == 1
        clock.move(61)
        assert sync.drain().accepted == 1
        (kept,) = post.bureau.state.store.submissions()
        assert kept.content == content
        (message,) = post.received
        assert b'filename="transaction.sealed"' in message
        assert b"transaction.an2" not in message


@pytest.mark.usefixtures("entry")
def test_off_a_stick_another_station_sends_it_on_and_the_gateway_opens_it(
    queue: Queue, gateway: RunningGateway, transport: Transport, pki: PkiPaths, content: bytes, tmp_path: Path
) -> None:
    authority = Authority.new("SIMULATED TEST site", NOW)
    ends = authority.issued.certificate.not_valid_after_utc
    site = authority.issue("site", "sealing", NOW, ends)
    (tmp_path / "site.pem").write_bytes(site.cert_pem)
    stick = tmp_path / "stick.lsb"
    to_site = Recipient.load(tmp_path / "site.pem")
    carry.export(queue, carry.waiting(queue), stick, to_site, load_signer(pki.signing_uri))
    with Queue.open(tmp_path / "2.db", Vault(bytes(32)), SystemClock(), station_id="station-2") as second:
        with stick.open("rb") as file:
            took = carry.import_bundle(second, file, Opener(site.key), pki.station_ca.read_bytes())
        assert took.new == ("s-1",)
        assert sync_of(second, transport, pki).drain().accepted == 1
    assert gateway.submissions()[0].content == content
    assert sync_of(queue, transport, pki).drain().accepted == 1, "and by the network, once"
    assert len(gateway.submissions()) == 1


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(TransportFault) as error:
        call()
    assert error.value.certainty is Certainty.REFUSED
    return error.value.code


def test_sealed_to_somebody_else_or_altered_or_of_other_bytes_it_is_a_definite_refusal(
    gateway: RunningGateway, transport: Transport, pki: PkiPaths, content: bytes
) -> None:
    said = manifest(content, "s-1", TCN)
    signature = cms.sign_detached(said, load_signer(pki.signing_uri), NOW)
    ours = Recipient.load(pki.gateway_sealing_cert)
    strange = Authority.new("SIMULATED TEST strange", NOW).issue(
        "x", "sealing", NOW, NOW.replace(year=NOW.year + 1)
    )
    aad = submission_aad("s-1")
    altered = bytearray(ours.seal(content, aad))
    altered[-1] ^= 1

    def put(sealed: bytes) -> str:
        return refusal(lambda: transport.submit(Parcel("s-1", sealed, said, signature, b"", True)))

    assert put(Recipient(strange.key.public_key()).seal(content, aad)) == "gateway.refused.vault.other_key"
    assert put(bytes(altered)) == "gateway.refused.vault.damaged"
    assert put(ours.seal(content, submission_aad("s-2"))) == "gateway.refused.vault.damaged"
    assert put(content) == "gateway.refused.vault.not_sealed"
    assert put(ours.seal(content + b" ", aad)) == "gateway.refused.digest_mismatch"
    assert gateway.submissions() == ()


def test_an_upload_has_one_transaction_plain_or_sealed(gateway: RunningGateway, pki: PkiPaths) -> None:
    client = Client(gateway.url, pki)
    files = {name: (name, b"x") for name in ("manifest", "signature")}
    for more in ({}, {"transaction": ("t", b"x"), "transaction.sealed": ("s", b"x")}):
        answer = client.request("PUT", "/v1/submissions/s-1", files=files | more)
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


def test_a_queue_puts_what_the_gateway_cannot_open_into_quarantine(
    tmp_path: Path, pki: PkiPaths, transport: Transport, content: bytes
) -> None:
    strange = Authority.new("SIMULATED TEST strange", NOW).issue(
        "x", "sealing", NOW, NOW.replace(year=NOW.year + 1)
    )
    vault = Vault(bytes(32), recipient=Recipient(strange.key.public_key()))
    with Queue.open(tmp_path / "q.db", vault, SystemClock(), station_id="station-1") as queue:
        queue.enqueue(Submission("s-1", TCN, "CAR", HEADER.ori, content), load_signer(pki.signing_uri))
        assert sync_of(queue, transport, pki).drain().refused == 1
        assert (queue.entry("s-1").last_error or "").startswith("gateway.refused.vault.other_key")
