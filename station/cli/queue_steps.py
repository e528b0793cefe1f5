"""`station queue hold|release|retry`: an officer stops an entry, lets it go on, or takes it out of quarantine."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

from offline_queue.models import Entry
from offline_queue.store import Queue
from station.cli.queue_look import NewAction
from station.settings import Settings

LINES = {
    "hold": "stop an entry that waits",
    "release": "let a held entry go on; the gateway is asked first whether it has it",
    "retry": "take an entry out of quarantine; the gateway is asked first whether it has it",
}


def add_actions(action: NewAction) -> None:
    for name, line in LINES.items():
        made = action(name, line)
        made.add_argument("entry", nargs="+", help="TCN or submission id")
        made.add_argument("--by", required=True, help="officer id, for the audit row")
        made.add_argument("--reason", required=True, help="for the audit row; no names of persons")


def step(queue: Queue, _: Settings, args: argparse.Namespace) -> int:
    """All of them or, at the first that cannot take the step, those before it: each is a transaction of its own."""
    steps: dict[str, Callable[[str, str], Entry]] = {
        "hold": queue.hold,
        "release": queue.release,
        "retry": queue.retry,
    }
    found = [queue.find(name) for name in args.entry]
    for entry in found:
        moved = steps[args.action](entry.submission_id, f"{args.by}: {args.reason}")
        print(json.dumps(moved.as_dict()) if args.json else f"{moved.tcn} {entry.state} -> {moved.state}")
    return 0


ACTIONS = dict.fromkeys(LINES, step)
