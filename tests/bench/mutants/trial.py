"""One copy of the tree, in which changes are made, tried with tests and taken back."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.bench.mutants.sites import Change

OWN_S, WHOLE_S = 900.0, 3600.0
"""After that long a trial counts as hung, which is noticed."""
NOTHING_RAN = "no test"
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv*", "__pycache__", ".run", "*.pyc", "demo-out", ".hypothesis", ".*_cache"
)


class Copy:
    """A copy of the tree in `folder`. The tests that run in it keep nothing that a later trial could take for new."""

    def __init__(self, tree: Path, folder: Path) -> None:
        self.place = folder / "tree"
        shutil.copytree(tree, self.place, ignore=LEFT_OUT, symlinks=True)
        shared = os.environ.get("BOOKING_SHARED", str(tree.resolve().parent / "shared"))
        self._sound: set[str] = set()
        self._environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "BOOKING_SHARED": shared}

    @contextlib.contextmanager
    def changed(self, changes: Sequence[Change]) -> Iterator[None]:
        """The tree with all these changes at once; as it was afterwards."""
        kept: dict[Path, str] = {}
        try:
            for change in sorted(changes, key=lambda one: (one.path, -one.start)):
                path = self.place / change.path
                kept.setdefault(path, path.read_text("utf-8"))
                path.write_text(change.applied(path.read_text("utf-8")), "utf-8")
            yield
        finally:
            for path, text in kept.items():
                path.write_text(text, "utf-8")

    def own(self, runs: Sequence[Sequence[str]]) -> str:
        """What the first failing test of these runs of pytest is called; "hung"; empty when all pass."""
        for words in runs:
            by = self._first_failure(["-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *words], OWN_S)
            if by and by != NOTHING_RAN:
                return by
        return ""

    def is_sound(self, test: str) -> bool:
        """False for a test that fails on the unchanged tree as well: what it says of a change means nothing."""
        name = test.partition("[")[0]
        if "::" in name and name not in self._sound:
            if self._first_failure(["-m", "pytest", "-q", "-p", "no:cacheprovider", name], OWN_S):
                return False
            self._sound.add(name)
        return True

    def whole(self, long: bool) -> str:
        """The same for the whole suite, in two processes."""
        more = ["--all", "--fresh"] if long else []
        return self._first_failure(["-m", "tests.run", "-p", "no:cacheprovider", *more], WHOLE_S)

    def _first_failure(self, words: list[str], seconds: float) -> str:
        shutil.rmtree(self.place / ".hypothesis", ignore_errors=True)  # no example of an earlier trial
        process = subprocess.Popen(
            [sys.executable, *words], cwd=self.place, env=self._environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            said, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            return "hung"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM if "tests.run" in words else signal.SIGKILL)
            process.communicate()
        if process.returncode == 0:
            return ""
        if process.returncode == 5:
            return NOTHING_RAN
        failed = [
            word
            for line in said.splitlines()
            for word in line.split()
            if "::" in word or word.endswith(".py:")
        ]
        return failed[0] if failed else f"exit code {process.returncode}: {said[-300:]}"
