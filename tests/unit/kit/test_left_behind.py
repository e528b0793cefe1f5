"""What a test leaves running fails that test, and only that."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.kit.helpers import Background, background, running
from tests.unit.kit.toys import run_toy

TOY = """
import subprocess, threading, pytest
from tests.kit import left_behind
left_behind.GRACE_S = 0.2
release = threading.Event()
def test_thread():
    threading.Thread(target=release.wait, name="the forgotten one", daemon=True).start()
def test_child():
    global child
    child = subprocess.Popen(["sleep", "600"])
def test_after():
    assert child.poll() is not None
@pytest.fixture(scope="module")
def server():
    thread = threading.Thread(target=release.wait, daemon=True)
    thread.start()
    with subprocess.Popen(["sleep", "600"]) as child:
        yield
        child.kill()
    release.set()
def test_with_a_wider_fixture(server): pass
def test_with_it_again(server): pass
def test_a_thread_that_is_just_ending():
    threading.Thread(target=threading.Event().wait, args=(0.05,)).start()
"""


def test_a_thread_or_child_left_running_fails_its_test_and_a_wider_fixture_may_keep_its_own(
    tmp_path: Path,
) -> None:
    said = run_toy(tmp_path, TOY, "left_behind", more=("-W", "ignore"))
    assert "left running for 0 s after the test: the thread the forgotten one" in said
    assert "sleep 600" in said
    assert "6 passed, 2 errors" in said


def test_a_thread_that_never_ends_does_not_hold_up_the_end_of_the_run(tmp_path: Path) -> None:
    text = TOY.partition("def test_child")[0].replace(", daemon=True", "")
    said = run_toy(tmp_path, text, "left_behind")
    assert "the thread the forgotten one" in said
    assert "1 passed, 1 error" in said


def test_a_thread_in_the_background_ends_with_its_block_also_after_a_failed_assertion() -> None:
    import threading

    stop = threading.Event()
    with pytest.raises(AssertionError), background(stop.wait, stop=stop.set) as thread:
        raise AssertionError
    assert not thread.running


def test_what_a_thread_in_the_background_raised_is_raised_by_the_test() -> None:
    def fails() -> None:
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        Background(fails).end()
    with pytest.raises(LookupError, match="gone"), background(fails):
        pass


def test_a_thread_that_does_not_end_is_named() -> None:
    import threading

    stop = threading.Event()
    thread = Background(stop.wait, name="the stubborn one")
    with pytest.raises(pytest.fail.Exception, match=r"waited 0 s for the end of the thread the stubborn one"):
        thread.end(0.01)
    stop.set()
    assert thread.end() is True


def test_a_process_ends_with_its_block_and_with_it_its_children() -> None:
    import subprocess

    with running(["sh", "-c", "sleep 600 & echo $!; wait"], stdout=subprocess.PIPE, text=True) as process:
        child = int(process.stdout.readline())
        os.kill(child, 0)
    assert process.returncode == -9
    assert (
        not Path(f"/proc/{child}").exists()
        or "Z" in Path(f"/proc/{child}/stat").read_text().rpartition(")")[2]
    )
