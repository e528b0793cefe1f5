"""`station queue vacuum|backup|restore|mend`."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from offline_queue.database import PAGE_SIZE
from station.cli import queue as queue_cli
from station.errors import EnvironmentFault
from station.sim.pki import PkiPaths
from tests.unit.offline_queue import test_cli
from tests.unit.offline_queue.test_cli import ask, run
from tests.unit.offline_queue.test_cli_verbs import opened, say

live, peer, config, saved = test_cli.live, test_cli.peer, test_cli.config, test_cli.saved


def test_backup_vacuum_and_restore(
    saved: Path, tmp_path: Path, live: PkiPaths, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy.db"
    assert ask(capsys, saved, "backup", str(copy))["entries"] == 1
    assert "->" in say(capsys, saved, "vacuum")
    assert ask(capsys, saved, "vacuum")["after"] > 0
    result: Any = ask(capsys, saved, "restore", str(copy))
    assert (result["entries"], result["asked_for_first"], result["whole"]) == (1, 1, True)
    assert Path(result["moved_aside"]).exists()
    (tmp_path / "queue.db").write_bytes(b"rubbish" * 1000)
    assert "whole: True" in say(capsys, saved, "restore", str(copy))
    assert ask(capsys, saved, "list")["counts"] == {"unknown": 1}
    (tmp_path / "queue.db").unlink()
    assert ask(capsys, saved, "restore", str(copy))["moved_aside"] is None


def test_a_queue_that_anybody_has_open_is_not_replaced(
    saved: Path, tmp_path: Path, live: PkiPaths, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy.db"
    say(capsys, saved, "backup", str(copy))
    with opened(tmp_path, live) as queue:
        queue.entries()
        for lock in (False, True):
            with queue.database.alone() if lock else nullcontext(), pytest.raises(EnvironmentFault) as used:
                run(queue_cli, "restore", str(copy), "--config", str(saved))
            assert used.value.code == "environment.queue_in_use"
        queue.hold("sub-1")
    assert ask(capsys, saved, "list")["counts"] == {"held": 1}


def test_mend_leaves_a_whole_queue_alone_and_saves_what_it_can_of_a_damaged_one(
    saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = next(tmp_path.rglob("queue.db"))
    capsys.readouterr()
    for more in ((), ("--look",)):
        assert run(queue_cli, "mend", *more, "--config", str(saved), "--json") == 0
        assert json.loads(capsys.readouterr().out)["whole"] is True
    content = bytearray(database.read_bytes())
    content[:PAGE_SIZE] = bytes(PAGE_SIZE)
    database.write_bytes(content)
    assert run(queue_cli, "mend", "--look", "--config", str(saved)) == 1
    assert "not a database" in capsys.readouterr().out
    assert run(queue_cli, "mend", "--config", str(saved), "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["damaged"], told["asked"]) == ([], ["sub-1"])
    assert Path(told["aside"]).exists()
    assert run(queue_cli, "verify", "--config", str(saved)) == 0
