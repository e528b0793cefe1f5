"""Pictures that are no fingerprint, or not as they should be: a typed error, or a template nobody can be sure of."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from station.errors import ImageError
from station.friction_ridge import MinutiaTemplate
from station.imaging import extract, load_gray

Image = NDArray[np.uint8]
HEIGHT, WIDTH = 480, 400
FEW = 12
"""Minutiae a picture that is no finger may have: under what a match rests on."""


def white_noise(rng: np.random.Generator) -> Image:
    return rng.integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)


def salt_and_pepper(rng: np.random.Generator) -> Image:
    return np.where(rng.random((HEIGHT, WIDTH)) < 0.02, 0, 240).astype(np.uint8)


def low_pass_noise(rng: np.random.Generator) -> Image:
    side = int(rng.integers(4, 16))
    small = rng.integers(0, 256, (HEIGHT // side + 1, WIDTH // side + 1), dtype=np.uint8)
    return np.asarray(cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), np.uint8)


def gradient(rng: np.random.Generator) -> Image:
    a, b = rng.uniform(-1, 1, 2)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    plane = a * x + b * y
    return ((plane - plane.min()) * 255 / np.ptp(plane)).astype(np.uint8)


def checkerboard(rng: np.random.Generator) -> Image:
    side = int(rng.integers(4, 40))
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return np.where((x // side + y // side) % 2, 230, 30).astype(np.uint8)


def stripes(rng: np.random.Generator) -> Image:
    turn, period = rng.uniform(0, np.pi), rng.uniform(7, 12)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return (128 + 100 * np.cos(2 * np.pi * (x * np.cos(turn) + y * np.sin(turn)) / period)).astype(np.uint8)


def rings(rng: np.random.Generator) -> Image:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    away = np.hypot(x - rng.uniform(100, 300), y - rng.uniform(100, 380))
    return (128 + 100 * np.cos(2 * np.pi * away / 9)).astype(np.uint8)


def page_of_text(rng: np.random.Generator) -> Image:
    page = np.full((HEIGHT, WIDTH), 245, np.uint8)
    for row in range(14, HEIGHT, int(rng.integers(11, 24))):
        cv2.putText(page, "The subject was told in writing", (8, row), 0, float(rng.uniform(0.3, 0.7)), 0, 1)
    return page


def drawn_face(rng: np.random.Generator) -> Image:
    """Ovals and arcs where a face has them."""
    face = np.full((HEIGHT, WIDTH), 205, np.uint8)
    cv2.ellipse(face, (200, 240), (130, 180), 0, 0, 360, 150, -1)
    for side in (-50, 50):
        cv2.ellipse(face, (200 + side, 200), (26, 14), 0, 0, 360, 240, -1)
        cv2.circle(face, (200 + side, 200), 9, 30, -1)
        cv2.ellipse(face, (200 + side, 170), (32, 8), 0, 180, 360, 60, 4)
    cv2.ellipse(face, (200, 320), (50, 18), 0, 0, 180, 70, 5)
    for x in range(80, 320, 4):
        cv2.line(face, (x, 60 + int(rng.integers(0, 20))), (x + int(rng.integers(-9, 9)), 125), 50, 2)
    return np.asarray(cv2.GaussianBlur(face, (0, 0), 1.5), np.uint8)


def extract_or_code(gray: Image) -> MinutiaTemplate | str:
    try:
        return extract(gray, 500)
    except ImageError as error:
        return error.code


PICTURES = [
    white_noise,
    salt_and_pepper,
    low_pass_noise,
    gradient,
    checkerboard,
    stripes,
    rings,
    page_of_text,
    drawn_face,
]


@pytest.mark.parametrize("draw_one", PICTURES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("seed", range(3))
def test_a_picture_that_is_no_finger_gives_few_minutiae_and_no_class(draw_one, seed):
    found = extract_or_code(draw_one(np.random.default_rng(seed)))
    if isinstance(found, str):
        assert found.startswith("image.")
    else:
        assert len(found) <= FEW
        assert found.pattern is None


@settings(max_examples=15)
@given(st.sampled_from(PICTURES), st.integers(0, 10**6), st.integers(96, 480), st.integers(96, 400))
def test_any_cut_of_such_a_picture_gives_few_minutiae_or_a_typed_error(draw_one, seed, height, width):
    gray = draw_one(np.random.default_rng(seed))[:height, :width]  # not contiguous
    found = extract_or_code(gray)
    if isinstance(found, str):
        assert found in {"image.blank", "image.inverted"}
    else:
        assert (found.quality > 60).sum() <= FEW


@pytest.mark.parametrize("subject", [1, 2, 3])
def test_an_inverted_print_is_refused_by_name(touch_of, subject):
    with pytest.raises(ImageError) as caught:
        extract(255 - touch_of("plain", subject=subject).pixels, 500)
    assert caught.value.code == "image.inverted"
    assert "dark ridges" in caught.value.advice


@pytest.mark.parametrize(
    "touch", [{"moisture": 0.95}, {"pressure": 0.95}, {"background": 0.9}, {"dx_mm": 5.0}]
)
def test_a_poor_print_the_right_way_round_is_not_taken_for_an_inverted_one(touch_of, touch):
    assert extract(touch_of("plain", **touch).pixels, 500).width == 500


def test_an_inverted_print_without_surroundings_keeps_its_places_and_changes_types(touch_of):
    gray = np.ascontiguousarray(touch_of("rolled").pixels[250:450, 300:500])
    one, turned = extract(gray, 500), extract(255 - gray, 500)
    distance = np.hypot(one.x[:, None] - turned.x, one.y[:, None] - turned.y)
    near, partner = distance.min(axis=1) < 4, distance.argmin(axis=1)
    assert near.mean() > 0.6
    assert (one.kind[near] != turned.kind[partner][near]).mean() > 0.8


@pytest.mark.parametrize(
    ("pixels", "code"),
    [
        (np.zeros((1, 500), np.uint8), "image.too_small"),
        (np.zeros((500, 1), np.uint8), "image.too_small"),
        (np.zeros((0, 0), np.uint8), "image.too_small"),
        (np.zeros((400, 400), np.bool_), "image.not_gray8"),
        (np.full((400, 400), np.nan), "image.not_gray8"),
        (np.zeros((400, 400), np.int8), "image.not_gray8"),
        (np.zeros((400, 400, 1), np.uint8), "image.not_gray8"),
        (np.zeros((400, 400, 4), np.uint8), "image.not_gray8"),
        (None, "image.not_gray8"),
        (b"\x00" * 160000, "image.not_gray8"),
    ],
)
def test_pixels_of_another_kind_are_refused_with_a_code(pixels, code):
    with pytest.raises(ImageError) as caught:
        extract(pixels, 500)
    assert caught.value.code == code


def test_pixels_may_be_read_only_and_strided(touch_of):
    gray = touch_of("plain").pixels
    strided = np.repeat(gray, 2, axis=1)[:, ::2]
    fixed = gray.copy()
    fixed.setflags(write=False)
    expected = extract(gray, 500)
    for other in (strided, fixed, np.asfortranarray(gray)):
        assert np.array_equal(extract(other, 500).x, expected.x)


@pytest.mark.parametrize("name", ["deep", "colour"])
def test_a_file_of_16_bits_or_in_colour_is_refused_with_advice(touch_of, tmp_path: Path, name):
    gray = touch_of("plain").pixels
    pictures = {"deep": gray.astype(np.uint16) * 257, "colour": cv2.applyColorMap(gray, cv2.COLORMAP_JET)}
    cv2.imwrite(str(tmp_path / "it.png"), pictures[name])
    with pytest.raises(ImageError) as caught:
        load_gray(tmp_path / "it.png")
    assert caught.value.code == "image.not_gray8"
    assert "8-bit grey" in caught.value.advice


def test_a_colour_file_with_equal_channels_is_grey(touch_of, tmp_path: Path):
    gray = touch_of("plain").pixels
    cv2.imwrite(str(tmp_path / "it.png"), cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR))
    assert np.array_equal(load_gray(tmp_path / "it.png"), gray)
