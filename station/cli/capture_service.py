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

    service.serve(factory, settings.reader.socket, clock, _Progress(settings.reader.socket), stop.is_set)
    return 0


class _Progress:
    """Says ready at the first sign of life of the serving loop, then feeds the watchdog at every one."""

    def __init__(self, socket_path: Path) -> None:
        self._socket_path = socket_path
        self._ready = False

    def __call__(self) -> None:
        if not self._ready:
            self._ready = True
            notify("READY=1")
            print(f"ready {self._socket_path}", flush=True)
        notify("WATCHDOG=1")
