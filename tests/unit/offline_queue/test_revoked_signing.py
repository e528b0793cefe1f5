"""Our own signing certificate is revoked: nothing new is signed with it; what waits is held, and vouched for by the
next one, or by an officer first when it was signed too late."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from offline_queue import audit, carry, cms
from offline_queue.errors import SignerError
from offline_queue.keypair import KeySigner, MemoryKey
from offline_queue.outward import Recipient
from offline_queue.receipts import Verifier
from offline_queue.revocation import Lists, Revocation
from offline_queue.signers import Signer
from offline_queue.store import Queue
from offline_queue.sync import Sync
from offline_queue.transports import Parcel
from offline_queue.trust import Sync as Said
from offline_queue.wire import SignedReceipt
from station.sim.pki import Authority, Issued
from tests.conftest import FrozenClock
from tests.unit.offline_queue.kit import MemoryGateway, submission

NOW = FrozenClock().utcnow()
HOUR = dt.timedelta(hours=1)
SUPERSEDED, KEY_LOST = x509.ReasonFlags.superseded, x509.ReasonFlags.key_compromise


class World:
    """A queue, a station authority that can revoke, a gateway that notes what vouches."""

    def __init__(
        self, folder: Path, opened: Callable[..., Queue], gateway: MemoryGateway, verifier: Verifier
    ) -> None:
        self.clock = FrozenClock()
        self.folder = folder / "crl"
        self.folder.mkdir()
        self.authority = Authority.new("SIMULATED TEST station authority", NOW)
        self.old, self.new = self.issue(), self.issue()
        self.gateway = gateway
        self.queue = opened(clock=self.clock, revocation=self.judge())
        self.sync = Sync(self.queue, Noting(gateway), verifier, self.clock, "sync")

    def judge(self) -> Revocation:
        return Revocation(Lists(self.folder), [self.authority.issued.certificate])

    def issue(self, life: dt.timedelta = 100 * HOUR) -> Issued:
        return self.authority.issue("signing", "signing", NOW - HOUR, NOW + life)

    def revoke(self, since: dt.datetime, reason: x509.ReasonFlags = SUPERSEDED, *more: Issued) -> None:
        serials = [one.certificate.serial_number for one in (self.old, *more)]
        data = self.authority.crl(self.clock.utcnow(), dict.fromkeys(serials, (since, reason)))
        (self.folder / "station.crl").write_bytes(data)

    def enqueue(self, n: int = 1, by: Issued | None = None) -> None:
        self.queue.enqueue(submission(n), signer(by or self.old))

    def state(self, n: int = 1) -> tuple[str, str | None]:
        entry = self.queue.entry(f"sub-{n}")
        return entry.state, entry.held_for

    def error(self, n: int = 1) -> str:
        return (self.queue.entry(f"sub-{n}").last_error or "").partition(":")[0]


class Noting:
    """Hands on, and keeps the counter-signatures."""

    vouched: dict[str, bytes]

    def __init__(self, gateway: MemoryGateway) -> None:
        self.responses, self.status, self.close = gateway.responses, gateway.status, gateway.close
        self._gateway = gateway
        self.vouched = {}

    def submit(self, parcel: Parcel) -> SignedReceipt:
        self.vouched[parcel.submission_id] = parcel.counter_signature
        return self._gateway.submit(parcel)


def signer(issued: Issued) -> Signer:
    return KeySigner(MemoryKey(issued.key), issued.certificate.public_bytes(Encoding.DER), ())


@pytest.fixture
def world(tmp_path: Path, opened: Callable[..., Queue], gateway: MemoryGateway, verifier: Verifier) -> World:
    return World(tmp_path, opened, gateway, verifier)


def test_nothing_new_is_signed_with_it_and_nothing_is_stored_by_halves(world: World) -> None:
    world.enqueue(1)
    world.queue.hold("sub-1")  # a row that no head signs for yet
    world.revoke(NOW - HOUR)
    rows = world.queue.verify_audit()
    for work in (
        lambda: world.queue.seal_audit(signer(world.old)),
        lambda: world.enqueue(2),
        lambda: world.queue.seal_audit_when_due(signer(world.old)),
        lambda: world.queue.counter_sign_held(signer(world.old)),
    ):
        with pytest.raises(SignerError) as error:
            work()
        assert error.value.code == "signer.certificate_revoked"
        assert "booking is kept" in error.value.advice
    assert len(world.queue.entries()) == 1
    assert world.queue.verify_audit() == rows
    world.enqueue(1)  # the same one again is known: nothing is signed for it
    world.enqueue(2, by=world.new)
    assert len(world.queue.entries()) == 2


def test_a_head_that_has_its_signature_already_can_still_be_exported(world: World) -> None:
    world.enqueue(1)
    world.revoke(NOW - HOUR)
    assert world.queue.seal_audit(signer(world.old), "export") is False


def test_no_stick_is_signed_with_it(world: World, tmp_path: Path) -> None:
    world.enqueue(1)
    world.revoke(NOW - HOUR)
    site = Recipient(world.authority.issued.key.public_key())
    with pytest.raises(SignerError):
        carry.export(world.queue, world.queue.entries(), tmp_path / "b.lsb", site, signer(world.old))
    assert not (tmp_path / "b.lsb").exists()


def test_what_was_signed_before_is_held_and_vouched_for_by_the_next_certificate(world: World) -> None:
    world.enqueue(1)
    first = world.queue.signature("sub-1")
    world.clock.move(7200)
    world.revoke(NOW + HOUR)
    assert world.sync.drain().expired == 1
    assert world.state() == ("held", "certificate")
    assert world.error() == "certificate.revoked"
    assert world.queue.counter_sign_held(signer(world.new)) == ("sub-1",)
    assert world.sync.drain().accepted == 1
    (counter,) = world.queue.counter_signatures("sub-1")
    assert world.queue.signature("sub-1") == first, "never signed again"
    cms.verify_detached(first, counter, world.authority.cert_pem, world.clock.utcnow())


def test_what_was_signed_after_it_waits_for_an_officer_and_then_for_the_next_certificate(
    world: World,
) -> None:
    world.enqueue(1)
    world.revoke(NOW - HOUR)
    assert world.sync.drain().expired == 1
    assert world.state() == ("held", "officer")
    assert world.error() == "certificate.signed_after_revocation"
    assert world.queue.counter_sign_held(signer(world.new)) == ()
    assert world.state() == ("held", "officer"), "no certificate lets it go by itself"
    world.queue.release("sub-1", "SUP1: booked here, by me")
    assert world.sync.drain().expired == 1
    assert world.state() == ("held", "certificate")
    assert world.queue.counter_sign_held(signer(world.new)) == ("sub-1",)
    assert world.sync.drain().accepted == 1
    assert world.queue.verify_audit().ok


def test_at_the_very_moment_of_revocation_is_after_it(world: World) -> None:
    world.enqueue(1)
    world.revoke(NOW)
    world.sync.drain()
    assert world.state() == ("held", "officer")


def test_a_release_before_it_was_held_for_this_counts_for_nothing(world: World) -> None:
    world.enqueue(1)
    world.queue.hold("sub-1", "wrong person")
    world.queue.release("sub-1", "right person")
    world.revoke(NOW - HOUR)
    world.sync.drain()
    assert world.state() == ("held", "officer")


def test_a_counter_signature_from_before_the_list_came_does_not_replace_the_officer(world: World) -> None:
    world.old = world.issue(HOUR)
    world.enqueue(1)
    world.clock.move(7200)
    assert world.sync.drain().expired == 1
    assert world.queue.counter_sign_held(signer(world.new)) == ("sub-1",)
    world.revoke(NOW - HOUR)
    world.sync.drain()
    assert world.state() == ("held", "officer")
    world.queue.release("sub-1", "SUP1: booked here")
    assert world.sync.drain().accepted == 1, "it was vouched for already"


def test_a_counter_signature_whose_certificate_was_revoked_is_made_anew(world: World) -> None:
    world.enqueue(1)
    world.revoke(NOW + HOUR)
    world.sync.drain()
    world.queue.counter_sign_held(signer(world.new))
    world.revoke(NOW + HOUR, SUPERSEDED, world.new)
    assert world.sync.drain().expired == 1
    assert world.state() == ("held", "certificate")
    assert world.queue.counter_sign_held(signer(world.issue())) == ("sub-1",)
    assert world.sync.drain().accepted == 1
    assert len(world.queue.counter_signatures("sub-1")) == 2


def test_a_key_that_somebody_else_may_have_vouches_for_nothing_under_a_new_certificate(world: World) -> None:
    world.enqueue(1)
    world.revoke(NOW + HOUR, KEY_LOST)
    world.sync.drain()
    with_old_key = renewed(world.authority, world.old)
    assert world.queue.counter_sign_held(signer(with_old_key)) == ()
    assert world.state() == ("held", "certificate")
    assert world.queue.counter_sign_held(signer(world.new)) == ("sub-1",)


def renewed(authority: Authority, old: Issued) -> Issued:
    """The next certificate, for the same key."""
    made = x509.CertificateBuilder().subject_name(old.certificate.subject)
    made = made.issuer_name(authority.issued.certificate.subject).public_key(old.key.public_key())
    made = made.serial_number(99).not_valid_before(NOW - HOUR).not_valid_after(NOW + HOUR)
    return Issued(made.sign(authority.issued.key, hashes.SHA256()), old.key)


@pytest.mark.parametrize(("after_h", "held_for"), [(0, "certificate"), (2, "officer")])
def test_what_another_station_signed_was_there_from_its_import_on(
    world: World, after_h: int, held_for: str
) -> None:
    """It may have written any date before."""
    world.enqueue(1)
    world.clock.move(after_h * 3600)
    with world.queue.database.write() as tables:
        audit.append(world.queue.database, tables, "imported", "sub-1", {})
    world.revoke(NOW + HOUR)
    world.sync.drain()
    assert world.state() == ("held", held_for)


def test_no_clock_is_needed_to_know_that_it_was_revoked(
    tmp_path: Path, opened: Callable[..., Queue], gateway: MemoryGateway, verifier: Verifier
) -> None:
    world = World(tmp_path, opened, gateway, verifier)
    world.enqueue(1)
    world.revoke(NOW + HOUR)
    world.queue.database.time_source = lambda: Said.NEVER
    assert world.sync.drain().expired == 1
    assert world.state() == ("held", "certificate")
    assert world.queue.counter_sign_held(signer(world.new)) == (), "nothing is signed on such a clock"
