"""The benchmarks' figures against values known from theory or counted by hand."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.bench import statistics as stat

SCORES = st.lists(st.integers(0, 12).map(float), min_size=1, max_size=30)


def test_scores_that_never_overlap_have_no_error():
    assert stat.rates([5, 6, 7, 8], [1, 2, 3, 4]) == stat.Rates(0, 0, 0, 0)


def test_scores_that_say_nothing_have_an_error_of_one_half():
    got = stat.rates([1] * 4, [1] * 4)
    assert (got.eer, got.fmr100, got.zerofmr) == (0.5, 1.0, 1.0)


def test_one_of_four_wrong_each_way_is_a_quarter():
    got = stat.rates([1, 3, 3, 3], [0, 0, 0, 2])
    assert (got.eer, got.zerofmr) == (0.25, 0.25)


def test_the_crossing_lies_on_the_straight_line_between_two_thresholds():
    assert stat.eer([0, 5], [5, 5, 5, 5]) == pytest.approx(0.5 + 0.5 * 0.5 / 1.5)


def test_a_failure_to_enrol_costs_a_false_non_match():
    assert stat.rates([-np.inf, 9], [1, 2]).zerofmr == 0.5
    assert stat.rates([-np.inf] * 2, [-np.inf] * 2) == stat.Rates(0.5, 1, 1, 1)


def test_normal_scores_give_the_rates_of_the_normal_distribution():
    chance, normal = np.random.default_rng(0), NormalDist()
    got = stat.rates(chance.normal(2, 1, 200_000), chance.normal(0, 1, 200_000))
    assert got.eer == pytest.approx(normal.cdf(-1), abs=0.003)
    assert got.fmr100 == pytest.approx(normal.cdf(normal.inv_cdf(0.99) - 2), abs=0.007)
    assert got.fmr1000 == pytest.approx(normal.cdf(normal.inv_cdf(0.999) - 2), abs=0.01)


@pytest.mark.parametrize(
    ("genuine", "impostor"), [([], [1]), ([1], []), ([math.nan], [1]), ([1], [math.nan])]
)
def test_missing_scores_are_refused(genuine, impostor):
    with pytest.raises(ValueError, match="scores"):
        stat.rates(genuine, impostor)


@given(SCORES, SCORES)
def test_curves_fall_and_rise_and_agree_with_counting(genuine, impostor):
    seen = stat.curve(genuine, impostor)
    assert (np.diff(seen.fmr) <= 1e-12).all()
    assert (np.diff(seen.fnmr) >= -1e-12).all()
    for t, fmr, fnmr in zip(seen.threshold, seen.fmr, seen.fnmr, strict=True):
        assert fmr == pytest.approx(np.mean([s >= t for s in impostor]))
        assert fnmr == pytest.approx(np.mean([s < t for s in genuine]))
    got = stat.rates(genuine, impostor)
    assert 0 <= got.eer <= 1
    assert got.fmr100 <= got.fmr1000 <= got.zerofmr


@given(SCORES, SCORES, st.data())
def test_a_weight_of_n_counts_as_n_scores(genuine, impostor, data):
    times = data.draw(st.lists(st.integers(0, 3), min_size=len(genuine), max_size=len(genuine)).filter(any))
    weighed = stat.rates_of(stat.curve(genuine, impostor, times))
    repeated = stat.rates(np.repeat(genuine, times), impostor)
    assert weighed.fmr100 == pytest.approx(repeated.fmr100)
    assert weighed.zerofmr == pytest.approx(repeated.zerofmr)


def test_scores_without_any_weight_are_refused():
    with pytest.raises(ValueError, match="weight"):
        stat.curve([1.0], [0.0], [0.0])


def pair_scores(fingers: int, each: int, spread: float, seed: int = 3) -> stat.PairScores:
    """Genuine scores N(2 + finger's own, 1), `each` a finger; impostors N(0, 1), one for every two fingers."""
    chance = np.random.default_rng(seed)
    own = chance.normal(0, spread, fingers)
    finger = np.repeat(np.arange(fingers), each)
    cross = np.array([(a, b) for a in range(fingers) for b in range(a + 1, fingers)])
    return stat.PairScores(
        chance.normal(2, 1, finger.size) + own[finger], finger, chance.normal(0, 1, len(cross)), cross
    )


def test_the_interval_holds_the_figure_and_grows_when_fingers_differ():
    alike, unlike = (stat.bootstrap_rates(pair_scores(40, 20, s), resamples=120)["eer"] for s in (0.0, 1.5))
    assert alike.low <= alike.value <= alike.high
    assert alike.low <= 0.1587 <= alike.high  # the true equal error rate
    assert unlike.high - unlike.low > 1.5 * (alike.high - alike.low)


def test_the_same_seed_gives_the_same_interval_and_only_the_wanted_figures():
    scores = pair_scores(6, 4, 0.5)
    first = stat.bootstrap_rates(scores, resamples=20, seed=5, names=["eer", "zerofmr"])
    assert first == stat.bootstrap_rates(scores, resamples=20, seed=5, names=["eer", "zerofmr"])
    assert set(first) == {"eer", "zerofmr"}
    assert scores.fingers == 6


def test_the_bootstrap_of_a_mean_is_as_wide_as_theory_says():
    values = np.random.default_rng(1).normal(10, 2, 400)
    got = stat.bootstrap(lambda k: float(values[k].mean()), np.arange(400), resamples=2000)
    assert got.value == pytest.approx(values.mean())
    assert got.high - got.low == pytest.approx(2 * 1.645 * values.std() / 20, rel=0.15)


def test_whole_groups_are_drawn():
    labels = ["a"] * 5 + ["b"] * 5

    def check(chosen: np.ndarray) -> float:
        first = np.bincount(chosen, minlength=10)
        assert len(set(first[:5])) == len(set(first[5:])) == 1
        return float(first[0])

    got = stat.bootstrap(check, labels, resamples=50)
    assert (got.value, got.low, got.high) == (1.0, 0.0, 2.0)


def test_draws_without_a_figure_are_left_out():
    got = stat.bootstrap(lambda k: math.nan if len(set(k)) < 2 else 1.0, ["a", "b"], resamples=40)
    assert (got.low, got.high) == (1.0, 1.0)
    assert math.isnan(stat.bootstrap(lambda _: math.nan, ["a"], resamples=3).low)
    with pytest.raises(ValueError, match="nothing"):
        stat.bootstrap(lambda _: 0.0, [])


def test_wilson_interval_is_that_of_the_textbook():
    got = stat.wilson(2, 10, 0.95)
    assert (got.low, got.high) == (pytest.approx(0.0567, abs=1e-4), pytest.approx(0.5098, abs=1e-4))
    none = stat.wilson(0, 100, 0.95)
    assert (none.low, none.high) == (0.0, pytest.approx(0.0370, abs=1e-4))
    empty = stat.wilson(0, 0)
    assert math.isnan(empty.value)
    assert (empty.low, empty.high) == (0.0, 1.0)


def test_rank_correlation_counts_order_only_and_shares_ties():
    assert stat.spearman([1, 2, 3, 4], [1, 8, 27, 64]) == pytest.approx(1)
    assert stat.spearman([1, 2, 3, 4], [4, 3, 2, 1]) == pytest.approx(-1)
    assert list(stat.ranks([5, 1, 5, 9])) == [2.5, 1, 2.5, 4]
    assert stat.spearman([106, 86, 100, 101, 99, 103, 97, 113, 112, 110],
                         [7, 0, 27, 50, 28, 29, 20, 12, 6, 17]) == pytest.approx(-29 / 165)  # fmt: skip
    assert math.isnan(stat.spearman([1, 1, 1], [1, 2, 3]))


def test_discarding_by_a_perfect_quality_removes_the_errors_first():
    scores = [1, 1, 9, 9, 9, 9, 9, 9, 9, 9]
    got = stat.error_versus_discard([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], scores, 5, [0, 0.1, 0.2, 0.5, 1])
    assert list(got) == pytest.approx([0.2, 1 / 9, 0, 0, 0])


def test_discarding_by_a_quality_that_says_nothing_leaves_the_error_as_it_was():
    got = stat.error_versus_discard([7] * 10, [1, 1] + [9] * 8, 5, [0, 0.25, 0.5, 0.9])
    assert list(got) == pytest.approx([0.2] * 4)


def test_area_is_the_mean_height():
    assert stat.area_under([0, 1, 2], [0, 1, 0]) == pytest.approx(0.5)
