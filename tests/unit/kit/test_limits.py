"""The limits of a test: computing and waiting are told apart, and what is over says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit import limits, waiting
from tests.kit.waiting import Waited, Work, until
from tests.unit.kit.toys import run_toy

COMPUTES = """
import pytest
@pytest.mark.limits(cpu_s=0.3)
def test_it():
    while True:
        pass
def test_next(): pass
"""
WAITS = """
import threading, pytest
@pytest.mark.limits(waiting_s=0.3)
def test_it():
    threading.Event().wait()
def test_next(): pass
"""


def test_a_test_that_computes_too_long_fails_by_its_cpu_time_and_the_next_one_runs(tmp_path: Path) -> None:
    said = run_toy(tmp_path, COMPUTES, "limits")
    assert "(0 allowed) and waited" in said
    assert "computed for" in said
    assert "1 failed, 1 passed" in said


def test_a_test_that_waits_too_long_fails_and_the_next_one_runs(tmp_path: Path) -> None:
    said = run_toy(tmp_path, WAITS, "limits")
    assert "and waited" in said
    assert "1 failed, 1 passed" in said


def test_the_setting_up_of_a_fixture_is_under_the_limits_of_its_test(tmp_path: Path) -> None:
    text = WAITS.replace("def test_it():", "def test_it(slow): pass\n@pytest.fixture\ndef slow():")
    assert "1 passed, 1 error" in run_toy(tmp_path, text, "limits")


def test_a_main_thread_that_does_not_come_back_is_ended_with_its_process(tmp_path: Path) -> None:
    text = WAITS.replace(
        "threading.Event().wait()",
        "import ctypes, signal\n    from tests.kit import limits\n    limits.LAST_WORD_S = 0.5\n"
        "    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGXCPU])\n    ctypes.CDLL(None).sleep(600)",
    )
    said = run_toy(tmp_path, text, "limits")
    assert "test_it: computed for" in said
    assert "does not come back; its process ends" in said


def work(*rows: dict[int, Work]):
    """Stands in for /proc: the next row at each look."""
    left = list(rows)
    return lambda _: left.pop(0)


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch):
    """A second passes at each look at the clock."""
    seconds = iter(range(1000))
    monkeypatch.setattr("time.monotonic", lambda: float(next(seconds)))


def test_time_in_the_queue_for_a_processor_is_neither_computing_nor_waiting(monkeypatch, passes) -> None:
    monkeypatch.setattr(limits, "work_of", work({1: Work(0, 0)}, {1: Work(0.25, 0.5)}))
    meter = limits.Meter()
    meter.look()
    assert (meter.cpu, meter.waited) == (0.25, 0.25)


def test_the_work_of_a_child_that_came_in_between_counts_and_of_one_that_went_is_kept(
    monkeypatch, passes
) -> None:
    rows = {1: Work(0, 0)}, {1: Work(0, 0), 2: Work(0.75, 0)}, {1: Work(0.5, 0)}
    monkeypatch.setattr(limits, "work_of", work(*rows))
    meter = limits.Meter()
    meter.look()
    meter.look()
    assert (meter.cpu, meter.waited) == (1.25, 0.75)


def test_waited_leaves_out_what_ran_or_queued(monkeypatch, passes) -> None:
    monkeypatch.setattr(waiting, "work_of", work({1: Work(0, 0)}, {1: Work(0.25, 0.25)}, {1: Work(5, 5)}))
    waited = Waited()
    assert waited.seconds() == 0.5
    assert waited.seconds() == 0.5


def test_this_process_is_seen_to_work() -> None:
    before = sum(each.ran for each in waiting.work_of(limits.os.getpid()).values())
    sum(range(2_000_000))
    assert sum(each.ran for each in waiting.work_of(limits.os.getpid()).values()) > before


def test_until_gives_the_first_true_value_and_else_says_what_it_waited_for() -> None:
    values = iter(["", "", "there"])
    assert until(lambda: next(values), "a value") == "there"
    with pytest.raises(pytest.fail.Exception, match=r"waited \d+ s \(\d+ s by the clock\) for the moon"):
        until(lambda: False, "the moon", 0.5)
