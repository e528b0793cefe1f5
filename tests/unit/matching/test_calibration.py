"""What a score means falls with the score, says no more than was measured, and the bench finds it again."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.bench import calibrate
from station.matching import SAME, false_match_rate
from station.matching.calibration import MEASURED
from station.matching.sequence import FOUND


@given(st.floats(-10, 200), st.floats(-10, 200))
def test_a_higher_score_is_never_more_frequent(a, b):
    low, high = sorted((a, b))
    assert 0 < false_match_rate(high) <= false_match_rate(low) <= 1


@pytest.mark.parametrize(("score", "rate"), MEASURED)
def test_what_was_measured_is_said(score, rate):
    assert false_match_rate(score) == pytest.approx(rate)


def test_thresholds_mean_what_the_documents_say():
    assert false_match_rate(SAME) == pytest.approx(1e-4)
    assert false_match_rate(FOUND) == false_match_rate(1000.0) == pytest.approx(3.8e-5)


def test_no_number_is_no_score():
    with pytest.raises(ValueError, match="number"):
        false_match_rate(math.nan)


def test_the_bench_counts_pairs_of_one_and_of_two_fingers():
    sets = {
        "good": (np.array([60.0, 30.0], np.float32), np.array([0.0, 1.0, 2.0], np.float32)),
        "bad": (np.array([45.0], np.float32), np.array([41.0], np.float32)),
    }
    told = calibrate.rates(sets)
    at_40 = next(row for row in told["rows"] if row["score"] == 40)
    assert (told["genuine"], told["impostor"], told["highest_impostor"]) == (3, 4, 41.0)
    assert (at_40["impostors"], at_40["fmr"], at_40["worst"], at_40["worst_fmr"]) == (1, 0.25, "bad", 1.0)
    assert at_40["fnmr"] == pytest.approx(1 / 3)
    assert "highest of two 41.0" in calibrate.table(told)
    assert " 1 = 2.50e-01" in calibrate.table(told)


def test_an_image_without_a_template_matches_nothing():
    genuine, impostor = calibrate.split([None, None, None], ["1", "1", "2"])
    assert (genuine.tolist(), impostor.tolist()) == ([0.0], [0.0, 0.0])
