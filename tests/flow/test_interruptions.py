"""Kill a process or cut the cable at named moments of a booking: it ends submitted once."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from station.bench.interruptions import held_by_gateway, one_run
from station.demo.story import STORY, tell
from station.demo.world import World
from station.progress import Progress

pytestmark = pytest.mark.limits(cpu_s=400, waiting_s=300)


def test_web_sync_and_gateway_killed_at_named_moments_submit_once(tmp_path: Path) -> None:
    """The web process dies before a capture and just after submit was pressed, sync and gateway while draining."""
    hits: list[str] = []

    def interfere(world: World, moment: str) -> None:
        plan = {"capture_3": "web", "capture_13": "capture-service", "submit": "web", "drain": "sync"}
        victim = plan.get(moment)
        if victim is None:
            return
        hits.append(victim)
        delay = 0.05 if moment == "submit" else 0.0
        threading.Timer(delay, world.processes.kill, [victim]).start()

    with World(tmp_path, 5, STORY, speed=8.0) as world, (tmp_path / "log").open("w") as log:
        told = tell(world, Progress(1, log), interfere)
        assert told.entry["state"] in ("custody", "answered")
        assert world.processes.restarts("web") >= 2
    assert hits == ["web", "capture-service", "web", "sync"]
    assert held_by_gateway(tmp_path / "gateway") == 1


@pytest.mark.long
@pytest.mark.parametrize("seed", range(101, 107))
def test_random_interruptions_submit_once(seed: int) -> None:
    row = one_run(seed, 4, ["web", "sync", "gateway", "cable"])
    assert row.error == ""
    assert row.held == 1
    assert row.state in ("custody", "answered")
