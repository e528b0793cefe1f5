"""A counter-signature on every way: by mail, on a stick and through both. What expired and nobody vouched for is held,
or refused, on each of them. Mail server, TLS and gateway are real; the clock is moved."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from offline_queue import bundle, carry
from offline_queue.bundle import Bundle
from offline_queue.errors import AwaitingReceipt, TransportFault
from offline_queue.models import Submission
from offline_queue.outward import Opener, Recipient
from offline_queue.receipts import Verifier
from offline_queue.signers import Signer, load_signer
from offline_queue.store import Queue
from offline_queue.sync import Sync
from offline_queue.transports import Parcel, Transport, load_transport
from offline_queue.vault import Vault
from station.custody import bundle as custody
from station.custody.proof import anchors
from station.custody.verify import verify
from station.sim.gateway import running_gateway
from station.sim.pki import PkiPaths
from tests.conftest import REPO, FrozenClock
from tests.contract.expiring import NOW, renew, short_lived
from tests.contract.mail_kit import Post, mail_options, post_office
from tests.unit.sim.gateway_kit import HEADER, transaction

SITE = ec.derive_private_key(0x5157E, ec.SECP256R1())
COUNTER = b'filename="manifest.counter.p7s"'


@pytest.fixture
def pki(tmp_path: Path) -> PkiPaths:
    return short_lived(tmp_path / "pki")


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOW)


def queue_of(folder: Path, name: str, pki: PkiPaths, clock: FrozenClock) -> Queue:
    vault = Vault.load(pki.station_vault_key)
    return Queue.open(folder / f"{name}.db", vault, clock, station_id=name, free=lambda _: 10**12)


@pytest.fixture
def queue(tmp_path: Path, pki: PkiPaths, clock: FrozenClock) -> Iterator[Queue]:
    """One submission, signed in time; then two hours went by and the certificate is over."""
    with queue_of(tmp_path, "station-1", pki, clock) as made:
        tcn = "SIM-2026-000001"
        made.enqueue(Submission("s-1", tcn, "CAR", HEADER.ori, transaction(tcn)), signer_of(pki))
        clock.move(2 * 3600)
        yield made


@pytest.fixture
def post(pki: PkiPaths, tmp_path: Path, clock: FrozenClock) -> Iterator[Post]:
    with post_office(pki, tmp_path, clock=clock) as running:
        yield running


@pytest.fixture
def mail(post: Post, pki: PkiPaths, clock: FrozenClock) -> Transport:
    return load_transport(post.url, mail_options(pki, post.mailbox), clock)


def signer_of(pki: PkiPaths) -> Signer:
    return load_signer(pki.signing_uri)


def sync_of(queue: Queue, transport: Transport, pki: PkiPaths) -> Sync:
    clock = queue.database.clock
    return Sync(queue, transport, Verifier(pki.gateway_ca.read_bytes(), clock), clock, "sync")


def vouch(queue: Queue, pki: PkiPaths, transport: Transport) -> None:
    """Held for its certificate; then the renewal comes."""
    assert sync_of(queue, transport, pki).drain().expired == 1
    renew(pki)
    assert queue.counter_sign_held(signer_of(pki)) == ("s-1",)


def parcel(queue: Queue, counter: bytes = b"") -> Parcel:
    return Parcel("s-1", queue.payload("s-1"), queue.manifest("s-1"), queue.signature("s-1"), counter)


def test_by_mail_it_is_held_counter_signed_and_taken(
    queue: Queue, mail: Transport, post: Post, pki: PkiPaths, clock: FrozenClock
) -> None:
    vouch(queue, pki, mail)
    assert post.received == [], "nothing goes out before somebody vouched for it"
    sync = sync_of(queue, mail, pki)
    assert sync.drain().absent == 0
    clock.move(1000)  # asked for in vain: it was never sent
    for _ in range(3):
        sync.drain()
        clock.move(61)
    assert queue.counts() == {"custody": 1}
    assert COUNTER in post.received[0]
    (kept,) = post.bureau.state.store.submissions()
    assert kept.signature == queue.signature("s-1")


def test_by_mail_the_bureau_refuses_what_expired_and_nobody_vouched_for(
    queue: Queue, mail: Transport, post: Post
) -> None:
    for _ in range(2):
        with pytest.raises(TransportFault) as fault:
            mail.submit(parcel(queue))
    assert fault.value.code == "gateway.refused.certificate.expired"
    assert post.bureau.state.store.submissions() == ()


def test_by_mail_a_forged_counter_signature_is_refused(queue: Queue, mail: Transport, pki: PkiPaths) -> None:
    with pytest.raises(AwaitingReceipt):
        mail.submit(parcel(queue, queue.signature("s-1")))
    with pytest.raises(TransportFault) as fault:
        mail.submit(parcel(queue))
    assert fault.value.code == "gateway.refused.cms.digest"


def test_on_a_stick_it_travels_is_kept_and_sent_on_over_tls(
    queue: Queue, mail: Transport, pki: PkiPaths, tmp_path: Path, clock: FrozenClock
) -> None:
    vouch(queue, pki, mail)
    stick = tmp_path / "stick.lsb"
    carry.export(queue, queue.entries(), stick, Recipient(SITE.public_key()), signer_of(pki))
    with (
        queue_of(tmp_path, "station-2", pki, clock) as second,
        running_gateway(pki, tmp_path / "gateway", clock=clock) as gateway,
    ):
        with stick.open("rb") as file:
            took = carry.import_bundle(second, file, Opener(SITE), pki.station_ca.read_bytes())
        assert (took.new, took.failed) == (("s-1",), ())
        assert second.counter_signatures("s-1") == queue.counter_signatures("s-1")
        assert second.signature("s-1") == queue.signature("s-1")
        names = {"ca": "gateway_ca", "client_cert": "station_client_cert", "client_key": "station_client_key"}
        options = {option: str(getattr(pki, name)) for option, name in names.items()}
        assert sync_of(second, load_transport(gateway.url, options, clock), pki).drain().accepted == 1
        assert gateway.submissions()[0].signature == queue.signature("s-1")
        second.seal_audit(signer_of(pki))
        proof = custody.make(second, second.entry("s-1"))
        report = verify(proof, anchors(pki.station_ca.read_bytes()), anchors(pki.gateway_ca.read_bytes()))
        assert report["ok"], report
        (said,) = json.loads(proof)["counter_signatures"]
        assert base64.b64decode(said["signature"]) == queue.counter_signatures("s-1")[0]
        assert second.check().ok
        assert second.verify_audit().ok


def test_on_a_stick_what_expired_and_nobody_vouched_for_is_left_out_and_named(
    queue: Queue, pki: PkiPaths, tmp_path: Path, clock: FrozenClock
) -> None:
    renew(pki)
    stick = tmp_path / "stick.lsb"
    carry.export(queue, queue.entries(), stick, Recipient(SITE.public_key()), signer_of(pki))
    with queue_of(tmp_path, "station-2", pki, clock) as second, stick.open("rb") as file:
        took = carry.import_bundle(second, file, Opener(SITE), pki.station_ca.read_bytes())
        assert took.new == ()
        assert [(number, code) for number, code, _ in took.failed] == [(1, "certificate.expired")]
        assert second.entries() == []


def test_a_bundle_of_the_first_layout_is_still_taken_in(tmp_path: Path, pki: PkiPaths) -> None:
    """Written by the program before layout 2: no counter-signature, no sealed transaction."""
    old = json.loads((REPO / "tests/unit/offline_queue/bundle_lsb1.json").read_text())
    raw, authority = base64.b64decode(old["bundle"]), old["station_ca"].encode()
    assert raw.startswith(b"LSB1")
    stick = tmp_path / "old.lsb"
    stick.write_bytes(raw)
    with queue_of(tmp_path, "station-2", pki, FrozenClock()) as second, stick.open("rb") as file:
        took = carry.import_bundle(second, file, Opener(SITE), authority)
        assert (took.new, took.failed) == (("sub-1", "sub-2"), ())
        assert second.payload("sub-2") == b"payload 2 " * 50
        assert second.counter_signatures("sub-1") == []


def test_a_layout_is_not_read_as_the_other(tmp_path: Path) -> None:
    old = json.loads((REPO / "tests/unit/offline_queue/bundle_lsb1.json").read_text())
    stick = tmp_path / "old.lsb"
    stick.write_bytes(b"LSB2" + base64.b64decode(old["bundle"])[4:])
    with stick.open("rb") as file, pytest.raises(bundle.BundleError) as error:
        Bundle(file)
    assert error.value.code == "bundle.damaged"
