"""`./run hil`: the contract suite against plugged-in readers; a certificate of what was tested on which unit out.

Units are those of `registry.discover()` that said who they are, or the one of --driver and --address. Writes
PREFIX.md and PREFIX.json and prints the first; without a reader they say so.
Exit codes: 0 all passed, 1 something failed, 2 usage, 3 no reader.
It is a record of tests, not a certification of the reader or of the station.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from drivers import registry
from tests.hil.units import VARIABLE, Unit

FACTS = ("id", "make", "model", "serial", "firmware", "ppi", "certification", "simulated")
NO_READER = "no reader is attached that says who it is; others need --driver and --address"
TIMES = ("capture_s", "first_preview_s", "reopen_s")


class Results:
    """A pytest plugin that keeps what came of each test: outcome, reason, and what the test recorded."""

    def __init__(self) -> None:
        self.tests: list[dict[str, Any]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call" and report.outcome == "passed":
            return
        name = report.nodeid.rpartition("::")[2].partition("[")[0]
        facts = dict(report.user_properties)
        reason = ""
        if report.skipped and isinstance(report.longrepr, tuple):
            reason = report.longrepr[2].removeprefix("Skipped: ")
        elif report.failed:
            reason = str(report.longrepr).strip().splitlines()[-1]
        self.tests.append({"test": name, "outcome": report.outcome, "reason": reason, **facts})


def chosen(args: argparse.Namespace) -> list[Unit]:
    """The units to test. Raises ValueError for half an answer."""
    if bool(args.driver) != bool(args.address):
        raise ValueError("--driver and --address belong together")
    script = str(args.script or "")
    if args.address:
        return [Unit(args.driver, args.profile, args.address, script, args.attended)]
    found = [one for one in registry.discover() if one.certain]
    return [Unit(one.driver, one.profile, one.address, "", args.attended) for one in found]


def certificate(units: Sequence[Unit], tests: Sequence[dict[str, Any]], now: dt.datetime) -> dict[str, Any]:
    """Everything that is to be said, as JSON."""
    made = []
    for unit in units:
        own = [one for one in tests if one.get("unit") == unit.name]
        known = {key: one[key] for one in own for key in (*FACTS, *TIMES) if key in one}
        rows = [{key: one.get(key, "") for key in ("test", "where", "outcome", "reason")} for one in own]
        made.append({**msgspec.structs.asdict(unit), "unit": known, "tests": rows})
    return {
        "what": "contract tests of readers on real units; not a certification",
        "made": now.isoformat(),
        "machine": f"{platform.machine()}, {platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "units": made,
    }


def markdown(facts: dict[str, Any]) -> str:
    """The same for people."""
    lines = [
        "# What was tested on which reader",
        "",
        f"{facts['made']}, {facts['machine']}. {facts['what'].capitalize()}.",
        "",
    ]
    if "reason" in facts:
        lines += [f"Nothing was tested: {facts['reason']}.", ""]
    for unit in facts["units"]:
        known = unit["unit"]
        mark = " (SIMULATED)" if known.get("simulated") else ""
        lines += [f"## {known.get('id', 'not opened')}{mark}", ""]
        lines += [f"- {key}: {value}" for key, value in {"address": unit["address"], **known}.items()]
        lines += ["", "| test | where | outcome | |", "|---|---|---|---|"]
        for one in unit["tests"]:
            reason = str(one["reason"]).replace("|", "/")
            words = one["test"].removeprefix("test_").replace("_", " ")
            lines.append(f"| {words} | {one['where']} | {one['outcome']} | {reason} |")
        counts = {
            word: sum(one["outcome"] == word for one in unit["tests"])
            for word in ("passed", "failed", "skipped")
        }
        lines += ["", ", ".join(f"{count} {word}" for word, count in counts.items()) + ".", ""]
    return "\n".join(lines)


def written(out: Path, facts: dict[str, Any]) -> str:
    """Both files; the one for people is returned as well."""
    text = markdown(facts)
    out.with_suffix(".json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    out.with_suffix(".md").write_text(text, encoding="utf-8")
    return text


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="./run hil", description="the contract suite against plugged-in readers"
    )
    made.add_argument(
        "--driver", help="with --address: a reader that does not say who it is, or a simulated one"
    )
    made.add_argument("--address", help="serial:/dev/ttyUSB0, usb:05ba:000a@1-2")
    made.add_argument("--profile", default="", help="default: the driver's first")
    made.add_argument(
        "--attended", action="store_true", help="somebody lays targets on the platen and pulls cables"
    )
    made.add_argument("--script", type=Path, help="the person script of a simulated peer (its --script)")
    made.add_argument("--out", type=Path, default=Path("hil-certificate"), help="PREFIX of .md and .json")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    try:
        units = chosen(args)
    except ValueError as error:
        sys.stderr.write(f"usage: {error}\n")
        return 2
    if not units:
        sys.stderr.write(f"hil: {NO_READER}\n")
        written(args.out, certificate([], [], dt.datetime.now(dt.UTC)) | {"reason": NO_READER})
        return 3
    os.environ[VARIABLE] = msgspec.json.encode(units).decode()
    results = Results()
    here = Path(__file__).with_name("test_attached_reader.py")
    code = pytest.main(
        ["--no-cov", "-q", "-m", "hil", "-p", "no:cacheprovider", str(here)], plugins=[results]
    )
    facts = certificate(units, results.tests, dt.datetime.now(dt.UTC))
    sys.stdout.write(written(args.out, facts))
    return 0 if code == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
