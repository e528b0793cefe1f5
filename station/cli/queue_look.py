"""`station queue list|show|watch|quarantine|verify`: what is in the queue, once or as it changes. Changes nothing."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Callable

from offline_queue.clock import stamp
from offline_queue.models import Entry
from offline_queue.states import OPEN, State
from offline_queue.store import Queue
from station.settings import Settings

NewAction = Callable[[str, str], argparse.ArgumentParser]
CLOSED = "sealed to the gateway's key {}: this station cannot open the transaction, only the gateway can"


def add_actions(action: NewAction) -> None:
    listing = action("list", "all entries, or those in one state")
    listing.add_argument(
        "--state", choices=[str(state) for state in State], metavar="STATE", help=", ".join(State)
    )
    show = action("show", "one entry with its manifest, attempts, receipt and responses")
    show.add_argument("entry", help="TCN or submission id")
    watch = action("watch", "counts and changes as they happen, until Ctrl-C")
    watch.add_argument("--every", type=float, default=1.0, metavar="S", help="look so often (1.0)")
    watch.add_argument("--looks", type=int, default=0, metavar="N", help="end after N looks (0: never)")
    watch.add_argument("--until-empty", action="store_true", help="end when nothing waits any more")
    action("quarantine", "entries and responses that were put aside, with the reason")
    action("verify", "check database, payloads and audit chain")


def _list(queue: Queue, _: Settings, args: argparse.Namespace) -> int:
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


def _show(queue: Queue, _: Settings, args: argparse.Namespace) -> int:
    entry = queue.find(args.entry)
    name = entry.submission_id
    receipt = queue.receipt(name)
    sealed_to = queue.sealed_to(name)
    shown = entry.as_dict() | {
        "sealed_to": sealed_to,
        "note": CLOSED.format(sealed_to) if sealed_to else None,
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


def _verify(queue: Queue, _: Settings, args: argparse.Namespace) -> int:
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


def _quarantine(queue: Queue, _: Settings, args: argparse.Namespace) -> int:
    entries, responses = queue.entries(State.QUARANTINED), queue.quarantined_responses()
    if args.json:
        shown = [
            {"seq": each.seq, "code": each.code, "message": each.message, "kept_at": stamp(each.kept_at)}
            for each in responses
        ]
        print(json.dumps({"entries": [entry.as_dict() for entry in entries], "responses": shown}))
        return 0
    for entry in entries:
        print(f"{entry.tcn:40} {entry.refusals} refusals  {entry.last_error}")
    for each in responses:
        print(f"response {each.seq}: {each.code}: {each.message}")
    print(f"{len(entries)} entries, {len(responses)} responses in quarantine")
    return 0


def _watch(queue: Queue, _: Settings, args: argparse.Namespace) -> int:
    """The first look shows everything, later ones what changed."""
    known: dict[str, Entry] = {}
    looks = 0
    while True:
        entries = {entry.submission_id: entry for entry in queue.entries()}
        changed = [entry for name, entry in entries.items() if _told(entry) != _told(known.get(name))]
        if changed or not looks:
            _say(queue, changed, args.json)
        known, looks = entries, looks + 1
        if looks == args.looks or (args.until_empty and not any(e.state in OPEN for e in entries.values())):
            return 0
        try:
            queue.database.clock.sleep(args.every)
        except KeyboardInterrupt:
            return 0


def _told(entry: Entry | None) -> object:
    return None if entry is None else (entry.state, entry.attempts, entry.last_error, entry.exported_at)


def _say(queue: Queue, changed: list[Entry], as_json: bool) -> None:
    now, counts = stamp(queue.database.clock.utcnow()), queue.counts()
    if as_json:
        line = {"at": now, "counts": counts, "changed": [entry.as_dict() for entry in changed]}
        print(json.dumps(line), flush=True)
        return
    print(
        f"{now}  {', '.join(f'{number} {state}' for state, number in counts.items()) or 'the queue is empty'}"
    )
    for entry in changed:
        print(f"  {entry.state:11} {entry.tcn:40} {entry.attempts:3} attempts  {_note(entry)}", flush=True)


ACTIONS = {"list": _list, "show": _show, "watch": _watch, "quarantine": _quarantine, "verify": _verify}
