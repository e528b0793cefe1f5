"""A release: one version everywhere, and a tag only where nothing stands in its way."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

import station
from station.__main__ import main

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed (Debian: git)")
CHANGELOG = """# Changelog

## Unreleased

- not yet

## {version} (2027-01-31)

The queue:

- sends

## 0.0.9 (2026-12-24)

- old
"""


def test_the_version_is_said_in_one_place(repo: Path) -> None:
    project = tomllib.loads((repo / "pyproject.toml").read_text("utf-8"))
    assert "version" not in project["project"]
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "station.__version__"}
    assert re.fullmatch(r"\d+\.\d+\.\d+", station.__version__)
    said = [
        str(path.relative_to(repo))
        for folder in ("station", "drivers", "offline_queue", "firmware_profiles", "systemd")
        for path in (repo / folder).rglob("*.py")
        if f'"{station.__version__}"' in path.read_text("utf-8")
    ]
    assert said == ["station/__init__.py"]


def test_the_command_line_says_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--version"])
    assert left.value.code == 0
    assert capsys.readouterr().out == f"station {station.__version__}\n"


def test_every_package_says_that_it_is_typed_and_ships_the_mark(repo: Path) -> None:
    project = tomllib.loads((repo / "pyproject.toml").read_text("utf-8"))
    for package in ("station", "drivers", "offline_queue", "firmware_profiles"):
        assert (repo / package / "py.typed").read_bytes() == b""
        assert "py.typed" in project["tool"]["setuptools"]["package-data"][package]


@pytest.fixture
def tree(tmp_path: Path, repo: Path) -> Path:
    """A repository of three files on main, ready for 1.2.3."""
    (tmp_path / "station").mkdir()
    (tmp_path / "station/__init__.py").write_text('"""Toy."""\n\n__version__ = "1.2.3"\n')
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG.format(version="1.2.3"))
    git(tmp_path, "init", "-q", "-b", "main")
    commit(tmp_path)
    return tmp_path


def git(tree: Path, *words: str) -> str:
    who = {
        f"GIT_{role}_{what}": "x@y.invalid" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    environment = os.environ | who | {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    return subprocess.run(
        ["git", *words], cwd=tree, env=environment, capture_output=True, text=True, check=True
    ).stdout


def commit(tree: Path) -> None:
    git(tree, "add", "-A")
    git(tree, "commit", "-q", "-m", "x")


def release(repo: Path, tree: Path, *words: str) -> tuple[int, str]:
    who = {"GIT_COMMITTER_NAME": "x", "GIT_COMMITTER_EMAIL": "x@y.invalid", "GIT_CONFIG_GLOBAL": "/dev/null"}
    done = subprocess.run(
        [repo / ".ci/release", *words], env=os.environ | who | {"RELEASE_TREE": str(tree)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@needs_git
def test_a_tag_carries_the_section_of_the_changelog(repo: Path, tree: Path) -> None:
    assert release(repo, tree, "check") == (0, "ready: v1.2.3\n")
    assert release(repo, tree, "tag") == (0, "ready: v1.2.3\ntagged: v1.2.3\n")
    message = git(tree, "tag", "-l", "--format=%(contents)", "v1.2.3")
    assert message.strip() == "v1.2.3\n\nThe queue:\n\n- sends"
    assert release(repo, tree, "notes", "1.2.3")[1].strip() == "The queue:\n\n- sends"
    assert release(repo, tree, "notes", "0.0.9")[1].strip() == "- old"
    assert release(repo, tree, "check") == (1, "release: the tag v1.2.3 is there already\n")


@needs_git
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda tree: (tree / "new").write_text("x"), "there are changes that are not committed"),
        (lambda tree: git(tree, "switch", "-q", "-c", "other"), "this is not the branch main"),
        (lambda tree: changed(tree, "1.2.3 (2027-01-31)", "1.2.3"), 'no heading "## 1.2.3 (YYYY-MM-DD)"'),
        (
            lambda tree: changed(tree, "The queue:\n\n- sends\n", ""),
            "the section 1.2.3 of CHANGELOG.md is empty",
        ),
    ],
    ids=["not committed", "another branch", "no day", "nothing in it"],
)
def test_nothing_is_tagged_while_something_stands_in_the_way(
    repo: Path, tree: Path, change, said: str
) -> None:
    change(tree)
    for verb in ("check", "tag"):
        code, words = release(repo, tree, verb)
        assert code == 1
        assert said in words
    assert git(tree, "tag") == ""


def changed(tree: Path, old: str, new: str) -> None:
    path = tree / "CHANGELOG.md"
    path.write_text(path.read_text().replace(old, new))
    commit(tree)


def test_an_unknown_word_is_a_usage_error(repo: Path, tmp_path: Path) -> None:
    assert release(repo, tmp_path, "dance")[0] == 2


def test_the_changelog_has_a_place_for_what_comes(repo: Path) -> None:
    assert "\n## Unreleased\n" in (repo / "CHANGELOG.md").read_text("utf-8")
