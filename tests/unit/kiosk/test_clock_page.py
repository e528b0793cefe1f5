"""Is the time right? Asked before a booking when nobody vouches for the clock."""

from __future__ import annotations

import dataclasses

import pytest
from starlette.testclient import TestClient

from offline_queue.errors import ClockUntrusted, SignerError
from station.kiosk.app import make_app
from station.kiosk.clock_page import TimeDesk
from station.kiosk.desk import Desk
from tests.conftest import FrozenClock
from tests.unit.kiosk.fakes import SUBJECT
from tests.unit.kiosk.test_pages import post


class FakeQueue:
    def __init__(self) -> None:
        self.trust = "unknown"
        self.confirmed: list[str] = []
        self.sealed: list[object] = []

    def clock_trust(self) -> str:
        return self.trust

    def confirm_clock(self, officer: str) -> None:
        self.confirmed.append(officer)
        self.trust = "confirmed"

    def counter_sign_held(self, signer: object) -> tuple[str, ...]:
        return ()

    def seal_audit_when_due(self, signer: object) -> str | None:
        self.sealed.append(signer)
        return "boot"


@pytest.fixture
def kept():
    return FakeQueue()


@pytest.fixture
def client(station, kept):
    time = TimeDesk(kept, lambda: "signer", FrozenClock())
    counter = dataclasses.replace(station.counter, time=time, health=lambda: [*station.lines, *time.lines()])
    with TestClient(make_app(counter), base_url="http://127.0.0.1:8080") as browser:
        assert browser.post("/api/v1/session", json={"officer": "avery", "pin": "2468"}).status_code == 200
        yield browser


def test_an_officer_is_asked_for_the_time_before_the_form_and_the_answer_is_kept_with_the_id(client, kept):
    asked = client.get("/bookings/new", follow_redirects=False)
    assert asked.headers["location"] == "/clock"
    assert "Is this time right?" in client.get("/clock").text
    assert post(client, "/clock").headers["location"] == "/"
    assert kept.confirmed == ["avery"]
    assert client.get("/bookings/new", follow_redirects=False).status_code == 200


def test_a_foreign_form_confirms_nothing(client, kept):
    client.post("/clock", data={"csrf": "other"}, follow_redirects=False)
    assert kept.confirmed == []


def test_a_station_whose_clock_is_not_trusted_is_not_ready(client, kept):
    assert client.get("/readyz").json()["not_ready"] == ["clock"]
    kept.trust = "synchronised"
    assert client.get("/readyz").json()["ready"] is True


def test_the_head_is_looked_at_once_a_minute_and_a_missing_key_stops_nothing(kept):
    clock = FrozenClock()

    def no_key():
        raise SignerError("signer.key_missing", "no key", "provision")

    for signer in (lambda: "signer", no_key):
        desk = TimeDesk(kept, signer, clock)
        for _ in range(3):
            assert [line.name for line in desk.lines()] == ["clock"]
        clock.move(60)
        desk.lines()
    assert kept.sealed == ["signer", "signer"]


def test_what_the_queue_could_not_take_is_refused_before_anything_is_captured(station):
    def untrusted():
        raise ClockUntrusted("clock.untrusted", "nobody vouches for the clock", "confirm it")

    shut = Desk(
        rules=station.desk.rules,
        store=station.store,
        access=station.access,
        reader=station.reader,
        submit=station._submit,
        tools=station.desk.tools,
        clock=station.clock,
        ready=untrusted,
    )
    with pytest.raises(ClockUntrusted):
        shut.new_booking(station.officer, SUBJECT)
    assert station.store.bookings() == []
