"""Revocation over real TLS: a revoked gateway gets nothing, a revoked station is refused and nothing is lost, lists
come over http and https."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from offline_queue import canonical, cms, crl, crl_fetch
from offline_queue.errors import RevocationError, TransportFault
from offline_queue.models import Submission
from offline_queue.receipts import Verifier
from offline_queue.signers import load_signer
from offline_queue.store import Queue
from offline_queue.sync import Sync
from offline_queue.transports import Parcel, Transport, load_transport
from offline_queue.vault import Vault
from station.clock import SystemClock
from station.sim.gateway import RunningGateway, running_gateway
from station.sim.mail_bureau import make_maildir, message
from station.sim.pki import LOOPBACK
from tests.conftest import FrozenClock
from tests.contract.mail_kit import BUREAU, STATION, Post, post_office
from tests.unit.offline_queue.revocation_kit import DAY, HOUR, KEY_LOST, NOW, World, make_world, serving
from tests.unit.sim.gateway_kit import HEADER, manifest, transaction


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


@contextmanager
def working(world: World, gateway: RunningGateway, clock: Any) -> Iterator[tuple[Queue, Sync]]:
    with ExitStack() as stack:
        queue = stack.enter_context(
            Queue.open(
                world.folder / "q.db",
                Vault.load(world.pki.station_vault_key),
                clock,
                station_id="station-1",
                revocation=world.judge(),
            )
        )
        options = {
            "ca": str(world.pki.gateway_ca),
            "client_cert": str(world.pki.station_client_cert),
            "client_key": str(world.pki.station_client_key),
            "crl_folder": str(world.folder / "crl"),
        }
        transport = load_transport(gateway.url, options, clock)
        stack.callback(transport.close)
        verifier = Verifier(world.pki.gateway_ca.read_bytes(), clock, world.judge(world.gateway))
        yield queue, Sync(queue, transport, verifier, clock, "sync")


def enqueue(queue: Queue, world: World, n: int = 1) -> None:
    tcn = f"SIM-2026-00000{n}"
    queue.enqueue(
        Submission(f"s-{n}", tcn, "CAR", HEADER.ori, transaction(tcn)), load_signer(world.pki.signing_uri)
    )


def test_a_gateway_whose_certificate_was_revoked_gets_nothing(world: World, tmp_path: Path) -> None:
    clock = FrozenClock(NOW)
    with (
        running_gateway(world.pki, tmp_path / "gateway", clock=clock) as gateway,
        working(world, gateway, clock) as (queue, sync),
    ):
        enqueue(queue, world)
        place = world.revoke("gateway_server", NOW - DAY)
        report = sync.step()
        assert report.fault is not None
        assert report.fault.code == "gateway.certificate_revoked"
        assert isinstance(report.fault, TransportFault)
        assert report.fault.certainty == "not_sent"
        entry = queue.entry("s-1")
        assert (entry.state, gateway.submissions()) == ("ready", ())
        assert "gateway.certificate_revoked" in (entry.last_error or "")
        (place / "gateway.crl").unlink()
        clock.move(120)
        assert sync.step().accepted == 1, "the same submission goes out once it is no longer on the list"


def test_an_authority_between_that_was_revoked_takes_the_gateway_with_it(
    world: World, tmp_path: Path
) -> None:
    """The one the gateway shows beside its own certificate."""
    clock = FrozenClock(NOW)
    below = world.gateway.issue_authority("SIMULATED TEST authority below", NOW)
    leaf = below.issue("SIMULATED TEST TLS", "server", NOW - HOUR, NOW + DAY, LOOPBACK)
    world.pki.gateway_server_cert.write_bytes(leaf.cert_pem + below.cert_pem)
    world.pki.gateway_server_key.write_bytes(leaf.key_pem)
    world.issued["gateway_below"] = below.issued.certificate
    with (
        running_gateway(world.pki, tmp_path / "gateway", clock=clock) as gateway,
        working(world, gateway, clock) as (queue, sync),
    ):
        enqueue(queue, world)
        assert sync.drain().accepted == 1
        world.revoke("gateway_below", NOW - HOUR)
        fault = sync.pull().fault
        assert fault is not None
        assert fault.code == "gateway.certificate_revoked"


def parcel() -> Parcel:
    content = transaction()
    return Parcel("s-1", content, manifest(content, "s-1", "SIM-2026-000001"), b"signature")


@contextmanager
def by_mail(world: World, clock: Any) -> Iterator[tuple[Post, Transport]]:
    with post_office(world.pki, world.folder) as post:
        options = {
            "ca": str(world.pki.gateway_ca),
            "receipt_ca": str(world.pki.gateway_ca),
            "sender": STATION,
            "recipient": BUREAU,
            "mailbox": str(make_maildir(world.folder / "mail")),
            "crl_folder": str(world.folder / "crl"),
        }
        yield post, load_transport(post.url, options, clock)


def test_a_mail_server_whose_certificate_was_revoked_gets_nothing(world: World) -> None:
    world.revoke("gateway_server", NOW - DAY)
    with by_mail(world, FrozenClock(NOW)) as (post, transport), pytest.raises(TransportFault) as error:
        transport.submit(parcel())
    assert (error.value.code, error.value.certainty) == ("gateway.certificate_revoked", "not_sent")
    assert post.received == []


def test_a_refusal_by_mail_that_was_signed_after_the_revocation_is_not_looked_at(world: World) -> None:
    clock = FrozenClock(NOW)
    content = canonical.dumps({"code": "bad", "message": "no", "submission_id": "s-1"})
    with by_mail(world, clock) as (post, transport):
        post.lose_answers = True
        for hours, wanted in ((1, "gateway.awaiting_receipt"), (-1, "gateway.refused.bad")):
            world.revoke("gateway_receipt", NOW - hours * HOUR)
            signed = cms.sign_detached(content, load_signer(world.pki.receipt_signing_uri), NOW)
            post.deliver(message("refusal", "REFUSED", content, signed, STATION))
            with pytest.raises(TransportFault) as error:
                transport.submit(parcel())
            assert error.value.code == wanted


def test_a_list_that_is_not_by_the_gateway_s_authority_stops_nothing(world: World, tmp_path: Path) -> None:
    clock = FrozenClock(NOW)
    (tmp_path / "crl").mkdir()
    forged = world.station.crl(NOW, {world.issued["gateway_server"].serial_number: (NOW, KEY_LOST)})
    (tmp_path / "crl/forged.crl").write_bytes(forged)
    with (
        running_gateway(world.pki, tmp_path / "gateway", clock=clock) as gateway,
        working(world, gateway, clock) as (queue, sync),
    ):
        enqueue(queue, world)
        assert sync.drain().accepted == 1


def test_a_receipt_signed_after_the_revocation_is_not_believed_and_one_from_before_stays_good(
    world: World, tmp_path: Path
) -> None:
    clock = FrozenClock(NOW)
    with (
        running_gateway(world.pki, tmp_path / "gateway", clock=clock) as gateway,
        working(world, gateway, clock) as (queue, sync),
    ):
        enqueue(queue, world, 1)
        world.revoke("gateway_receipt", NOW + HOUR)
        assert sync.drain().accepted == 1
        clock.move(2 * 3600)
        enqueue(queue, world, 2)
        report = sync.drain()
        assert (report.accepted, report.unsure) == (0, 1)
        entry = queue.entry("s-2")
        assert entry.state == "unknown"
        assert (entry.last_error or "").startswith("receipt.revoked")
        assert len(gateway.submissions()) == 2, "the gateway has it; we do not believe who says so"
        pulled = sync.pull()
        codes = {one.code for one in queue.quarantined_responses()}
        assert (pulled.responses, codes) == (0, {"response.revoked"})


def test_a_receipt_of_a_time_at_which_there_was_nothing_to_sign_for_is_not_believed(
    world: World, tmp_path: Path
) -> None:
    """Whoever has the revoked key writes the date he likes."""
    clock, late = FrozenClock(NOW), FrozenClock(NOW + 2 * HOUR)
    with (
        running_gateway(world.pki, tmp_path / "gateway", clock=clock) as gateway,
        working(world, gateway, late) as (queue, sync),
    ):
        enqueue(queue, world)
        world.revoke("gateway_receipt", NOW + HOUR)
        assert sync.drain().unsure == 1
        assert (queue.entry("s-1").last_error or "").startswith("receipt.revoked")


# our own certificates


def test_a_station_refused_in_the_handshake_keeps_its_submission(world: World, tmp_path: Path) -> None:
    clock = FrozenClock(NOW)
    lists = world.revoke("station_client", NOW - HOUR, folder="bureau")
    with (
        running_gateway(world.pki, tmp_path / "gateway", lists=lists) as gateway,
        working(world, gateway, clock) as (queue, sync),
    ):
        enqueue(queue, world)
        report = sync.step()
        assert report.accepted == 0
        entry = queue.entry("s-1")
        assert entry.state in ("ready", "unknown")
        assert (entry.last_error or "").startswith("gateway."), report
        assert gateway.submissions() == ()
        world.put("station_client", world.station, "client")
        clock.move(3600)
    with (
        running_gateway(world.pki, tmp_path / "gateway", lists=lists) as gateway,
        working(world, gateway, clock) as (queue, sync),
    ):
        assert sync.drain().accepted == 1
        assert len(gateway.submissions()) == 1


def test_a_station_that_does_not_know_is_refused_and_the_submission_waits_in_quarantine(
    world: World, tmp_path: Path
) -> None:
    """Without the list at the station: the gateway says no. With it: held, counter-signed, taken."""
    clock = FrozenClock(NOW)
    lists = world.revoke("station_signing", NOW + HOUR, folder="bureau")
    with (
        running_gateway(world.pki, tmp_path / "gateway", clock=clock, lists=lists) as gateway,
        working(world, gateway, clock) as (queue, sync),
    ):
        enqueue(queue, world)
        first = queue.signature("s-1")
        clock.move(2 * 3600)
        assert sync.drain().refused == 1
        entry = queue.entry("s-1")
        assert entry.state == "quarantined"
        assert "certificate.revoked" in (entry.last_error or "")
        (tmp_path / "crl").mkdir()
        (lists / "station.crl").rename(tmp_path / "crl/station.crl")
        queue.retry("s-1", "the list is here")
        assert sync.drain().expired == 1
        assert (queue.entry("s-1").state, queue.entry("s-1").held_for) == ("held", "certificate")
        world.put("station_signing", world.station, "signing")
        assert queue.counter_sign_held(load_signer(world.pki.signing_uri)) == ("s-1",)
        assert sync.drain().accepted == 1
        (kept,) = gateway.submissions()
        assert kept.signature == first == queue.signature("s-1"), "never signed again"
        assert queue.verify_audit().ok


# fetching


def test_a_list_comes_over_plain_http_and_may_be_large(world: World) -> None:
    data = world.station.crl(NOW) + b"x" * (crl.LIMIT // 2)
    with serving(200, data) as url:
        assert crl_fetch.fetch(url, SystemClock()) == data


def test_over_https_an_authority_of_ours_may_vouch_for_the_server_and_a_stranger_not(world: World) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(world.pki.gateway_server_cert, world.pki.gateway_server_key)
    data = world.station.crl(NOW)
    with serving(200, data, context) as url:
        assert crl_fetch.fetch(url, SystemClock(), [world.gateway.issued.certificate]) == data
        with pytest.raises(RevocationError) as error:
            crl_fetch.fetch(url, SystemClock(), [world.station.issued.certificate])
        assert error.value.code == "revocation.no_answer"
        assert "authority" in error.value.message


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (302, b"", "revocation.no_answer"),
        (404, b"nothing", "revocation.no_answer"),
        (200, b"x" * (crl.LIMIT + 1), "revocation.too_large"),
    ],
)
def test_what_is_no_plain_answer_of_a_size_we_take_is_refused(status: int, body: bytes, code: str) -> None:
    with serving(status, body) as url, pytest.raises(RevocationError) as error:
        crl_fetch.fetch(url, SystemClock())
    assert error.value.code == code


def test_nobody_there_and_no_address_are_said() -> None:
    with pytest.raises(RevocationError) as error:
        crl_fetch.fetch("http://127.0.0.1:1/x.crl", SystemClock())
    assert error.value.code == "revocation.no_answer"
    with pytest.raises(RevocationError) as error:
        crl_fetch.fetch("ldap://pki.example/x", SystemClock())
    assert error.value.code == "revocation.address"


class Impatient(SystemClock):
    """A clock on which a second passes at each look: nobody waits for a budget to end."""

    def __init__(self) -> None:
        self.looks = 0

    def monotonic(self) -> float:
        self.looks += 1
        return float(self.looks)


def test_one_total_deadline_covers_all_reads_together() -> None:
    with serving(200, b"x" * (crl.LIMIT - 1)) as url, pytest.raises(RevocationError) as error:
        crl_fetch.fetch(url, Impatient(), deadline_s=20.0)
    assert error.value.code == "revocation.no_answer"
    assert "in time" in error.value.message
