"""`--all`: the long tests as well, with inputs drawn anew; taken up where it stopped.

A test marked `long` runs only then. What has passed is kept in a file under a digest of all sources; the next `--all`
on the same sources skips it. A file is forgotten when every test has passed, or with `--fresh`.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

REPO = Path(__file__).resolve().parents[2]
PLACE = Path(os.environ.get("STATION_TEST_STATE", REPO / ".run")) / "all-passed"
"""First line: the digest of the sources. Then a test that passed, a line each."""

# How long an example takes says nothing on a machine that does other work: the limits of tests end what hangs.
_COMMON: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("fixed", derandomize=True, database=None, print_blob=True, **_COMMON)
settings.register_profile("all", derandomize=False, max_examples=300, print_blob=True, **_COMMON)


def digest_of_sources(repo: Path = REPO) -> str:
    """One digest over the names and bytes of every file that is or could be committed."""
    try:
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=repo, capture_output=True, check=True).stdout
        files = [repo / os.fsdecode(name) for name in listed.split(b"\0") if name]
    except (OSError, subprocess.CalledProcessError):  # no git, or no checkout: a release unpacked
        folders = ("station", "drivers", "offline_queue", "firmware_profiles", "tests", "systemd")
        files = [
            path
            for folder in folders
            for path in (repo / folder).rglob("*")
            if "__pycache__" not in path.parts
        ]
    total = hashlib.sha256()
    for path in sorted(files):
        if path.is_file():
            total.update(f"{path.relative_to(repo)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


class Passed:
    """A plug-in that keeps which tests have passed in this run of `--all`, its earlier parts included."""

    def __init__(self, place: Path, digest: str, fresh: bool = False) -> None:
        self._place = place
        self._failing: set[str] = set()
        lines = [] if fresh or not place.exists() else place.read_text("utf-8").splitlines()
        self.before = set(lines[1:]) if lines[:1] == [digest] else set()
        if not self.before:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(digest + "\n", "utf-8")

    def pytest_report_header(self) -> str:
        return (
            f"--all: {len(self.before):,} tests have passed before and are left out (--fresh runs them too)"
        )

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Every worker leaves out the same tests, whatever has been added to the file since."""
        node.workerinput["passed_before"] = sorted(self.before)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test has passed when its three parts have."""
        if report.failed:
            self._failing.add(report.nodeid)
        if report.when == "teardown" and report.nodeid not in self._failing:
            with self._place.open("a", encoding="utf-8") as out:
                out.write(report.nodeid + "\n")

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """With everything green the next run begins anew; a green part of it forgets nothing."""
        options = session.config.option
        part = options.file_or_dir or options.keyword or options.markexpr
        if exitstatus == pytest.ExitCode.OK and not part:
            self._place.unlink(missing_ok=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("station")
    group.addoption("--all", action="store_true", help="the long tests as well, and inputs drawn anew")
    group.addoption(
        "--fresh", action="store_true", help="with --all: from the beginning, not where it stopped"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: a campaign, a benchmark, a sweep: only under --all")
    settings.load_profile("all" if config.option.all else "fixed")
    if config.option.all and not config.option.collectonly and not hasattr(config, "workerinput"):
        config.pluginmanager.register(
            Passed(PLACE, digest_of_sources(), config.option.fresh), "passed before"
        )


def passed_before(config: pytest.Config) -> set[str]:
    """Tests that earlier parts of this `--all` have passed."""
    if hasattr(config, "workerinput"):
        return set(config.workerinput.get("passed_before", ()))
    passed = config.pluginmanager.getplugin("passed before")
    return passed.before if passed else set()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    before = passed_before(config)
    left_out = [
        item
        for item in items
        if item.nodeid in before or (item.get_closest_marker("long") and not config.option.all)
    ]
    if left_out:
        gone = set(left_out)
        items[:] = [item for item in items if item not in gone]
        config.hook.pytest_deselected(items=left_out)
