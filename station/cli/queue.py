"""`station queue …`: look at the offline queue, stop and start entries, carry them on a stick, keep the file in order.

It reaches no network. Looking changes nothing; every change is an audit row with its reason.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from offline_queue.clock import SystemClock
from offline_queue.errors import StoreFault
from offline_queue.store import Queue
from offline_queue.vault import Vault
from station import revocation
from station.cli import queue_carry, queue_look, queue_steps, queue_upkeep
from station.settings import Settings, load_settings

Action = Callable[[Queue, Settings, argparse.Namespace], int]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    def action(name: str, line: str) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = actions.add_parser(name, help=line, description=line)
        made.add_argument("--config", type=Path, required=True, help="station.toml")
        made.add_argument("--json", action="store_true", help="machine-readable")
        return made

    for part in (queue_look, queue_steps, queue_carry, queue_upkeep):
        part.add_actions(action)


def run(args: argparse.Namespace) -> int:
    """0 done; 1 something found wrong, or no such entry; 3 the queue cannot be opened."""
    settings = load_settings(args.config)
    if args.action == "restore":  # there need not be a queue that can be opened
        return queue_upkeep.restore(settings, args)
    if args.action == "mend":
        return queue_upkeep.mend(settings, args)
    database: Path = settings.queue.database
    if not database.exists():
        raise StoreFault(
            "queue.absent", f"there is no queue at {database}", "it is made when the station first starts"
        )
    section = (
        settings.queue
    )  # only an import seals submissions: looking must not rest on the gateway's certificate
    vault = section.vault() if args.action == "import" else Vault.load(section.station_key)
    with Queue.open(
        database,
        vault,
        SystemClock(),
        station_id=settings.station.id,
        time_source=settings.time_source(),
        revocation=revocation.own(settings),
    ) as queue:
        return act(queue, settings, args)


def act(queue: Queue, settings: Settings, args: argparse.Namespace) -> int:
    """The verb itself, on an open queue."""
    actions: dict[str, Any] = {
        **queue_look.ACTIONS,
        **queue_steps.ACTIONS,
        **queue_carry.ACTIONS,
        **queue_upkeep.ACTIONS,
    }
    return int(actions[args.action](queue, settings, args))
