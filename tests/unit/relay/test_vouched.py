"""At the relay: certificates that ran out, counter-signatures, transactions sealed to its key; on real PostgreSQL."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from offline_queue import bundle, canonical, cms
from offline_queue.bundle import Header
from offline_queue.outward import Opener, Openers, Recipient, submission_aad
from offline_queue.receipts import Verifier
from offline_queue.relay import chain
from offline_queue.relay.carried import import_bundle
from offline_queue.relay.database import Database
from offline_queue.relay.intake import Intake, Refused
from offline_queue.relay.queue import RelayQueue
from offline_queue.signers import Signer, load_signer
from offline_queue.store import Queue
from offline_queue.sync import Sync
from offline_queue.transports import Parcel
from station.sim.pki import Authority
from station.sim.relay_world import SimStation
from tests.conftest import FrozenClock
from tests.unit.offline_queue.kit import MemoryGateway
from tests.unit.relay.kit import Desk

NOW = dt.datetime.now(dt.UTC)
HOUR = dt.timedelta(hours=1)
SITE = ec.derive_private_key(0x5157E, ec.SECP256R1())
TO_SITE = Recipient(SITE.public_key())


class Office(Desk):
    """The desk on a clock that is moved; station 1 has a certificate for one hour, and its next one."""

    clock: FrozenClock
    old: Signer
    new: Signer
    stranger: Signer

    @property
    def station(self) -> SimStation:
        return replace(self.county.stations[0], signer=self.old)

    def parcel(self, counter: Signer | None = None, name: str = "s-1") -> Parcel:
        """Signed under the certificate of one hour; counter: who vouches for it now."""
        made = self.station.parcel(name, b"bytes")
        if counter is None:
            return made
        second = cms.sign_detached(made.signature, counter, self.clock.utcnow())
        return replace(made, counter_signature=second)

    def details(self, event: str) -> list[dict[str, Any]]:
        rows = self.database.rows("SELECT detail FROM audit WHERE event = %s ORDER BY id", (event,))
        return [canonical.loads(row["detail"].encode()) for row in rows]


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole suite takes long: certificates that a test makes must be good at that test's own time."""
    monkeypatch.setitem(globals(), "NOW", dt.datetime.now(dt.UTC))


@pytest.fixture
def office(desk: Desk, url: str, tmp_path: Path) -> Iterator[Office]:
    made = cast(Office, desk)
    made.__class__ = Office
    authority = Authority.new("SIMULATED TEST county stations", NOW)

    def signer(name: str, common_name: str, life: dt.timedelta) -> Signer:
        issued = authority.issue(common_name, "signing", NOW - HOUR, NOW + life)
        (tmp_path / f"{name}.pem").write_bytes(issued.cert_pem)
        key = tmp_path / f"{name}.key"
        key.touch(mode=0o600)
        key.write_bytes(issued.key_pem)
        return load_signer(f"file:{key}?cert={tmp_path}/{name}.pem")

    made.old = signer("old", "ST-001 signing", HOUR)
    made.new = signer("new", "ST-001 signing", 20 * HOUR)
    made.stranger = signer("stranger", "ST-002 signing", 20 * HOUR)
    made.clock = FrozenClock(NOW)
    database = Database.open(url, made.clock, lambda: "boot-1")
    made.intake = Intake(
        database, made.vault, load_signer(made.settings.custody.signer), "SIMULATED relay",
        authority.cert_pem, made.clock, Openers(Opener(SITE)),
    )  # fmt: skip
    made.queue = RelayQueue(database, made.vault)
    yield made
    database.close()


@pytest.fixture
def bureau(office: Office) -> MemoryGateway:
    return MemoryGateway(load_signer(office.county.pki.receipt_signing_uri), at=office.clock.utcnow)


def sync_of(office: Office, bureau: MemoryGateway) -> Sync:
    verifier = Verifier(office.county.pki.gateway_ca.read_bytes(), office.clock)
    return Sync(cast(Queue, office.queue), bureau, verifier, office.clock, "w")


def refused(office: Office, parcel: Parcel) -> str:
    with pytest.raises(Refused) as caught:
        office.put(office.station, parcel)
    assert caught.value.status == 422
    assert office.database.one("SELECT count(*) AS n FROM submission") == {"n": 0}
    return caught.value.code


def sealed(parcel: Parcel, recipient: Recipient = TO_SITE, **changes: Any) -> Parcel:
    content = recipient.seal(parcel.transaction, submission_aad(parcel.submission_id))
    return replace(parcel, **({"transaction": content, "sealed": True} | changes))


def test_what_expired_and_nobody_vouched_for_is_refused(office: Office) -> None:
    parcel = office.parcel()
    office.clock.move(2 * 3600)
    assert refused(office, parcel) == "certificate.expired"


def test_a_counter_signature_of_another_station_or_over_other_bytes_is_refused(office: Office) -> None:
    first = office.parcel()
    office.clock.move(2 * 3600)
    by_stranger = cms.sign_detached(first.signature, office.stranger, office.clock.utcnow())
    assert refused(office, replace(first, counter_signature=by_stranger)) == "signer_mismatch"
    by_old = cms.sign_detached(first.signature, office.old, office.clock.utcnow())
    assert refused(office, replace(first, counter_signature=by_old)) == "certificate.expired"
    other = cms.sign_detached(first.manifest, office.new, office.clock.utcnow())
    assert refused(office, replace(first, counter_signature=other)) == "cms.digest"


def test_a_counter_signature_is_kept_shown_by_the_chain_and_sent_on(
    office: Office, bureau: MemoryGateway
) -> None:
    first = office.parcel()
    office.clock.move(2 * 3600)
    second = cms.sign_detached(first.signature, office.new, office.clock.utcnow())
    assert office.put(office.station, replace(first, counter_signature=second)).new
    assert office.details("taken")[0]["counter_signature_sha256"] == hashlib.sha256(second).hexdigest()
    sent: list[Parcel] = []
    real = bureau.submit
    bureau.submit = lambda parcel: sent.append(parcel) or real(parcel)  # type: ignore[method-assign, func-returns-value]
    assert sync_of(office, bureau).drain().accepted == 1
    assert [(each.signature, each.counter_signature) for each in sent] == [(first.signature, second)]
    assert office.state("s-1") == "custody"
    assert chain.verify(office.database).ok
    with pytest.raises(Exception, match="never changed or deleted"):
        office.database.rows("DELETE FROM counter_signature")


def test_a_certificate_that_runs_out_at_the_relay_holds_the_submission(
    office: Office, bureau: MemoryGateway
) -> None:
    office.put(office.station, office.parcel())
    office.put(office.station, office.parcel(office.new, "s-2"))
    office.clock.move(2 * 3600)
    report = sync_of(office, bureau).drain()
    assert (report.expired, report.accepted) == (1, 1)
    assert (office.state("s-1"), office.state("s-2")) == ("held", "custody")
    assert [name for what, name in bureau.calls if what == "submit"] == ["s-2"]
    (row,) = office.database.rows("SELECT last_error FROM submission WHERE submission_id = 's-1'")
    assert row["last_error"].startswith("certificate.expired")
    assert office.intake.onward("ST-001 TLS", "s-1")[0] == "held"


def test_a_transaction_sealed_to_the_relay_is_opened_receipted_and_goes_on_plain(
    office: Office, bureau: MemoryGateway
) -> None:
    plain = office.parcel()
    taken = office.put(office.station, sealed(plain))
    assert canonical.loads(taken.receipt.receipt)["sha256"] == hashlib.sha256(b"bytes").hexdigest()
    assert office.put(office.station, sealed(plain)).receipt == taken.receipt, "sealed anew it is the same"
    assert office.put(office.station, plain).receipt == taken.receipt
    assert sync_of(office, bureau).drain().accepted == 1
    assert bureau.stored["s-1"].size == 5


def test_sealed_to_another_key_or_of_other_bytes_it_is_refused_for_good(office: Office) -> None:
    plain = office.parcel()
    other = Recipient(ec.derive_private_key(5, ec.SECP256R1()).public_key())
    assert refused(office, sealed(plain, other)) == "vault.other_key"
    assert refused(office, sealed(plain, transaction=b"LSV2")) == "vault.not_sealed"
    assert refused(office, sealed(replace(plain, transaction=b"others"))) == "digest_mismatch"
    office.intake._openers = Openers()
    assert refused(office, sealed(plain)) == "vault.other_key"


def test_off_a_stick_both_are_taken_as_over_the_network(office: Office) -> None:
    first, second = office.parcel(), office.parcel(name="s-2")
    office.clock.move(2 * 3600)
    counter = cms.sign_detached(first.signature, office.new, office.clock.utcnow())
    stick = packed(office, sealed(replace(first, counter_signature=counter)), second)
    anchors = office.intake._station_ca
    took = import_bundle(office.intake, stick, Opener(SITE), anchors, office.clock.utcnow())
    assert took.new == ("s-1",)
    assert [(number, code) for number, code, _ in took.failed] == [(2, "certificate.expired")]
    assert office.database.one("SELECT signature FROM counter_signature") == {"signature": counter}


def packed(office: Office, *parcels: Parcel) -> io.BytesIO:
    """A bundle of station 1, under its next certificate."""
    made = [bundle.frame(parcel, TO_SITE, "7" * 32, n) for n, parcel in enumerate(parcels, start=1)]
    frames = tuple((hashlib.sha256(each).hexdigest(), len(each)) for each in made)
    header = Header("7" * 32, "ST-001", TO_SITE.key_id.hex(), office.clock.utcnow(), frames).to_bytes()
    signature = cms.sign_detached(header, office.new, office.clock.utcnow())
    return io.BytesIO(bundle.start(header, signature) + b"".join(made))
