"""`station bench NAME`: each benchmark is one file in station/bench. JSON with --json, else a table."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys

import station.bench


def names() -> list[str]:
    """The benchmarks there are."""
    return sorted(m.name for m in pkgutil.iter_modules(station.bench.__path__) if not m.name.startswith("_"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    benches = parser.add_subparsers(dest="bench", metavar="NAME", required=True)
    for name in names():
        module = importlib.import_module(f"station.bench.{name}")
        line = (module.__doc__ or name).strip().splitlines()[0]
        module.add_arguments(benches.add_parser(name, help=line.replace("%", "%%"), description=line))


def run(args: argparse.Namespace) -> int:
    module = importlib.import_module(f"station.bench.{args.bench}")
    sys.stdout.flush()
    return int(module.run(args))
