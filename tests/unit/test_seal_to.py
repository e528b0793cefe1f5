"""A stolen station: with every file, every key and every table, what of a booking can be read?"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import product
from pathlib import Path

import msgspec
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from offline_queue import sealed
from offline_queue.errors import VaultError
from offline_queue.outward import Opener, submission_aad
from offline_queue.signers import load_signer
from offline_queue.store import Queue
from offline_queue.vault import Vault
from station import booking as bookings
from station import flow
from station.__main__ import main
from station.booking import BookingState
from station.booking_store import BookingStore, _booking_aad, _frame_aad
from station.clock import SystemClock
from station.errors import BookingError
from station.friction_ridge import FGP
from station.records.decode import decode
from station.settings import Settings, parse_settings
from station.sim.pki import PkiPaths, make_pki
from tests.unit import test_flow
from tests.unit.test_settings import GOOD


@pytest.fixture
def pki(tmp_path: Path) -> PkiPaths:
    """Keys as they are spread in the world: the gateway's private ones are not on the station."""
    made = make_pki(tmp_path / "station" / "pki", SystemClock())
    (tmp_path / "gateway").mkdir()
    for name in ("gateway_sealing_key", "gateway_receipt_key", "gateway_server_key"):
        getattr(made, name).rename(tmp_path / "gateway" / getattr(made, name).name)
    return made


def settings_of(folder: Path, pki: PkiPaths, *, seal: bool) -> Settings:
    text = GOOD.replace('"/var/lib/livescan/queue.db"', '"queue.db"')
    text = text.replace('"station.key"', f'"{pki.station_vault_key}"')
    text = text.replace('"file:/etc/livescan/key.pem?cert=/etc/livescan/cert.pem"', f'"{pki.signing_uri}"')
    if seal:
        text = text.replace("[signing]", f'seal_to = "{pki.gateway_sealing_cert}"\n[signing]')
    (folder / "station.toml").write_text(text)
    return parse_settings(text, folder / "station.toml")


def line_of(settings: Settings, pki: PkiPaths) -> flow.Line:
    vault = settings.queue.vault()
    queue = Queue.open(settings.queue.database, vault, SystemClock(), station_id=settings.station.id)
    store = BookingStore.open(settings.booking.database, vault)
    return flow.Line(settings, store, queue, lambda: load_signer(pki.signing_uri), SystemClock())


def booked(folder: Path, pki: PkiPaths, *, seal: bool) -> bytes:
    """Two bookings: one is queued, one is still a draft. Returns what was queued, as the gateway would read it."""
    settings = settings_of(folder, pki, seal=seal)
    line = line_of(settings, pki)
    queued, _draft = test_flow._complete(line, "b-1"), test_flow._complete(line, "draft-2")
    ticket = flow.submit_booking(line, queued)
    line.store.save(bookings.with_submission(queued, ticket, test_flow.NOW))
    if seal:
        assert flow.forget_queued(line.store, line.queue, test_flow.NOW) == 1
    content, closed = line.queue.outgoing("b-1")
    line.queue.close()
    line.store.close()
    if closed:
        key = Opener.load(folder.parent / "gateway" / pki.gateway_sealing_key.name)
        content = key.open(content, submission_aad("b-1"))
    return content


def blobs(folder: Path) -> Iterator[bytes]:
    """Every blob of every row of every table of every database."""
    for path in folder.rglob("*.db"):
        with closing(sqlite3.connect(path)) as base:
            for (table,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                for row in base.execute(f"SELECT * FROM {table}"):
                    yield from (cell for cell in row if isinstance(cell, bytes))


def keys(folder: Path) -> tuple[list[bytes], list[ec.EllipticCurvePrivateKey]]:
    """All that may be a key of 32 bytes, and all private keys, in every file."""
    short, private = [], []
    for path in folder.rglob("*"):
        if path.is_file() and path.stat().st_size < 10_000:
            data = path.read_bytes()
            short += [data] if len(data) == 32 else []
            if b"PRIVATE KEY" in data:
                key = serialization.load_pem_private_key(data, None)
                assert isinstance(key, ec.EllipticCurvePrivateKey)
                private.append(key)
    return short, private


def opened(folder: Path) -> list[bytes]:
    """What a thief reads who knows this program: everything that any key opens at any place."""
    short, private = keys(folder)
    assert len(short) == 1
    assert len(private) >= 2
    places = [submission_aad(name) for name in ("b-1", "draft-2")]
    places += [_booking_aad(name) for name in ("b-1", "draft-2")]
    places += [_frame_aad(name, fgp, n) for name in ("b-1", "draft-2") for fgp in FGP for n in (1, 2)]
    found = []
    for blob, place in product(list(blobs(folder)), places):
        for opener in (*map(Vault, short), *map(Opener, private)):
            try:
                found.append(opener.open(blob, place))
            except VaultError:
                continue
    return found


@pytest.mark.parametrize(
    "seal", [True, False], ids=["sealed to the gateway", "sealed under the station's key"]
)
def test_what_a_thief_reads_of_a_queued_booking(tmp_path: Path, pki: PkiPaths, seal: bool) -> None:
    folder = tmp_path / "station"
    content = booked(folder, pki, seal=seal)
    found = opened(folder)
    assert (content in found) is not seal
    about = [msgspec.json.decode(each) for each in found if each.startswith(b'{"id"')]
    subjects = {each["id"]: each["subject"] for each in about}
    assert subjects["draft-2"]["NAM"] == "SYNTHETIC,PERSON ONE", "what is not queued yet can be read"
    assert bool(subjects["b-1"]) is not seal
    frames = len(found) - len(about) - (not seal)
    assert frames == (13 if seal else 26), "of the one that is queued no frame is left"
    raw = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    for clear in (content[:200], b"SYNTHETIC,PERSON", decode(content).of_type(14)[0].data[:64]):
        assert clear not in raw


def test_the_wrapped_key_itself_gives_way_to_no_key_of_the_station(tmp_path: Path, pki: PkiPaths) -> None:
    """Below the program: the key of AES-256-GCM is wrapped under none of the bytes that are there."""
    folder = tmp_path / "station"
    booked(folder, pki, seal=True)
    (blob,) = [each for each in blobs(folder) if sealed.is_for_gateway(each)]
    parts = sealed.parse(blob)
    short, private = keys(folder)
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), parts.point)
    candidates = [*short, *(key.exchange(ec.ECDH(), point) for key in private)]
    for candidate in candidates:
        with pytest.raises(InvalidTag):
            AESGCM(candidate).decrypt(parts.wrap_nonce, parts.wrapped, parts.head + submission_aad("b-1"))


def test_a_crash_between_queue_and_draft_is_healed_at_the_next_start(tmp_path: Path, pki: PkiPaths) -> None:
    settings = settings_of(tmp_path / "station", pki, seal=True)
    line = line_of(settings, pki)
    ticket = flow.submit_booking(line, test_flow._complete(line, "b-1"))  # and then the power went
    assert flow.forget_queued(line.store, line.queue, test_flow.NOW) == 1
    found = line.store.booking("b-1")
    assert (found.state, found.submission, dict(found.subject)) == (BookingState.SUBMITTED, ticket, {})
    with pytest.raises(BookingError):
        line.store.taken("b-1", FGP(1), 1)
    assert flow.submit_booking(line, found) == ticket
    assert flow.forget_queued(line.store, line.queue, test_flow.NOW) == 0
    assert line.queue.check().ok
    line.queue.close()
    line.store.close()


def test_the_command_line_says_that_it_cannot_open_it(
    tmp_path: Path, pki: PkiPaths, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "station"
    content = booked(folder, pki, seal=True)
    config = ["--config", str(folder / "station.toml")]
    assert main(["queue", "show", "b-1", *config, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert "this station cannot open" in shown["note"]
    assert main(["queue", "export", "b-1", *config, "--out", str(tmp_path / "out")]) == 0
    assert shown["note"] in capsys.readouterr().out
    key = Opener.load(tmp_path / "gateway" / pki.gateway_sealing_key.name)
    assert key.open((tmp_path / "out" / "transaction.sealed").read_bytes(), submission_aad("b-1")) == content
    assert not (tmp_path / "out" / "transaction.an2").exists()
    out = tmp_path / "proof.json"
    assert main(["custody", "export", "b-1", *config, "--out", str(out)]) == 0
    assert shown["note"] in capsys.readouterr().out
    assert "content" not in json.loads(out.read_text())["transaction"]
    authorities = ["--ca", str(pki.station_ca), "--gateway-ca", str(pki.gateway_ca)]
    assert main(["verify", str(out), *authorities, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ok"]
    beside = tmp_path / "folder"
    assert main(["custody", "export", "b-1", *config, "--out", str(beside), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sealed_to"] == shown["sealed_to"]
    (beside / "transaction.an2").write_bytes(content)  # what the gateway gives out
    assert main(["verify", str(beside), *authorities, "--json"]) == 0
    (beside / "transaction.an2").write_bytes(content + b" ")
    assert main(["verify", str(beside), *authorities, "--json"]) == 1


def test_an_unfit_key_of_the_gateway_refuses_the_start(tmp_path: Path, pki: PkiPaths) -> None:
    folder = tmp_path / "station"
    settings = settings_of(folder, pki, seal=True)
    pki.gateway_sealing_cert.write_bytes(pki.gateway_receipt_cert.read_bytes())
    with pytest.raises(VaultError) as error:
        settings.queue.vault()
    assert error.value.code == "vault.recipient"
    assert main(["web", "--config", str(folder / "station.toml")]) == 3
