"""Plots: where things are drawn."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from station.bench import plot
from station.bench.statistics import curve
from station.errors import EnvironmentFault


def coloured(picture: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """Rows and columns [n, 2] inside the axes that are exactly of this colour, the legend left out."""
    inside = picture[plot.TOP : plot.TOP + plot.SIZE, plot.LEFT : plot.LEFT + plot.SIZE].copy()
    inside[:60, -160:] = 255
    return np.argwhere((inside == colour).all(axis=2))


def test_a_rising_line_goes_from_bottom_left_to_top_right():
    unit = plot.Axis("x", 0, 1)
    picture = plot.line_plot([plot.Series("a", [0, 0.5], [0, 0.5])], unit, unit)
    where = coloured(picture, plot.COLOURS[0])
    lowest, highest = where[where[:, 0].argmax()], where[where[:, 0].argmin()]
    assert lowest[1] < 5
    assert abs(highest[1] - plot.SIZE / 2) < 5
    assert abs(highest[0] - plot.SIZE / 2) < 5


def test_dots_are_dots_and_values_off_the_axis_lie_on_its_edge():
    unit = plot.Axis("x", 0, 1)
    where = coloured(
        plot.line_plot([plot.Series("a", [-3.0, 0.5], [0.2, 0.2], dots=True)], unit, unit), plot.COLOURS[0]
    )
    assert set(where[:, 1] // 20) == {0, 12, 13}


def test_a_log_axis_has_a_tick_a_power_and_equal_steps():
    axis = plot.Axis("rate", 1e-4, 1, log=True)
    assert axis.ticks() == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1, 1])
    assert list(axis.place([1e-4, 1e-2, 1, 0, 7])) == pytest.approx([0, 0.5, 1, 0, 1])


def test_a_linear_axis_has_round_ticks():
    assert plot.Axis("ms", 0, 47).ticks() == [0, 10, 20, 30, 40]
    assert plot.Axis("", -1, 1).ticks() == pytest.approx([-1, -0.5, 0, 0.5, 1])
    axis = plot.axis_for("x", [3, np.inf, 20])
    assert (axis.low, axis.high) == (0, 21)
    assert plot.axis_for("x", []).high == 1


def test_a_better_program_lies_nearer_the_lower_left(tmp_path):
    chance = np.random.default_rng(0)
    impostor = chance.normal(0, 1, 3000)
    curves = {
        "good": curve(chance.normal(4, 1, 900), impostor),
        "worse": curve(chance.normal(2, 1, 900), impostor),
    }
    picture = plot.det_plot(curves, "two programs")
    good, worse = (coloured(picture, plot.COLOURS[k]) for k in (0, 1))
    assert good[:, 0].mean() > worse[:, 0].mean() + 20
    plot.save(tmp_path / "new" / "det.png", picture)
    assert np.array_equal(cv2.imread(str(tmp_path / "new" / "det.png")), picture)


def test_a_plot_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentFault, match="cannot_write"):
        plot.save(tmp_path / "file" / "det.png", np.zeros((4, 4, 3), np.uint8))
