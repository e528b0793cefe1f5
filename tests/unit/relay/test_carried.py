"""A bundle at the relay, against a real PostgreSQL server."""

from __future__ import annotations

import argparse
import hashlib
import io
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from offline_queue import bundle, cms
from offline_queue.bundle import Header
from offline_queue.clock import SystemClock
from offline_queue.errors import BundleError
from offline_queue.outward import Opener, Recipient
from offline_queue.relay.carried import import_bundle
from offline_queue.signers import Signer
from offline_queue.transports import Parcel
from station.cli import relay as relay_cli
from station.sim.relay_world import County
from tests.unit.relay.kit import Desk

SITE = ec.generate_private_key(ec.SECP256R1())


def packed(signer: Signer, *parcels: Parcel) -> io.BytesIO:
    recipient, number = Recipient(SITE.public_key()), "7" * 32
    sealed = [bundle.frame(parcel, recipient, number, n) for n, parcel in enumerate(parcels, start=1)]
    frames = tuple((hashlib.sha256(each).hexdigest(), len(each)) for each in sealed)
    now = SystemClock().utcnow()
    header = Header(number, "ST-1", recipient.key_id.hex(), now, frames).to_bytes()
    return io.BytesIO(bundle.start(header, cms.sign_detached(header, signer, now)) + b"".join(sealed))


def test_by_stick_and_by_network_it_counts_once(desk: Desk, county: County) -> None:
    one, two, _ = county.stations
    mine = [one.parcel("a", b"payload a"), one.parcel("b", b"payload b"), two.parcel("c", b"payload c")]
    desk.put(one, mine[1])
    anchors, now = county.station_ca.read_bytes(), SystemClock().utcnow()
    result = import_bundle(desk.intake, packed(one.signer, *mine), Opener(SITE), anchors, now)
    assert (result.new, result.known, result.failed) == (("a", "c"), ("b",), ())
    assert desk.state("a") == desk.state("b")
    assert not desk.put(one, mine[0]).new, "and then the network is back"
    again = import_bundle(desk.intake, packed(one.signer, *mine), Opener(SITE), anchors, now)
    assert (again.new, again.known) == ((), ("a", "b", "c"))


def test_the_relay_takes_a_stick_from_the_command_line(
    desk: Desk, county: County, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = county.stations[0]
    stick, key = tmp_path / "stick.lsb", tmp_path / "site.key"
    stick.write_bytes(packed(one.signer, one.parcel("a", b"payload a")).getvalue())
    key.touch(mode=0o600)
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    key.write_bytes(SITE.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    words = ["--config", str(county.config(url, "https://localhost:9")), "--take-in", str(stick)]

    def run(*more: str) -> int:
        parser = argparse.ArgumentParser()
        relay_cli.add_arguments(parser)
        return relay_cli.run(parser.parse_args([*words, *more]))

    assert run("--key", str(key)) == 0
    assert json.loads(capsys.readouterr().out)["new"] == ["a"]
    assert desk.state("a") == "ready"
    stick.write_bytes(stick.read_bytes()[:-1])
    assert run("--key", str(key)) == 1
    with pytest.raises(BundleError) as error:
        run()
    assert error.value.code == "bundle.no_key"
    stick.unlink()
    with pytest.raises(BundleError) as error:
        run("--key", str(key))
    assert error.value.code == "bundle.cannot_read"


def test_what_the_intake_would_refuse_is_refused_by_stick_too(desk: Desk, county: County) -> None:
    one, two, _ = county.stations
    wrong = one.parcel("a", b"payload a")
    forged = Parcel("a", wrong.transaction, wrong.manifest, two.parcel("a", b"payload a").signature)
    desk.hand_in(one, "b", b"other bytes")
    anchors, now = county.station_ca.read_bytes(), SystemClock().utcnow()
    result = import_bundle(
        desk.intake,
        packed(one.signer, forged, one.parcel("b", b"payload b"), one.parcel("d", b"payload d")),
        Opener(SITE),
        anchors,
        now,
    )
    assert result.new == ("d",)
    assert [(number, code) for number, code, _ in result.failed] == [(1, "cms.digest"), (2, "conflict")]
    with pytest.raises(BundleError):
        import_bundle(desk.intake, io.BytesIO(b"no"), Opener(SITE), anchors, now)


def test_a_station_that_is_not_registered_brings_nothing(desk: Desk, county: County) -> None:
    one = county.stations[0]
    desk.database.rows("UPDATE station SET active = false")
    anchors, now = county.station_ca.read_bytes(), SystemClock().utcnow()
    result = import_bundle(
        desk.intake, packed(one.signer, one.parcel("z", b"payload z")), Opener(SITE), anchors, now
    )
    assert (result.new, result.failed[0][1]) == ((), "unknown_station")
