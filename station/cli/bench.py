"""`station bench NAME`: each benchmark is one file in station/bench. JSON with --json, else a table."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
from types import ModuleType

import station.bench

_FOLDER = station.bench.__path__


def benchmarks() -> dict[str, ModuleType]:
    """The benchmarks there are: modules of station/bench that take arguments; the others are their helpers."""
    found = {
        m.name: importlib.import_module(f"station.bench.{m.name}") for m in pkgutil.iter_modules(_FOLDER)
    }
    return {name: module for name, module in sorted(found.items()) if hasattr(module, "add_arguments")}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="bench", metavar="NAME", required=True)
    for name, module in benchmarks().items():
        line = (module.__doc__ or name).strip().splitlines()[0]
        module.add_arguments(actions.add_parser(name, help=line.replace("%", "%%"), description=line))


def run(args: argparse.Namespace) -> int:
    module = importlib.import_module(f"station.bench.{args.bench}")
    sys.stdout.flush()
    return int(module.run(args))
