"""relay.toml, the page and the metrics, the database's own errors, the family of processes."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from offline_queue.clock import SystemClock
from offline_queue.errors import QueueError, StoreFault
from offline_queue.models import Outcome
from offline_queue.relay import settings, status
from offline_queue.relay.database import Database
from offline_queue.relay.migrations import migrations
from offline_queue.relay.processes import Child, Family
from offline_queue.states import Event
from station.sim.postgres import Server
from station.sim.relay_world import County
from tests.unit.relay.kit import Desk


def test_settings_are_read_with_paths_beside_the_file(county: County) -> None:
    found = settings.load(county.config("postgresql:///x", "https://localhost:9", workers=3))
    assert found.bureau.workers == 3
    assert found.listen.cert == county.folder / "relay-tls.pem"
    assert [station.id for station in found.station] == ["ST-001", "ST-002", "ST-003"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[listen]", "[listen]\nstrange = 1"),
        ('id = "ST-002"', 'id = "ST-001"'),
        ('client = "ST-002 TLS"', 'client = "ST-001 TLS"'),
        ("postgresql://", "sqlite://"),
        ("workers = 2", "workers = 0"),
        ("[bureau]", "[bureau"),
        ('oris = ["ZZ0000010"]', "oris = []"),
    ],
)
def test_a_wrong_settings_file_refuses_the_start_and_names_itself(
    county: County, tmp_path: Path, old: str, new: str
) -> None:
    text = county.config("postgresql:///x", "https://localhost:9").read_text()
    assert old in text
    path = tmp_path / "relay.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(QueueError, match=r"relay\.settings.*relay\.toml"):
        settings.load(path)


@given(st.text(max_size=200))
def test_any_text_is_settings_or_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        settings.parse(text, Path("/"))


def test_page_and_metrics_count_what_waits_and_what_needs_a_person(desk: Desk) -> None:
    for n in (1, 2):
        desk.hand_in(desk.county.stations[0], f"s-{n}", b"x" * 1000)
    claim = desk.queue.claim("w", 30.0)
    assert claim is not None
    desk.queue.settle(claim, Outcome(Event.REFUSED, "gateway.refused.x", "<b>no</b>", refused=True))
    client = TestClient(status.application(desk.database))
    shown = client.get("/")
    assert shown.status_code == 200
    assert "&lt;b&gt;no&lt;/b&gt;" in shown.text, "what came from outside is text"
    assert "<script" not in shown.text
    numbers = client.get("/metrics").text
    assert 'livescan_relay_submissions{station="ST-001",state="quarantined"} 1\n' in numbers
    assert 'livescan_relay_submissions{station="ST-001",state="ready"} 1\n' in numbers
    assert 'livescan_relay_waiting_bytes{station="ST-001"} 1000\n' in numbers
    for line in numbers.splitlines():
        assert line.startswith("#") or float(line.rpartition(" ")[2]) >= 0
    assert client.get("/healthy").text == "schema 3\n"


def quiet(**changes: Any) -> status.StationStatus:
    """A station of which nothing needs a look."""
    counts = dict.fromkeys(("ready", "unknown", "held", "quarantined", "custody", "answered"), 0)
    values: dict[str, Any] = {
        "station_id": "ST-1", "active": True, "counts": counts, "responses": 0, "last_receipt": "", "last_taken": "",
        "waiting": 9, "most_waiting": 10, "waiting_bytes": 3 * 2**20, "most_waiting_mib": 7,
        "last_hour": 4, "most_an_hour": 5, "oldest_s": 3600.0,
    }  # fmt: skip
    return status.StationStatus(**(values | changes))


def test_a_row_of_the_page_says_what_waits_and_asks_for_a_look_from_the_limit_on() -> None:
    calm = status._row(quiet())
    assert "class=look" not in calm
    assert [word in calm for word in ("ST-1", "60 min", "9 of 10", "3 of 7", "4 of 5", "none yet")] == [
        True
    ] * 6
    counts = quiet().counts
    for changes, cells in (
        ({"oldest_s": 3601.0}, 1),
        ({"counts": counts | {"held": 1}}, 1),
        ({"counts": counts | {"quarantined": 1}}, 1),
        ({"waiting": 10}, 2),
        ({"last_hour": 5}, 2),
    ):
        assert status._row(quiet(**changes)).count("class=look") == cells, changes
    assert "<td>5</td>" in status._row(quiet(counts=counts | {"custody": 2, "answered": 3}))
    assert "no longer in relay.toml" in status._row(quiet(active=False))


def test_a_schema_of_a_newer_program_or_a_lossy_server_refuses_the_start(url: str, server: Server) -> None:
    Database.open(url, SystemClock()).close()
    name = url.partition("///")[2].partition("?")[0]
    server.sql("INSERT INTO schema_version VALUES (999, now())", name)
    with pytest.raises(StoreFault, match=r"relay\.schema_newer"):
        Database.open(url, SystemClock())
    server.sql(f"ALTER DATABASE {name} SET synchronous_commit = off", "postgres")
    with pytest.raises(StoreFault, match=r"relay\.setting.*synchronous_commit"):
        Database.open(url, SystemClock())


def test_a_server_that_is_away_has_a_code(tmp_path: Path) -> None:
    with pytest.raises(StoreFault, match=r"relay\.database_away"):
        Database.open(f"postgresql:///relay?host={tmp_path}", SystemClock())


def test_a_connection_that_was_cut_is_made_anew(database: Database) -> None:
    row = database.one("SELECT pg_backend_pid() AS pid")
    assert row is not None
    with pytest.raises(StoreFault, match=r"relay\.database_away"):
        database.rows("SELECT pg_terminate_backend(%s)", (row["pid"],))
    assert database.version() == max(migrations())


def test_a_statement_the_server_refuses_has_a_code_and_changes_nothing(database: Database) -> None:
    def change() -> None:
        with database.write():
            database.rows("INSERT INTO cursor VALUES ('x', 1)")
            database.rows("SELECT nonsense")

    with pytest.raises(StoreFault, match=r"relay\.database:"):
        change()
    assert database.one("SELECT count(*) AS n FROM cursor") == {"n": 1}


BEATS = "import os,time\nwhile True: os.write(int(os.environ['RELAY_HEARTBEAT']), b'.'); time.sleep(0.05)"


def test_a_child_that_ends_or_falls_silent_is_started_again() -> None:
    said: list[str] = []
    children = [
        Child("good", [sys.executable, "-c", BEATS], silent_s=30.0),
        Child("ends", [sys.executable, "-c", "raise SystemExit(7)"], silent_s=30.0),
        Child("silent", [sys.executable, "-c", "import time; time.sleep(60)"], silent_s=0.5),
    ]
    family, stop = Family(children, SystemClock(), said.append), threading.Event()

    def tick() -> None:
        if children[1].starts > 1 and children[2].starts > 1 and "silent says nothing: killed" in said:
            stop.set()

    family.run(stop, tick)
    assert children[0].starts == 1
    assert "ends ended with 7" in said
    assert all(child.process is None for child in children)
