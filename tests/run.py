"""Runs pytest in two processes, and leaves nothing of it behind: `python -m tests.run [arguments of pytest]`.

Ended by a signal, it asks pytest to stop and then ends everything that pytest started, however deep; what became an
orphan comes to this process. If this process itself is killed, a guard does the same: it finds what belongs to the
run by a word in its environment. Temporary files of the run lie in one folder, which goes at the end.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from types import FrameType

WORD = "STATION_TEST_RUN"
PROCESSES = 2
STOP_S = 10.0
"""How long pytest may take to write its summary after it was interrupted."""
END_S = 10.0
"""How long what is just ending may take after pytest has ended, before it counts as left behind."""
PR_SET_CHILD_SUBREAPER = 36


def parents() -> dict[int, int]:
    """Every process and its parent; zombies are left out."""
    found = {}
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            with contextlib.suppress(OSError, ValueError):
                state, parent = (place / "stat").read_text().rpartition(")")[2].split()[:2]
                if state != "Z":
                    found[int(place.name)] = int(parent)
    return found


def of_run(word: str, root: int, spare: int = 0) -> set[int]:
    """The processes of a run: with its word in their environment, or below `root` or one of those.

    This process, `root` itself and `spare` are never among them.
    """
    above, mark = parents(), f"{WORD}={word}".encode()
    heads = {root}
    for pid in above:
        with contextlib.suppress(OSError):
            if mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                heads.add(pid)
    found = heads | {pid for pid in above if ancestors(pid, above) & heads}
    return found - {os.getpid(), root, spare}


def ancestors(pid: int, above: dict[int, int]) -> set[int]:
    """The parent, its parent and so on."""
    found: set[int] = set()
    while (pid := above.get(pid, 0)) and pid not in found:
        found.add(pid)
    return found


def end_all(word: str, root: int, spare: int = 0) -> None:
    """Kill what belongs to a run until nothing is left of it."""
    while left := of_run(word, root, spare):
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
        collect()


def collect() -> None:
    """Take note of every child that has ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def start_guard(word: str, folder: Path) -> tuple[int, int]:
    """A process of its own that cleans up when this one is gone: its id, and the pipe that calls it off."""
    ear, mouth = os.pipe()
    root = os.getpid()
    if guard := os.fork():
        os.close(ear)
        return guard, mouth
    os.setsid()
    os.close(mouth)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    if not os.read(ear, 1):  # nobody said that all is well
        end_all(word, root)
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


class Interrupted(Exception):
    """A signal wants this run to end."""


def interrupt(number: int, _: FrameType | None) -> None:
    raise Interrupted(number)


def command(arguments: list[str], folder: Path) -> list[str]:
    """What starts pytest: in two processes, unless the arguments say otherwise or name a single file."""
    words = [sys.executable, "-m", "pytest", f"--basetemp={folder}/t"]
    files = [word for word in arguments if ".py" in word]
    alone = len(files) == 1 or any(
        word.startswith(("-n", "--pdb", "--collect-only", "--co")) for word in arguments
    )
    if not alone:
        words += ["-n", str(PROCESSES), "--dist", "loadfile", "--no-loadscope-reorder"]
    return words + arguments


def run(arguments: list[str], word: str, folder: Path, guard: int) -> int:
    """pytest's exit code; 1 as well when something of a green run was left running; 128 and the signal's number."""
    environment = os.environ | {WORD: word, "TMPDIR": str(folder)}
    pytest = subprocess.Popen(
        command(arguments, folder), env=environment, start_new_session="--pdb" not in arguments
    )
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    try:
        code = pytest.wait()
    except Interrupted as stopped:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        pytest.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            pytest.wait(STOP_S)
        return 128 + int(stopped.args[0])
    return code or left_running(word, guard)


def left_running(word: str, guard: int) -> int:
    """1 with names, when something of the run goes on after its end; else 0."""
    give_up = time.monotonic() + END_S
    while (left := of_run(word, os.getpid(), guard)) and time.monotonic() < give_up:
        time.sleep(0.1)
        collect()
    for pid in left:
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            sys.stderr.write(f"left running at the end of the tests: {pid} {words}\n")
    return int(bool(left))


def main() -> int:
    """Everything, from a folder for temporary files to the last process ended."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    word, folder = uuid.uuid4().hex, Path(tempfile.mkdtemp(prefix="st-"))
    folder.chmod(0o711)  # a server that runs as another user has its own folder in here
    guard, mouth = start_guard(word, folder)
    try:
        return run(sys.argv[1:], word, folder, guard)
    finally:
        end_all(word, os.getpid(), guard)
        shutil.rmtree(folder, ignore_errors=True)
        os.write(mouth, b".")


if __name__ == "__main__":
    sys.exit(main())
