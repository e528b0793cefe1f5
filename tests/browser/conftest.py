"""A station on fakes behind a real server, and a real Chromium in front of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from station.cli.web import make_server
from station.kiosk.app import make_app
from tests.kit.helpers import background
from tests.kit.waiting import PATIENCE_S, until
from tests.unit.kiosk.fakes import Station

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture
def station(tmp_path):
    made = Station(tmp_path)
    yield made
    made.close()


@pytest.fixture
def address(station):
    """A server for the station on a free port."""
    server = make_server(make_app(station.counter), "127.0.0.1", 0)

    def stop() -> None:
        server.should_exit = True

    with background(server.run, stop=stop, name="the kiosk's server"):
        until(lambda: server.started, "the kiosk's server to start")
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"


@pytest.fixture(scope="module")
def chromium():
    """One browser a module: its event loop must not outlive it, other tests start loops of their own."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: ./run setup")
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium at {CHROMIUM} (Debian: chromium), or set CHROMIUM to its path")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), headless=True, args=ARGUMENTS, timeout=PATIENCE_S * 1000
        )
        yield browser
        browser.close()


@pytest.fixture
def screen(chromium, address, request):
    """One page of 1280 × 800; every error of a script or of the content policy fails the test."""
    context = chromium.new_context(base_url=address, viewport={"width": 1280, "height": 800}, has_touch=True)
    context.set_default_timeout(PATIENCE_S * 1000)
    made = context.new_page()
    wrong: list[str] = []
    made.on("pageerror", lambda error: wrong.append(str(error)))
    made.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    yield made
    context.close()
    assert [line for line in wrong if "status of 4" not in line] == []


@pytest.fixture
def shots():
    """Where pictures go when LIVESCAN_SHOTS names a folder; else nowhere."""
    folder = os.environ.get("LIVESCAN_SHOTS")

    def shoot(page, name: str) -> None:
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=str(Path(folder) / f"{name}.png"))

    return shoot
