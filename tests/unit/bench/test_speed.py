"""`station bench speed`: what it measures and says, with stand-ins for the work, and the memory of a real child."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from station.__main__ import main
from station.bench import nbis_peer, peak_memory, speed
from station.bench.speed import Row, Work
from station.errors import EnvironmentFault


class Clock:
    """A CPU clock that moves only when a job says so."""

    def __init__(self, monkeypatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(speed.time, "process_time", lambda: self.now)

    def job(self, *ms: float):
        """A job that takes these times, one after the other, then the last for ever."""
        left = list(ms)

        def work() -> None:
            self.now += (left.pop(0) if len(left) > 1 else left[0]) / 1e3

        return work


def test_jobs_run_in_turn_and_the_first_round_does_not_count(monkeypatch):
    clock = Clock(monkeypatch)
    assert speed.in_turn([clock.job(100, 1, 3, 2), clock.job(50, 5)], 3) == [2.0, 5.0]


def test_nfiq_2_is_the_time_with_it_less_the_time_without(monkeypatch):
    clock = Clock(monkeypatch)
    work = Work("assess", clock.job(8), peer=clock.job(120), less=clock.job(40), ratio_limit=0.1, per=2)
    row = speed._row(work, 1)
    assert (row.value, row.peer, row.ratio, row.ok) == (4.0, 40.0, 0.1, True)


def test_a_limit_or_a_ratio_that_is_missed_is_said_and_exits_1(capsys, monkeypatch):
    rows = [
        Row("slow", 9.0, limit=1.0),
        Row("slower", 9.0, peer=3.0, ratio_limit=1.0),
        Row("fast", 1.0, limit=2.0, peer=2.0, ratio_limit=1.0),
        Row("large", 90.0, "MB", 120.0),
        Row("only told", 7.0, peer=2.0),
    ]
    monkeypatch.setattr(speed, "measure", lambda *given, **more: rows)
    assert main(["bench", "speed"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in lines] == ["MISSED", "MISSED", "ok", "ok", "3.5"]
    assert main(["bench", "speed", "--json"]) == 1
    assert [row["ok"] for row in json.loads(capsys.readouterr().out)] == [False, False, True, True, True]
    monkeypatch.setattr(speed, "measure", lambda *given, **more: rows[2:])
    assert main(["bench", "speed"]) == 0


def test_without_the_peer_nothing_is_judged_against_it():
    assert Row("extract", 1e6, ratio_limit=1.0).ok
    assert Row("extract", 1e6, ratio_limit=1.0).ratio is None


def test_every_job_runs_without_the_peer(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(nbis_peer, "loads", lambda: False)
    monkeypatch.setattr(speed, "in_turn", lambda jobs, repeat: [job() is None or 1.0 for job in jobs])
    folder = tmp_path / "prints"
    folder.mkdir()
    gray = speed._pictures()["plain 400×500"]
    for name in ("1_1", "1_2", "1_3"):
        cv2.imwrite(str(folder / f"{name}.png"), gray)
    main(["bench", "speed", "--repeat", "1", "--no-memory", "--json", "--data", str(folder), "--images", "2"])
    said = capsys.readouterr()
    rows = json.loads(said.out)
    assert {row["name"].split()[0] for row in rows} == {
        "extract",
        "match",
        "assess",
        "assess_preview",
        "segment",
        "segment_slap",
    }
    assert rows[-1]["name"] == "match prints, mean of 2"
    assert all(row["peer"] is None for row in rows)
    assert f"[{len(rows)}/{len(rows)}]" in said.err


def test_every_peer_runs_beside(monkeypatch):
    pytest.importorskip("nbis", reason="nbis-python is not installed: ./run setup", exc_type=ImportError)
    ran = []
    monkeypatch.setattr(speed, "in_turn", lambda jobs, repeat: [ran.append(job()) or 1.0 for job in jobs])
    pictures = {name: gray[:400, :400] for name, gray in speed._pictures().items()}
    works = [
        *speed._extraction(pictures, True),
        *speed._matching(pictures, True),
        *speed._others(pictures, True),
    ]
    assert [speed._row(work, 1).peer for work in works[:5]] == [1.0] * 5
    assert [speed._row(work, 1).peer for work in works[5:7]] == [0.0, 0.0]
    assert len(ran) == 16


def test_the_memory_of_a_fresh_process_is_more_than_its_imports_and_not_ours():
    ours = np.ones(30_000_000)  # 240 MB that a child must not be charged with
    peak = peak_memory.of_extraction(np.random.default_rng(1).integers(0, 255, (300, 300)).astype(np.uint8))
    assert 20 < peak.imported < peak.total < 200
    assert peak.above_import == pytest.approx(peak.total - peak.imported, abs=0.11)
    assert ours.nbytes == 240_000_000


def test_a_child_that_fails_says_why():
    with pytest.raises(EnvironmentFault, match="child_failed"):
        peak_memory.of_extraction(np.zeros((2, 2), np.uint8))


def test_the_memory_is_known_without_proc_too(tmp_path):
    assert peak_memory.high_water_mb(tmp_path / "none") > 20
    (tmp_path / "status").write_text("Name:\tx\nVmHWM:\t   20480 kB\n")
    assert peak_memory.high_water_mb(tmp_path / "status") == 20.0
