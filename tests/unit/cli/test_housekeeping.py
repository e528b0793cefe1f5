"""Housekeeping looks at the queue and says what it found; bench lists what there is."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from offline_queue.errors import VaultError
from offline_queue.models import Outcome, Receipt, Submission
from offline_queue.signers import load_signer
from offline_queue.states import Event
from offline_queue.store import Queue
from offline_queue.trust import Sync
from offline_queue.vault import Vault
from station.__main__ import main
from station.cli import bench, housekeeping
from station.clock import SystemClock
from station.settings import Settings, load_settings
from station.sim.pki import PkiPaths, make_pki
from tests.unit.test_settings import GOOD


class Ahead(SystemClock):
    """A month and a day from now."""

    def utcnow(self) -> dt.datetime:
        return super().utcnow() + dt.timedelta(days=31)


@pytest.fixture
def pki(tmp_path: Path) -> PkiPaths:
    return make_pki(tmp_path / "pki", SystemClock())


@pytest.fixture
def config(tmp_path: Path, pki: PkiPaths) -> Path:
    text = GOOD.replace('"/var/lib/livescan/queue.db"', f'"{tmp_path}/queue.db"')
    path = tmp_path / "station.toml"
    path.write_text(text.replace('"station.key"', f'"{pki.station_vault_key}"'))
    return path


def test_no_queue_yet_is_nothing_wrong(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["housekeeping", "--config", str(config), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["queue"] == "absent"


def test_a_whole_queue_is_called_whole_and_a_broken_one_is_not(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = load_settings(config)
    vault = Vault.load(settings.queue.station_key)
    Queue.open(settings.queue.database, vault, SystemClock(), station_id=settings.station.id).close()
    assert main(["housekeeping", "--config", str(config)]) == 0
    assert "queue whole, audit chain whole" in capsys.readouterr().out
    settings.queue.database.write_bytes(b"rubbish" * 5000)
    assert main(["housekeeping", "--config", str(config)]) != 0
    assert "queue." in capsys.readouterr().err


def test_what_the_gateway_has_had_long_enough_is_erased_and_only_then(
    config: Path, pki: PkiPaths, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings(config)

    def opened() -> Queue:
        vault = Vault.load(settings.queue.station_key)
        return Queue.open(settings.queue.database, vault, SystemClock(), station_id=settings.station.id)

    with opened() as queue:
        signer = load_signer(pki.signing_uri)
        queue.enqueue(Submission("s-1", "TCN-1", "CAR", "XX0000000", b"bytes"), signer)
        claim = queue.claim("test", 60.0)
        assert claim is not None
        said = ("s-1", "TCN-1", claim.entry.sha256, claim.entry.size)
        receipt = Receipt(b"r", b"s", "SIMULATED", *said, received_at=SystemClock().utcnow())
        queue.settle(claim, Outcome(Event.ACCEPTED, receipt=receipt))

    def kept() -> dict[str, Any]:
        main(["housekeeping", "--config", str(config), "--json"])
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found

    assert kept()["erasure"].startswith("off")
    config.write_text(config.read_text().replace("[queue]", "[queue]\nkeep_days = 30"))
    assert kept()["erased"] == []
    monkeypatch.setattr(housekeeping, "SystemClock", Ahead)
    monkeypatch.setattr(Settings, "time_source", lambda _: lambda: Sync.NEVER)
    assert kept()["erasure"].startswith("waits"), "a clock that nobody vouches for erases nothing"
    monkeypatch.setattr(Settings, "time_source", lambda _: lambda: Sync.NOW)
    assert kept()["erased"] == ["s-1"]
    with opened() as queue, pytest.raises(VaultError, match="destroyed"):
        queue.payload("s-1")


def test_bench_lists_benchmarks_and_not_their_helpers() -> None:
    assert {"finger", "interruptions"} <= set(bench.benchmarks())
    assert "nbis_peer" not in bench.benchmarks()
