"""The synthetic world as its users see it: fingers, touches, slaps."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.sim.contact import contact_box
from drivers.sim.finger import Pattern, Platen, Touch, grow, render, render_slap, subject_finger
from drivers.sim.placement import Placement
from drivers.sim.singular import draw_pattern

PLAIN = Platen(420, 520, 500)
ROLL = Platen(800, 750, 500)
SLAP = Platen(800, 750, 250)
FINGER = grow(11, 2)


def drawn_pattern(seed: int, position: int) -> Pattern:
    """The pattern of a finger without growing it."""
    return draw_pattern(np.random.Generator(np.random.PCG64([seed, position])), position)


def darkness(rendering) -> float:
    """Mean darkness inside the contact area, 0 white to 1 black."""
    return float(1.0 - rendering.pixels[rendering.mask].mean() / 255.0)


def likeness(touch: Touch) -> float:
    """How much the picture looks like the ridges themselves: correlation with the master pattern, -1 to 1."""
    got = render(FINGER, PLAIN, "plain", touch)
    placement = Placement.of(touch, (PLAIN.width / 2, PLAIN.height / 2), (0.0, 0.0), PLAIN.ppi)
    x, y = placement.region(0, 0, PLAIN.width, PLAIN.height)
    column = np.rint(x / FINGER.pitch_mm + FINGER.origin[0]).astype(int)[got.mask]
    row = np.rint(y / FINGER.pitch_mm + FINGER.origin[1]).astype(int)[got.mask]
    return float(np.corrcoef(255.0 - got.pixels[got.mask], FINGER.master[row, column, 0])[0, 1])


def test_a_finger_is_the_same_every_time_it_is_grown():
    grow.cache_clear()
    again = grow(11, 2)
    assert again is not FINGER
    assert again.minutiae == FINGER.minutiae
    assert again.build == FINGER.build
    assert np.array_equal(again.master, FINGER.master)


def test_another_seed_or_position_is_another_finger():
    assert not np.array_equal(grow(12, 2).master, FINGER.master)
    assert not np.array_equal(grow(11, 3).master, FINGER.master)


def test_the_ten_fingers_of_a_subject_differ_and_keep_their_position():
    fingers = [subject_finger(3, p) for p in range(1, 11)]
    assert [f.position for f in fingers] == list(range(1, 11))
    assert len({f.seed for f in fingers}) == 10
    assert subject_finger(3, 4) is subject_finger(3, 4)


@pytest.mark.parametrize(("seed", "position"), [(1, 0), (1, 11), (-1, 3)])
def test_a_finger_that_cannot_be_is_refused(seed, position):
    with pytest.raises(ValueError, match="position of 1 to 10"):
        grow(seed, position)


def test_a_finger_has_a_natural_number_of_minutiae_of_both_kinds():
    density, endings = [], []
    for position in range(1, 11):
        finger = subject_finger(3, position)
        inner = [m for m in finger.minutiae if np.hypot(m.x_mm / 8, m.y_mm / 10) < 1]
        density.append(len(inner) / (np.pi * 80))
        endings.append(np.mean([m.kind == "ending" for m in inner]))
        assert all(0 <= m.angle < 360 for m in inner)
    assert 0.12 < np.mean(density) < 0.28
    assert 0.35 < np.mean(endings) < 0.7


def test_thumbs_are_wide_and_little_fingers_narrow():
    thumb = np.mean([subject_finger(s, 1).build.plain_half_mm for s in (3, 5)])
    little = np.mean([subject_finger(s, 5).build.plain_half_mm for s in (3, 5)])
    assert thumb > 1.25 * little


def test_a_rendering_is_dark_ridges_on_white_and_knows_its_contact():
    got = render(FINGER, PLAIN, "plain")
    assert got.pixels.shape == got.mask.shape == (520, 420)
    assert got.pixels.dtype == np.uint8
    assert got.mask.dtype == np.bool_
    outside = cv2.dilate(got.mask.astype(np.uint8), np.ones((61, 61), np.uint8)) == 0
    assert got.pixels[outside].mean() > 240
    assert 0.2 < darkness(got) < 0.6
    assert likeness(Touch()) > 0.6
    assert got.boxes == ()


def test_the_same_touch_gives_the_same_pixels_and_another_seed_others():
    first = render(FINGER, PLAIN, "plain", Touch(seed=5))
    assert np.array_equal(first.pixels, render(FINGER, PLAIN, "plain", Touch(seed=5)).pixels)
    assert not np.array_equal(first.pixels, render(FINGER, PLAIN, "plain", Touch(seed=6)).pixels)


def test_a_plain_contact_is_about_15_by_20_mm_and_a_roll_much_wider():
    plain, roll = contact_box(FINGER, "plain", 0.5), contact_box(FINGER, "rolled", 0.5)
    assert 12 < plain[2] - plain[0] < 18
    assert 17 < plain[3] - plain[1] < 24
    assert 22 < roll[2] - roll[0] < 30
    assert roll[3] - roll[1] > plain[3] - plain[1]


def test_visible_minutiae_lie_in_the_contact_and_a_roll_shows_more():
    plain, roll = render(FINGER, PLAIN, "plain"), render(FINGER, ROLL, "rolled")
    for got in (plain, roll):
        assert all(got.mask[int(m.y), int(m.x)] for m in got.minutiae)
    assert 20 < len(plain.minutiae) < len(roll.minutiae) < len(FINGER.minutiae)


def test_ridges_run_along_the_direction_of_a_minutia():
    got = render(FINGER, PLAIN, "plain", Touch(noise=0.0))
    image = cv2.GaussianBlur(got.pixels.astype(np.float32), (0, 0), 1.5)
    gx, gy = cv2.Sobel(image, cv2.CV_32F, 1, 0), cv2.Sobel(image, cv2.CV_32F, 0, 1)
    xx, yy, xy = (cv2.GaussianBlur(a, (0, 0), 6) for a in (gx * gx, gy * gy, gx * gy))
    normal = 0.5 * np.arctan2(2 * xy, xx - yy)
    off = []
    for m in got.minutiae:
        ridge = -(normal[int(m.y), int(m.x)] + np.pi / 2)
        off.append(abs(np.sin(ridge - np.radians(m.angle))))
    assert np.median(off) < np.sin(np.radians(10))


def test_turning_and_moving_the_finger_turns_and_moves_its_minutiae():
    still = render(FINGER, ROLL, "plain", Touch(distortion=0.0))
    moved = render(FINGER, ROLL, "plain", Touch(distortion=0.0, rotation_deg=20.0, dx_mm=3.0, dy_mm=-2.0))
    px = 500 / 25.4
    spin = np.radians(20.0)
    centre = np.array([ROLL.width / 2, ROLL.height / 2])
    turned = np.array([[np.cos(spin), np.sin(spin)], [-np.sin(spin), np.cos(spin)]])
    want = []
    for m in still.minutiae:
        x, y = turned @ (np.array([m.x, m.y]) - centre) + centre + np.array([3.0 * px, -2.0 * px])
        want.append((x, y, (m.angle + 20.0) % 360.0))
    got = {(round(m.x), round(m.y)): m.angle for m in moved.minutiae}
    hits = [got.get((round(x), round(y))) for x, y, _ in want]
    assert sum(h is not None for h in hits) > 0.8 * len(want)
    assert all(
        abs((h - a + 180) % 360 - 180) < 0.5 for h, (_, _, a) in zip(hits, want, strict=True) if h is not None
    )


def test_half_the_resolution_is_the_same_picture_made_small():
    touch = Touch(noise=0.0, seed=4)
    full, half = render(FINGER, ROLL, "rolled", touch), render(FINGER, Platen(400, 375, 250), "rolled", touch)
    small = cv2.resize(full.pixels, (400, 375), interpolation=cv2.INTER_AREA)
    both = np.corrcoef(small[half.mask].astype(float), half.pixels[half.mask].astype(float))[0, 1]
    assert both > 0.9
    assert abs(len(full.minutiae) - len(half.minutiae)) <= 3
    apart = [min(np.hypot(2 * h.x - f.x, 2 * h.y - f.y) for h in half.minutiae) for f in full.minutiae]
    assert np.percentile(apart, 90) < 0.5


@given(seed=st.integers(0, 2**31), distortion=st.floats(0, 2), x=st.floats(-12, 12), y=st.floats(-14, 14))
@settings(max_examples=50, deadline=None)
def test_a_placement_maps_points_there_and_back(seed, distortion, x, y):
    touch = Touch(seed=seed, distortion=distortion, rotation_deg=33.0, dx_mm=1.0)
    placement = Placement.of(touch, (200.0, 300.0), (0.5, -1.0), 500)
    px, py = placement.to_platen(np.array([x]), np.array([y]))
    fx, fy = placement.to_finger(px, py)
    assert fx[0] == pytest.approx(x, abs=0.15)
    assert fy[0] == pytest.approx(y, abs=0.15)


def test_the_sampling_map_of_a_region_agrees_with_the_exact_one():
    placement = Placement.of(
        Touch(seed=3, distortion=1.0, rotation_deg=10.0), (150.0, 120.0), (0.0, 0.0), 500
    )
    x, y = placement.region(40, 30, 203, 157)
    columns, rows = np.meshgrid(np.arange(40, 243.0), np.arange(30, 187.0))
    ex, ey = placement.to_finger(columns, rows)
    assert x.shape == (157, 203)
    assert np.abs(x - ex).max() < 0.02
    assert np.abs(y - ey).max() < 0.02


def test_moisture_darkens_and_dryness_breaks_ridges():
    dry, good, wet = (render(FINGER, PLAIN, "plain", Touch(moisture=m)) for m in (0.0, 0.5, 1.0))
    assert darkness(dry) < darkness(good) - 0.1
    assert darkness(wet) > darkness(good) + 0.1
    assert likeness(Touch(moisture=0.0)) < 0.9 * likeness(Touch())
    assert likeness(Touch(moisture=1.0)) < 0.9 * likeness(Touch())


def test_pressing_harder_makes_the_contact_larger_and_darker():
    light, hard = (render(FINGER, PLAIN, "plain", Touch(pressure=p)) for p in (0.1, 0.9))
    assert hard.mask.sum() > 1.3 * light.mask.sum()
    assert darkness(hard) > darkness(light) + 0.15
    assert len(hard.minutiae) > len(light.minutiae)


@pytest.mark.parametrize("worse", [{"wear": 1.0}, {"smear": 1.0}, {"noise": 1.0}, {"background": 1.0}])
def test_each_trouble_weakens_the_ridges(worse):
    good, bad = Touch(), dataclasses.replace(Touch(), **worse)
    assert likeness(bad) < 0.9 * likeness(good)


def test_scars_take_minutiae_away_and_stay_with_the_finger():
    clean = render(FINGER, PLAIN, "plain", Touch())
    scarred = render(FINGER, PLAIN, "plain", Touch(scars=10))
    assert len(scarred.minutiae) < len(clean.minutiae)
    whiter = (scarred.pixels.astype(int) - clean.pixels) > 90
    assert whiter[clean.mask].mean() > 0.02


def test_distortion_moves_the_skin_by_about_half_a_millimetre():
    straight = Placement.of(Touch(distortion=0.0), (0.0, 0.0), (0.0, 0.0), 500).minutiae(FINGER)
    bent = Placement.of(Touch(distortion=1.0), (0.0, 0.0), (0.0, 0.0), 500).minutiae(FINGER)
    moves = [np.hypot(a.x - b.x, a.y - b.y) for a, b in zip(straight, bent, strict=True)]
    assert 0.1 < np.median(moves) / 19.7 < 1.8


def test_a_finger_put_down_beside_the_platen_leaves_nothing():
    got = render(FINGER, PLAIN, "plain", Touch(dx_mm=80.0))
    assert not got.mask.any()
    assert got.minutiae == ()
    assert got.pixels.min() > 200


def test_a_small_platen_shows_a_part_of_the_finger():
    got = render(FINGER, Platen(256, 288, 500), "plain")
    assert got.pixels.shape == (288, 256)
    assert got.mask.mean() > 0.85
    assert all(9 <= m.x < 247 and 9 <= m.y < 279 for m in got.minutiae)


def test_a_contact_of_no_known_kind_is_refused():
    with pytest.raises(ValueError, match="rolled or plain"):
        render(FINGER, PLAIN, "swiped")  # type: ignore[arg-type]


def test_a_right_slap_shows_index_to_little_and_a_left_one_little_to_index():
    right = render_slap([subject_finger(5, p) for p in (5, 3, 2, 4)], SLAP)
    left = render_slap([subject_finger(5, p) for p in (7, 8, 9, 10)], SLAP)
    for got, order in ((right, [2, 3, 4, 5]), (left, [10, 9, 8, 7])):
        boxes = got.boxes
        assert [b[0] for b in boxes] == order
        assert [b[1] for b in boxes] == sorted(b[1] for b in boxes)
        assert all(got.mask[y : y + h, x : x + w].mean() > 0.5 for _, x, y, w, h, _ in boxes)
    lean = {b[0]: b[5] for b in right.boxes} | {b[0]: b[5] for b in left.boxes}
    assert lean[5] < lean[2]
    assert lean[10] > lean[7]
    tops = {b[0]: b[2] for b in right.boxes}
    assert tops[3] < tops[2] < tops[5]


def test_fingers_of_a_slap_do_not_touch_each_other():
    got = render_slap([subject_finger(5, p) for p in (2, 3, 4, 5)], SLAP)
    for one, two in zip(got.boxes, got.boxes[1:], strict=False):
        assert one[1] + one[3] < two[1] + 0.2 * two[3]


def test_a_missing_finger_is_simply_absent():
    got = render_slap([subject_finger(5, p) for p in (2, 3, 5)], SLAP)
    assert [b[0] for b in got.boxes] == [2, 3, 5]


def test_thumbs_lie_side_by_side_and_one_thumb_in_the_middle():
    both = render_slap([subject_finger(5, 1), subject_finger(5, 6)], SLAP)
    assert [b[0] for b in both.boxes] == [6, 1]
    alone = render_slap([subject_finger(5, 1)], SLAP)
    _, x, y, w, h, _ = alone.boxes[0]
    assert abs(x + w / 2 - 400) < 60
    assert abs(y + h / 2 - 375) < 80


def test_turning_the_hand_turns_every_finger():
    straight = render_slap([subject_finger(5, p) for p in (2, 3, 4, 5)], SLAP, Touch(seed=2))
    turned = render_slap([subject_finger(5, p) for p in (2, 3, 4, 5)], SLAP, Touch(seed=2, rotation_deg=15.0))
    for a, b in zip(straight.boxes, turned.boxes, strict=True):
        assert b[5] == pytest.approx(a[5] + 15.0)


@pytest.mark.parametrize("positions", [(), (2, 2)])
def test_a_slap_of_nobody_or_of_one_finger_twice_is_refused(positions):
    with pytest.raises(ValueError, match="at least one finger and none twice"):
        render_slap([subject_finger(5, p) for p in positions], SLAP)


def test_a_slap_outside_the_platen_has_no_boxes():
    got = render_slap([subject_finger(5, 2)], Platen(300, 300, 500), Touch(dx_mm=60.0))
    assert got.boxes == ()


def test_a_pattern_says_where_its_singular_points_are():
    wanted = {Pattern.WHORL: 2, Pattern.RIGHT_LOOP: 1, Pattern.ARCH: 0}
    for pattern, count in wanted.items():
        finger = next(grow(s, 2) for s in range(200) if drawn_pattern(s, 2) is pattern)
        assert finger.pattern is pattern
        assert len(finger.cores) == len(finger.deltas) == count
