"""Cores, deltas and the pattern class: ideal flows with known points, and synthetic fingers with known classes."""

from __future__ import annotations

import numpy as np
import pytest

from drivers.sim.finger import Pattern, Platen, Touch, render, subject_finger
from station.friction_ridge import PatternClass
from station.imaging import draw, extract, singular
from station.imaging.draw import CORE, DELTA
from station.imaging.orientation import OrientationField
from station.imaging.pipeline import run
from station.imaging.singular import Singularity, find, pattern
from station.imaging.trace import Folder

SIDE = 60


def flow(charge: int, opens: float) -> OrientationField:
    """A field with one core (+1) or delta (-1) in the middle that opens at an angle, on a coarse grid."""
    row, column = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2 + 0.01
    twice = charge * np.arctan2(-row, column) + np.radians(opens)  # of the ridges, y up
    one = np.ones((SIDE, SIDE), np.float32)
    return OrientationField((-np.cos(twice)).astype(np.float32), np.sin(twice).astype(np.float32), one)


@pytest.mark.parametrize("opens", [0.0, 45.0, 90.0, 200.0, 270.0, 330.0])
def test_a_core_is_found_where_it_is_and_opens_as_it_does(opens):
    (core,) = find(flow(1, opens), np.ones((SIDE, SIDE), np.bool_))
    assert core.core
    assert core.quality > 0.9
    assert np.hypot(core.x - 120, core.y - 120) < 6
    assert core.angle is not None
    assert abs((core.angle - opens + 180) % 360 - 180) < 3


def test_a_delta_is_no_core_and_has_no_angle():
    (delta,) = find(flow(-1, 30.0), np.ones((SIDE, SIDE), np.bool_))
    assert not delta.core
    assert delta.angle is None
    assert delta.quality > 0.9


def test_parallel_ridges_and_an_empty_platen_have_no_points():
    straight = OrientationField(*(np.full((SIDE, SIDE), v, np.float32) for v in (1.0, 0.0, 1.0)))
    assert find(straight, np.ones((SIDE, SIDE), np.bool_)) == ()
    assert find(flow(1, 0), np.zeros((SIDE, SIDE), np.bool_)) == ()


def test_a_core_at_the_rim_of_the_contact_is_less_sure():
    mask = np.ones((SIDE, SIDE), np.bool_)
    mask[:, : SIDE // 2 - 1] = False
    assert all(point.quality < 0.75 for point in find(flow(1, 0.0), mask))


def at(core: bool, x: float, y: float, angle: float | None = None, quality: float = 0.9) -> Singularity:
    return Singularity(core, x, y, angle, quality)


DOWN = 270.0


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ((at(True, 100, 100, 300.0), at(False, 40, 180)), PatternClass.RIGHT_LOOP),
        ((at(True, 100, 100, 240.0), at(False, 160, 180)), PatternClass.LEFT_LOOP),
        ((at(True, 100, 100, DOWN), at(True, 102, 140, 90.0)), PatternClass.WHORL),
        ((at(True, 100, 100, DOWN), at(False, 101, 180)), None),  # tented arch or a loop: not certain
        ((at(True, 100, 100, 300.0, 0.5), at(False, 40, 180)), None),
        ((at(True, 100, 100, DOWN), at(True, 102, 140, DOWN)), None),
        ((at(True, 100, 100, DOWN),), None),
        ((), None),
    ],
)
def test_a_class_is_told_only_where_the_points_are_certain(points, expected):
    assert pattern(points) is expected


def test_a_class_that_is_told_is_right_and_points_lie_where_the_finger_has_them():
    names = {
        Pattern.LEFT_LOOP: "LS",
        Pattern.RIGHT_LOOP: "RS",
        Pattern.WHORL: "WU",
        Pattern.DOUBLE_LOOP: "WU",
    }
    told = cores = met = 0
    for position in (1, 2, 3, 4, 6, 7, 8, 9):
        finger = subject_finger(11, position)
        platen = Platen(640, 640, 500)
        template = extract(render(finger, platen, "rolled", Touch(distortion=0.0)).pixels, 500)
        if template.pattern is not None:
            told += 1
            assert names.get(finger.pattern) == template.pattern.value
        cores += min(len(finger.cores), 1)
        met += any(point.kind == "core" for point in template.singular) and len(finger.cores) > 0
    assert told >= 2
    assert met >= 0.8 * cores


def test_points_scale_with_the_resolution_and_are_drawn_and_traced(touch_of, tmp_path):
    rendering = touch_of("rolled", subject=3)
    template = run(rendering.pixels, 500, Folder(tmp_path))
    assert any(point.kind == "core" for point in template.singular)
    assert any(file.name.endswith("-singular.json") for file in tmp_path.iterdir())
    picture = draw(rendering.pixels, template, None)
    bare = draw(rendering.pixels, None, None)
    colours = {"core": CORE, "delta": DELTA}
    for point in template.singular:
        x, y = round(point.x), round(point.y)
        window = (slice(max(y - 9, 0), y + 10), slice(max(x - 9, 0), x + 10))
        near = np.abs(picture[window].astype(int) - colours[point.kind]).sum(axis=2).min()
        assert near < 60 < np.abs(bare[window].astype(int) - colours[point.kind]).sum(axis=2).min()


def test_a_core_without_a_direction_makes_no_whorl():
    assert singular.pattern((at(True, 0, 0, None), at(True, 9, 9, 90.0))) is None
