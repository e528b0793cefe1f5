"""`--all`: what is long runs only then, and what has passed does not run twice."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.kit.campaign import digest_of_sources
from tests.unit.kit.toys import REPO, run_toy

TOY = """
import pytest
from hypothesis import given, settings, strategies as st
def test_short(): pass
@pytest.mark.long
def test_long(): pass
@pytest.mark.long
def test_other(): assert {passes}
"""


def run(folder: Path, *more: str, passes: bool = True) -> str:
    text = TOY.format(passes="__import__('os').environ['PASSES'] == '1'")
    return run_toy(
        folder, text, "campaign", more=more, PASSES=str(int(passes)), STATION_TEST_STATE=str(folder / "state")
    )


def test_a_long_test_runs_only_under_all(tmp_path: Path) -> None:
    assert "1 passed, 2 deselected" in run(tmp_path)
    assert not (tmp_path / "state").exists()
    assert "3 passed" in run(tmp_path, "--all")


def test_all_is_taken_up_where_it_stopped_and_begins_anew_when_everything_has_passed(tmp_path: Path) -> None:
    assert "1 failed, 2 passed" in run(tmp_path, "--all", passes=False)
    said = run(tmp_path, "--all")
    assert "--all: 2 tests have passed before and are left out" in said
    assert "1 passed, 2 deselected" in said
    assert "3 passed" in run(tmp_path, "--all")


def test_a_green_part_forgets_nothing(tmp_path: Path) -> None:
    run(tmp_path, "--all", passes=False)
    assert "1 deselected" in run(tmp_path, "--all", "test_toy.py::test_short")
    assert "2 tests have passed before" in run(tmp_path, "--all")


def test_fresh_begins_anew(tmp_path: Path) -> None:
    run(tmp_path, "--all", passes=False)
    assert "3 passed" in run(tmp_path, "--all", "--fresh")


def test_on_other_sources_nothing_has_passed_before(tmp_path: Path) -> None:
    run(tmp_path, "--all", passes=False)
    kept = tmp_path / "state/all-passed"
    kept.write_text(kept.read_text().replace(kept.read_text()[:8], "00000000"))
    assert "3 passed" in run(tmp_path, "--all")


def test_two_processes_leave_out_the_same_tests(tmp_path: Path) -> None:
    run(tmp_path, "--all", passes=False)
    assert "1 passed" in run(tmp_path, "--all", "-n", "2")


def test_the_digest_of_the_sources_changes_with_any_file_and_with_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "station").mkdir()
    file = tmp_path / "station/a.py"
    file.write_text("1")
    first = digest_of_sources(tmp_path)
    assert digest_of_sources(tmp_path) == first
    file.write_text("2")
    assert digest_of_sources(tmp_path) != first


def test_without_git_the_sources_have_a_digest_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert len(digest_of_sources(REPO)) == 64


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed (Debian: git)")
def test_in_a_checkout_what_git_ignores_does_not_count(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text("*.pyc\n")
    first = digest_of_sources(tmp_path)
    (tmp_path / "a.pyc").write_text("1")
    assert digest_of_sources(tmp_path) == first
    (tmp_path / "a.py").write_text("1")
    assert digest_of_sources(tmp_path) != first


def test_inputs_are_the_same_in_every_run_and_drawn_anew_under_all(tmp_path: Path) -> None:
    text = """
from hypothesis import given, strategies as st
seen = []
@given(st.integers())
def test_draws(number): seen.append(number)
def test_shows(): print("SEEN", hash(tuple(seen)))
"""

    def drawn(*more: str) -> str:
        said = run_toy(
            tmp_path, text, "campaign", more=("-s", *more), STATION_TEST_STATE=str(tmp_path / "state")
        )
        return said.partition("SEEN")[2].split()[0]

    assert drawn() == drawn()
    assert len({drawn("--all", "--fresh") for _ in range(3)}) > 1


def test_this_repository_knows_its_own_sources() -> None:
    assert len(digest_of_sources(REPO)) == 64
