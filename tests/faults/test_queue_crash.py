"""SIGKILL at sampled points of enqueue, claim, send, receipt and response: nothing lost, doubled or falsely sent.

It kills real processes. A kill cannot test fsync; power cuts (lost, reordered and torn writes) are another campaign.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

POINTS = int(os.environ.get("QUEUE_KILL_POINTS", "0"))
"""How many places of one run are tried; 0: a sample."""


def campaign(repo: Path, folder: Path, points: list[int], seal_to: str = "") -> list[dict[str, Any]]:
    child = repo / "tests" / "faults" / "queue_child.py"
    done = subprocess.run(
        [sys.executable, str(child), str(folder), *map(str, points)],
        cwd=repo,
        env=os.environ | {"PYTHONPATH": str(repo), "SEAL_TO": seal_to},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.limits(cpu_s=300)
@pytest.mark.parametrize(("seal_to", "sealed"), [("", 0), ("gateway", 3)])
def test_killed_at_any_sampled_point_everything_saved_arrives_exactly_once(
    repo: Path, tmp_path: Path, seal_to: str, sealed: int, thorough: bool
) -> None:
    (calm,) = campaign(repo, tmp_path / "calm", [10**9], seal_to)
    assert (calm["killed"], calm["sealed"]) == (False, sealed)
    (total,) = (run["seen"] for run in campaign(repo, tmp_path / "total", [1], seal_to))
    assert total > 100, "statements and gateway steps of one whole run"
    chance, number = (
        random.Random(7),
        min(POINTS or (100 if thorough else 12), total),
    )  # one in each stretch: the first and the last are never missed
    points = [chance.randint(total * n // number + 1, total * (n + 1) // number) for n in range(number)]
    runs = campaign(repo, tmp_path / "kill", points, seal_to)
    assert len(runs) == len(points)
    assert sum(run["killed"] for run in runs) >= len(runs) * 0.9
    assert {run["saved_before"] for run in runs} >= {0, 3}, "before and after the last enqueue"
    for run in runs:
        assert not run["again"], run
        assert (run["lost"], run["doubled"], run["false"]) == ([], [], []), run
        assert (run["states"], run["entries"], run["responses"]) == (["answered"], 3, 3), run
        assert run["audit"], run
        assert run["check"], run
        assert run["sealed"] == sealed, run
