"""Slaps: which boxes, in which order, how tilted."""

from __future__ import annotations

import numpy as np
import pytest

from station.errors import ImageError
from station.imaging import segment_slap
from station.imaging.slap import SlapFinger


def overlap(a: tuple[int, int, int, int], b: tuple[float, float, float, float]) -> float:
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    both = max(width, 0) * max(height, 0)
    return both / (a[2] * a[3] + b[2] * b[3] - both)


@pytest.mark.parametrize("rotation", [-30.0, -12.0, 0.0, 12.0, 30.0])
@pytest.mark.parametrize("positions", [(2, 3, 4, 5), (10, 9, 8, 7), (7, 8, 10), (2, 5), (6, 1), (1,)])
def test_fingers_are_boxed_from_left_to_right(slap_of, positions, rotation):
    rendering = slap_of(positions, rotation)
    found = segment_slap(rendering.pixels, 500, len(positions))
    assert len(found) == len(positions)
    for (_, x, y, width, height, angle), finger in zip(rendering.boxes, found, strict=True):
        assert overlap(finger.box, (x, y, width, height)) > 0.7
        assert abs(finger.angle_deg - angle) < 20
        assert 0 < finger.confidence <= 1


def test_no_more_fingers_than_asked_for(slap_of):
    assert len(segment_slap(slap_of((2, 3, 4, 5)).pixels, 500, 3)) == 3


def test_missing_fingers_are_missing(slap_of):
    assert len(segment_slap(slap_of((2, 3, 5)).pixels, 500, 4)) == 3


def test_two_fingers_grown_together_are_parted():
    gray = np.full((800, 1000), 250, np.uint8)
    y, x = np.mgrid[:800, :1000]
    for middle in (330, 630):
        inside = ((x - middle) / 155.0) ** 2 + ((y - 400) / 240.0) ** 2 < 1
        gray[inside] = np.where((y[inside] % 9) < 4, 30, 220)
    found = segment_slap(gray, 500, 2)
    assert [abs(f.box[0] + f.box[2] / 2 - m) < 40 for f, m in zip(found, (330, 630), strict=True)] == [
        True,
        True,
    ]


def test_at_1000_ppi_boxes_are_in_the_pictures_own_pixels(slap_of):
    gray = slap_of((2, 3, 4, 5)).pixels
    small = segment_slap(gray, 500, 4)
    large = segment_slap(np.repeat(np.repeat(gray, 2, axis=0), 2, axis=1), 1000, 4)
    for one, other in zip(small, large, strict=True):
        assert overlap((one.box[0] * 2, one.box[1] * 2, one.box[2] * 2, one.box[3] * 2), other.box) > 0.9


def test_an_empty_platen_has_no_fingers():
    with pytest.raises(ImageError, match=r"image\.blank"):
        segment_slap(np.full((1500, 1600), 250, np.uint8), 500, 4)


def test_shading_without_ridges_has_no_fingers():
    gray = np.tile(np.linspace(60, 240, 1600), (1500, 1)).astype(np.uint8)
    assert segment_slap(gray, 500, 4) == ()


@pytest.mark.parametrize("count", [0, 6, -1])
def test_a_slap_has_one_to_five_fingers(count):
    with pytest.raises(ValueError, match="1 to 5"):
        segment_slap(np.zeros((1500, 1600), np.uint8), 500, count)


def test_a_finger_says_where_how_tilted_and_how_sure():
    finger = SlapFinger((1, 2, 3, 4), -5.0, 0.9)
    assert (finger.box, finger.angle_deg, finger.confidence) == ((1, 2, 3, 4), -5.0, 0.9)


def test_real_slaps_show_four_fingers(shared_data):
    import cv2

    for file in sorted((shared_data / "prints" / "slaps").glob("*.png")):
        found = segment_slap(cv2.imread(str(file), cv2.IMREAD_GRAYSCALE), 500, 4)
        assert len(found) == 4, file.name
        assert all(200 < f.box[2] < 400 and 250 < f.box[3] < 560 for f in found), file.name
