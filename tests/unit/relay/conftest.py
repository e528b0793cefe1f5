"""A real PostgreSQL server for the session, a fresh database for every test, a county of three stations."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

import pytest

from offline_queue.clock import SystemClock
from offline_queue.relay.database import Database
from station.sim.postgres import Server, postgres, programs
from station.sim.relay_world import County, make_county
from tests.unit.relay.kit import Desk

NAMES = itertools.count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    if programs() is None:
        pytest.skip("no PostgreSQL server programs here (Debian: postgresql)")
    with postgres() as running:
        yield running


@pytest.fixture(scope="session")
def county(tmp_path_factory: pytest.TempPathFactory) -> County:
    return make_county(tmp_path_factory.mktemp("county"), 3)


@pytest.fixture
def url(server: Server) -> str:
    """The address of an empty database."""
    name = f"t{os.getpid()}_{next(NAMES)}"
    server.sql(f"CREATE DATABASE {name}", "postgres")
    return server.url_of(name)


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = Database.open(url, SystemClock(), lambda: "boot-1")
    yield opened
    opened.close()


@pytest.fixture
def desk(county: County, database: Database, url: str) -> Desk:
    return Desk(county, database, url)
