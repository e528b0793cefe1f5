"""`station stitch`: a picture and exit 0 for a clean roll, findings and exit 1 for a faulty one."""

from __future__ import annotations

import json

import cv2
import pytest

from station.__main__ import main
from tests.unit.imaging.test_roll import MIDDLE, clean, frame


def files(folder, frames):
    names = []
    for number, one in enumerate(frames):
        names.append(str(folder / f"{number:03}.png"))
        cv2.imwrite(names[-1], one)
    return names


def test_a_clean_roll_is_written(tmp_path, capsys):
    out = tmp_path / "roll.png"
    assert main(["stitch", *files(tmp_path, clean()), "--ppi", "500", "--out", str(out)]) == 0
    assert cv2.imread(str(out), cv2.IMREAD_GRAYSCALE).shape == clean()[0].shape
    assert "mm wide, from 22 frames" in capsys.readouterr().out


@pytest.mark.parametrize("as_json", [False, True])
def test_a_faulty_roll_is_told_with_exit_1(tmp_path, capsys, as_json):
    names = files(tmp_path, [frame(MIDDLE, seed=n) for n in range(3)])
    words = ["stitch", *names, "--ppi", "500", "--out", str(tmp_path / "roll.png")]
    assert main([*words, *(["--json"] if as_json else [])]) == 1
    told = capsys.readouterr().out
    assert "roll.too_narrow" in told
    if as_json:
        assert json.loads(told)["findings"][0]["code"] == "roll.too_narrow"


def test_a_place_that_cannot_be_written_is_an_error(tmp_path, capsys):
    names = files(tmp_path, clean()[5:8])
    assert main(["stitch", *names, "--ppi", "500", "--out", str(tmp_path / "no" / "roll.png")]) != 0
    assert "cannot be written" in capsys.readouterr().err
