"""The picture for the officer: what is on it."""

from __future__ import annotations

import numpy as np
import pytest

from station.friction_ridge import MinutiaTemplate, QualityCause, QualityReport
from station.imaging import assess, draw, extract
from station.imaging.draw import BIFURCATION, ENDING, MIN_WIDTH, STRIP, TROUBLE


def template(kinds: list[int]) -> MinutiaTemplate:
    n = len(kinds)
    spread = np.linspace(60, 240, n).astype(np.float32)
    return MinutiaTemplate(
        300,
        300,
        500,
        spread,
        spread.copy(),
        np.zeros(n, np.float32),
        np.array(kinds, np.uint8),
        np.full(n, 50, np.uint8),
    )


def has(picture: np.ndarray, colour: tuple[int, int, int]) -> bool:
    """Lines are anti-aliased and one pixel wide: near enough is the colour."""
    return bool((np.abs(picture.astype(int) - colour).sum(axis=2) < 60).any())


GRAY = np.full((300, 300), 230, np.uint8)
REPORT = QualityReport(
    42, "livescan-station-q1", (QualityCause("too_dry", 0.8, "Moisten the finger.", (50, 60, 90, 80)),)
)


def test_a_small_print_is_doubled_and_gets_a_strip_below():
    assert draw(GRAY, None, None).shape == (600 + STRIP, 600, 3)


def test_a_large_print_keeps_its_size():
    assert draw(np.full((750, 800), 230, np.uint8), None, None).shape == (750 + STRIP, 800, 3)


def test_a_narrow_print_gets_room_for_the_words():
    assert draw(np.full((120, 100), 230, np.uint8), None, REPORT).shape[1] == MIN_WIDTH


@pytest.mark.parametrize(("kind", "colour", "other"), [(1, ENDING, BIFURCATION), (2, BIFURCATION, ENDING)])
def test_minutiae_are_drawn_in_the_colour_of_their_type(kind, colour, other):
    print_only = draw(GRAY, template([kind, kind]), None)[:600]
    assert has(print_only, colour)
    assert not has(print_only, other)


def test_a_minutia_of_other_type_is_drawn_too():
    assert not np.array_equal(draw(GRAY, template([0]), None)[:600], draw(GRAY, None, None)[:600])


def test_a_grave_cause_is_framed_where_it_is():
    picture = draw(GRAY, None, REPORT)
    assert tuple(picture[120, 200]) == TROUBLE
    mild = QualityReport(42, "x", (QualityCause("too_dry", 0.1, "Moisten.", (50, 60, 90, 80)),))
    assert tuple(draw(GRAY, None, mild)[120, 200]) != TROUBLE


def test_the_bar_grows_with_the_score():
    def filled(score: int) -> int:
        strip = draw(GRAY, None, QualityReport(score, "x"))[600:]
        return int((np.ptp(strip[22].astype(int), axis=1) > 60).sum())

    assert filled(90) > filled(50) > filled(10)


def test_long_advice_is_shortened_to_the_width():
    long = QualityReport(1, "x", (QualityCause("too_dry", 1.0, "word " * 100),))
    strip = draw(GRAY, None, long)[600:]
    assert (strip[40:52, -12:] == strip[40, -1]).all()


def test_the_print_itself_is_not_changed(touch_of):
    gray = touch_of("plain").pixels.copy()
    before = gray.copy()
    picture = draw(gray, extract(gray, 500), assess(gray, 500))
    assert np.array_equal(gray, before)
    assert picture.dtype == np.uint8
