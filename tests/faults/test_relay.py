"""The relay as it ships on a real PostgreSQL server: killed processes, a crashed server, restored backups."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from offline_queue.clock import SystemClock
from offline_queue.errors import Certainty, TransportFault
from offline_queue.transports import Parcel, Transport, load_transport
from station.bench import queue_relay
from station.sim.ledger_bureau import read_ledger
from station.sim.postgres import Server, postgres, programs
from station.sim.relay_world import County, make_county, process
from tests.kit import helpers
from tests.kit.waiting import PATIENCE_S, until

pytestmark = [
    pytest.mark.limits(cpu_s=300, waiting_s=300),
    pytest.mark.skipif(programs() is None, reason="no PostgreSQL server programs here (Debian: postgresql)"),
]


@pytest.fixture
def server() -> Iterator[Server]:
    with postgres() as running:
        yield running


@pytest.fixture
def county(tmp_path: Path) -> County:
    return make_county(tmp_path, 2)


@contextmanager
def bureau(county: County) -> Iterator[str]:
    arguments = ["--pki", str(county.folder / "pki"), "--ledger", str(county.folder / "ledger"), "--answer"]
    with process("station.sim.ledger_bureau", *arguments) as (_, (port,)):
        yield f"https://localhost:{port}"


@contextmanager
def relay(config: Path) -> Iterator[tuple[int, int]]:
    with process("station", "relay", "--config", str(config)) as (_, (port, page)):
        yield port, page


def way(county: County, port: int, station: int) -> Transport:
    return load_transport(
        f"https://localhost:{port}", county.options(county.stations[station]), SystemClock()
    )


def taken_by(transport: Transport, parcel: Parcel) -> bool:
    """A station tries again for as long as the answer is not definite."""
    try:
        return transport.submit(parcel) is not None
    except TransportFault as fault:
        if fault.certainty is Certainty.REFUSED:
            raise
        return False


def states(config: Path) -> dict[str, int]:
    command = [sys.executable, "-m", "station", "relay", "--config", str(config), "--status"]
    found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    counts: dict[str, int] = {}
    for station in found["stations"]:
        for state, count in station["counts"].items():
            counts[state] = counts.get(state, 0) + count
    return {state: count for state, count in counts.items() if count}


def check(config: Path) -> int:
    command = [sys.executable, "-m", "station", "relay", "--config", str(config), "--check", "--json"]
    return subprocess.run(command, capture_output=True, check=False).returncode


def test_workers_killed_under_load_lose_and_double_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_relay, "KILLS", 2)
    monkeypatch.setattr(queue_relay, "SIZE", 64 * 1024)
    found = queue_relay.run(60, 3, lambda _: None)
    assert found["must_be_zero"] == dict.fromkeys(found["must_be_zero"], 0)
    assert (found["intake_submissions"], found["with_kills_submissions"]) == (60, 60)
    assert found["killed"] >= 2


def test_a_station_gets_receipt_answers_and_the_bureaus_receipt(server: Server, county: County) -> None:
    with bureau(county) as url, relay(county.config(server.url, url)) as (port, page):
        one, two = way(county, port, 0), way(county, port, 1)
        parcel = county.stations[0].parcel("s-1", b"x" * 100_000)
        receipt = one.submit(parcel)
        assert one.submit(parcel) == receipt == one.status("s-1")
        assert two.status("s-1") is None
        until(lambda: bool(one.responses(0, 10).items), "the answer to come back through the relay")
        (answer,) = one.responses(0, 10).items
        assert (answer.seq, getattr(answer, "tcr", "")) == (1, "TCN-s-1")
        assert two.responses(0, 10).items == ()
        with urllib.request.urlopen(f"http://127.0.0.1:{page}/metrics") as metrics:
            assert b'{station="ST-001",state="answered"} 1' in metrics.read()
        with urllib.request.urlopen(f"http://127.0.0.1:{page}/") as shown:
            assert b"ST-002" in shown.read()


@pytest.mark.long
def test_a_server_that_crashes_keeps_everything_that_was_acknowledged(server: Server, county: County) -> None:
    with bureau(county) as url:
        config = county.config(server.url, url)
        with relay(config) as (port, _):
            transport = way(county, port, 0)
            for n in range(5):
                transport.submit(county.stations[0].parcel(f"a-{n}", f"payload {n}".encode() * 1000))
            server.stop("immediate")
            with pytest.raises(Exception, match=r"gateway\.(busy|server_error)"):
                transport.submit(county.stations[0].parcel("b-0", b"while it was away"))
            server.start()
            for n in range(5):
                parcel = county.stations[0].parcel(f"b-{n}", f"after {n}".encode() * 1000)
                until(
                    lambda parcel=parcel: taken_by(transport, parcel), "the relay to take a submission again"
                )  # type: ignore[misc]
            until(lambda: states(config).get("answered", 0) == 10, "ten answers")
        taken, again = read_ledger(county.folder / "ledger")
        assert (len(taken), again) == (10, [])
        assert check(config) == 0


@pytest.mark.long
@pytest.mark.parametrize("way_back", ["pg_dump", "base backup"])
def test_from_a_backup_everything_in_it_is_sent_once(server: Server, county: County, way_back: str) -> None:
    """Between backup and loss the bureau got some of it: the relay that comes back asks, and doubles nothing."""
    dump, base = server.folder / "dump", server.folder / "base"
    with bureau(county) as url:
        away = county.config(server.url, "https://localhost:9")
        with relay(away) as (port, _):
            transport = way(county, port, 1)
            for n in range(6):
                transport.submit(county.stations[1].parcel(f"s-{n}", f"payload {n}".encode() * 1000))
        if way_back == "pg_dump":
            server.run("pg_dump", "-h", str(server.folder), "-U", "relay", "-Fc", "-f", str(dump), "relay")
        else:
            server.run(
                "pg_basebackup",
                "-h",
                str(server.folder),
                "-U",
                "relay",
                "-D",
                str(base),
                "-X",
                "stream",
                "-c",
                "fast",
            )
        config = county.config(server.url, url)
        with relay(config):
            until(lambda: states(config).get("answered", 0) == 6, "six answers")
        restored = _restored(server, way_back, dump, base)
        config = county.config(restored, url)
        assert states(config) == {"ready": 6}
        # what was ready in the backup may have gone out since: ask before anything is sent again
        ask_first(config)
        with relay(config) as (port, _):
            until(lambda: states(config).get("answered", 0) == 6, "six answers")
            assert way(county, port, 1).status("s-3") is not None
        taken, again = read_ledger(county.folder / "ledger")
        assert (len(taken), again) == (6, [])
        assert check(config) == 0


def ask_first(config: Path) -> None:
    command = [sys.executable, "-m", "station", "relay", "--config", str(config), "--restored"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "6 will be asked for" in done.stdout


def _restored(server: Server, way_back: str, dump: Path, base: Path) -> str:
    if way_back == "pg_dump":
        server.sql("CREATE DATABASE restored", "postgres")
        server.run("pg_restore", "-h", str(server.folder), "-U", "relay", "-d", "restored", str(dump))
        return server.url_of("restored")
    server.stop()
    shutil.rmtree(server.data)
    base.rename(server.data)
    server.start()
    return server.url


def test_a_relay_told_to_stop_ends_its_children(server: Server, county: County) -> None:
    config = county.config(server.url, "https://localhost:9")
    command = [sys.executable, "-m", "station", "relay", "--config", str(config)]
    with helpers.running(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        for line in running.stdout:
            if line.startswith("ready"):
                break
        children = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
        assert len(children) == 4
        running.send_signal(signal.SIGTERM)
        running.stdout.read()
        assert running.wait(PATIENCE_S) == 0
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]
