"""`station queue list|show|export|verify`: look at the offline queue. It changes nothing and reaches no
network."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

from offline_queue.clock import SystemClock, stamp
from offline_queue.errors import StoreFault
from offline_queue.export import export
from offline_queue.models import Entry
from offline_queue.store import Queue
from offline_queue.vault import Vault
from station.settings import load_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = _action(actions, "list", "all entries, or those in one state")
    listing.add_argument(
        "--state", help="ready, sending, unknown, asking, held, custody, answered, quarantined"
    )
    show = _action(actions, "show", "one entry with its manifest, attempts, receipt and responses")
    show.add_argument("entry", help="TCN or submission id")
    exporting = _action(actions, "export", "write one entry as files that openssl can verify")
    exporting.add_argument("entry", help="TCN or submission id")
    exporting.add_argument(
        "--out", type=Path, required=True, help="folder to write to; nothing is overwritten"
    )
    exporting.add_argument("--quiet", action="store_true", help="say nothing when it went well")
    _action(actions, "verify", "check database, payloads and audit chain")


def _action(actions: Any, name: str, line: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=line, description=line)
    parser.add_argument("--config", type=Path, required=True, help="station.toml")
    parser.add_argument("--json", action="store_true", help="machine-readable")
    return parser


def run(args: argparse.Namespace) -> int:
    """0 done; 1 `verify` found something wrong, or no such entry; 3 the queue cannot be opened."""
    settings = load_settings(args.config)
    database: Path = settings.queue.database
    if not database.exists():
        raise StoreFault(
            "queue.absent", f"there is no queue at {database}", "it is made when the station first starts"
        )
    vault = Vault.load(settings.queue.station_key)
    with Queue.open(database, vault, SystemClock(), station_id=settings.station.id) as queue:
        return act(queue, args)


def act(queue: Queue, args: argparse.Namespace) -> int:
    """The verb itself, on an open queue."""
    actions = {"list": _list, "show": _show, "export": _export, "verify": _verify}
    return actions[args.action](queue, args)


def _list(queue: Queue, args: argparse.Namespace) -> int:
    entries = queue.entries(args.state)
    if args.json:
        print(json.dumps({"counts": queue.counts(), "entries": [entry.as_dict() for entry in entries]}))
        return 0
    for entry in entries:
        print(f"{entry.seq:5} {entry.state:11} {entry.tcn:40} {entry.attempts:3} attempts  {_note(entry)}")
    print(", ".join(f"{number} {state}" for state, number in queue.counts().items()) or "the queue is empty")
    return 0


def _note(entry: Entry) -> str:
    if entry.receipt_at:
        return f"receipt {stamp(entry.receipt_at)}"
    waits = f"next in {entry.next_attempt_s:.0f} s  " if entry.next_attempt_s else ""
    return waits + (entry.last_error or "")


def _show(queue: Queue, args: argparse.Namespace) -> int:
    entry = queue.find(args.entry)
    name = entry.submission_id
    receipt = queue.receipt(name)
    shown = entry.as_dict() | {
        "manifest": json.loads(queue.manifest(name)),
        "receipt": None if receipt is None else json.loads(receipt),
        "tries": [dataclasses.asdict(attempt) for attempt in queue.attempts(name)],
        "responses": [
            {
                "seq": response.seq,
                "tot": response.tot,
                "size": len(response.content),
                "kept_at": response.kept_at,
            }
            for response in queue.responses()
            if response.tcr == entry.tcn
        ],
    }
    print(json.dumps(shown, indent=None if args.json else 2, default=stamp, ensure_ascii=args.json))
    return 0


def _export(queue: Queue, args: argparse.Namespace) -> int:
    written = export(queue, queue.find(args.entry), args.out)
    if args.json:
        print(json.dumps({"files": [str(path) for path in written]}))
    elif not args.quiet:
        for path in written:
            print(path)
        print(
            f"check: cd {args.out} && openssl cms -verify -binary -inform DER -in manifest.p7s"
            " -content manifest.json -CAfile issuing-ca.pem -out /dev/null"
        )
    return 0


def _verify(queue: Queue, args: argparse.Namespace) -> int:
    check, audit = queue.check(), queue.verify_audit()
    if args.json:
        print(json.dumps({"check": dataclasses.asdict(check), "audit": dataclasses.asdict(audit)}))
    else:
        print(f"{check.entries} entries, {audit.rows} audit rows, head {audit.head}")
        for problem in check.problems:
            print(f"WRONG {problem}")
        if not audit.ok:
            print(f"WRONG audit row {audit.first_broken}: {audit.reason}")
        print("whole" if check.ok and audit.ok else "NOT whole: stop, copy the file, restore the last backup")
    return 0 if check.ok and audit.ok else 1
