"""The run of all tests: what it starts ends with it, however it ends itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import run
from tests.kit.helpers import running
from tests.kit.waiting import until
from tests.unit.kit.toys import command, environment

HANGS = """
import os, subprocess, sys, threading
def test_hangs():
    for env in (None, {}):
        subprocess.Popen(["setsid", "sh", "-c", "echo $$ >> PLACE; sleep 600 & echo $! >> PLACE; wait"], env=env)
    threading.Event().wait()
"""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def hang(folder: Path, pids: Path) -> list[str]:
    """What runs a test that starts four processes outside its group and hangs; their numbers go to `pids`."""
    (folder / "test_toy.py").write_text(HANGS.replace("PLACE", str(pids)))
    return [sys.executable, "-m", "tests.run", *command(folder, more=("-n", "2"))]


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGINT,
        signal.SIGKILL,
        pytest.param(signal.SIGTERM, marks=pytest.mark.long),
        pytest.param(signal.SIGHUP, marks=pytest.mark.long),
    ],
)
def test_an_interrupted_run_leaves_no_process_and_no_file(tmp_path: Path, number: signal.Signals) -> None:
    suite, temporary, pids = tmp_path / "suite", tmp_path / "tmp", tmp_path / "pids"
    suite.mkdir()
    temporary.mkdir()
    with running(
        hang(suite, pids),
        env=environment(TMPDIR=str(temporary)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        started = until(lambda: four(pids), "the processes of the test")
        assert all(map(alive, started))
        assert list(temporary.iterdir())
        os.kill(process.pid, number)
        until(lambda: not any(map(alive, started)), f"the end of {started} after {number!r}")
        process.communicate()
        assert process.returncode == (-9 if number == signal.SIGKILL else 128 + number)
        until(lambda: not list(temporary.iterdir()), "the temporary files to go")


def four(pids: Path) -> list[int]:
    found = pids.read_text().split() if pids.exists() else []
    return list(map(int, found)) if len(found) == 4 else []


def test_a_green_run_that_left_something_running_is_red_and_names_it(tmp_path: Path) -> None:
    text = "import subprocess\ndef test_it(): subprocess.Popen(['setsid', 'sleep', '601'])\n"
    (tmp_path / "test_toy.py").write_text(text)
    words = [sys.executable, "-m", "tests.run", *command(tmp_path, more=("-n", "0", "-W", "ignore"))]
    start = "import sys; from tests import run; run.END_S = 0.1; sys.exit(run.main())"
    done = subprocess.run(
        [sys.executable, "-c", start, *words[3:]],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "1 passed" in done.stdout
    assert "sleep 601" in done.stderr


def test_the_exit_code_is_that_of_pytest(tmp_path: Path) -> None:
    (tmp_path / "test_toy.py").write_text("def test_it(): assert False\n")
    words = [sys.executable, "-m", "tests.run", *command(tmp_path)]
    assert subprocess.run(words, env=environment(), capture_output=True, check=False).returncode == 1


@pytest.mark.parametrize(
    ("arguments", "processes"),
    [
        ([], True),
        (["tests/unit"], True),
        (["tests/a.py"], False),
        (["tests/a.py", "tests/b.py"], True),
        (["-n0"], False),
    ],
)
def test_two_processes_by_file_unless_there_is_one_file_or_the_caller_says_otherwise(
    arguments: list[str], processes: bool
) -> None:
    words = run.command(arguments, Path("/t"))
    assert ("loadfile" in words) == processes
    assert words[-len(arguments) :] == arguments or not arguments
