"""A disk that is too full is told when a booking is begun, with the queue's own reason, before any capture."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from offline_queue.ballast import MIB
from offline_queue.store import Limits, Queue
from offline_queue.vault import Vault
from station.kiosk.app import make_app
from station.kiosk.desk import Desk
from tests.conftest import FrozenClock
from tests.unit.kiosk.fakes import SUBJECT, Station
from tests.unit.kiosk.test_pages import FORM, post

LIMITS = Limits(reserve_bytes=64 * MIB, ballast_bytes=2 * MIB, audit_bytes=MIB)


class Disk:
    """How much of it is free."""

    def __init__(self) -> None:
        self.free = 0

    def __call__(self, _: Path) -> int:
        return self.free


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def client(station: Station, disk: Disk, tmp_path: Path) -> Iterator[TestClient]:
    """The pages of a station whose queue asks this disk."""
    with Queue.open(
        tmp_path / "queue.db", Vault(bytes(32)), FrozenClock(), station_id="ST-1", limits=LIMITS, free=disk
    ) as queue:
        desk = Desk(
            rules=station.desk.rules,
            store=station.store,
            access=station.access,
            reader=station.reader,
            submit=station._submit,
            tools=station.desk.tools,
            clock=station.clock,
            ready=queue.check_room,
        )
        app = make_app(dataclasses.replace(station.counter, desk=desk))
        with TestClient(app, base_url="http://127.0.0.1:8080") as browser:
            signed_in = browser.post("/api/v1/session", json={"officer": "avery", "pin": "2468"})
            assert signed_in.status_code == 200
            yield browser


def test_a_new_booking_is_refused_with_the_reason_and_taken_once_there_is_room(
    client: TestClient, station: Station, disk: Disk, tmp_path: Path
) -> None:
    disk.free = 20 * MIB
    refused = client.post("/api/v1/bookings", json={"subject": SUBJECT, "tot": "CAR"})
    assert refused.status_code >= 400
    assert refused.json()["code"] == "queue.disk_low"
    assert "20 MiB free" in refused.json()["message"]
    assert "free space" in refused.json()["advice"]
    assert (station.store.bookings(), station.reader.requests) == ([], [])
    disk.free = 200 * MIB
    assert client.post("/api/v1/bookings", json={"subject": SUBJECT, "tot": "CAR"}).status_code == 201
    assert (tmp_path / "queue.db.ballast").stat().st_size == 2 * MIB


def test_the_page_says_it_to_the_officer(client: TestClient, station: Station) -> None:
    shown = post(client, "/bookings/new", **FORM)  # type: ignore[no-untyped-call]
    assert "0 MiB free" in shown.text
    assert station.store.bookings() == []
