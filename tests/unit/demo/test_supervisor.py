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


def test_a_unit_killed_again_before_it_is_ready_comes_back(supervisor: Supervisor, tmp_path: Path) -> None:
    """It ends by SIGKILL at its second start, as if somebody killed it while it was still importing."""
    (tmp_path / "twice_unit.py").write_text(
        "import os, pathlib, signal, sys\n"
        f"log = pathlib.Path({str(tmp_path / 'starts')!r})\n"
        "log.write_text((log.read_text() if log.exists() else '') + 'x')\n"
        "if log.read_text() == 'xx': os.kill(os.getpid(), signal.SIGKILL)\n"
        "print('ready', flush=True); signal.pause()\n"
    )
    supervisor.start("unit", "twice_unit")
    supervisor.kill("unit")
    assert supervisor.wait_ready("unit") == ""
    assert supervisor.restarts("unit") == 2
