"""A station on fakes and a signed-in browser for the kiosk tests."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from station.kiosk.app import make_app
from tests.unit.kiosk.fakes import Station

BASE = "http://127.0.0.1:8080"


@pytest.fixture
def station(tmp_path):
    made = Station(tmp_path)
    yield made
    made.close()


@pytest.fixture
def stranger(station):
    """A browser that has not signed in."""
    with TestClient(make_app(station.counter), base_url=BASE) as client:
        yield client


@pytest.fixture
def client(stranger):
    """A browser in which Avery has signed in."""
    assert stranger.post("/api/v1/session", json={"officer": "avery", "pin": "2468"}).status_code == 200
    return stranger
