"""`station capture-service`: own the reader and serve it on a Unix socket. It reaches no network."""

from __future__ import annotations

import argparse
import signal
import threading
from pathlib import Path

from drivers import calibration, registry, service
from drivers.clock import SystemClock
from drivers.hotplug import Hotplug, Place
from drivers.reader import Reader
from station.sdnotify import notify
from station.settings import load_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, required=True, help="station.toml")


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM. The watchdog is fed by the serving loop's own progress."""
    settings = load_settings(args.config)
    clock = SystemClock()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())

    def open_at(place: Place) -> Reader:
        options = settings.reader.options
        folder = calibration.default_folder()
        return registry.open_reader(place.driver, place.profile, place.address, options, clock, folder)

    where = Place(settings.reader.driver, settings.reader.profile, settings.reader.address)
    unit = Hotplug(where, open_at, clock, registry.discover)

    def ready() -> None:
        notify("READY=1")
        print(f"ready {settings.reader.socket}", flush=True)

    socket = settings.reader.socket
    service.serve(unit, socket, clock, _feed_watchdog, ready=ready, stop=stop.is_set, watch=unit)
    return 0


def _feed_watchdog() -> None:
    notify("WATCHDOG=1")
