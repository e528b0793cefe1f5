"""`station clock show|confirm`: whether the wall clock is trusted; an officer who compared it with a watch says so."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from offline_queue.clock import SystemClock, stamp
from offline_queue.store import Queue
from offline_queue.trust import Trust
from offline_queue.vault import Vault
from station.settings import load_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, line in (("show", "time and trust"), ("confirm", "the time shown is right")):
        action = actions.add_parser(name, help=line, description=line)
        action.add_argument("--config", type=Path, required=True, help="station.toml")
        action.add_argument("--json", action="store_true", help="machine-readable")
        if name == "confirm":
            action.add_argument(
                "--officer", required=True, help="the officer's id; it stands in the audit chain"
            )


def run(args: argparse.Namespace) -> int:
    """0 the clock is trusted; 1 it is not: no booking is taken."""
    settings = load_settings(args.config)
    clock = SystemClock()
    with Queue.open(
        settings.queue.database,
        Vault.load(settings.queue.station_key),
        clock,
        station_id=settings.station.id,
        time_source=settings.time_source(),
    ) as queue:
        if args.action == "confirm":
            queue.confirm_clock(args.officer)
        trust, now = queue.clock_trust(), stamp(clock.utcnow())
    print(json.dumps({"now": now, "trust": trust}) if args.json else f"{now} {trust}")
    return 1 if trust is Trust.UNKNOWN else 0
