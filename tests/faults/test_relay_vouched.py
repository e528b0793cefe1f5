"""Over the relay to the bureau, as they ship: sealed to the relay, counter-signed once its certificate was over.
over. Real PostgreSQL, real TLS, own processes; no clock is moved: the certificate is an old one."""

from __future__ import annotations

import datetime as dt
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from offline_queue.clock import SystemClock
from offline_queue.models import Submission
from offline_queue.receipts import Verifier
from offline_queue.signers import Signer, load_signer
from offline_queue.states import State
from offline_queue.store import Queue
from offline_queue.sync import Sync
from offline_queue.vault import Vault
from station.sim.pki import Authority
from station.sim.postgres import postgres, programs
from station.sim.relay_world import County, make_county, process
from tests.conftest import FrozenClock
from tests.faults.test_relay import relay, states, until, way
from tests.unit.records.kit import HEADER
from tests.unit.sim.gateway_kit import transaction

pytestmark = [
    pytest.mark.limits(cpu_s=300, waiting_s=300),
    pytest.mark.skipif(programs() is None, reason="no PostgreSQL server programs here (Debian: postgresql)"),
]
NOW = dt.datetime.now(dt.UTC)
HOUR = dt.timedelta(hours=1)
TCN = "SIM-2026-000001"


def keep(county: County, authority: Authority, name: str, ends: dt.datetime) -> Signer:
    issued = authority.issue("ST-001 signing", "signing", NOW - 5 * HOUR, ends)
    certificate, key = county.folder / f"{name}.pem", county.folder / f"{name}.key"
    certificate.write_bytes(issued.cert_pem)
    key.touch(mode=0o600)
    key.write_bytes(issued.key_pem)
    return load_signer(f"file:{key}?cert={certificate}")


@pytest.fixture
def county(tmp_path: Path) -> County:
    """One that knows one more authority, under which station 1 signs; the bureau knows the county's."""
    made = make_county(tmp_path, 1)
    authority = Authority.new("SIMULATED TEST signing authority", NOW - 6 * HOUR)
    keep(made, authority, "old", NOW - HOUR)
    keep(made, authority, "new", NOW + 20 * HOUR)
    made.station_ca.write_bytes(made.station_ca.read_bytes() + authority.cert_pem)
    made.pki.station_ca.write_bytes(made.pki.station_ca.read_bytes() + authority.cert_pem)
    site = Authority.new("SIMULATED TEST relay", NOW).issue("relay", "sealing", NOW - HOUR, NOW + HOUR)
    (tmp_path / "site.pem").write_bytes(site.cert_pem)
    (tmp_path / "site.key").touch(mode=0o600)
    (tmp_path / "site.key").write_bytes(site.key_pem)
    return made


def signer(county: County, name: str) -> Signer:
    return load_signer(f"file:{county.folder}/{name}.key?cert={county.folder}/{name}.pem")


def queue_of(county: County, clock: object) -> Queue:
    vault = Vault.load(county.pki.station_vault_key, county.folder / "site.pem")
    path = county.folder / "station.db"
    return Queue.open(path, vault, clock, station_id="ST-001", boot=lambda: "b")  # type: ignore[arg-type]


def test_sealed_and_counter_signed_it_goes_from_the_station_over_the_relay_to_the_bureau(
    county: County,
) -> None:
    content = transaction(TCN)
    with queue_of(county, FrozenClock(NOW - 2 * HOUR)) as queue:
        queue.enqueue(Submission("s-1", TCN, "CAR", HEADER.ori, content), signer(county, "old"))
    data = county.folder / "bureau"
    bureau = ["station.sim.gateway", "--pki", str(county.folder / "pki"), "--data", str(data)]
    with postgres() as server, process(*bureau) as (_, (port,)):
        config = county.config(server.url, f"https://localhost:{port}")
        text = config.read_text().replace("[custody]", '[custody]\nsealing_keys = ["site.key"]')
        config.write_text(text.replace(f'oris = ["{county.stations[0].ori}"]', f'oris = ["{HEADER.ori}"]'))
        with relay(config) as (gate, _), queue_of(county, SystemClock()) as queue:
            verifier = Verifier(county.relay_ca.read_bytes(), SystemClock())
            sync = Sync(queue, way(county, gate, 0), verifier, SystemClock(), "sync")
            assert sync.drain().expired == 1, "held: nobody has vouched for it yet"
            assert queue.counter_sign_held(signer(county, "new")) == ("s-1",)
            assert sync.drain().accepted == 1
            assert queue.entry("s-1").state is State.CUSTODY
            until(
                lambda: states(config).get("custody", 0) + states(config).get("answered", 0) == 1,
                "the bureau to take custody",
            )
        command = [sys.executable, "-m", "station", "relay", "--config", str(config), "--check"]
        assert subprocess.run(command, check=False).returncode == 0
    with closing(sqlite3.connect(data / "gateway.sqlite")) as base:
        ((kept, signature),) = base.execute("SELECT content, signature FROM submissions").fetchall()
    assert kept == content
    with queue_of(county, SystemClock()) as queue:
        assert queue.signature("s-1") == signature, "the first signature, as it was made"
