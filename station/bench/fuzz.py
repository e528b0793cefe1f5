"""Every parser of device bytes, and whole drivers, against bytes no device would send.

In: how many inputs, a seed. Out: a table or JSON of inputs, slowest input and findings by target; exit 1 when there
are findings. --atheris instead: coverage-guided, where the package atheris is installed; it ends the process itself.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--count", type=int, default=1_000_000, help="inputs in all (default 1 000 000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--target", action="append", default=[], help="only this one; may be repeated")
    parser.add_argument("--atheris", action="store_true", help="coverage-guided; needs one --target")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")


def run(args: argparse.Namespace) -> int:
    """0 when nothing was found."""
    if args.atheris:
        return _atheris(args)
    fuzz: Any = importlib.import_module("drivers.sim.fuzz")
    unknown = set(args.target) - {target.name for target in fuzz.targets()}
    if unknown:
        print(f"usage: no target {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    report = fuzz.run(args.count, args.seed, args.target)
    findings = [{"target": name, "input": data.hex(), "what": what} for name, data, what in report.findings]
    if args.json:
        print(
            json.dumps(
                {"inputs": report.inputs, "slowest_s": report.slowest_s, "findings": findings}, indent=1
            )
        )
        return 1 if findings else 0
    print("| target | inputs | slowest | findings |\n|--|--|--|--|")
    for name, inputs in report.inputs.items():
        found = sum(one["target"] == name for one in findings)
        print(f"| {name} | {inputs} | {report.slowest_s[name] * 1000:.1f} ms | {found} |")
    for one in findings[:20]:
        print(f"{one['target']}: {one['what']}: {one['input'][:200]}")
    print(f"{sum(report.inputs.values())} inputs, {len(findings)} findings")
    return 1 if findings else 0


def _atheris(args: argparse.Namespace) -> int:
    """Coverage-guided. Raises nothing when the package is missing: exit 3 says what to install."""
    try:
        atheris: Any = importlib.import_module("atheris")
    except ImportError:
        print("atheris is not installed: pip install atheris", file=sys.stderr)
        return 3
    with atheris.instrument_imports(include=["drivers.wires", "drivers.sim.replay"]):
        fuzz: Any = importlib.import_module("drivers.sim.fuzz")
    chosen = [one for one in fuzz.targets() if [one.name] == args.target]
    if not chosen:
        print("usage: --atheris needs one --target", file=sys.stderr)
        return 2
    atheris.Setup(
        [sys.argv[0], f"-runs={args.count}", f"-seed={args.seed}", "-max_len=2048"], chosen[0].try_one
    )
    atheris.Fuzz()
    return 0
