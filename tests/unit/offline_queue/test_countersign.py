"""Signed in time, expired while offline: held, counter-signed after renewal, and taken by a gateway over real TLS."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from offline_queue.errors import TransportFault
from offline_queue.models import Submission
from offline_queue.receipts import Verifier
from offline_queue.signers import load_signer
from offline_queue.store import Queue
from offline_queue.sync import Sync
from offline_queue.transports import Parcel, load_transport
from offline_queue.vault import Vault
from offline_queue.wire import ResponsePage, SignedReceipt
from station.sim.gateway import running_gateway
from station.sim.pki import PkiPaths
from tests.conftest import FrozenClock
from tests.contract.expiring import NOW, renew, short_lived
from tests.unit.sim.gateway_kit import HEADER, Client, manifest, transaction


@pytest.fixture
def pki(tmp_path: Path) -> PkiPaths:
    return short_lived(tmp_path / "pki")


def test_expired_while_offline_it_is_held_counter_signed_and_sent_by_itself(
    pki: PkiPaths, tmp_path: Path
) -> None:
    clock, content = FrozenClock(NOW), transaction("SIM-2026-000001")
    entry = Submission("s-1", "SIM-2026-000001", "CAR", HEADER.ori, content)
    with (
        running_gateway(pki, tmp_path / "gateway", clock=clock) as gateway,
        Queue.open(
            tmp_path / "q.db", Vault.load(pki.station_vault_key), clock, station_id="station-1"
        ) as queue,
    ):
        queue.enqueue(entry, load_signer(pki.signing_uri))
        first = queue.signature("s-1")
        clock.move(2 * 3600)
        options = {
            "ca": str(pki.gateway_ca),
            "client_cert": str(pki.station_client_cert),
            "client_key": str(pki.station_client_key),
        }
        transport = load_transport(gateway.url, options, clock)
        sync = Sync(queue, transport, Verifier(pki.gateway_ca.read_bytes(), clock), clock, "sync")
        assert sync.drain().expired == 1
        assert (queue.entry("s-1").state, queue.entry("s-1").held_for) == ("held", "certificate")
        assert gateway.submissions() == ()
        assert queue.counter_sign_held(load_signer(pki.signing_uri)) == (), (
            "the old certificate vouches for nothing"
        )
        renew(pki)
        assert queue.counter_sign_held(load_signer(pki.signing_uri)) == ("s-1",)
        assert sync.drain().accepted == 1
        (kept,) = gateway.submissions()
        assert kept.signature == first == queue.signature("s-1"), "never signed again"
        assert kept.sha256 == hashlib.sha256(content).hexdigest()
        assert queue.verify_audit().ok
        transport.close()


def test_the_gateway_refuses_what_expired_and_nobody_vouched_for(pki: PkiPaths, tmp_path: Path) -> None:
    clock = FrozenClock(NOW)
    with running_gateway(pki, tmp_path / "gateway", clock=clock) as gateway:
        client = Client(gateway.url, pki)
        content = transaction()
        said = manifest(content, "s-1", "SIM-2026-000001", created_at=NOW)
        clock.move(2 * 3600)
        answer = client.put(content=content, said=said, headers={"Connection": "close"})
        assert (answer.status_code, answer.json()["code"]) == (422, "certificate.expired")
        assert gateway.submissions() == ()


def test_a_damaged_one_does_not_stop_the_others(pki: PkiPaths, tmp_path: Path) -> None:
    clock = FrozenClock(NOW)
    vault = Vault.load(pki.station_vault_key)
    with Queue.open(tmp_path / "q.db", vault, clock, station_id="station-1") as queue:
        for n in (1, 2):
            content = transaction(f"SIM-2026-00000{n}")
            queue.enqueue(
                Submission(f"s-{n}", f"SIM-2026-00000{n}", "CAR", HEADER.ori, content),
                load_signer(pki.signing_uri),
            )
        clock.move(2 * 3600)
        nobody = NeverAsked()
        sync = Sync(queue, nobody, Verifier(pki.gateway_ca.read_bytes(), clock), clock, "sync")
        assert sync.drain().expired == 2
        queue.database.sql("DROP TRIGGER envelope_never_changes")
        queue.database.sql("UPDATE envelope SET signature = x'30' WHERE seq = 1")
        renew(pki)
        assert queue.counter_sign_held(load_signer(pki.signing_uri)) == ("s-2",)
        sync.drain()
        assert queue.entry("s-1").state == "quarantined"


class NeverAsked:
    """A gateway that has nothing and may not be handed anything here."""

    def submit(self, parcel: Parcel) -> SignedReceipt:
        raise TransportFault("gateway.server_error", f"{parcel.submission_id} came")

    def status(self, submission_id: str) -> SignedReceipt | None:
        return None

    def responses(self, after: int, limit: int) -> ResponsePage:
        return ResponsePage((), False)
