"""The benchmarks: their arithmetic, and that they run."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from station.__main__ import main
from station.bench import fvc, speed


def test_rates_of_scores_that_do_not_overlap_are_zero():
    assert fvc.rates([5, 6, 7, 8], [1, 2, 3, 4]) == {
        "eer": 0.0,
        "fmr100": 0.0,
        "fmr1000": 0.0,
        "zerofmr": 0.0,
    }


def test_rates_of_equal_scores_tell_nothing_apart():
    found = fvc.rates([1] * 4, [1] * 4)
    assert found["eer"] == 50.0
    assert found["zerofmr"] == 100.0


def test_one_of_four_wrong_each_way_is_a_quarter():
    found = fvc.rates([1, 3, 3, 3], [0, 0, 0, 2])
    assert found["eer"] == 25.0
    assert found["zerofmr"] == 25.0


def test_pairs_are_of_one_finger_or_of_two():
    genuine, impostor = fvc.pairs(["a", "a", "b", "b"], 100)
    assert genuine == [(0, 1), (2, 3)]
    assert len(impostor) == 4
    assert len(fvc.pairs(["a", "b", "c", "d"], 3)[1]) == 3


@pytest.fixture
def folder(touch_of, tmp_path: Path) -> Path:
    for position in (2, 3):
        for n in (1, 2):
            gray = touch_of("plain", position=position, seed=n).pixels
            cv2.imwrite(str(tmp_path / f"{position}_{n}.png"), gray)
    cv2.imwrite(str(tmp_path / "4_1.png"), np.full((300, 300), 250, np.uint8))
    return tmp_path


def test_a_folder_is_measured_without_the_peer(folder, capsys, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "nbis", None)
    assert main(["bench", "fvc", "--json", str(folder)]) == 0
    (result,) = json.loads(capsys.readouterr().out)
    assert (result["images"], result["genuine"], result["impostor"]) == (5, 2, 8)
    assert result["eer"] == 0.0
    assert result["fmr_at_same"] == result["fnmr_at_same"] == 0.0


def test_a_folder_is_measured_with_the_peer_beside(folder, capsys):
    pytest.importorskip("nbis", reason="nbis-python is not installed")
    (folder / "4_1.png").unlink()
    assert main(["bench", "fvc", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "station" in out
    assert "nbis" in out


def test_an_empty_folder_is_an_environment_fault(tmp_path, capsys):
    assert main(["bench", "fvc", str(tmp_path)]) == 3
    assert "environment.no_images" in capsys.readouterr().err


def test_speed_prints_a_row_a_job(capsys, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "nbis", None)
    main(["bench", "speed", "--repeat", "1", "--json"])
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"].split()[0] for row in rows][:3] == ["extract"] * 3
    assert all(row["ms"] > 0 for row in rows)


def test_a_limit_that_is_missed_is_said_and_exits_1(capsys, monkeypatch):
    monkeypatch.setattr(
        speed, "measure", lambda repeat: [speed.Measured("slow", 9.0, 1.0), speed.Measured("peer", 9.0, None)]
    )
    assert main(["bench", "speed"]) == 1
    assert "MISSED" in capsys.readouterr().out
