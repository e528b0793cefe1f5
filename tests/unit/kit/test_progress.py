"""The line of progress: how far, how long, how long still."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.kit import progress, seconds
from tests.kit.order import pytest_collection_modifyitems
from tests.unit.kit.toys import run_toy


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "seconds_by_file", lambda: {"slow.py": 90.0, "quick.py": 10.0})
    monkeypatch.setattr("tests.kit.order.seconds_by_file", lambda: {"slow.py": 90.0, "quick.py": 10.0})


def passed(test: str) -> pytest.TestReport:
    return pytest.TestReport(test, ("", 0, ""), {}, "passed", None, "teardown")


def test_the_time_left_goes_by_what_the_files_take_and_not_by_the_number_of_tests(table, monkeypatch) -> None:
    monkeypatch.setattr("time.monotonic", lambda: 0.0)
    made = progress.Progress(SimpleNamespace())  # type: ignore[arg-type]
    made.collected(["slow.py::a", "quick.py::a", "quick.py::b"])
    assert made.line(5.0) == "[  0%] 0 of 3 tests, 0:05 gone, time left not known yet"
    made.pytest_runtest_logreport(passed("quick.py::a"))
    made.pytest_runtest_logreport(passed("quick.py::b"))
    assert made.line(70.0) == "[ 10%] 2 of 3 tests, 1:10 gone, about 10:30 left"


def test_the_longest_files_begin_first_and_keep_their_order_within(table) -> None:
    items = [
        SimpleNamespace(nodeid=name) for name in ("quick.py::b", "unknown.py::a", "slow.py::z", "slow.py::a")
    ]
    pytest_collection_modifyitems(items)  # type: ignore[arg-type]
    assert [item.nodeid for item in items] == ["slow.py::z", "slow.py::a", "quick.py::b", "unknown.py::a"]


def test_a_run_shows_failures_with_their_last_line_and_counts_all_outcomes(tmp_path: Path) -> None:
    text = """
import pytest
def test_good(): pass
def test_bad(): assert 1 == 2
def test_absent(): pytest.skip("no such thing: install it")
@pytest.fixture
def broken(): raise LookupError("no")
def test_broken(broken): pass
"""
    said = run_toy(tmp_path, text, "progress", more=("-q", "-rs"))
    assert "FAILED test_toy.py::test_bad (call): test_toy.py:4: AssertionError" in said
    assert "FAILED test_toy.py::test_broken (setup)" in said
    assert "1 failed, 1 passed, 1 skipped, 1 error" in said
    assert "no such thing: install it" in said
    assert "F.s" not in said


def test_every_file_of_the_table_is_there(repo: Path) -> None:
    assert [file for file in progress.seconds_by_file() if not (repo / file).exists()] == []


def test_the_table_of_seconds_is_written_from_a_report(tmp_path: Path) -> None:
    (tmp_path / "r.xml").write_text(
        '<testsuites><testsuite><testcase classname="tests.unit.test_a" name="x" time="1.25"/>'
        '<testcase classname="tests.unit.test_a.TestIt" name="y" time="2.5"/>'
        '<testcase classname="tests.unit.test_b" name="z" time="0.5"/></testsuite></testsuites>'
    )
    seconds.write(seconds.by_file(tmp_path / "r.xml"), tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == "file,seconds\ntests/unit/test_a.py,4\n"
