"""`station web` over real files and keys, with no capture service behind its socket."""

from __future__ import annotations

import argparse
import socket
from contextlib import ExitStack

import pytest
import requests
from starlette.testclient import TestClient

from offline_queue.errors import VaultError
from station.capture import Instruments
from station.cli import web
from station.clock import SystemClock
from station.errors import EnvironmentFault
from station.kiosk.app import make_app
from station.kiosk.wiring import open_counter
from station.settings import load_settings
from station.sim.pki import make_pki
from tests.kit.helpers import background
from tests.kit.waiting import PATIENCE_S, until
from tests.unit.kiosk.fakes import PINS, SUBJECT

SETTINGS = """
[station]
id = "SIM-01"
ori = "ZZ0000000"
dai = "ZZSIMSIB0"
agency = "Simulated County Jail"
[reader]
driver = "fap60"
profile = "fap60_simulated"
address = "serial:/dev/null"
socket = "capture.sock"
[web]
port = {port}
[booking]
database = "bookings.db"
[queue]
database = "queue.db"
station_key = "{pki.station_vault_key}"
[signing]
uri = "{pki.signing_uri}"
[gateway]
kind = "simulated"
url = "https://localhost:1"
ca = "{pki.gateway_ca}"
client_cert = "{pki.station_client_cert}"
client_key = "{pki.station_client_key}"
receipt_ca = "{pki.gateway_ca}"
[access]
officers = "officers.toml"
"""


@pytest.fixture
def config(tmp_path):
    def write(port=0):
        pki = make_pki(tmp_path / "pki", SystemClock())
        (tmp_path / "officers.toml").write_text(f'[[officer]]\nid = "avery"\npin = "{PINS["avery"]}"\n')
        path = tmp_path / "station.toml"
        path.write_text(SETTINGS.format(pki=pki, port=port))
        return path

    return write


def test_without_a_capture_service_the_kiosk_starts_and_says_that_the_reader_is_gone(config):
    with ExitStack() as stack:
        counter = open_counter(load_settings(config()), SystemClock(), stack)
        client = stack.enter_context(TestClient(make_app(counter), base_url="http://127.0.0.1"))
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["not_ready"]) == (503, ["reader"])
        assert client.get("/healthz").status_code == 200
        client.post("/api/v1/session", json={"officer": "avery", "pin": "2468"})
        booking = client.post("/api/v1/bookings", json={"subject": SUBJECT}).json()
        answer = client.post(f"/api/v1/bookings/{booking['id']}/captures", json={"fgp": 1})
        assert (answer.status_code, answer.json()["code"]) == (503, "link.not_found")
        assert answer.json()["advice"]
        assert client.get("/api/v1/queue").json() == {"counts": {}, "entries": []}


def test_the_server_says_when_it_is_ready_and_stops_when_told(config, monkeypatch, capsys):
    made = []
    real = web.make_server
    monkeypatch.setattr(web, "make_server", lambda *args: made.append(real(*args)) or made[0])
    said = []

    def ready() -> bool:
        said.append(capsys.readouterr().out)
        return "ready http://127.0.0.1:" in "".join(said)

    def stop() -> None:
        for server in made:
            server.should_exit = True

    with background(
        web.run, argparse.Namespace(config=config()), stop=stop, name="the web process"
    ) as server:
        until(ready, "the line that says the web process is ready")
        address = "".join(said).split()[-1]
        assert requests.get(f"{address}/healthz", timeout=PATIENCE_S).json() == {"ok": True}
        stop()
        assert server.end() == 0


def test_a_port_that_is_taken_is_an_environment_fault(config):
    with socket.create_server(("127.0.0.1", 0)) as other:
        path = config(other.getsockname()[1])
        with pytest.raises(EnvironmentFault, match=r"environment.port"):
            web.run(argparse.Namespace(config=path))


def test_the_shipped_instruments_are_the_stations_own():
    from station import imaging
    from station.matching import sequence

    tools = Instruments.shipped()
    assert tools.extract is imaging.extract
    assert tools.wrong_finger is sequence.wrong_finger


def test_with_a_queue_sealed_to_the_gateway_the_kiosk_starts_and_an_unfit_key_refuses_the_start(config):
    path = config()
    pki = path.parent / "pki"
    text = path.read_text()
    path.write_text(text.replace("[signing]", f'seal_to = "{pki}/gateway-sealing.pem"\n[signing]'))
    with ExitStack() as stack:
        counter = open_counter(load_settings(path), SystemClock(), stack)
        assert counter.desk.rules.forgets
    path.write_text(text.replace("[signing]", f'seal_to = "{pki}/gateway-receipt.pem"\n[signing]'))
    with ExitStack() as stack, pytest.raises(VaultError, match=r"not for key agreement"):
        open_counter(load_settings(path), SystemClock(), stack)
