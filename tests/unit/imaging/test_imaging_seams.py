"""extract, assess, segment_slap and draw on prints whose truth is known, and on images that are no prints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from drivers.sim.finger import Platen, Rendering, Touch, render, render_slap, subject_finger
from station import imaging
from station.errors import ImageError
from station.friction_ridge import MinutiaKind
from station.imaging.draw import STAMP_HEIGHT, stamp
from station.imaging.trace import Folder

PLATEN = Platen(400, 480, 500)


@pytest.fixture(scope="module")
def print_of() -> Callable[..., Rendering]:
    made: dict[Any, Rendering] = {}

    def get(position: int = 2, seed: int = 5, **touch: float) -> Rendering:
        key = (position, seed, tuple(sorted(touch.items())))
        if key not in made:
            made[key] = render(subject_finger(seed, position), PLATEN, "plain", Touch(**touch))
        return made[key]

    return get


def test_minutiae_are_found_where_they_are(print_of: Callable[..., Rendering]) -> None:
    found_share, true_share = [], []
    for position in (1, 2, 3, 7, 8):
        rendering = print_of(position)
        template = imaging.extract(rendering.pixels, 500)
        truth = np.array([(one.x, one.y) for one in rendering.minutiae])
        found = np.stack([template.x, template.y], axis=1)
        distance = np.hypot(*(truth[:, None] - found[None]).transpose(2, 0, 1))
        found_share.append((distance.min(axis=1) < 12).mean())
        true_share.append((distance.min(axis=0) < 12).mean())
    assert np.mean(found_share) > 0.75
    assert np.mean(true_share) > 0.65


def test_directions_agree_with_the_truth(print_of: Callable[..., Rendering]) -> None:
    turns = []
    for position in (2, 3, 7):
        rendering = print_of(position)
        template = imaging.extract(rendering.pixels, 500)
        for one in rendering.minutiae:
            distance = np.hypot(template.x - one.x, template.y - one.y)
            nearest = int(distance.argmin())
            if distance[nearest] < 8:
                turns.append(abs((float(template.angle[nearest]) - one.angle + 180) % 360 - 180))
    assert np.median(turns) < 12


def test_a_template_obeys_its_contract(print_of: Callable[..., Rendering]) -> None:
    template = imaging.extract(print_of().pixels, 500)
    assert len(template) >= 15
    assert (template.width, template.height, template.ppi) == (400, 480, 500)
    assert template.x.dtype == np.float32
    assert (template.angle >= 0).all()
    assert (template.angle < 360).all()
    assert set(np.unique(template.kind)) <= set(MinutiaKind)
    assert (template.quality <= 100).all()
    with pytest.raises(ValueError, match="read-only"):
        template.x[0] = 1


def test_another_resolution_finds_the_same_finger(print_of: Callable[..., Rendering]) -> None:
    rendering = print_of()
    small = cv2.resize(rendering.pixels, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA)
    template, whole = imaging.extract(small, 400), imaging.extract(rendering.pixels, 500)
    assert (template.width, template.ppi) == (320, 400)
    assert template.x.max() < 320
    assert 0.6 < len(template) / len(whole) < 1.6


BAD: list[tuple[Any, int, str]] = [
    (np.full((300, 300), 255, np.uint8), 500, "image.blank"),
    (np.zeros((20, 20), np.uint8), 500, "image.too_small"),
    (np.zeros((300, 300), np.uint16), 500, "image.not_gray8"),
    (np.zeros((300, 300, 3), np.uint8), 500, "image.not_gray8"),
    (np.zeros((300, 300), np.uint8), 20, "image.bad_ppi"),
    (np.zeros((9000, 9000), np.uint8), 500, "image.too_large"),
    ("no picture", 500, "image.not_gray8"),
]


@pytest.mark.parametrize(
    ("gray", "ppi", "code"), BAD, ids=lambda value: value if isinstance(value, str) else ""
)
def test_what_is_no_print_is_refused_with_its_code(gray: Any, ppi: int, code: str) -> None:
    with pytest.raises(ImageError) as caught:
        imaging.extract(gray, ppi)
    assert caught.value.code == code
    assert caught.value.advice


def test_a_blank_platen_scores_nothing_and_says_so() -> None:
    report = imaging.assess(np.full((300, 300), 250, np.uint8), 500)
    assert report.score == 0
    assert report.causes
    assert imaging.assess_preview(np.full((300, 300), 250, np.uint8), 500).score == 0


@pytest.mark.parametrize(
    ("touch", "code"),
    [
        ({"moisture": 0.02, "pressure": 0.3}, "too_dry"),
        ({"moisture": 1.0, "pressure": 0.9}, "too_wet"),
        ({"dx_mm": 9.0}, "off_centre"),
    ],
)
def test_a_bad_touch_scores_lower_and_its_cause_is_named(
    print_of: Callable[..., Rendering], touch: dict[str, float], code: str
) -> None:
    good = imaging.assess(print_of().pixels, 500)
    bad = imaging.assess(print_of(**touch).pixels, 500)
    assert bad.score < good.score
    assert code in [cause.code for cause in bad.causes]
    assert all(cause.advice and 0 <= cause.severity <= 1 for cause in bad.causes)


def test_the_preview_score_follows_the_final_one(print_of: Callable[..., Rendering]) -> None:
    pictures = [print_of(moisture=value).pixels for value in (0.02, 0.15, 0.5, 0.95)]
    final = [imaging.assess(one, 500).score for one in pictures]
    live = [imaging.assess_preview(one, 500).score for one in pictures]
    assert max(abs(a - b) for a, b in zip(final, live, strict=True)) <= 35
    assert int(np.argmax(final)) in np.argsort(live)[-2:]


@settings(max_examples=30, deadline=None)
@given(
    hnp.arrays(np.uint8, st.tuples(st.integers(64, 200), st.integers(64, 200))),
    st.sampled_from([250, 500, 1000]),
)
def test_any_grey_image_gives_a_score_or_a_typed_error(gray: np.ndarray[Any, Any], ppi: int) -> None:
    try:
        report = imaging.assess(gray, ppi)
        template = imaging.extract(gray, ppi)
    except ImageError as error:
        assert error.advice  # noqa: PT017  (either outcome is right, a crash is not)
        return
    assert 0 <= report.score <= 100
    assert len(template) >= 0


def test_noise_and_stripes_are_no_confident_template() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (400, 400), np.uint8)
    assert imaging.assess(noise, 500).score < 40


@pytest.mark.parametrize(("positions", "count"), [((2, 3, 4, 5), 4), ((7, 8, 10), 3), ((2, 3), 2)])
def test_the_fingers_of_a_slap_are_found_left_to_right(positions: tuple[int, ...], count: int) -> None:
    slap = render_slap([subject_finger(5, one) for one in positions], Platen(1600, 1500, 500), Touch(seed=3))
    found = imaging.segment_slap(slap.pixels, 500, count)
    assert len(found) == count
    lefts = [finger.box[0] for finger in found]
    assert lefts == sorted(lefts)
    truth = sorted(slap.boxes, key=lambda box: box[1])
    for finger, (_, x, y, width, height, _) in zip(found, truth, strict=True):
        middle = (finger.box[0] + finger.box[2] / 2, finger.box[1] + finger.box[3] / 2)
        assert x < middle[0] < x + width
        assert y - 40 < middle[1] < y + height + 40
        assert 0 < finger.confidence <= 1


def test_a_slap_with_a_finger_too_few_gives_fewer() -> None:
    slap = render_slap([subject_finger(5, one) for one in (2, 3, 4)], Platen(1600, 1500, 500), Touch(seed=3))
    assert len(imaging.segment_slap(slap.pixels, 500, 4)) == 3
    with pytest.raises(ValueError, match="1 to 5"):
        imaging.segment_slap(slap.pixels, 500, 6)


def test_the_picture_has_marks_a_score_and_a_stamp(print_of: Callable[..., Rendering]) -> None:
    pixels = print_of().pixels
    report = imaging.assess(pixels, 500)
    picture = imaging.draw(pixels, imaging.extract(pixels, 500), report)
    assert picture.shape[0] > pixels.shape[0]
    assert picture.shape[1] >= pixels.shape[1]
    assert (picture[..., 0].astype(int) != picture[..., 2]).sum() > 500
    assert stamp(picture, "SIMULATED").shape[0] == picture.shape[0] + STAMP_HEIGHT
    assert imaging.draw(pixels, None, None).shape[2] == 3


def test_a_trace_writes_pictures_and_changes_nothing(
    print_of: Callable[..., Rendering], tmp_path: Any
) -> None:
    pixels = print_of().pixels
    plain = imaging.extract(pixels, 500)
    traced = imaging.extract(pixels, 500, Folder(tmp_path))
    assert np.array_equal(plain.x, traced.x)
    assert list(tmp_path.glob("*.png"))
