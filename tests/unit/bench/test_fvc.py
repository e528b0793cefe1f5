"""`station bench fvc`: the protocol, the figures and what it says, with stand-ins for extractor and matcher."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from station.__main__ import main
from station.bench import fvc, nbis_peer
from station.bench.fvc_protocol import Impression, Program, joined, load, pairs, ppi_of, score
from station.errors import EnvironmentFault, ImageError


def impressions(*fingers: str) -> list[Impression]:
    return [Impression(finger, number, np.full((8, 8), 10 * ord(finger) % 256, np.uint8))
            for number, finger in enumerate(fingers)]  # fmt: skip


def grey_is_the_finger(noise: float = 0.0) -> Program:
    """A stand-in: the template is the grey value; the score is high where two are the same."""
    return Program("station", lambda gray, ppi: int(gray[0, 0]), lambda a, b: -abs(a - b) + noise, -0.5)


def test_the_counts_are_those_of_the_fvc_b_sets():
    got = pairs([str(k // 8) for k in range(80)])
    assert (len(got.genuine), len(got.fvc), len(got.every)) == (280, 45, 2880)
    assert set(got.fvc) < set(got.every)


def test_a_sample_of_impostors_is_always_the_same_and_keeps_the_first_impressions():
    fingers = [str(k // 8) for k in range(80)]
    got = pairs(fingers, 500)
    assert got == pairs(fingers, 500)
    assert len(got.every) == 500
    assert set(got.fvc) < set(got.every)
    assert len(pairs(fingers, 9999).every) == 2880


def test_a_perfect_program_has_no_errors():
    seen = score(impressions("a", "a", "b", "b", "c"), grey_is_the_finger(), 500)
    assert (seen.images, seen.failed) == (5, 0)
    assert list(seen.all.genuine) == [0, 0]
    assert list(seen.all.genuine_finger) == [0, 1]
    assert seen.all.impostor.size == 8
    assert seen.fvc.impostor_fingers.tolist() == [[0, 1], [0, 2], [1, 2]]
    assert (seen.all.impostor < 0).all()
    assert (len(seen.extract_ms), len(seen.match_ms)) == (5, 10)


def test_an_image_that_gives_no_template_scores_worst_with_everything():
    def extract(gray: np.ndarray, ppi: int) -> int:
        if gray[0, 0] == 10 * ord("b") % 256:
            raise ImageError("image.blank", "blank")
        return int(gray[0, 0])

    seen = score(impressions("a", "a", "b", "b"), Program("x", extract, lambda a, b: 1.0), 500)
    assert seen.failed == 2
    assert sorted(seen.all.genuine) == [-np.inf, 1.0]
    assert (seen.all.impostor == -np.inf).all()
    assert fvc.figures(seen, None, 10)["all"]["zerofmr"]["value"] == 50.0


def test_sets_joined_keep_their_fingers_apart():
    one = score(impressions("a", "a", "b"), grey_is_the_finger(), 500).all
    both = joined([one, one])
    assert both.fingers == 4
    assert both.genuine_finger.tolist() == [0, 2]
    assert both.impostor_fingers.tolist() == [[0, 1], [0, 1], [2, 3], [2, 3]]


def folder_of(path: Path, **names: int) -> Path:
    path.mkdir()
    for name, grey in names.items():
        cv2.imwrite(str(path / f"{name}.png"), np.full((8, 8), grey, np.uint8))
    return path


def test_images_come_by_finger_and_number_and_other_files_are_left_alone(tmp_path):
    folder = folder_of(tmp_path / "set", f1_10=1, f1_2=2, f0_1=3, f1_x=4, _3=5)
    (folder / "f1_3.txt").write_text("no image")
    assert [(i.finger, i.number, int(i.gray[0, 0])) for i in load(folder)] == [
        ("f0", 1, 3),
        ("f1", 2, 2),
        ("f1", 10, 1),
    ]


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_without_images_is_said_to_be_one(tmp_path, there):
    if there:
        folder_of(tmp_path / "set", f1_1=1)
    with pytest.raises(EnvironmentFault, match="no_images"):
        load(tmp_path / "set")


def test_the_resolution_is_what_is_asked_for_then_the_files_then_the_sets_own(tmp_path):
    folder = folder_of(tmp_path / "fvc2002_db2b", f1_1=1)
    assert ppi_of(tmp_path / "FVC2004_DB3B") == 512
    assert ppi_of(tmp_path / "other") == 500
    assert ppi_of(folder) == 569
    (folder / "ppi.txt").write_text("1000\n")
    assert ppi_of(folder) == 1000
    assert ppi_of(folder, 250) == 250
    (folder / "ppi.txt").write_text("about 500")
    with pytest.raises(EnvironmentFault, match="bad_ppi"):
        ppi_of(folder)


@pytest.fixture
def two_programs(monkeypatch):
    def peer(a: int, b: int) -> float:
        return float(a == b or {a, b} == {10, 60})

    programs = [grey_is_the_finger(), Program("nbis", lambda gray, ppi: int(gray[0, 0]), peer)]
    monkeypatch.setattr(fvc, "programs", lambda peer: programs[: 1 + peer])


def two_sets(path: Path) -> list[str]:
    one = folder_of(path / "one", a_1=10, a_2=10, b_1=60, b_2=60, c_1=90)
    path.joinpath("again").mkdir()
    two = folder_of(path / "again" / "one", a_1=20, a_2=20, b_1=40, b_2=99)
    return [str(one), str(two)]


def test_json_has_each_set_the_mean_and_the_pool_with_ratios(tmp_path, capsys, two_programs):
    one, two = two_sets(tmp_path)
    assert main(["bench", "fvc", one, "--data", two, "--json", "--resamples", "30"]) == 0
    said = capsys.readouterr()
    result = json.loads(said.out)
    assert "[ 4/4] one-2, nbis: 4 images at 500 ppi" in said.err
    assert [each["set"] for each in result["sets"]] == ["one", "one-2"]
    first, second = (each["results"] for each in result["sets"])
    assert first["station"]["all"]["eer"]["value"] == 0
    assert first["nbis"]["all"]["eer"]["value"] > 0
    assert second["station"]["all"]["zerofmr"]["value"] == 50
    assert second["station"]["impostors"] == {"all": 4, "fvc": 1}
    mean = result["overall"]["results"]["station"]["mean"]["all"]["zerofmr"]
    assert mean["value"] == 25
    assert mean["low"] <= 25 <= mean["high"]
    assert result["sets"][0]["ratios"]["eer"] == 0
    assert result["sets"][1]["ratios"]["zerofmr"] == 1
    at = second["station"]["at_threshold"]
    assert (at["fnmr"]["value"], at["fmr"]["value"]) == (50, 0)
    assert "at_threshold" not in second["nbis"]


def test_the_table_has_a_line_a_set_and_program_and_plots_are_written(tmp_path, capsys, two_programs):
    sets = two_sets(tmp_path)
    assert main(["bench", "fvc", *sets, "--resamples", "5", "--plot", str(tmp_path / "plots")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[1:5]] == [
        ["one", "station"],
        ["one", "nbis"],
        ["one-2", "station"],
        ["one-2", "nbis"],
    ]
    assert any(line.startswith("mean of sets") for line in lines)
    assert any(line.startswith("station at -0.5, pooled") for line in lines)
    assert lines[-1].startswith("ours divided by NBIS")
    assert sorted(file.name for file in (tmp_path / "plots").iterdir()) == [
        "det-one-2.png",
        "det-one.png",
        "det-pooled.png",
    ]


def test_without_the_peer_there_are_no_ratios(tmp_path, capsys, two_programs):
    assert main(["bench", "fvc", two_sets(tmp_path)[0], "--no-peer", "--json", "--resamples", "5"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert "ratios" not in result["overall"]
    assert list(result["sets"][0]["results"]) == ["station"]


def test_without_a_folder_it_says_what_it_wants(capsys):
    assert main(["bench", "fvc"]) == 2
    assert "--data DIR" in capsys.readouterr().err


def test_the_peer_is_asked_only_where_it_loads(monkeypatch):
    monkeypatch.setattr(nbis_peer, "loads", lambda: False)
    assert [p.name for p in fvc.programs(peer=True)] == ["station"]
    monkeypatch.setattr(nbis_peer, "loads", lambda: True)
    assert [p.name for p in fvc.programs(peer=True)] == ["station", "nbis"]
    assert [p.name for p in fvc.programs(peer=False)] == ["station"]


def test_a_peer_that_does_not_load_is_absent(monkeypatch):
    def absent(name: str) -> SimpleNamespace:
        raise ImportError(name)

    monkeypatch.setattr(nbis_peer.importlib, "import_module", absent)
    assert not nbis_peer.loads()


def test_mindtct_and_bozorth3_tell_synthetic_fingers_apart(touch_pictures):
    pytest.importorskip("nbis", reason="nbis-python is not installed: ./run setup", exc_type=ImportError)
    one, again, other = (nbis_peer.extract(gray, 500) for gray in touch_pictures)
    assert nbis_peer.loads()
    assert nbis_peer.match(one, again) > 40 > nbis_peer.match(one, other)


@pytest.fixture
def touch_pictures() -> list[np.ndarray]:
    from drivers.sim.finger import Platen, Touch, render, subject_finger

    platen = Platen(500, 500, 500)
    touches = ((2, 1), (2, 2), (3, 1))
    return [render(subject_finger(4, finger), platen, "plain", Touch(seed=s)).pixels for finger, s in touches]


def test_real_pictures_are_told_apart_and_an_empty_one_is_a_failure_to_enrol(
    tmp_path, touch_pictures, capsys
):
    folder = folder_of(tmp_path / "set", c_1=250)
    cv2.imwrite(str(folder / "c_1.png"), np.full((300, 300), 250, np.uint8))
    for name, gray in zip(("a_1", "a_2", "b_1"), touch_pictures, strict=True):
        cv2.imwrite(str(folder / f"{name}.png"), gray)
    assert main(["bench", "fvc", "--no-peer", "--json", "--resamples", "5", str(folder)]) == 0
    found = json.loads(capsys.readouterr().out)["sets"][0]["results"]["station"]
    assert (found["failed"], found["genuine"], found["impostors"]["all"]) == (1, 1, 5)
    assert found["all"]["zerofmr"]["value"] == 0
    assert found["extract_cpu_ms"]["median"] > 0
