"""Stitching a roll from frames: one clean picture, and every fault with its name. Windows on a drawn ridge pattern."""

from __future__ import annotations

import contextlib
import importlib
from functools import cache

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from station.errors import ImageError
from station.friction_ridge import FGP
from station.imaging.roll import RollStitcher, plain_as_roll, stitch
from station.imaging.roll_contact import look
from station.imaging.roll_findings import ADVICE
from station.imaging.roll_register import lay

HEIGHT, WIDTH, MIDDLE = 560, 720, 360
HALF, HIGH = 110, 220
"""px: half the width and half the height of the moving contact."""


@cache
def skin():
    """Ridges nine px apart, bent and broken so that no place looks like another."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    bend = cv2.GaussianBlur(rng.normal(0, 1, (HEIGHT, WIDTH)).astype(np.float32), (0, 0), 24) * 400.0
    far = np.hypot(x - MIDDLE, (y - 300) * 1.1) + bend
    grain = cv2.GaussianBlur(rng.normal(0, 1, (HEIGHT, WIDTH)).astype(np.float32), (0, 0), 1.5)
    return np.clip(0.5 + 0.5 * np.sin(2 * np.pi * far / 9.0) * 1.6 + grain * 0.5, 0, 1)


def window(centre, half=HALF, high=HIGH):
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    radius = (np.abs((x - centre) / half) ** 3 + np.abs((y - 280) / high) ** 3) ** (1 / 3)
    return np.clip((1.0 - radius) * 6.0, 0.0, 1.0)


def frame(centre, shift=(0.0, 0.0), blur=0, seed=0):
    """What the reader sees with the contact's middle at `centre`, the skin slid by `shift`."""
    if centre is None:
        ink = np.zeros((HEIGHT, WIDTH), np.float32)
    else:
        moved = cv2.warpAffine(skin(), np.float32([[1, 0, shift[0]], [0, 1, shift[1]]]), (WIDTH, HEIGHT))
        ink = moved * window(centre)
    if blur:
        ink = cv2.blur(ink, (blur, blur))
    noise = np.random.default_rng(seed).normal(0, 2, ink.shape)
    return np.clip(250 - 190 * ink + noise, 0, 255).astype(np.uint8)


def journey(start=200, end=520, count=20):
    return [float(x) for x in np.linspace(start, end, count)]


def codes(frames, ppi=500):
    return [one.code for one in stitch(frames, ppi).findings]


@cache
def clean():
    return tuple(frame(x, seed=n) for n, x in enumerate([None, *journey(), None]))


def test_a_clean_roll_has_no_findings_and_shows_the_whole_width():
    result = stitch(clean(), 500)
    assert result.findings == ()
    assert 23.0 < result.measures["width_mm"] < 28.0
    assert result.measures["frames"] == 20
    assert result.measures["slip_mm"] < 0.1


def test_the_stitched_picture_is_the_skin():
    result = stitch(clean(), 500)
    inside = result.coverage > 0.9
    truth = 250 - 190 * skin()
    assert inside.mean() > 0.2
    assert np.corrcoef(result.image[inside], truth[inside])[0, 1] > 0.97
    assert (result.image[result.coverage == 0] > 230).mean() > 0.999


def test_coverage_is_nought_outside_and_one_inside():
    coverage = stitch(clean(), 500).coverage
    assert coverage.shape == (HEIGHT, WIDTH)
    assert coverage[:20].max() == 0.0
    assert 0.9 < coverage[280, MIDDLE] <= 1.0


def test_a_slide_is_found_measured_and_taken_out():
    slid = [frame(x, (0, 0) if n < 10 else (14, -8), seed=n) for n, x in enumerate(journey())]
    result = stitch(slid, 500)
    assert [one.code for one in result.findings] == ["roll.slip"]
    assert result.measures["slip_mm"] == pytest.approx(np.hypot(14, 8) / 500 * 25.4, abs=0.08)
    left = (slice(150, 400), slice(180, 320))
    right = (slice(150, 400), slice(420, 540))
    truth = 250 - 190 * skin()
    assert min(np.corrcoef(result.image[w].ravel(), truth[w].ravel())[0, 1] for w in (left, right)) > 0.9


def test_frames_that_drag_are_a_smear_with_a_place():
    smeared = [frame(x, blur=9 if 7 <= n <= 13 else 0, seed=n) for n, x in enumerate(journey())]
    found = {one.code: one for one in stitch(smeared, 500).findings}
    assert "roll.smear" in found
    assert 200 < found["roll.smear"].box[0] + found["roll.smear"].box[2] / 2 < 520


def test_skin_that_never_touched_is_a_gap_with_its_place():
    jumped = [frame(x, seed=n) for n, x in enumerate([*journey(200, 230, 6), *journey(490, 520, 6)])]
    found = {one.code: one for one in stitch(jumped, 500).findings}
    assert "roll.gap" in found
    x, _, width, _ = found["roll.gap"].box
    assert 300 < x < x + width < 420


def test_a_roll_that_jumps_is_too_fast_to_lay_together():
    assert "roll.too_fast" in codes([frame(x, seed=n) for n, x in enumerate((200, 205, 420, 425))])


def test_a_finger_off_the_glass_on_the_way_is_lifted():
    way = [*journey(200, 360, 10), None, None, *journey(360, 520, 10)]
    assert codes([frame(x, seed=n) for n, x in enumerate(way)]) == ["roll.lifted"]


def test_rolling_back_is_found():
    way = [*journey(200, 420, 12), *journey(410, 330, 6), *journey(340, 520, 10)]
    assert "roll.back" in codes([frame(x, seed=n) for n, x in enumerate(way)])


def test_a_finger_only_laid_down_is_too_narrow():
    assert codes([frame(MIDDLE, seed=n) for n in range(6)]) == ["roll.too_narrow"]


def test_rolling_to_the_left_is_as_good():
    assert codes(list(clean())[::-1]) == []


def test_progress_tells_direction_width_and_what_just_went_wrong():
    stitcher = RollStitcher(500)
    told = [stitcher.feed(one) for one in clean()]
    assert (told[0].touching, told[0].width_mm, told[0].direction) == (False, 0.0, "")
    assert told[-2].direction == "right"
    assert [one.width_mm for one in told] == sorted(one.width_mm for one in told)
    assert {one.wrong for one in told} == {""}
    assert stitcher.feed(frame(520, (25, 0))).wrong == "roll.slip"


def test_progress_says_when_the_finger_rolls_back():
    stitcher = RollStitcher(500)
    for x in journey():
        stitcher.feed(frame(x))
    assert stitcher.feed(frame(440)).wrong == "roll.back"


def test_a_roll_to_the_left_is_told_as_such():
    stitcher = RollStitcher(500)
    assert [stitcher.feed(frame(x)).direction for x in (520, 440)] == ["", "left"]


def test_frames_of_another_size_are_refused():
    stitcher = RollStitcher(500)
    stitcher.feed(clean()[3])
    with pytest.raises(ImageError) as caught:
        stitcher.feed(np.full((300, 300), 255, np.uint8))
    assert caught.value.code == "roll.sizes"


@pytest.mark.parametrize("frames", [[], [np.full((200, 200), 255, np.uint8)] * 3])
def test_no_finger_is_an_error_and_not_an_empty_picture(frames):
    with pytest.raises(ImageError) as caught:
        stitch(frames, 500)
    assert caught.value.code == "roll.no_contact"


def test_a_colour_frame_is_refused():
    with pytest.raises(ImageError) as caught:
        stitch([np.zeros((200, 200, 3), np.uint8)], 500)
    assert caught.value.code == "image.not_gray8"


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(100, 300), st.integers(100, 300), st.integers(1, 4))
def test_any_frames_give_a_picture_or_a_typed_error(seed, height, width, count):
    rng = np.random.default_rng(seed)
    kinds = (
        lambda: rng.integers(0, 256, (height, width), np.uint8),
        lambda: np.full((height, width), int(rng.integers(256)), np.uint8),
        lambda: cv2.blur(rng.integers(0, 256, (height, width), np.uint8), (9, 9)),
    )
    frames = [kinds[int(rng.integers(3))]() for _ in range(count)]
    result = None
    with contextlib.suppress(NoContact):
        result = stitched(frames)
    if result is not None:
        assert result.image.shape == result.coverage.shape == (height, width)
        assert all(one.code in ADVICE for one in result.findings)


class NoContact(Exception):
    """The one error that frames without a finger may give."""


def stitched(frames):
    try:
        return stitch(frames, 500)
    except ImageError as error:
        if error.code != "roll.no_contact":
            raise
        raise NoContact from error


def test_a_slide_beyond_the_search_keeps_the_guess():
    blank = np.full((200, 200), 255, np.uint8)
    laid = lay(blank, blank, (40, 40, 120, 120), (3.0, -2.0), 500)
    assert (laid.shift, laid.sure) == ((3.0, -2.0), 0.0)


def contact(width, height):
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    inside = ((x - MIDDLE) / (width / 2)) ** 2 + ((y - 280) / (height / 2)) ** 2 < 1
    return np.where(inside, (250 - 190 * skin()), 250).astype(np.uint8)


@pytest.mark.parametrize(
    ("size", "fgp", "narrow"),
    [
        ((300, 420), FGP.RIGHT_INDEX, True),  # 15 mm of 21: laid down
        ((480, 500), FGP.RIGHT_INDEX, False),  # 24 mm of 25
        ((380, 500), FGP.LEFT_THUMB, True),  # 19 mm: a thumb laid down
        ((380, 400), FGP.LEFT_LITTLE, False),  # a little finger rolled
        ((300, 300), FGP.RIGHT_INDEX, False),  # a small hand: as wide as high
        ((300, 420), None, True),
    ],
)
def test_a_plain_touch_said_to_be_rolled_is_noticed(size, fgp, narrow):
    found = plain_as_roll(contact(*size), 500, fgp)
    assert (found is not None) == narrow
    if found:
        assert found.code == "roll.too_narrow"
        assert "roll it from one edge of the nail" in found.advice


def test_an_empty_glass_is_no_plain_touch():
    assert plain_as_roll(np.full((400, 400), 250, np.uint8), 500) is None


def test_look_sees_nothing_on_glass_and_the_contact_on_a_frame():
    assert look(np.full((400, 400), 250, np.uint8), 500) is None
    seen = look(frame(300), 500)
    assert seen.centre == pytest.approx(300, abs=8)
    assert seen.width == pytest.approx(2 * HALF, abs=24)
    assert seen.depth.max() <= HALF + 4


def test_the_simulated_roll_stitches_to_its_truth():
    world, sim = (importlib.import_module(f"drivers.sim.{name}") for name in ("finger", "rolling"))
    finger = world.subject_finger(5, 2)
    rolled = sim.roll_frames(
        finger,
        world.Platen(800, 750, 500),
        world.Touch(seed=4),
        sim.Rolling(frames=14, empty=1, stretch_mm=0.02),
    )
    result = stitch(rolled.frames, 500)
    assert result.findings == ()
    inside = result.coverage > 0.6
    assert np.corrcoef(result.image[inside], rolled.truth.pixels[inside])[0, 1] > 0.8
