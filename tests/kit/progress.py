"""One line of progress with the time left, failures as they happen, and no dots.

The time left comes from what each file took when it was last measured (`seconds.csv`) and from how fast this machine
is going. On a terminal the line is written over; elsewhere there is one every 15 s.
"""

from __future__ import annotations

import csv
import os
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

TABLE = Path(__file__).with_name("seconds.csv")
"""File of tests, seconds it took alone on a quiet machine. Files of less than a second need no row."""
OTHERS_S = 0.5
LINE_S, TERMINAL_S = 15.0, 0.5


def seconds_by_file() -> dict[str, float]:
    """What each file takes, from the table."""
    with TABLE.open(encoding="utf-8", newline="") as lines:
        return {row["file"]: float(row["seconds"]) for row in csv.DictReader(lines)}


def file_of(test: str) -> str:
    """The file of a test's id."""
    return test.partition("::")[0]


def clock(seconds: float) -> str:
    """Minutes and seconds, 3:07."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


class Progress:
    """A plug-in that counts what has run and says how far the run is."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._weights: dict[str, float] = {}
        self._total = self._done = 0.0
        self._tests = self._ran = self._failed = 0
        self._began = self._said = time.monotonic()
        self._terminal = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"

    def collected(self, tests: list[str]) -> None:
        """Weigh every test: its file's seconds, shared out among the file's tests."""
        table, per_file = seconds_by_file(), Counter(file_of(test) for test in tests)
        self._weights = {file: table.get(file, OTHERS_S) / count for file, count in per_file.items()}
        self._total = sum(self._weights[file] * count for file, count in per_file.items())
        self._tests = len(tests)

    def line(self, now: float) -> str:
        """What stands in the line of progress."""
        share = min(1.0, self._done / self._total) if self._total else 1.0
        gone = now - self._began
        left = f"about {clock(gone / share - gone)} left" if share > 0.02 else "time left not known yet"
        failed = f", {self._failed} failed" if self._failed else ""
        return f"[{share:4.0%}] {self._ran:,} of {self._tests:,} tests{failed}, {clock(gone)} gone, {left}"

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if session.items:  # a controller of several processes collects nothing itself
            self.collected([item.nodeid for item in session.items])

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        self.collected(ids)

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: object) -> tuple[str, str, str] | None:
        """No letter for a test: what failed is written out as it happens."""
        if not isinstance(report, pytest.TestReport):
            return None
        if hasattr(report, "wasxfail"):
            return ("xpassed" if report.passed else "xfailed"), "", ""
        if report.when != "call":
            return ("error" if report.failed else "skipped" if report.skipped else ""), "", ""
        return report.outcome, "", ""

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._failed += 1
            words = (report.longreprtext.strip().splitlines() or ["-"])[-1]
            self._write(f"FAILED {report.nodeid} ({report.when}): {words[:200]}", lasting=True)
        if report.when == "teardown":
            self._ran += 1
            self._done += self._weights.get(file_of(report.nodeid), 0.0)
            now = time.monotonic()
            if now - self._said > (TERMINAL_S if self._terminal else LINE_S):
                self._said = now
                self._write(self.line(now))

    def _write(self, line: str, lasting: bool = False) -> None:
        """On a terminal the next line takes the place of this one, unless it is to last."""
        reporter = self._config.pluginmanager.getplugin("terminalreporter")
        if not self._terminal:
            reporter.write_line(line)
        else:
            reporter.rewrite(line, erase=True)
            if lasting:
                reporter.write_line("")
        reporter.flush()


def pytest_configure(config: pytest.Config) -> None:
    """Nothing of this where each test is named (-v), nor in a worker."""
    if config.option.verbose <= 0 and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Progress(config), "progress of tests")
