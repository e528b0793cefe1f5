"""The recipe of the quality score: it learns what can be learned, and what it writes is what the score reads."""

from __future__ import annotations

import argparse
import json

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.sim.finger import Platen, Touch, render, subject_finger
from station.bench import degrade, quality_fit
from station.bench.quality_fit import Labelled, fit, write
from station.errors import EnvironmentFault
from station.imaging.quality import features, nfiq2, score

COUNT = len(features.NAMES)


def lesson(count=800, seed=1):
    """Features and a label that bends with two of them."""
    numbers = np.random.default_rng(seed).standard_normal((count, COUNT))
    return numbers, 50 + 10 * numbers[:, 0] + 8 * np.tanh(2 * numbers[:, 3])


def test_a_fit_predicts_what_it_was_not_shown():
    numbers, label = lesson()
    made = fit(numbers[:700], label[:700])
    assert np.corrcoef(made.value(numbers[700:]), label[700:])[0, 1] > 0.9


def test_the_same_lesson_gives_the_same_table():
    numbers, label = lesson(100)
    assert np.array_equal(fit(numbers, label).hidden, fit(numbers, label).hidden)


def test_a_written_table_scores_as_the_fitted_one(tmp_path):
    numbers, label = lesson(100)
    made = fit(numbers, label)
    write(tmp_path / "score_500.csv", made)
    again = score.read(tmp_path / "score_500.csv")
    assert np.allclose(again.value(numbers), made.value(numbers), atol=0.5)


def test_a_table_of_other_features_is_refused(tmp_path):
    path = tmp_path / "score_500.csv"
    path.write_text("name,mean,spread,straight,hidden0\nother,0,1,0,0\nbias,0,1,0,0\nout,0,1,0,0\n")
    with pytest.raises(ValueError, match="other features"):
        score.read(path)


def test_a_set_is_scored_by_a_fit_without_it():
    numbers, label = lesson(600)
    seen = [
        Labelled("ab"[k % 2], k % 3 == 0, numbers[k], numbers[k], int(label[k])) for k in range(len(label))
    ]
    found = quality_fit.left_out(seen)
    assert set(found) == {"a", "b", "all"}
    assert found["all"] > 0.5


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(sorted(degrade.WAYS)), st.integers(0, 2**31))
def test_every_degradation_gives_a_picture_again(way, seed):
    gray = np.random.default_rng(seed).integers(0, 256, (200, 180), dtype=np.uint8)
    worse = degrade.WAYS[way](gray, np.random.default_rng(seed))
    assert worse.dtype == np.uint8
    assert worse.ndim == 2
    assert min(worse.shape) >= 100


def test_a_degradation_is_the_same_for_the_same_seed():
    gray = np.random.default_rng(1).integers(0, 256, (200, 180), dtype=np.uint8)
    first, names = degrade.spoiled(gray, np.random.default_rng(5))
    second, again = degrade.spoiled(gray, np.random.default_rng(5))
    assert np.array_equal(first, second)
    assert names == again
    assert set(names.split("+")) <= set(degrade.WAYS)


def arguments(*words):
    parser = argparse.ArgumentParser()
    quality_fit.add_arguments(parser)
    return parser.parse_args([str(word) for word in words])


def test_a_run_labels_fits_and_writes_both_tables(tmp_path, capsys, monkeypatch):
    folder = tmp_path / "prints"
    folder.mkdir()
    for number in (1, 2):
        pixels = render(subject_finger(1, 2), Platen(300, 360, 500), "plain", Touch(seed=number)).pixels
        cv2.imwrite(str(folder / f"1_{number}.png"), pixels)
    scores = iter(range(30, 100))
    monkeypatch.setattr(nfiq2, "library", lambda: nfiq2.Library(True))
    monkeypatch.setattr(nfiq2, "score", lambda gray, ppi: next(scores))
    run = arguments(folder, "--rounds", 1, "--synthetic", 2, "--out", tmp_path / "out", "--json")
    assert quality_fit.run(run) == 0
    assert json.loads(capsys.readouterr().out)["images"] >= 4
    for ppi in (250, 500):
        assert score.read(tmp_path / "out" / f"score_{ppi}.csv").hidden.shape == (COUNT, 18)


def test_without_nfiq2_there_is_nothing_to_fit_to(tmp_path, monkeypatch):
    monkeypatch.setattr(nfiq2, "library", lambda: nfiq2.Library(False, "not installed"))
    with pytest.raises(EnvironmentFault, match=r"environment\.no_nfiq2"):
        quality_fit.run(arguments(tmp_path))


def test_an_empty_picture_has_no_features():
    assert quality_fit.numbers_of(np.full((300, 300), 250, np.uint8), 500) is None
