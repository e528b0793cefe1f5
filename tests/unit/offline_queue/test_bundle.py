from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from offline_queue import bundle, canonical, carry, cms
from offline_queue.bundle import Bundle, Header
from offline_queue.errors import BundleError, QueueConflict, QueueFull
from offline_queue.outward import Opener, Recipient
from offline_queue.receipts import Verifier
from offline_queue.signers import Signer
from offline_queue.states import State
from offline_queue.store import Queue
from offline_queue.sync import Sync
from offline_queue.transports import Parcel
from offline_queue.vault import Vault
from station.sim.pki import PkiPaths
from tests.conftest import FrozenClock
from tests.unit.offline_queue.kit import AT, MemoryGateway, submission

SITE = ec.generate_private_key(ec.SECP256R1())
OTHER = ec.generate_private_key(ec.SECP256R1())
TO_SITE, AT_SITE = Recipient(SITE.public_key()), Opener(SITE)


@pytest.fixture
def anchors(pki: PkiPaths) -> bytes:
    return pki.station_ca.read_bytes()


@pytest.fixture
def second(tmp_path: Path, clock: FrozenClock) -> Iterator[Queue]:
    """The queue of another station, with a key of its own."""
    folder = tmp_path / "second"
    folder.mkdir()
    with Queue.open(
        folder / "queue.db",
        Vault(b"2" * 32),
        clock,
        station_id="ST-2",
        free=lambda _: 10**12,
        boot=lambda: "b",
    ) as queue:
        yield queue


@pytest.fixture
def written(queue: Queue, signer: Signer, tmp_path: Path) -> Path:
    """Three entries in a bundle to the site."""
    for n in (1, 2, 3):
        queue.enqueue(submission(n), signer)
    path = tmp_path / "stick.lsb"
    carry.export(queue, carry.waiting(queue), path, TO_SITE, signer)
    return path


def take(queue: Queue, path: Path, anchors: bytes, opener: Opener = AT_SITE) -> carry.Imported:
    with path.open("rb") as file:
        return carry.import_bundle(queue, file, opener, anchors)


def error_of(call: Callable[[], object]) -> str:
    with pytest.raises(BundleError) as error:
        call()
    assert error.value.advice
    return error.value.code


def test_what_one_station_exports_another_takes_in_and_the_gateway_has_once(
    queue: Queue, second: Queue, written: Path, anchors: bytes, gateway: MemoryGateway, pki: PkiPaths,
    clock: FrozenClock,
) -> None:  # fmt: skip
    result = take(second, written, anchors)
    assert (result.new, result.known, result.failed) == (("sub-1", "sub-2", "sub-3"), (), ())
    assert (result.station_id, "station signing" in result.signer) == ("ST-1", True)
    assert second.payload("sub-2") == submission(2).payload
    assert second.manifest("sub-2") == queue.manifest("sub-2")
    entry = second.entry("sub-2")
    assert (entry.state, entry.station_id, entry.imported_from) == (State.UNKNOWN, "ST-1", "ST-1")
    verifier = Verifier(pki.gateway_ca.read_bytes(), clock)
    for each in (second, queue):  # the network is back for both
        sync = Sync(each, gateway, verifier, clock, "sync")
        for _ in range(3):
            sync.step()
            clock.move(61)
        assert each.counts() == {"custody": 3}
        assert each.verify_audit().ok
        assert each.check().ok
    uploads = [name for what, name in gateway.calls if what == "submit"]
    assert uploads[:3] == ["sub-1", "sub-2", "sub-3"]
    assert len(gateway.stored) == 3
    assert second.receipt("sub-1") == queue.receipt("sub-1")


def test_taken_in_twice_it_counts_once(second: Queue, written: Path, anchors: bytes) -> None:
    take(second, written, anchors)
    again = take(second, written, anchors)
    assert (again.new, again.known) == ((), ("sub-1", "sub-2", "sub-3"))
    assert len(second.entries()) == 3


def test_a_station_that_gets_its_own_bundle_back_changes_nothing(
    queue: Queue, written: Path, anchors: bytes
) -> None:
    before = queue.entries()
    assert take(queue, written, anchors).known == ("sub-1", "sub-2", "sub-3")
    assert queue.entries() == before


def test_an_exported_entry_is_marked_and_still_sent(
    queue: Queue, written: Path, gateway: MemoryGateway, pki: PkiPaths, clock: FrozenClock
) -> None:
    assert all(entry.exported_at == AT for entry in queue.entries())
    Sync(queue, gateway, Verifier(pki.gateway_ca.read_bytes(), clock), clock, "sync").step()
    assert queue.counts() == {"custody": 3}
    assert queue.verify_audit().ok


def test_nothing_in_the_clear_names_a_submission(written: Path) -> None:
    raw = written.read_bytes()
    for secret in (b"sub-1", b"TCN0000001", submission(1).payload, b"ZZ0000000"):
        assert secret not in raw
    assert written.stat().st_mode & 0o777 == 0o600


def test_held_sent_and_quarantined_entries_stay_at_home(queue: Queue, signer: Signer) -> None:
    for n in (1, 2):
        queue.enqueue(submission(n), signer)
    queue.hold("sub-1")
    assert [entry.submission_id for entry in carry.waiting(queue)] == ["sub-2"]


def test_a_damaged_entry_is_left_out_and_named(queue: Queue, signer: Signer, tmp_path: Path) -> None:
    for n in (1, 2):
        queue.enqueue(submission(n), signer)
    queue.database.sql("UPDATE payload SET sealed = zeroblob(300) WHERE seq = 1")
    done = carry.export(queue, queue.entries(), tmp_path / "b.lsb", TO_SITE, signer)
    assert done.entries == ("sub-2",)
    assert done.skipped[0][0] == "sub-1"
    assert "queue.damaged" in done.skipped[0][1]


def test_a_bundle_for_somebody_else_is_refused_whole(second: Queue, written: Path, anchors: bytes) -> None:
    assert error_of(lambda: take(second, written, anchors, Opener(OTHER))) == "bundle.wrong_recipient"
    assert second.entries() == []


def test_a_bundle_of_a_stranger_is_refused_whole(second: Queue, written: Path, pki: PkiPaths) -> None:
    assert error_of(lambda: take(second, written, pki.gateway_ca.read_bytes())) == "bundle.foreign_signer"
    assert second.entries() == []


def test_a_header_that_was_altered_is_refused_whole(second: Queue, written: Path, anchors: bytes) -> None:
    written.write_bytes(written.read_bytes().replace(b'"station_id":"ST-1"', b'"station_id":"ST-9"'))
    assert error_of(lambda: take(second, written, anchors)) == "bundle.signature"
    assert second.entries() == []


def test_one_damaged_frame_costs_one_entry(second: Queue, written: Path, anchors: bytes) -> None:
    raw = bytearray(written.read_bytes())
    with written.open("rb") as file:
        sizes = [size for _, size in Bundle(file).header.frames]
    raw[len(raw) - sizes[2] - 40] ^= 1  # in the second
    written.write_bytes(raw)
    result = take(second, written, anchors)
    assert result.new == ("sub-1", "sub-3")
    assert [(number, code) for number, code, _ in result.failed] == [(2, "bundle.damaged")]


def test_a_bundle_cut_short_gives_what_is_whole(second: Queue, written: Path, anchors: bytes) -> None:
    written.write_bytes(written.read_bytes()[:-1])
    result = take(second, written, anchors)
    assert result.new == ("sub-1", "sub-2")
    assert result.failed[0][:2] == (3, "bundle.damaged")


def test_an_id_that_has_other_bytes_here_is_a_conflict_of_that_entry_alone(
    second: Queue, written: Path, anchors: bytes, signer: Signer
) -> None:
    second.enqueue(submission(2, b"other bytes"), signer)
    result = take(second, written, anchors)
    assert result.new == ("sub-1", "sub-3")
    assert result.failed[0][:2] == (2, "queue.conflict")


def test_a_queue_without_room_refuses_and_keeps_what_it_has(
    second: Queue, written: Path, anchors: bytes
) -> None:
    second.room._free = lambda _: 0
    with pytest.raises(QueueFull):
        take(second, written, anchors)
    assert second.entries() == []


def forged(queue: Queue, signer: Signer, parcel: Parcel, seal: Recipient = TO_SITE) -> io.BytesIO:
    """A bundle whose header is signed well, around a frame that is not."""
    sealed = bundle.frame(parcel, seal, "0" * 32, 1)
    header = Header(
        "0" * 32, "ST-1", TO_SITE.key_id.hex(), AT, ((hashlib.sha256(sealed).hexdigest(), len(sealed)),)
    )
    return io.BytesIO(
        bundle.start(header.to_bytes(), cms.sign_detached(header.to_bytes(), signer, AT)) + sealed
    )


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda p: Parcel(p.submission_id, p.transaction + b"x", p.manifest, p.signature), "bundle.damaged"),
        (lambda p: Parcel(p.submission_id, p.transaction, p.manifest + b" ", p.signature), "bundle.damaged"),
        (lambda p: Parcel(p.submission_id, p.transaction, p.manifest, b"none"), "cms.malformed"),
    ],
)
def test_a_frame_is_believed_only_with_the_signature_of_the_station_that_made_it(
    queue: Queue, second: Queue, signer: Signer, anchors: bytes, change: Callable[[Parcel], Parcel], code: str
) -> None:
    queue.enqueue(submission(1), signer)
    parcel = Parcel("sub-1", queue.payload("sub-1"), queue.manifest("sub-1"), queue.signature("sub-1"))
    result = carry.import_bundle(second, forged(queue, signer, change(parcel)), AT_SITE, anchors)
    assert (result.new, result.failed[0][1]) == ((), code)


def test_a_frame_sealed_to_another_key_is_named(
    queue: Queue, second: Queue, signer: Signer, anchors: bytes
) -> None:
    queue.enqueue(submission(1), signer)
    parcel = Parcel("sub-1", queue.payload("sub-1"), queue.manifest("sub-1"), queue.signature("sub-1"))
    file = forged(queue, signer, parcel, Recipient(OTHER.public_key()))
    assert carry.import_bundle(second, file, AT_SITE, anchors).failed[0][1] == "vault.other_key"


def test_a_medium_that_cannot_be_written_leaves_nothing_behind(
    queue: Queue, signer: Signer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.enqueue(submission(1), signer)
    export = lambda path: carry.export(queue, queue.entries(), path, TO_SITE, signer)  # noqa: E731
    assert error_of(lambda: export(tmp_path / "none" / "b.lsb")) == "bundle.cannot_write"
    (tmp_path / "b.lsb").write_text("")
    assert error_of(lambda: export(tmp_path / "b.lsb")) == "bundle.exists"
    assert error_of(lambda: carry.export(queue, [], tmp_path / "c.lsb", TO_SITE, signer)) == "bundle.empty"
    real: Any = hashlib.file_digest
    monkeypatch.setattr(hashlib, "file_digest", lambda file, name: real(io.BytesIO(b"rot"), name))
    assert error_of(lambda: export(tmp_path / "d.lsb")) == "bundle.cannot_write"
    assert not (tmp_path / "d.lsb").exists()
    assert queue.entry("sub-1").exported_at is None
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left")))
    assert error_of(lambda: export(tmp_path / "e.lsb")) == "bundle.cannot_write"
    assert not (tmp_path / "e.lsb").exists()


def test_a_conflict_names_the_one_that_is_here(
    queue: Queue, second: Queue, signer: Signer, written: Path, anchors: bytes
) -> None:
    second.enqueue(submission(9, tcn="TCN0000001"), signer)
    with written.open("rb") as file:
        opened = Bundle(file)
        item = next(opened.items(AT_SITE, anchors, AT))
        assert item.parcel is not None
        assert item.manifest is not None
        with pytest.raises(QueueConflict) as error:
            carry.adopt(second, item.parcel, item.manifest, opened.header)
    assert "sub-9" in error.value.message


# ---------------------------------------------------------------- the parser


def some_header() -> bytes:
    return Header("a" * 32, "ST-1", "b" * 16, AT, (("c" * 64, 100), ("d" * 64, 7))).to_bytes()


@given(st.binary(max_size=300))
def test_hostile_bytes_are_refused_with_a_code(raw: bytes) -> None:
    with pytest.raises(BundleError):
        Bundle(io.BytesIO(raw))


@given(st.binary(max_size=300), st.binary(max_size=40))
def test_hostile_headers_are_refused_with_a_code(header: bytes, signature: bytes) -> None:
    with pytest.raises(BundleError) as error:
        Bundle(io.BytesIO(bundle.start(header, signature)))
    assert error.value.code == "bundle.damaged"


@given(st.integers(0, len(some_header()) - 1), st.integers(0, 255))
def test_a_damaged_header_is_refused_or_says_the_same_again(at: int, byte: int) -> None:
    damaged = some_header()[:at] + bytes([byte]) + some_header()[at + 1 :]
    said = ""
    try:
        said = "same" if Header.from_bytes(damaged).to_bytes() == damaged else "other"
    except BundleError as error:
        said = error.code
    assert said in ("same", "bundle.damaged")


@given(st.integers(0, len(bundle.start(some_header(), b"s" * 20)) - 1))
def test_every_cut_in_the_beginning_is_named(cut: int) -> None:
    with pytest.raises(BundleError) as error:
        Bundle(io.BytesIO(bundle.start(some_header(), b"s" * 20)[:cut]))
    assert error.value.code in ("bundle.damaged", "bundle.not_a_bundle")


@given(st.binary(max_size=200), st.binary(max_size=200), st.binary(max_size=200), st.binary(max_size=50))
def test_hostile_frames_under_the_right_seal_become_failed_items(
    manifest: bytes, signature: bytes, transaction: bytes, more: bytes
) -> None:
    plain = bundle.LENGTH.pack(len(manifest)) + manifest + more
    sealed = TO_SITE.seal(plain, b"bundle:" + b"0" * 32 + b":1")
    whole = bundle.frame(Parcel("x", transaction, manifest, signature), TO_SITE, "0" * 32, 2)
    frames = tuple((hashlib.sha256(each).hexdigest(), len(each)) for each in (sealed, whole))
    header = Header("0" * 32, "ST-1", TO_SITE.key_id.hex(), AT, frames).to_bytes()
    opened = Bundle(io.BytesIO(bundle.start(header, b"s") + sealed + whole))
    items = list(opened.items(AT_SITE, b"", AT))
    assert [(item.number, item.parcel) for item in items] == [(1, None), (2, None)]
    assert all(item.error and item.error.code for item in items)


@given(st.binary(max_size=400), st.sampled_from([1, 2]), st.integers(0, 3))
def test_any_bytes_in_a_frame_of_either_layout_become_a_failed_item(
    rest: bytes, schema: int, blocks: int
) -> None:
    """blocks: so many well-formed ones stand before what is hostile."""
    plain = (bundle.LENGTH.pack(3) + b"abc") * blocks + rest
    sealed = TO_SITE.seal(plain, b"bundle:" + b"0" * 32 + b":1")
    frames = ((hashlib.sha256(sealed).hexdigest(), len(sealed)),)
    header = Header("0" * 32, "ST-1", TO_SITE.key_id.hex(), AT, frames, schema).to_bytes()
    start = bundle.start(header, b"s")
    opened = Bundle(io.BytesIO(b"LSB%d" % schema + start[4:] + sealed))
    (item,) = opened.items(AT_SITE, b"", AT)
    assert item.parcel is None
    assert item.error
    assert item.error.code


@pytest.mark.parametrize(
    "change",
    [
        {"frames": [{"sha256": "c" * 64, "size": 0}]},
        {"frames": [{"sha256": "c" * 64, "size": True}]},
        {"frames": [{"sha256": "c" * 64, "size": bundle.LARGEST_FRAME + 1}]},
        {"frames": [{"sha256": 7, "size": 1}]},
        {"frames": 7},
        {"schema": 0},
        {"schema": 3},
        {"schema": True},
        {"recipient": "B" * 16},
    ],
)
def test_a_header_that_says_something_else_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(BundleError):
        Header.from_bytes(canonical.dumps(canonical.loads(some_header()) | change))
