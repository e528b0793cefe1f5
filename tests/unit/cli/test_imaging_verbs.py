"""assess, extract and match as a user types them, on synthetic prints and on files that are nothing of the kind."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from drivers.sim.finger import Platen, Touch, render, subject_finger
from station import templates
from station.__main__ import main

PLATEN = Platen(400, 480, 500)


@pytest.fixture(scope="module")
def prints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """a1 and a2: one finger, two touches; b1: another finger; dry: the first finger, badly."""
    folder = tmp_path_factory.mktemp("prints")
    touches = {
        "a1": (2, Touch(seed=1)),
        "a2": (2, Touch(seed=2, rotation_deg=6.0, dx_mm=0.5)),
        "b1": (3, Touch(seed=3)),
        "dry": (2, Touch(seed=4, moisture=0.0, pressure=0.15)),
    }
    for name, (position, touch) in touches.items():
        pixels = render(subject_finger(21, position), PLATEN, "plain", touch).pixels
        cv2.imwrite(str(folder / f"{name}.png"), pixels)
    return folder


def _json(capsys: pytest.CaptureFixture[str]) -> object:
    return json.loads(capsys.readouterr().out)


def test_a_good_print_scores_above_a_dry_one_and_the_dry_one_says_why(
    prints: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["assess", str(prints / "a1.png"), str(prints / "dry.png"), "--json"]) == 0
    good, dry = _json(capsys)  # type: ignore[misc]
    assert good["score"] >= 40 > dry["score"]
    assert dry["causes"]
    assert all(cause["advice"] for cause in dry["causes"])


def test_assess_speaks_to_a_person_too(prints: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["assess", str(prints / "dry.png")]) == 0
    assert "dry" in capsys.readouterr().out


def test_assessed_pictures_are_written_and_never_overwritten(
    prints: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert main(["assess", str(prints / "a1.png"), "--out-dir", str(tmp_path / "out")]) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a1-2.png", "a1.png"]
    picture = cv2.imread(str(tmp_path / "out" / "a1.png"))
    assert picture is not None
    assert picture.shape[0] > PLATEN.height


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "image.unreadable"),
        (b"GIF89a no such picture", "image.unreadable"),
        (b"\x89PNG\r\n\x1a\n" + b"\x00" * 40, "image.unreadable"),
        (b"\xff\xa0\xff\xa4" + b"\x00" * 40, "image.unreadable"),
    ],
)
def test_what_is_no_image_is_named_with_advice(
    content: bytes, code: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(content)
    assert main(["assess", str(path), "--json"]) == 1
    (result,) = _json(capsys)  # type: ignore[misc]
    assert result["error"]["code"] == code
    assert result["error"]["advice"]


def test_a_missing_file_and_a_folder_that_cannot_be_made_are_told(
    prints: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["assess", str(tmp_path / "none.png")]) == 1
    assert "image." in capsys.readouterr().out
    (tmp_path / "file").touch()
    assert main(["assess", str(prints / "a1.png"), "--out-dir", str(tmp_path / "file" / "x")]) == 3
    assert "environment.cannot_write" in capsys.readouterr().err


def test_a_cut_file_among_good_ones_stops_nothing(
    prints: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cut = tmp_path / "cut.png"
    cut.write_bytes((prints / "a1.png").read_bytes()[:3000])
    assert main(["assess", str(cut), str(prints / "a1.png"), "--json"]) == 1
    first, second = _json(capsys)  # type: ignore[misc]
    assert "error" in first
    assert second["score"] >= 40


@pytest.mark.parametrize("form", sorted(templates.CODECS))
def test_extract_writes_what_match_reads(
    form: str, prints: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a1.template"
    assert (
        main(["extract", str(prints / "a1.png"), "--format", form, "--out", str(out), "--fgp", "2", "--json"])
        == 0
    )
    summary = _json(capsys)
    assert summary["minutiae"] >= 12  # type: ignore[index]
    assert out.stat().st_size == summary["bytes"]  # type: ignore[index]
    assert main(["match", str(out), str(prints / "a2.png"), "--json"]) == 0
    assert _json(capsys)["candidate"]  # type: ignore[index]


def test_extract_to_standard_output_is_json_and_nothing_binary(
    prints: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["extract", str(prints / "a1.png")]) == 0
    assert _json(capsys)
    assert main(["extract", str(prints / "a1.png"), "--format", "incits378:2004"]) == 2
    assert "--out" in capsys.readouterr().err


def test_a_trace_shows_the_stages(prints: Path, tmp_path: Path) -> None:
    out = tmp_path / "t.json"
    assert (
        main(["extract", str(prints / "a1.png"), "--out", str(out), "--trace", str(tmp_path / "trace")]) == 0
    )
    assert len(list((tmp_path / "trace").iterdir())) >= 4


def test_a_template_that_cannot_be_written_exits_3(prints: Path, tmp_path: Path) -> None:
    assert main(["extract", str(prints / "a1.png"), "--out", str(tmp_path / "no" / "t.json")]) == 3


def test_two_fingers_are_not_shown_to_be_one(prints: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["match", str(prints / "a1.png"), str(prints / "b1.png")]) == 0
    assert "not shown to be the same finger" in capsys.readouterr().out
    assert main(["match", str(prints / "a1.png"), str(prints / "a2.png")]) == 0
    assert "candidate for comparison" in capsys.readouterr().out


def test_match_names_the_file_that_is_wrong(
    prints: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.fmr"
    bad.write_bytes(b"FMR\x00 20\x00" + b"\xff" * 20)
    assert main(["match", str(bad), str(prints / "a1.png")]) == 1
    assert "template." in capsys.readouterr().err
    assert main(["match", str(tmp_path / "none"), str(prints / "a1.png")]) == 1
    assert "image.missing" in capsys.readouterr().err
    blank = tmp_path / "blank.png"
    cv2.imwrite(str(blank), np.full((300, 300), 255, np.uint8))
    assert main(["match", str(blank), str(prints / "a1.png")]) == 1
    assert str(blank) in capsys.readouterr().err
