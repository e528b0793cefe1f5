"""`station housekeeping`: check the databases and the audit chain. It reaches no network.

Retention and erasure follow the agency's policy and are a later step; nothing is deleted here.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from offline_queue.store import Queue
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
        found: dict[str, object] = {
            "queue": "whole" if whole.ok else "; ".join(whole.problems),
            "audit": "whole" if audit.ok else audit.reason,
            "counts": queue.counts(),
        }
    finally:
        queue.close()
    return _say(args, found, 0 if whole.ok and audit.ok else 1)


def _say(args: argparse.Namespace, found: dict[str, object], code: int) -> int:
    if args.json:
        print(json.dumps(found))
    else:
        print(f"queue {found['queue']}, audit chain {found['audit']}, entries {found['counts']}")
    return code
