"""Fixtures for every test: the folder of shared prints and records, a clock that only moves when told, the repo."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import pytest

pytest_plugins = [f"tests.kit.{name}" for name in ("limits", "left_behind", "campaign", "progress", "order")]

REPO = Path(__file__).resolve().parent.parent


class FrozenClock:
    """A clock that stands still until somebody sleeps or moves it: tests never wait."""

    def __init__(self, start: dt.datetime = dt.datetime(2026, 3, 2, 9, 30, tzinfo=dt.UTC)) -> None:
        self._start = start
        self._passed = 0.0
        self._step = 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        """Seconds since the test began."""
        return 1000.0 + self._passed

    def utcnow(self) -> dt.datetime:
        """Aware UTC: the start, what passed since, and every step of the wall clock."""
        return self._start + dt.timedelta(seconds=self._passed + self._step)

    def sleep(self, seconds: float) -> None:
        """Time passes at once; what was asked for is in `slept`."""
        self.slept.append(seconds)
        self._passed += seconds

    def move(self, seconds: float) -> None:
        """Time passes for both clocks."""
        self._passed += seconds

    def step_wall(self, seconds: float) -> None:
        """Somebody sets the wall clock; the monotonic one does not notice."""
        self._step += seconds


@pytest.fixture
def clock() -> FrozenClock:
    """A frozen clock at 2026-03-02 09:30 UTC."""
    return FrozenClock()


@pytest.fixture(scope="session")
def thorough(request: pytest.FixtureRequest) -> bool:
    """True under --all: a sample of a campaign takes more of it."""
    return bool(request.config.option.all)


@pytest.fixture(scope="session")
def repo() -> Path:
    """The top folder of this repository."""
    return REPO


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real prints, records and recordings, not ours to ship: in BOOKING_SHARED, else ../shared. Skips without."""
    folder = Path(os.environ.get("BOOKING_SHARED", REPO.parent / "shared")) / "data"
    if not folder.is_dir():
        pytest.skip(f"no shared data at {folder}: set BOOKING_SHARED to its folder")
    return folder


def pytest_report_header() -> str:
    """Says at the top of every run whether real data is there."""
    folder = Path(os.environ.get("BOOKING_SHARED", REPO.parent / "shared")) / "data"
    return f"shared data: {folder if folder.is_dir() else 'absent, its tests skip'}"
