"""What every driver makes of trouble at every byte of a conversation; with --left-behind, of how its last user left a
module; with --timing, image time and idle load.

In: which drivers, every how many bytes. Out: a table or JSON of counts by driver and trouble: conversations, right
pictures, errors by code, wrong pictures, hangs, slowest end, slowest recovery; exit 1 when one is wrong, hangs, or
does not recover in 3 s. Simulated time, except USB rigs and --timing, which runs the peers as processes on ptys.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Iterator
from typing import Any

from station.bench import readers_timing

_COLUMNS = ("subject", "trouble", "runs", "right", "errors", "wrong", "hung", "stuck", "slowest", "recovery")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--driver", action="append", default=[], help="only this one; may be repeated")
    parser.add_argument("--stride", type=int, default=1, help="try every N-th byte (default 1: all)")
    parser.add_argument("--first", type=int, default=0, help="begin at this byte")
    parser.add_argument("--trouble", action="append", default=[], help="only this one; may be repeated")
    parser.add_argument(
        "--full", action="store_true", help="pictures of the real size instead of 32 x 24 pixels"
    )
    parser.add_argument(
        "--left-behind",
        action="store_true",
        help="instead: every baud rate with every password, lock, packet size and sensor that a last user may leave",
    )
    parser.add_argument("--timing", action="store_true", help="instead: image time, preview, idle load")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")


def run(args: argparse.Namespace) -> int:
    """0 when every conversation was good (or every time within its limit)."""
    if args.timing:
        return readers_timing.run(args.driver, as_json=args.json)
    sweep: Any = importlib.import_module("drivers.sim.sweep")
    unknown = set(args.trouble) - set(sweep.TROUBLES)
    if unknown or args.stride < 1:
        print(f"usage: --stride from 1; --trouble is one of {', '.join(sweep.TROUBLES)}", file=sys.stderr)
        return 2
    found = left_behind(args) if args.left_behind else swept(args, sweep)
    tallies = []
    for tally in found:
        tallies.append(tally)
        if not args.json:
            print(row(tally) if len(tallies) > 1 else f"{heading()}\n{row(tally)}", flush=True)
    if args.json:
        print(json.dumps([vars(tally) for tally in tallies], indent=1))
    else:
        print(verdict(tallies))
    return 0 if tallies and not any(tally.bad_at for tally in tallies) else 1


def swept(args: argparse.Namespace, sweep: Any) -> Iterator[Any]:
    """Every trouble at every byte asked for."""
    for subject in sweep.subjects(args.driver, small=not args.full):
        yield from sweep.sweep(subject, args.stride, args.trouble, args.first)


def left_behind(args: argparse.Namespace) -> Iterator[Any]:
    """Every way in which a last user may have left a module."""
    module: Any = importlib.import_module("drivers.sim.left_behind")
    yield from module.tallies(args.driver)


def heading() -> str:
    """Two lines of a Markdown table."""
    return f"| {' | '.join(_COLUMNS)} |\n|{'--|' * len(_COLUMNS)}"


def row(tally: Any) -> str:
    """One line of the table."""
    codes = sorted((code, n) for code, n in tally.outcomes.items() if code != "right")
    errors = ", ".join(f"{code} {n}" for code, n in codes) or "-"
    cells = [
        tally.subject,
        tally.trouble,
        tally.runs,
        tally.outcomes["right"],
        errors,
        tally.wrong,
        tally.hung,
    ]
    cells += [tally.stuck, f"{tally.slowest_s:.2f} s", f"{tally.recovery_s:.2f} s"]
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def verdict(tallies: list[Any]) -> str:
    """One line on all of them."""
    runs = sum(tally.runs for tally in tallies)
    bad = sum(len(tally.bad_at) for tally in tallies)
    wrong, hung = sum(tally.wrong for tally in tallies), sum(tally.hung for tally in tallies)
    slowest = max((tally.recovery_s for tally in tallies), default=0.0)
    counts = f"{wrong} wrong pictures, {hung} hangs, {bad} not good"
    return f"{runs} conversations: {counts}, recovery {slowest:.2f} s at most"
