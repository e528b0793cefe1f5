"""`station custody export`: everything that proves one submission, for `station verify` or any other verifier."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from offline_queue.clock import SystemClock
from offline_queue.signers import load_signer
from offline_queue.store import Queue
from offline_queue.vault import Vault
from station import revocation
from station.cli.queue_look import CLOSED
from station.custody import bundle
from station.settings import load_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    line = "write the custody bundle of one entry"
    exporting = actions.add_parser("export", help=line, description=line)
    exporting.add_argument("entry", help="TCN or submission id")
    exporting.add_argument("--config", type=Path, required=True, help="station.toml")
    exporting.add_argument(
        "--out", type=Path, required=True, help="a folder, or a file ending in .json; nothing is overwritten"
    )
    exporting.add_argument("--json", action="store_true", help="machine-readable")


def run(args: argparse.Namespace) -> int:
    """0 written; 1 no such entry, or damaged; 3 the queue, the clock or the signing key cannot be used."""
    settings = load_settings(args.config)
    vault = Vault.load(settings.queue.station_key)
    with Queue.open(
        settings.queue.database,
        vault,
        SystemClock(),
        station_id=settings.station.id,
        time_source=settings.time_source(),
        revocation=revocation.own(settings),
    ) as queue:
        entry = queue.find(args.entry)
        written = bundle.write(queue, entry, args.out, load_signer(settings.signing.uri))
        sealed_to = queue.sealed_to(entry.submission_id)
    if args.json:
        print(json.dumps({"files": [str(path) for path in written], "sealed_to": sealed_to}))
    else:
        print("\n".join(str(path) for path in written))
        print(f"check: station verify {args.out} --ca STATION-CA.pem --gateway-ca GATEWAY-CA.pem")
        if sealed_to:
            print(CLOSED.format(sealed_to))
    return 0
