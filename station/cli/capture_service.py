"""`station capture-service`: own the reader and serve it on a Unix socket. It reaches no network."""

from __future__ import annotations

import argparse
import signal
import threading
from pathlib import Path

from drivers import registry, service
from drivers.clock import SystemClock
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

    def factory() -> Reader:
        reader = settings.reader
        return registry.open_reader(reader.driver, reader.profile, reader.address, reader.options, clock)

    def ready() -> None:
        notify("READY=1")
        print(f"ready {settings.reader.socket}", flush=True)

    service.serve(factory, settings.reader.socket, clock, _feed_watchdog, ready=ready, stop=stop.is_set)
    return 0


def _feed_watchdog() -> None:
    notify("WATCHDOG=1")
