"""`station doctor`: one line per check, what to do, exit 0 when nothing fails (1 when something does)."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from station.doctor import Check, Status, examine
from station.settings import load_settings

COLOURS = {Status.OK: "32", Status.WARN: "33", Status.FAIL: "31"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", type=Path, default=Path("/etc/livescan/station.toml"), help="station.toml"
    )
    parser.add_argument("--json", action="store_true", help="machine-readable")
    parser.add_argument("--strict", action="store_true", help="warnings fail too")


def run(args: argparse.Namespace) -> int:
    """Print the report. 0: nothing failed; 1: something did; 3: the settings cannot be read."""
    checks = examine(load_settings(args.config))
    bad = {Status.FAIL, Status.WARN} if args.strict else {Status.FAIL}
    if args.json:
        print(
            json.dumps(
                {"ok": not any(c.status in bad for c in checks), "checks": [asdict(c) for c in checks]}
            )
        )
    else:
        for check in checks:
            print(_line(check, sys.stdout.isatty()))
    return 1 if any(check.status in bad for check in checks) else 0


def _line(check: Check, colour: bool) -> str:
    status = f"{check.status:4}"
    if colour:
        status = f"\033[{COLOURS[check.status]}m{status}\033[0m"
    return f"{status}  {check.name:20} {check.fact}" + (
        f"\n      {'':20} -> {check.advice}" if check.advice else ""
    )
