"""The network that says how likely a residue is a minutia: what it sees, and that it knows more than strength."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from station.friction_ridge import MinutiaKind
from station.imaging import confidence, extract, pipeline, residues, spurious
from station.imaging import parameters as p
from station.imaging.residues import Residues


def one_residue(x: float, y: float, angle: float) -> Residues:
    f = np.float32
    return Residues(
        np.array([x], f), np.array([y], f), np.array([angle], f), np.array([MinutiaKind.ENDING], np.uint8),
        np.array([1.0], f),
    )  # fmt: skip


@pytest.mark.parametrize("angle", [0.0, 90.0, 180.0, 270.0])
def test_a_square_has_the_direction_to_its_right(angle):
    plane = np.zeros((100, 100), np.float32)
    step = np.rint([np.cos(np.radians(angle)), -np.sin(np.radians(angle))]).astype(int)
    plane[48 + 12 * step[1] : 53 + 12 * step[1], 48 + 12 * step[0] : 53 + 12 * step[0]] = 1.0
    square = confidence.patches(one_residue(50, 50, angle), plane, plane, np.ones((25, 25), np.bool_))[0, 0]
    row, column = np.unravel_index(square.argmax(), square.shape)
    assert abs(row - 11.5) < 2
    assert column > 16


def test_outside_the_picture_a_square_is_empty():
    plane = np.ones((100, 100), np.float32)
    square = confidence.patches(one_residue(0, 50, 0.0), plane, plane, np.ones((25, 25), np.bool_))[0]
    assert (square[:, :, :10] == 0).all()
    assert (square[0, :, 14:] == 1).all()


def test_no_residues_make_no_squares_and_no_probabilities():
    nobody = one_residue(1, 1, 0).keep(np.zeros(1, np.bool_))
    plane, mask = np.ones((100, 100), np.float32), np.ones((25, 25), np.bool_)
    assert confidence.patches(nobody, plane, plane, mask).shape == (0, 3, p.PATCH, p.PATCH)
    assert confidence.judge(nobody, plane, plane, mask).shape == (0,)


def test_true_residues_are_told_from_false_ones_better_than_by_strength(touch_of):
    true, sure, strength = [], [], []
    for moisture in (0.15, 0.85):
        rendering = touch_of("plain", moisture=moisture, scars=3)
        seen = pipeline.look(rendering.pixels, 500)
        inner = spurious.inner_mask(seen.mask, seen.wave.real.shape)
        found = spurious.candidates(residues.find(seen.wave, inner, seen.strength, seen.period))
        x, y = found.x + seen.box[0], found.y + seen.box[1]
        away = np.min([np.hypot(x - m.x, y - m.y) for m in rendering.minutiae], axis=0)
        true.append(away < 7)
        sure.append(confidence.judge(found, seen.band, seen.wave.real, seen.mask))
        strength.append(found.strength)

    def area(score: np.ndarray, is_true: np.ndarray) -> float:
        return float((score[is_true][:, None] > score[~is_true][None, :]).mean())

    all_true = np.concatenate(true)
    assert area(np.concatenate(sure), all_true) > area(np.concatenate(strength), all_true) + 0.05
    assert area(np.concatenate(sure), all_true) > 0.8


def test_the_quality_of_a_minutia_is_its_probability(touch_of):
    rendering = touch_of("plain", moisture=0.15, scars=3)
    template = extract(rendering.pixels, 500)
    away = np.min([np.hypot(template.x - m.x, template.y - m.y) for m in rendering.minutiae], axis=0)
    assert template.quality[away < 8].mean() > template.quality[away > 12].mean()
    assert (np.diff(template.quality.astype(int)) <= 0).all()
    assert template.quality.min() >= round(p.MIN_CONFIDENCE * 100)


def test_several_threads_get_what_one_gets(touch_of):
    pictures = [touch_of("plain").pixels, touch_of("plain", position=3).pixels] * 3
    alone = [extract(gray, 500) for gray in pictures]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda gray: extract(gray, 500), pictures))
    for one, other in zip(alone, together, strict=True):
        assert np.array_equal(one.quality, other.quality)
