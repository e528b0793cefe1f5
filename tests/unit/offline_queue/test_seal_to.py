"""A queue whose submissions are sealed to the gateway: kept, checked, sent, carried and erased without being opened."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from offline_queue import carry, erasure, keyring, rotation, salvage
from offline_queue.clock import SystemClock
from offline_queue.database import PAGE_SIZE
from offline_queue.envelope import Manifest
from offline_queue.errors import DamagedEntry, VaultError
from offline_queue.outward import Opener, Openers, Recipient
from offline_queue.receipts import Verifier
from offline_queue.signers import Signer
from offline_queue.states import State
from offline_queue.store import Queue
from offline_queue.sync import Sync
from offline_queue.vault import Vault
from station.bench.queue_work import Work, make_base
from station.sim.pki import PkiPaths
from tests.conftest import FrozenClock
from tests.unit.offline_queue.kit import MemoryGateway, submission

Open = Callable[..., Queue]


@pytest.fixture
def openers(pki: PkiPaths) -> Openers:
    return Openers.load([pki.gateway_sealing_key])


@pytest.fixture
def sealing(tmp_path: Path, pki: PkiPaths, clock: FrozenClock) -> Iterator[Open]:
    """Opens queues; by itself the one of the station that seals to the gateway."""
    queues: list[Queue] = []

    def open_queue(name: str = "st-1", key: Path | None = None, *, seal_to: bool = True) -> Queue:
        (tmp_path / name).mkdir(exist_ok=True)
        vault = Vault.load(key or pki.station_vault_key, pki.gateway_sealing_cert if seal_to else None)
        path = tmp_path / name / "queue.db"
        queues.append(
            Queue.open(path, vault, clock, station_id=name.upper(), free=lambda _: 10**12, boot=lambda: "b")
        )
        return queues[-1]

    yield open_queue
    for queue in queues:
        queue.close()


@pytest.fixture
def queue(sealing: Open, signer: Signer) -> Queue:
    made = sealing()
    for n in (1, 2, 3):
        made.enqueue(submission(n), signer)
    return made


@pytest.fixture
def sync(
    queue: Queue, gateway: MemoryGateway, verifier: Verifier, clock: FrozenClock, openers: Openers
) -> Sync:
    gateway.openers = openers
    return Sync(queue, gateway, verifier, clock, "sync")


def test_the_manifest_names_the_plain_bytes_and_only_the_gateway_has_them(
    queue: Queue, openers: Openers, pki: PkiPaths, signer: Signer
) -> None:
    given = submission(1)
    said = Manifest.from_bytes(queue.manifest("sub-1"))
    assert (said.sha256, said.size) == (hashlib.sha256(given.payload).hexdigest(), len(given.payload))
    stored, sealed = queue.outgoing("sub-1")
    assert (sealed, openers.submission(stored, "sub-1")) == (True, given.payload)
    with pytest.raises(VaultError) as error:
        queue.payload("sub-1")
    assert error.value.code == "vault.for_gateway"
    key = Opener.load(pki.gateway_sealing_key).key_id.hex()
    assert queue.sealed_to("sub-1") == key
    (detail,) = queue.database.sql("SELECT detail FROM audit WHERE event = 'enqueued'")[0]
    assert json.loads(detail)["sealed_to"] == key
    assert queue.check().ok
    assert queue.verify_audit().ok
    assert queue.enqueue(given, signer) == queue.entry("sub-1"), "the same again is the one that is there"


def test_it_is_sent_as_it_lies_there_and_the_receipt_is_for_the_plain_bytes(
    queue: Queue, sync: Sync, gateway: MemoryGateway
) -> None:
    assert sync.step().accepted == 3
    assert queue.counts() == {"custody": 3}
    assert gateway.stored["sub-2"].sha256 == hashlib.sha256(submission(2).payload).hexdigest()


@pytest.mark.parametrize(
    "damage",
    [
        "sealed = CAST(substr(sealed, 1, 300) || x'00' || substr(sealed, 302) AS BLOB)",
        "sealed = CAST(substr(sealed, 1, 6) || x'00' || substr(sealed, 8) AS BLOB)",
        "sealed = substr(sealed, 1, 90)",
        "sealed = CAST('LSV9' || substr(sealed, 5) AS BLOB)",
        "sealed_sha256 = replace(sealed_sha256, substr(sealed_sha256, 1, 8), '00000000')",
    ],
)
def test_damage_at_rest_is_found_before_it_is_sent_and_stops_no_other(
    queue: Queue, sync: Sync, gateway: MemoryGateway, damage: str
) -> None:
    queue.database.sql(f"UPDATE payload SET {damage} WHERE seq = 2")
    (problem,) = queue.check().problems
    assert problem.startswith("sub-2: ")
    report = sync.drain()
    assert (report.accepted, report.damaged) == (2, 1)
    assert queue.entry("sub-2").state is State.QUARANTINED
    assert sorted(gateway.stored) == ["sub-1", "sub-3"]
    with pytest.raises(DamagedEntry):
        queue.outgoing("sub-2")


def test_a_signature_that_is_damaged_is_still_named_by_the_check(queue: Queue) -> None:
    queue.database.sql("DROP TRIGGER envelope_never_changes")
    queue.database.sql("UPDATE envelope SET signature = x'30' WHERE seq = 1")
    assert [problem.partition(":")[0] for problem in queue.check().problems] == ["sub-1"]


def test_a_key_rotation_leaves_it_as_it_is(sealing: Open, tmp_path: Path, signer: Signer) -> None:
    ring = tmp_path / "keys"
    keyring.create(ring)
    queue = sealing("rotated", ring)
    queue.enqueue(submission(1), signer)
    before = queue.outgoing("sub-1")
    old = keyring.read(ring).current
    done = rotation.rotate(ring, queue, rotation.of_queue(queue))
    assert (done.removed, done.kept) == ((old.hex(),), ())
    assert queue.outgoing("sub-1") == before
    assert queue.check().ok


def test_after_custody_it_is_erased_like_any_other(queue: Queue, sync: Sync, openers: Openers) -> None:
    sync.drain()
    assert len(erasure.erase_due(queue.database, dt.timedelta(0))) == 3
    (left,) = queue.database.sql("SELECT sealed FROM payload WHERE seq = 1")[0]
    with pytest.raises(VaultError) as error:
        openers.submission(left, "sub-1")
    assert error.value.code == "vault.erased"
    assert queue.sealed_to("sub-1") is None
    assert queue.check().ok


def test_a_damaged_file_is_mended_without_opening_anything(tmp_path: Path) -> None:
    make_base(tmp_path, sealed=True)
    work = Work(tmp_path / "q-1")
    work.prepare()
    work.run(("migrate", "seal_sign_enqueue"))
    with work.open() as queue:
        bytes_of = {entry.submission_id: queue.outgoing(entry.submission_id) for entry in queue.entries()}
        assert sum(sealed for _, sealed in bytes_of.values()) == 10
        victim = next(name for name, (_, sealed) in bytes_of.items() if sealed)
        queue.database.checkpoint()
    path = work.folder / "queue.db"
    content = bytearray(path.read_bytes())
    content[:PAGE_SIZE] = bytes(PAGE_SIZE)
    at = content.index(bytes_of[victim][0][2000:2064])
    content[at] ^= 1
    path.write_bytes(content)
    told = salvage.mend(path, work.vault(), SystemClock(), "ST-BENCH")
    assert told.damaged == (victim,)
    with work.open() as queue:
        for name in bytes_of.keys() - {victim}:
            assert queue.outgoing(name) == bytes_of[name]


def test_a_stick_carries_it_sealed_through_a_station_that_cannot_open_it(
    queue: Queue, sealing: Open, signer: Signer, pki: PkiPaths, tmp_path: Path,
    gateway: MemoryGateway, verifier: Verifier, clock: FrozenClock, openers: Openers,
) -> None:  # fmt: skip
    site, anchors = Opener.load(pki.gateway_receipt_key), pki.station_ca.read_bytes()
    to_site = Recipient.load(_public(pki.gateway_receipt_cert, tmp_path))
    sticks = [tmp_path / "one.lsb", tmp_path / "two.lsb"]
    carry.export(queue, carry.waiting(queue), sticks[0], to_site, signer)
    second, third = sealing("st-2", seal_to=False), sealing("st-3", seal_to=False)
    with sticks[0].open("rb") as file:
        assert carry.import_bundle(second, file, site, anchors).new == ("sub-1", "sub-2", "sub-3")
    assert second.outgoing("sub-1") == queue.outgoing("sub-1"), "the same sealed bytes"
    assert second.check().ok
    assert second.verify_audit().ok
    carry.export(second, second.entries(), sticks[1], to_site, signer)
    with sticks[1].open("rb") as file:
        carry.import_bundle(third, file, site, anchors)
    gateway.openers = openers
    sync = Sync(third, gateway, verifier, clock, "sync")
    assert sync.step().absent == 3
    assert third.counts() == {"custody": 3}
    assert gateway.stored["sub-3"].sha256 == queue.entry("sub-3").sha256


def test_what_comes_plain_on_a_stick_is_sealed_by_a_station_whose_policy_says_so(
    queue: Queue, sealing: Open, signer: Signer, pki: PkiPaths, tmp_path: Path, openers: Openers
) -> None:
    plain = sealing("plain", seal_to=False)
    plain.enqueue(submission(7), signer)
    stick = tmp_path / "plain.lsb"
    carry.export(
        plain, plain.entries(), stick, Recipient.load(_public(pki.gateway_receipt_cert, tmp_path)), signer
    )
    with stick.open("rb") as file:
        carry.import_bundle(queue, file, Opener.load(pki.gateway_receipt_key), pki.station_ca.read_bytes())
    stored, sealed = queue.outgoing("sub-7")
    assert (sealed, openers.submission(stored, "sub-7")) == (True, submission(7).payload)


def _public(certificate: Path, folder: Path) -> Path:
    """Another site's key, bare: its certificate is for signing."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    key = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    path = folder / "site.pem"
    path.write_bytes(
        key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return path
