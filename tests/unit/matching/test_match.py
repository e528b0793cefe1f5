"""The matcher: same finger high, other finger low, whatever turn, shift and cut; the sequence check on top."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.sim.finger import Platen, Touch, render, subject_finger
from station.friction_ridge import FGP, MinutiaTemplate
from station.imaging import extract
from station.matching import SAME, compare, match, wrong_finger
from station.matching.sequence import name

ROLL, PLAIN = Platen(800, 750, 500), Platen(500, 500, 500)


@pytest.fixture(scope="module")
def prints():
    """Templates by (contact, position, seed) of one person; made once each."""
    known: dict[tuple[str, int, int], MinutiaTemplate] = {}

    def one(contact: str, position: int, seed: int = 0) -> MinutiaTemplate:
        key = (contact, position, seed)
        if key not in known:
            finger = subject_finger(7, position)
            touch = Touch(seed=seed, rotation_deg=4.0 * seed)
            known[key] = extract(
                render(finger, ROLL if contact == "rolled" else PLAIN, contact, touch).pixels, 500
            )
        return known[key]

    return one


def moved(
    template: MinutiaTemplate, turn_deg: float, dx: float, dy: float, keep: slice | np.ndarray = slice(None)
):
    """The template turned counter-clockwise about its middle, shifted, and thinned out."""
    turn = np.radians(turn_deg)
    x, y = template.x - template.width / 2, template.y - template.height / 2
    return MinutiaTemplate(
        template.width,
        template.height,
        template.ppi,
        (np.cos(turn) * x + np.sin(turn) * y + template.width / 2 + dx)[keep].astype(np.float32),
        (-np.sin(turn) * x + np.cos(turn) * y + template.height / 2 + dy)[keep].astype(np.float32),
        ((template.angle + turn_deg) % 360)[keep].astype(np.float32),
        template.kind[keep].copy(),
        template.quality[keep].copy(),
    )


def empty(ppi: int = 500) -> MinutiaTemplate:
    none = np.zeros(0, np.float32)
    byte = np.zeros(0, np.uint8)
    return MinutiaTemplate(500, 500, ppi, none, none.copy(), none.copy(), byte, byte.copy())


def test_two_rolls_of_one_finger_match(prints):
    assert match(prints("rolled", 2, 1), prints("rolled", 2, 2)) > 60


def test_a_plain_print_matches_its_roll(prints):
    assert match(prints("plain", 2, 1), prints("rolled", 2, 2)) > 60


@pytest.mark.parametrize("other", [1, 3, 4, 7])
def test_other_fingers_do_not_match(prints, other):
    assert match(prints("rolled", 2, 1), prints("rolled", other, 1)) < SAME
    assert match(prints("plain", 2, 1), prints("rolled", other, 1)) < SAME


@settings(max_examples=20, deadline=None)
@given(st.floats(-180, 180), st.floats(-300, 300), st.floats(-300, 300))
def test_turning_and_shifting_change_nothing(turn, dx, dy):
    template = TEMPLATE
    other = moved(template, turn, dx, dy)
    found = compare(template, other)
    assert found.score > 100
    assert found.matched > 0.9 * len(template)
    assert abs((found.rotation_deg - turn + 180) % 360 - 180) < 2


TEMPLATE = extract(render(subject_finger(8, 2), PLAIN, "plain", Touch()).pixels, 500)


def test_the_score_is_nearly_symmetric(prints):
    for a, b in (
        (prints("rolled", 2, 1), prints("rolled", 2, 2)),
        (prints("rolled", 2, 1), prints("rolled", 3, 1)),
    ):
        assert abs(match(a, b) - match(b, a)) < 12


def test_half_a_finger_still_matches_the_whole(prints):
    whole, again = prints("rolled", 2, 1), prints("rolled", 2, 2)
    half = moved(again, 30, 0, 0, again.x < np.median(again.x))
    assert match(whole, half) > SAME


def test_resolutions_are_reconciled(prints):
    a, b = prints("rolled", 2, 1), prints("rolled", 2, 2)
    double = MinutiaTemplate(1600, 1500, 1000, b.x * 2, b.y * 2, b.angle, b.kind, b.quality)
    assert abs(match(a, double) - match(a, b)) < 3


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4])
def test_a_few_minutiae_never_prove_anything(prints, count):
    few = moved(TEMPLATE, 0, 0, 0, slice(0, count))
    assert match(few, TEMPLATE) < SAME
    assert match(TEMPLATE, few) < SAME
    assert match(few, few) < SAME


def test_an_empty_template_matches_nothing():
    assert match(empty(), TEMPLATE) == match(TEMPLATE, empty()) == match(empty(), empty()) == 0.0


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 200), st.integers(0, 200), st.integers(0, 2**31))
def test_random_minutiae_get_a_finite_low_score(n, m, seed):
    random = np.random.default_rng(seed)

    def scatter(count: int) -> MinutiaTemplate:
        return MinutiaTemplate(
            500,
            500,
            500,
            random.uniform(0, 500, count).astype(np.float32),
            random.uniform(0, 500, count).astype(np.float32),
            random.uniform(0, 360, count).astype(np.float32),
            np.ones(count, np.uint8),
            np.ones(count, np.uint8),
        )

    score = match(scatter(n), scatter(m))
    assert 0 <= score < SAME


def test_all_minutiae_in_one_place_do_not_break_it():
    spot = np.full(20, 100, np.float32)
    template = MinutiaTemplate(
        500, 500, 500, spot, spot.copy(), spot.copy(), np.ones(20, np.uint8), np.ones(20, np.uint8)
    )
    assert np.isfinite(match(template, template))
    assert np.isfinite(match(template, TEMPLATE))


def test_a_finger_not_taken_before_raises_nothing(prints):
    taken = {FGP(position): [prints("rolled", position, 1)] for position in (1, 3, 4)}
    assert wrong_finger(prints("rolled", 2, 1), FGP.RIGHT_INDEX, taken) is None
    assert wrong_finger(prints("rolled", 2, 1), FGP.RIGHT_INDEX, {}) is None
    assert wrong_finger(prints("rolled", 2, 1), FGP.RIGHT_INDEX, {FGP.RIGHT_INDEX: []}) is None


def test_a_finger_taken_twice_is_named_with_its_first_position(prints):
    taken = {FGP(position): [prints("rolled", position, 1)] for position in (1, 2, 3)}
    finding = wrong_finger(prints("rolled", 3, 2), FGP.RIGHT_RING, taken)
    assert finding is not None
    assert finding.code == "sequence.repeated"
    assert (finding.fgp, finding.with_fgp, finding.own_score) == (FGP.RIGHT_RING, FGP.RIGHT_MIDDLE, None)
    assert finding.score > 60
    assert "right middle finger" in finding.message
    assert "right ring finger" in finding.advice


def test_a_segment_that_agrees_with_its_roll_raises_nothing(prints):
    taken = {FGP(position): [prints("rolled", position, 1)] for position in (2, 3, 4)}
    for position in (2, 3, 4):
        assert wrong_finger(prints("plain", position, 2), FGP(position), taken) is None


def test_swapped_segments_are_named(prints):
    taken = {FGP(position): [prints("rolled", position, 1)] for position in (2, 3, 4)}
    finding = wrong_finger(prints("plain", 3, 2), FGP.RIGHT_INDEX, taken)
    assert finding is not None
    assert finding.code == "sequence.swapped"
    assert finding.with_fgp is FGP.RIGHT_MIDDLE
    assert finding.own_score is not None
    assert finding.own_score < SAME


def test_a_segment_of_somebody_else_disagrees_with_its_roll(prints):
    taken = {FGP(position): [prints("rolled", position, 1)] for position in (2, 3)}
    stranger = next(
        template
        for seed in range(20, 40)
        if match(
            template := extract(render(subject_finger(seed, 2), PLAIN, "plain", Touch()).pixels, 500),
            taken[FGP(2)][0],
        )
        < 15
    )
    finding = wrong_finger(stranger, FGP.RIGHT_INDEX, taken)
    assert finding is not None
    assert finding.code == "sequence.disagrees"
    assert finding.with_fgp is FGP.RIGHT_INDEX


def test_a_poor_impression_is_not_held_against_its_roll(prints):
    poor = moved(prints("plain", 3, 2), 0, 0, 0, slice(0, 8))
    assert wrong_finger(poor, FGP.RIGHT_INDEX, {FGP.RIGHT_INDEX: [prints("rolled", 2, 1)]}) is None


@pytest.mark.parametrize(
    ("fgp", "words"),
    [
        (FGP.RIGHT_THUMB, "right thumb"),
        (FGP.LEFT_LITTLE, "left little finger"),
        (FGP.PLAIN_LEFT_THUMB, "left thumb"),
    ],
)
def test_a_position_has_a_plain_name(fgp, words):
    assert name(fgp) == words
