"""The extractor: where minutiae are, which way they point, what they are, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.sim.finger import Platen, Rendering, Touch, render, subject_finger
from station.errors import ImageError
from station.friction_ridge import MinutiaKind, MinutiaTemplate
from station.imaging import extract, pipeline
from station.imaging.trace import Folder, viewable


def angle_gap(a: np.ndarray, b: np.ndarray | float) -> np.ndarray:
    return np.abs((np.asarray(a) - b + 180.0) % 360.0 - 180.0)


def central(template: MinutiaTemplate) -> int:
    """Index of the one minutia near the middle."""
    middle = np.hypot(template.x - template.width / 2, template.y - template.height / 2)
    assert (middle < 6).sum() == 1
    return int(middle.argmin())


@pytest.mark.parametrize("ridge_angle", [0.0, 30.0, 60.0, 90.0, 120.0, 150.0, 175.0])
@pytest.mark.parametrize("charge", [1, -1])
def test_a_ridge_more_on_one_side_is_one_minutia_pointing_to_that_side(make_wave, ridge_angle, charge):
    template = extract(make_wave(charge=charge, ridge_angle_deg=ridge_angle), 500)
    k = central(template)
    # the phase grows along the normal at ridge_angle - 90; a counter-clockwise turn of +1 adds a ridge below it
    expected = (ridge_angle - 90.0) - 90.0 * charge
    assert angle_gap(template.angle[k], expected) < 8


def test_ridge_or_valley_in_the_middle_makes_ending_or_bifurcation(make_wave):
    # charge +1: one ridge more below. Above the middle the phase is phase + pi/2 (a quarter turn before the seam)
    kinds = []
    for phase in (-np.pi / 2, np.pi / 2):
        template = extract(make_wave(charge=1, phase=phase), 500)
        kinds.append(int(template.kind[central(template)]))
    assert kinds == [MinutiaKind.BIFURCATION, MinutiaKind.ENDING]


def test_an_ending_points_into_its_ridge():
    gray = np.full((240, 240), 240, np.uint8)
    y = np.arange(15, 226)
    closing = 5 / (1 + np.exp((y - 120) / 8.0))  # above, the neighbours close the gap
    for k in range(-10, 11):
        x = 120 + 10 * k - np.sign(k) * closing
        ridge = np.stack([x, y], axis=1)[y >= 120 if k == 0 else slice(None)]
        cv2.polylines(gray, [np.rint(ridge * 16).astype(np.int32)], False, 20, 5, cv2.LINE_AA, 4)
    template = extract(gray, 500)
    near = np.hypot(template.x - 120, template.y - 120) < 14
    assert near.sum() == 1
    assert angle_gap(template.angle[near], 270.0)[0] < 15
    assert template.kind[near][0] == MinutiaKind.ENDING


def test_parallel_ridges_have_no_minutiae(make_wave):
    assert len(extract(make_wave(), 500)) == 0


@pytest.mark.parametrize("contact", ["plain", "rolled"])
def test_most_true_minutiae_are_found_and_few_others(touch_of: Callable[..., Rendering], contact: str):
    rendering = touch_of(contact)
    found = extract(rendering.pixels, 500)
    true = rendering.minutiae
    tx, ty = np.array([m.x for m in true]), np.array([m.y for m in true])
    ta = np.array([m.angle for m in true])
    distance = np.hypot(found.x[:, None] - tx, found.y[:, None] - ty)
    hit = (distance < 10) & (angle_gap(found.angle[:, None], ta[None, :]) < 30)
    assert hit.any(axis=1).mean() > 0.75  # of what was found
    assert hit.any(axis=0).mean() > 0.65  # of what there is, rim included


@pytest.mark.parametrize("contact", ["plain", "rolled"])
@pytest.mark.parametrize("ppi", [250, 300, 569, 1000])
def test_a_finger_seen_at_another_resolution_has_the_same_minutiae(contact: str, ppi: int):
    size = (800, 750) if contact == "rolled" else (400, 440)

    def seen_at(resolution: int) -> MinutiaTemplate:
        width, height = (round(side * resolution / 500) for side in size)
        finger, touch = subject_finger(1, 2), Touch(noise=0.05)
        return extract(render(finger, Platen(width, height, resolution), contact, touch).pixels, resolution)  # type: ignore[arg-type]

    one, other = seen_at(500), seen_at(ppi)
    sure = one.quality > 80
    x, y = other.x * 500 / ppi, other.y * 500 / ppi
    distance = np.hypot(one.x[sure][:, None] - x, one.y[sure][:, None] - y)
    turn = angle_gap(one.angle[sure][:, None], other.angle[None, :])
    assert ((distance < 8) & (turn < 25)).any(axis=1).mean() > (0.65 if ppi < 300 else 0.75)


@pytest.mark.parametrize("size", [(150, 150), (200, 300), (750, 800)])
def test_a_piece_of_any_size_has_the_minutiae_of_the_whole(touch_of, size):
    gray = touch_of("rolled").pixels
    top, left = (750 - size[0]) // 2, (800 - size[1]) // 2
    piece = extract(np.ascontiguousarray(gray[top : top + size[0], left : left + size[1]]), 500)
    whole = extract(gray, 500)
    sure = piece.quality > 80
    away = np.hypot(piece.x[sure][:, None] + left - whole.x, piece.y[sure][:, None] + top - whole.y)
    assert sure.sum() >= 3
    assert (away.min(axis=1) < 5).mean() > 0.8


@pytest.mark.parametrize("ppi", [250, 569, 1000])
def test_other_resolutions_give_the_same_minutiae_in_their_own_pixels(touch_of, ppi):
    gray = touch_of("plain").pixels
    scale = ppi / 500
    resized = cv2.resize(
        gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    )
    one, other = extract(gray, 500), extract(resized, ppi)
    assert (other.width, other.height, other.ppi) == (resized.shape[1], resized.shape[0], ppi)
    distance = np.hypot(one.x[:, None] - other.x / scale, one.y[:, None] - other.y / scale)
    assert (distance.min(axis=1) < 6).mean() > 0.8


def test_turning_the_picture_turns_positions_and_angles(touch_of):
    gray = touch_of("plain").pixels
    one, turned = extract(gray, 500), extract(np.ascontiguousarray(np.rot90(gray)), 500)
    x, y = one.y, gray.shape[1] - 1 - one.x
    distance = np.hypot(x[:, None] - turned.x, y[:, None] - turned.y)
    near, partner = distance.min(axis=1) < 5, distance.argmin(axis=1)
    assert near.mean() > 0.85
    assert np.median(angle_gap(turned.angle[partner][near], one.angle[near] + 90)) < 4


def test_extraction_is_repeatable_and_leaves_the_picture_alone(touch_of):
    gray = touch_of("plain").pixels.copy()
    before = gray.copy()
    one, two = extract(gray, 500), extract(gray, 500)
    assert np.array_equal(gray, before)
    for name in ("x", "y", "angle", "kind", "quality"):
        assert np.array_equal(getattr(one, name), getattr(two, name))


def test_a_template_keeps_its_own_ranges(touch_of):
    template = extract(touch_of("rolled").pixels, 500)
    assert (template.x >= 0).all()
    assert (template.x < template.width).all()
    assert (template.y >= 0).all()
    assert (template.y < template.height).all()
    assert ((template.angle >= 0) & (template.angle < 360)).all()
    assert set(np.unique(template.kind)) <= {1, 2}
    assert ((template.quality >= 1) & (template.quality <= 100)).all()
    assert len(template) <= 200


@pytest.mark.parametrize(
    ("gray", "ppi", "code"),
    [
        (np.full((300, 300), 240, np.uint8), 500, "image.blank"),
        (np.zeros((300, 300), np.uint8), 500, "image.blank"),
        (np.zeros((40, 300), np.uint8), 500, "image.too_small"),
        (np.zeros((4000, 4000), np.uint8), 500, "image.too_large"),
        (np.zeros((300, 300), np.uint16), 500, "image.not_gray8"),
        (np.zeros((300, 300), np.float32), 500, "image.not_gray8"),
        (np.zeros((300, 300, 3), np.uint8), 500, "image.not_gray8"),
        ([[1, 2], [3, 4]], 500, "image.not_gray8"),
        (np.zeros((300, 300), np.uint8), 72, "image.bad_ppi"),
        (np.zeros((300, 300), np.uint8), 5000, "image.bad_ppi"),
        (np.zeros((300, 300), np.uint8), 500.5, "image.bad_ppi"),
        (np.zeros((300, 300), np.uint8), True, "image.bad_ppi"),
    ],
)
def test_what_is_no_fingerprint_image_is_refused_with_a_code_and_advice(gray, ppi, code):
    with pytest.raises(ImageError) as caught:
        extract(gray, ppi)
    assert caught.value.code == code
    assert caught.value.advice


def test_noise_has_hardly_any_minutiae():
    noise = np.random.default_rng(3).integers(0, 256, (400, 400), dtype=np.uint8)
    assert len(extract(noise, 500)) < 5


@settings(max_examples=12, deadline=None)
@given(st.integers(96, 260), st.integers(96, 260), st.integers(0, 2**31), st.sampled_from([250, 500, 700]))
def test_any_picture_gives_a_template_or_a_typed_error(height, width, seed, ppi):
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (height // 6 + 1, width // 6 + 1), dtype=np.uint8)
    gray = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    try:
        template = extract(gray, ppi)
    except ImageError:
        return
    assert ((template.x < width) & (template.y < height)).all()


def test_a_print_smaller_than_the_picture_is_found_where_it_is(make_wave):
    gray = np.full((700, 900), 245, np.uint8)
    gray[400:640, 600:840] = make_wave(charge=1)
    template = extract(gray, 500)
    assert len(template) >= 1
    assert np.hypot(template.x - 720, template.y - 520).min() < 6


def test_a_trace_keeps_every_stage_as_a_file(touch_of, tmp_path: Path):
    gray = touch_of("plain").pixels
    traced = pipeline.run(gray, 500, Folder(tmp_path / "trace"))
    names = [file.name for file in sorted((tmp_path / "trace").iterdir())]
    assert names[0] == "01-equalised.png"
    assert any(name.endswith("-minutiae.json") for name in names)
    rings = cv2.imread(str(next((tmp_path / "trace").glob("*-confidence.png")))).astype(int)
    assert (rings[..., 1] - rings[..., 2] > 100).sum() > 50 * (traced.quality > 80).sum() / 4  # green: sure
    assert len(names) >= 9
    assert np.array_equal(traced.x, extract(gray, 500).x)


def test_a_trace_shows_masks_bytes_and_numbers():
    assert viewable(np.array([[True, False]])).tolist() == [[255, 0]]
    assert viewable(np.array([[3, 9]], np.uint8)).tolist() == [[3, 9]]
    assert viewable(np.array([[-1.0, 0.0, 1.0]])).dtype == np.uint8


def test_trace_data_takes_arrays_and_numbers(tmp_path: Path):
    Folder(tmp_path).data("x", {"a": np.arange(2), "b": np.float32(1.5), "c": tmp_path})
    assert '"b": 1.5' in (tmp_path / "01-x.json").read_text()
