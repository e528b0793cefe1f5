"""Housekeeping looks at the queue and says what it found; bench lists what there is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from offline_queue.store import Queue
from offline_queue.vault import Vault
from station.__main__ import main
from station.cli import bench
from station.clock import SystemClock
from station.settings import load_settings
from station.sim.pki import make_pki
from tests.unit.test_settings import GOOD


@pytest.fixture
def config(tmp_path: Path) -> Path:
    pki = make_pki(tmp_path / "pki", SystemClock())
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


def test_bench_lists_benchmarks_and_not_their_helpers() -> None:
    assert {"finger", "interruptions"} <= set(bench.benchmarks())
    assert "nbis_peer" not in bench.benchmarks()
