"""Custody bundles and the clock from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from offline_queue.clock import SystemClock
from offline_queue.signers import load_signer
from offline_queue.store import Queue
from offline_queue.vault import Vault
from station.__main__ import main
from station.settings import load_settings, parse_settings
from station.sim.pki import PkiPaths, make_pki
from tests.unit.offline_queue.kit import submission
from tests.unit.test_settings import GOOD, PATH


@pytest.fixture
def pki(tmp_path: Path) -> PkiPaths:
    return make_pki(tmp_path / "pki", SystemClock())


@pytest.fixture
def config(tmp_path: Path, pki: PkiPaths) -> Path:
    text = GOOD.replace('"/var/lib/livescan/queue.db"', f'"{tmp_path}/queue.db"')
    text = text.replace('"station.key"', f'"{pki.station_vault_key}"')
    text = text.replace('"file:/etc/livescan/key.pem?cert=/etc/livescan/cert.pem"', f'"{pki.signing_uri}"')
    path = tmp_path / "station.toml"
    path.write_text(text)
    settings = load_settings(path)
    vault = Vault.load(settings.queue.station_key)
    with Queue.open(settings.queue.database, vault, SystemClock(), station_id="SIM-STATION-01") as queue:
        queue.enqueue(submission(), load_signer(settings.signing.uri))
    return path


def test_a_bundle_is_exported_and_verified_with_public_certificates_alone(
    config: Path, pki: PkiPaths, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "b.json"
    assert main(["custody", "export", "sub-1", "--config", str(config), "--out", str(out)]) == 0
    assert "check: station verify" in capsys.readouterr().out
    authorities = ["--ca", str(pki.station_ca), "--gateway-ca", str(pki.gateway_ca)]
    assert main(["verify", str(out), *authorities, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["ok"], report["submission_id"]) == (True, "sub-1")
    assert main(["verify", str(out), "--ca", str(pki.gateway_ca), "--gateway-ca", str(pki.gateway_ca)]) == 1
    assert "NOT PROVEN" in capsys.readouterr().out


def test_a_folder_has_the_files_beside_the_proof(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["custody", "export", "TCN0000001", "--config", str(config), "--out", str(tmp_path / "b")]
    assert main([*words, "--json"]) == 0
    names = {Path(name).name for name in json.loads(capsys.readouterr().out)["files"]}
    assert {"custody.json", "transaction.an2", "manifest.json", "manifest.p7s"} <= names


def test_an_officer_confirms_the_clock(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text(config.read_text() + '\n[clock]\ntrust = "system"\n')
    words = ["--config", str(config), "--json"]
    main(["clock", "show", *words])
    assert json.loads(capsys.readouterr().out)["trust"] in ("unknown", "synchronised")
    assert main(["clock", "confirm", "--officer", "0117", *words]) == 0
    assert json.loads(capsys.readouterr().out)["trust"] in ("confirmed", "synchronised")


def test_a_production_station_asks_the_system_and_a_simulated_one_does_not() -> None:
    assert parse_settings(GOOD, PATH).time_source() is None
    production = GOOD.replace('kind = "simulated"', 'kind = "production"')
    assert parse_settings(production, PATH).time_source() is not None
    assert parse_settings(GOOD + '\n[clock]\ntrust = "system"\n', PATH).time_source() is not None
    assert parse_settings(production + '\n[clock]\ntrust = "confirmed"\n', PATH).time_source() is None
