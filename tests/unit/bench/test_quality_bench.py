"""The quality benchmark: figures of known scores, and a run over a folder with and without NFIQ 2."""

from __future__ import annotations

import argparse
import json

import cv2
import numpy as np
import pytest

from drivers.sim.finger import Platen, Touch, render, subject_finger
from station.bench import quality
from station.bench.quality import Prints
from station.errors import EnvironmentFault
from station.imaging.quality import nfiq2

PLATEN = Platen(300, 360, 500)


def prints(ours, theirs, matches, name="set"):
    """Two fingers of three images; matches of their three pairs each."""
    made = Prints(name, 500, [f"{n}.png" for n in range(6)], ["a"] * 3 + ["b"] * 3)
    made.scores = {"ours": ours, "nfiq2": theirs}
    made.cpu_ms = {"ours": [5.0] * 6, "nfiq2": [100.0] * 6}
    made.pairs = np.array([(0, 1), (0, 2), (1, 2), (3, 4), (3, 5), (4, 5)])
    made.matches = np.array(matches, float)
    return made


FOLLOWS = [10.0, 20.0, 30.0, 40.0, 50.0, 60.0]
BACKWARDS = FOLLOWS[::-1]
BAD_FIRST = [0.0, 0.0, 90.0, 90.0, 90.0, 90.0]


def test_a_score_that_ranks_like_nfiq2_has_a_spearman_of_one():
    assert quality.said([prints(FOLLOWS, FOLLOWS, BAD_FIRST)], 40, 20)["spearman"]["value"] == 1.0
    assert quality.said([prints(FOLLOWS, BACKWARDS, BAD_FIRST)], 40, 20)["spearman"]["value"] == -1.0


def test_a_score_that_knows_the_bad_pairs_has_less_area_than_one_that_does_not():
    areas = quality.said([prints(FOLLOWS, BACKWARDS, BAD_FIRST)], 40, 20)["discard"]["to_50"]
    assert areas["ours"]["value"] < areas["nfiq2"]["value"]
    assert areas["difference"]["value"] == pytest.approx(
        areas["ours"]["value"] - areas["nfiq2"]["value"], abs=2e-3
    )


def test_the_quality_of_a_pair_is_that_of_its_worse_image():
    pairs = quality.pairs_of([prints(FOLLOWS, FOLLOWS, BAD_FIRST)])
    assert pairs.quality["ours"].tolist() == [10, 10, 20, 40, 40, 50]
    assert sorted(set(pairs.finger)) == ["set/a", "set/b"]


def test_an_image_without_nfiq2_is_left_out_of_the_correlation_and_counts_as_worst():
    nan = float("nan")
    one = prints(FOLLOWS, [nan, *FOLLOWS[1:]], BAD_FIRST)
    assert quality.said([one], 40, 5)["with_nfiq2"] == 5
    assert quality.pairs_of([one]).quality["nfiq2"][0] == -1


def test_the_cpu_ratio_is_ours_over_theirs():
    assert quality.said([prints(FOLLOWS, FOLLOWS, BAD_FIRST)], 40, 5)["cpu_ratio"] == 0.05


def test_pooled_fingers_of_two_sets_stay_apart():
    both = [prints(FOLLOWS, FOLLOWS, BAD_FIRST, name) for name in ("x", "y")]
    assert quality.said(both, 40, 5)["images"] == 12
    assert len(set(quality.pairs_of(both).finger)) == 4


def test_a_reference_that_is_none_is_refused(tmp_path):
    wrong = tmp_path / "x.csv"
    wrong.write_text("a,b\n1,2\n")
    for path in (wrong, tmp_path / "absent.csv"):
        with pytest.raises(EnvironmentFault, match=r"environment\.unreadable"):
            quality.reference(path)


def test_a_reference_leaves_out_what_failed(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("set,file,nfiq2\ns,1.png,50\ns,2.png,error\n")
    assert quality.reference(path) == {("s", "1.png"): 50}


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "prints"
    made.mkdir()
    for finger in (1, 2):
        for number, moisture in ((1, 0.5), (2, 0.2)):
            touch = Touch(seed=number, moisture=moisture)
            pixels = render(subject_finger(finger, 2), PLATEN, "plain", touch).pixels
            cv2.imwrite(str(made / f"{finger}_{number}.png"), pixels)
    return made


def arguments(*words):
    parser = argparse.ArgumentParser()
    quality.add_arguments(parser)
    return parser.parse_args([*map(str, words), "--resamples", "5"])


def test_a_run_with_a_reference_says_all_figures_and_draws_them(folder, tmp_path, capsys):
    csv = tmp_path / "x.csv"
    csv.write_text(
        "set,file,nfiq2\n"
        + "".join(f"prints,{n}_{k}.png,{60 - 20 * k + n}\n" for n in (1, 2) for k in (1, 2))
    )
    run = arguments(folder, "--no-peer", "--reference", csv, "--json", "--plot", tmp_path / "plots")
    assert quality.run(run) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["nfiq2"], result["algorithm"]) == ("reference", "livescan-station-q2")
    assert result["pooled"]["spearman"]["value"] > 0.5
    assert result["pooled"]["genuine"] == 2
    assert "cpu_ratio" not in result["pooled"]
    assert sorted(f.name for f in (tmp_path / "plots").iterdir()) == [
        "discard-pooled.png",
        "discard-prints.png",
        "scores.png",
    ]


def test_a_run_that_computes_nfiq2_compares_the_times(folder, capsys, monkeypatch):
    monkeypatch.setattr(nfiq2, "library", lambda: nfiq2.Library(True))
    seen = []

    def score(gray, ppi):
        seen.append((gray.shape, ppi))
        return 255 if len(seen) == 1 else 50 + len(seen)

    monkeypatch.setattr(nfiq2, "score", score)
    assert quality.run(arguments(folder, "--ppi", 600)) == 0
    out = capsys.readouterr().out
    assert "CPU of our score over NFIQ 2's" in out
    assert set(seen) == {((300, 250), 500)}


def test_a_run_without_any_nfiq2_still_measures_our_own(folder, capsys):
    assert quality.run(arguments(folder, "--no-peer", "--json")) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["nfiq2"] == "absent"
    assert set(result["pooled"]["discard"]["to_20"]) == {"ours"}


def test_a_folder_without_images_is_refused(tmp_path):
    with pytest.raises(EnvironmentFault, match=r"environment\.no_images"):
        quality.run(arguments(tmp_path, "--no-peer"))
