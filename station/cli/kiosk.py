"""`station kiosk`: start the whole station on the simulated reader and leave it running to try by hand."""

from __future__ import annotations

import argparse
import signal
import threading
import time
from pathlib import Path

from station.demo.world import OFFICER, OFFICER_PIN, SUPERVISOR, SUPERVISOR_PIN, World


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, default=Path("kiosk-out"), help="folder for databases and logs")
    parser.add_argument(
        "--seed", type=int, default=7, help="which synthetic person stands there (default: 7)"
    )
    parser.add_argument("--port", type=int, default=8080, help="of the kiosk page (default: 8080)")


def run(args: argparse.Namespace) -> int:
    """Runs until Ctrl-C."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    # The databases stay from one start to the next: the same pixels again would be refused as re-used.
    with World(args.out, args.seed, web_port=args.port, session=int(time.time())) as world:
        print("SIMULATED reader, person and bureau. Nothing leaves this machine.")
        print(f"kiosk:      {world.url}")
        print(f"officer:    {OFFICER}  PIN {OFFICER_PIN}")
        print(f"supervisor: {SUPERVISOR}  PIN {SUPERVISOR_PIN}")
        print(f"settings:   {world.config}   (try: station doctor --config {world.config})")
        print(f"person:     {world.run / 'person.json'}   (edit it: the next finger obeys it)")
        print("stop with Ctrl-C", flush=True)
        stop.wait()
    return 0
