"""`station housekeeping`: check the queue and its audit chain, then erase what is over. It reaches no network.

Erased is what the gateway has had for `[queue] keep_days`: the agency says how many. Without it, and in a queue that is
not whole, nothing is erased.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
from pathlib import Path
from typing import Any

from offline_queue import erasure
from offline_queue.store import Queue
from offline_queue.trust import Trust
from offline_queue.vault import Vault
from station.clock import SystemClock
from station.sdnotify import notify
from station.settings import load_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, required=True, help="station.toml")
    parser.add_argument("--json", action="store_true", help="machine-readable")


def run(args: argparse.Namespace) -> int:
    """0: the queue is whole; 1: it is not. A queue that does not exist yet is nothing wrong."""
    settings = load_settings(args.config)
    notify("READY=1")
    if not settings.queue.database.exists():
        return _say(args, {"queue": "absent", "audit": "absent", "counts": {}}, 0)
    queue = Queue.open(
        settings.queue.database,
        Vault.load(settings.queue.station_key),
        SystemClock(),
        station_id=settings.station.id,
        time_source=settings.time_source(),
    )
    try:
        whole, audit = queue.check(), queue.verify_audit()
        found: dict[str, Any] = {
            "queue": "whole" if whole.ok else "; ".join(whole.problems),
            "audit": "whole" if audit.ok else audit.reason,
            "counts": queue.counts(),
        }
        if whole.ok and audit.ok:
            found |= _erase(queue, settings.queue.keep_days)
    finally:
        queue.close()
    return _say(args, found, 0 if whole.ok and audit.ok else 1)


def _erase(queue: Queue, keep_days: int | None) -> dict[str, object]:
    """What became of submissions that are over: their ids, or why none was looked at."""
    if keep_days is None:
        return {"erased": [], "erasure": "off: [queue] keep_days is not set"}
    if queue.clock_trust() is Trust.UNKNOWN:
        return {"erased": [], "erasure": "waits: nobody vouches for the clock"}
    erased = erasure.erase_due(queue.database, dt.timedelta(days=keep_days))
    return {"erased": list(erased), "erasure": f"{keep_days} days after custody"}


def _say(args: argparse.Namespace, found: dict[str, Any], code: int) -> int:
    if args.json:
        print(json.dumps(found))
    else:
        line = f"queue {found['queue']}, audit chain {found['audit']}, entries {found['counts']}"
        if "erased" in found:
            line += f"; erased {len(found['erased'])} ({found['erasure']})"
        print(line)
    return code
