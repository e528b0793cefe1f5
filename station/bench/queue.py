"""Campaigns against the offline queue: what breaks is made to break, on purpose, thousands of times.

In: a campaign (file station/bench/queue_<name>.py with `run(runs, seed, progress) -> dict`), how many runs, a seed.
Out: one JSON line a campaign with its counts, else a table; exit 1 when a count that must be zero is not, 3 when none
of the campaigns could run here. A campaign that cannot run says why in `skipped`.
"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import sys
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import station.bench
from station.progress import Progress

PREFIX = "queue_"
# What issue 6 asks for; a campaign's own RUNS wins.
RUNS = {
    "kill": 2000,
    "power": 6000,
    "mutants": 300,
    "io": 300,
    "damage": 1000,
    "network": 200,
    "outage": 1,
    "audit": 2000,
}


def campaigns() -> dict[str, ModuleType]:
    """Name → module, those of the issue's table first."""
    names = [
        m.name[len(PREFIX) :]
        for m in pkgutil.iter_modules(station.bench.__path__)
        if m.name.startswith(PREFIX)
    ]
    order = [name for name in RUNS if name in names] + [name for name in names if name not in RUNS]
    found = {name: importlib.import_module(f"station.bench.{PREFIX}{name}") for name in order}
    return {name: module for name, module in found.items() if hasattr(module, "run")}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--campaign", default="all", help="a name, a comma list, or all (default)")
    parser.add_argument("--runs", type=int, help="default: the full number of each campaign")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="one JSON line a campaign")


def run(args: argparse.Namespace) -> int:
    """0 when every count that must be zero is."""
    found = campaigns()
    # A speed is no proof: it is measured only when asked for by name.
    wanted = [name for name, module in found.items() if getattr(module, "IN_ALL", True)]
    if args.campaign != "all":
        wanted = args.campaign.split(",")
    if unknown := set(wanted) - set(found):
        print(
            f"usage: no campaign {', '.join(sorted(unknown))}; there are {', '.join(found)}", file=sys.stderr
        )
        return 2
    results = [one(name, found[name], args.runs, args.seed, args.json) for name in wanted]
    if any(bad(result) for result in results):
        return 1
    return 3 if all("skipped" in result for result in results) else 0


def one(name: str, module: ModuleType, runs: int | None, seed: int, as_json: bool) -> dict[str, Any]:
    """One campaign, told on standard output; the progress goes to standard error when that is a terminal."""
    number = runs or getattr(module, "RUNS", None) or RUNS.get(name, 100)
    bar = Progress(1, sys.stderr)
    say: Callable[[str], None] = (
        (lambda words: bar.wait(f"{name}: {words}")) if sys.stderr.isatty() else _quiet
    )
    began = time.monotonic()
    result: dict[str, Any] = {"campaign": name, "runs": number, "seed": seed} | module.run(number, seed, say)
    bar.close()
    result["seconds"] = round(time.monotonic() - began, 1)
    print(json.dumps(result) if as_json else _words(name, result), flush=True)
    return result


def bad(result: dict[str, Any]) -> dict[str, int]:
    """What should be zero and is not."""
    return {what: count for what, count in result.get("must_be_zero", {}).items() if count}


def _words(name: str, result: dict[str, Any]) -> str:
    if "skipped" in result:
        return f"{name:9} skipped: {result['skipped']}"
    zero = ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in result["must_be_zero"].items())
    return (
        f"{name:9} {'BAD ' if bad(result) else 'good'} {result['runs']} runs, {result['seconds']} s: {zero}"
    )


def _quiet(_: str) -> None:
    """Nobody watches."""
