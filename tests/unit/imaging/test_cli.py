"""`station assess`, `extract` and `match` as a person or a script calls them."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from station import templates
from station.__main__ import main


@pytest.fixture
def images(touch_of, tmp_path: Path) -> dict[str, Path]:
    """Two impressions of one finger, one of another, an empty platen and a text file."""
    paths = {name: tmp_path / f"{name}.png" for name in ("one", "again", "other", "blank", "text")}
    cv2.imwrite(str(paths["one"]), touch_of("plain").pixels)
    cv2.imwrite(str(paths["again"]), touch_of("plain", seed=5, rotation_deg=10.0).pixels)
    cv2.imwrite(str(paths["other"]), touch_of("plain", position=3).pixels)
    cv2.imwrite(str(paths["blank"]), np.full((400, 400), 250, np.uint8))
    paths["text"].write_text("not an image")
    return paths


def test_assess_prints_a_line_an_image_and_its_causes(images, capsys):
    assert main(["assess", str(images["one"]), str(images["blank"])]) == 0
    out = capsys.readouterr().out
    assert "blank (1.00): Place the finger on the glass." in out
    assert str(images["one"]) in out


def test_assess_as_json_has_score_causes_and_measures(images, capsys):
    assert main(["assess", "--json", str(images["one"])]) == 0
    (result,) = json.loads(capsys.readouterr().out)
    assert result["score"] > 50
    assert result["algorithm"] == "livescan-station-q2"
    assert result["causes"] == []
    assert result["measures"]["area"] > 50_000


def test_assess_goes_on_after_an_unreadable_image_and_exits_1(images, capsys):
    assert main(["assess", "--json", str(images["text"]), str(images["one"])]) == 1
    bad, good = json.loads(capsys.readouterr().out)
    assert bad["error"]["code"] == "image.unreadable"
    assert good["score"] > 50
    assert main(["assess", str(images["text"])]) == 1
    assert "image.unreadable" in capsys.readouterr().out


def test_assess_writes_annotated_pictures_and_overwrites_none(images, tmp_path, capsys):
    folder = tmp_path / "out"
    for _ in range(2):
        assert main(["assess", "--out-dir", str(folder), str(images["one"]), str(images["blank"])]) == 0
    assert sorted(file.name for file in folder.iterdir()) == [
        "blank-2.png",
        "blank.png",
        "one-2.png",
        "one.png",
    ]
    assert cv2.imread(str(folder / "one.png")).shape[2] == 3


def test_assess_says_when_the_folder_cannot_be_made(images, capsys):
    assert main(["assess", "--out-dir", str(images["one"] / "x"), str(images["one"])]) == 3
    assert "environment.cannot_write" in capsys.readouterr().err


def test_many_images_on_a_terminal_get_a_progress_bar(images, capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert main(["assess", *[str(images["blank"])] * 4]) == 0
    assert "4/4" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["json", "iso19794-2:2005", "incits378:2004"])
def test_extract_writes_a_template_others_can_read(images, tmp_path, capsys, form):
    out = tmp_path / "template"
    assert (
        main(["extract", str(images["one"]), "--format", form, "--out", str(out), "--fgp", "2", "--json"])
        == 0
    )
    summary = json.loads(capsys.readouterr().out)
    assert summary["minutiae"] == len(templates.decode_any(out.read_bytes())) > 20
    assert summary["endings"] + summary["bifurcations"] == summary["minutiae"]
    assert summary["bytes"] == out.stat().st_size


def test_extract_prints_json_when_no_file_is_named(images, capsys):
    assert main(["extract", str(images["one"])]) == 0
    assert len(templates.decode_any(capsys.readouterr().out.encode())) > 20


def test_extract_does_not_write_binary_to_the_terminal(images, capsys):
    assert main(["extract", str(images["one"]), "--format", "iso19794-2:2005"]) == 2
    assert "--out" in capsys.readouterr().err


def test_extract_keeps_a_trace(images, tmp_path, capsys):
    assert (
        main(["extract", str(images["one"]), "--out", str(tmp_path / "t"), "--trace", str(tmp_path / "tr")])
        == 0
    )
    assert "minutiae" in capsys.readouterr().out
    assert len(list((tmp_path / "tr").iterdir())) > 5


def test_extract_refuses_a_blank_image_with_exit_1(images, tmp_path, capsys):
    assert main(["extract", str(images["blank"]), "--out", str(tmp_path / "t")]) == 1
    assert "image.blank" in capsys.readouterr().err
    assert not (tmp_path / "t").exists()


def test_extract_says_when_it_cannot_write(images, tmp_path, capsys):
    assert main(["extract", str(images["one"]), "--out", str(tmp_path / "no" / "t")]) == 3
    assert "environment.cannot_write" in capsys.readouterr().err


def test_match_takes_images_and_templates_and_exits_0_either_way(images, tmp_path, capsys):
    template = tmp_path / "one.iso"
    main(["extract", str(images["one"]), "--format", "iso19794-2:2005", "--out", str(template)])
    capsys.readouterr()
    assert main(["match", str(template), str(images["again"])]) == 0
    assert "a candidate for comparison" in capsys.readouterr().out
    assert main(["match", "--json", str(template), str(images["other"])]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["candidate"] is False
    assert result["score"] < result["threshold"] == 40


@pytest.mark.parametrize("which", ["text", "absent"])
def test_match_names_the_file_that_is_neither(images, tmp_path, capsys, which):
    bad = images.get(which, tmp_path / "absent")
    assert main(["match", str(images["one"]), str(bad)]) == 1
    assert str(bad) in capsys.readouterr().err


def test_match_refuses_a_damaged_template(images, tmp_path, capsys):
    bad = tmp_path / "bad.iso"
    bad.write_bytes(b"FMR\x00 20\x00" + b"\x00" * 8)
    assert main(["match", str(images["one"]), str(bad)]) == 1
    assert "template." in capsys.readouterr().err
