"""Toy suites in a folder of their own, run by a pytest of their own with plug-ins of `tests.kit`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[3]


def command(folder: Path, *plugins: str, more: tuple[str, ...] = ()) -> list[str]:
    """What runs the tests of `folder` with these modules of `tests.kit` and nothing else of ours."""
    (folder / "pytest.ini").write_text(f"[pytest]\naddopts = -p no:cacheprovider\ntestpaths = {folder}\n")
    words = [word for name in plugins for word in ("-p", f"tests.kit.{name}")]
    return ["-c", str(folder / "pytest.ini"), "--rootdir", str(folder), *words, *more, str(folder)]


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    return kept | {"PYTHONPATH": str(REPO), **more}


def run_toy(folder: Path, text: str, *plugins: str, more: tuple[str, ...] = (), **variables: str) -> str:
    """What pytest says of one file of tests; also on its error stream."""
    (folder / "test_toy.py").write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *command(folder, *plugins, more=more)[:-1]],
        env=environment(**variables), capture_output=True, text=True, check=False, cwd=folder,
    )  # fmt: skip
    return done.stdout + done.stderr
