"""`station readers list`: what is attached, who holds it, what is missing and whether it is calibrated."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from drivers import registry
from drivers.errors import DriverError
from drivers.remote import RemoteReader
from station.cli import readers_survey as survey

SERVICE = Path("/run/livescan-capture/capture.sock")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for scripts")
    parser.add_argument(
        "--socket", type=Path, default=SERVICE, help="of a capture service to ask, if it is there"
    )


def run(args: argparse.Namespace) -> int:
    """One line per candidate, what it lacks indented below. 0 also when there is none."""
    found = registry.discover()
    rows = [_row(one) for one in found]
    strange = survey.without_profile(found)
    service = _service(args.socket)
    if args.json:
        rows += [_nameless(address, vendor) for address, vendor in strange]
        rows += (
            [{"id": service["reader"], "address": f"unix:{args.socket}", "status": service}]
            if service
            else []
        )
        print(json.dumps(rows, indent=2))
        return 0
    for row in rows:
        _print_row(row)
    for address, vendor in strange:
        print(f"-\t{address}\t{vendor}: no profile for this device; see docs/readers/adding-a-reader.md")
    if service is not None:
        print(f"capture service {args.socket}: {service.get('reader') or 'no reader'}, {service['state']}")
    if not rows and not strange and service is None:
        print("no reader found; a simulated one is opened with --driver and --address", file=sys.stderr)
    return 0


def _row(one: registry.Candidate) -> dict[str, Any]:
    node = survey.node_of(one.address)
    held = survey.holders(node) if node is not None else []
    return {
        **asdict(one),
        "node": str(node) if node else None,
        "held_by": [asdict(holder) for holder in held],
        "missing": [asdict(lack) for lack in survey.lacks(one, node, held)],
    }


def _nameless(address: str, vendor: str) -> dict[str, Any]:
    lack = survey.Lack("profile", "no profile for this device", "See docs/readers/adding-a-reader.md.")
    return {"id": None, "address": address, "description": vendor, "missing": [asdict(lack)]}


def _print_row(row: dict[str, Any]) -> None:
    mark = " SIMULATED" if row["simulated"] else ""
    print(f"{row['id']}\t{row['address']}\t{row['description']}{mark}")
    for lack in row["missing"]:
        print(f"\t{lack['kind']}: {lack['message']}. {lack['advice']}")


def _service(socket: Path) -> dict[str, Any] | None:
    if not socket.exists():
        return None
    try:
        return RemoteReader(socket).status()
    except DriverError as error:
        return {"state": str(error), "reader": None}
