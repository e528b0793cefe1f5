"""Units start, are ready, come back when killed, and stop."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from station.demo.supervisor import Supervisor
from station.errors import EnvironmentFault

UNIT = "import sys, signal; print('ready', sys.argv[1], flush=True); signal.pause()"


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    (tmp_path / "patient_unit.py").write_text(UNIT)
    (tmp_path / "broken_unit.py").write_text("raise SystemExit('no reader here')")
    one = Supervisor(tmp_path / "logs", {"PYTHONPATH": str(tmp_path)})
    yield one
    one.stop()


def test_a_killed_unit_comes_back(supervisor: Supervisor) -> None:
    assert supervisor.start("unit", "patient_unit", "here") == "here"
    supervisor.kill("unit")
    assert supervisor.wait_ready("unit") == "here"
    assert supervisor.restarts("unit") == 1


def test_a_unit_that_cannot_start_is_named_with_its_log(supervisor: Supervisor) -> None:
    with pytest.raises(EnvironmentFault, match="no reader here") as caught:
        supervisor.start("unit", "broken_unit")
    assert caught.value.code == "environment.process_not_ready"
