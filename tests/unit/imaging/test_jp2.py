"""JPEG 2000 of 1000 ppi prints: the layout, the ratio, the resolution box; read back by two libraries."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.errors import ImageError
from station.imaging.codecs import jp2, jp2l
from station.records.images import size_of


def ridges(height: int, width: int) -> np.ndarray:
    """Ridges of 1000 ppi: a period of 18 pixels, with grain."""
    y, x = np.mgrid[:height, :width]
    waves = 128 + 90 * np.sin(np.hypot(x - width / 3, y - height) / 2.9)
    grain = np.random.default_rng(7).normal(0, 6, (height, width))
    return np.asarray(np.clip(waves + grain, 0, 255), np.uint8)


def coding_style(data: bytes) -> bytes:
    """The COD segment: style, progression, layers, colour transform, levels, block width and height, ..., kernel."""
    at = data.index(b"\xff\x52", data.index(b"\xff\x4f\xff\x51"))
    return data[at + 4 : at + 14]


@pytest.mark.parametrize(("height", "width"), [(1500, 1600), (3000, 3200), (2000, 1000), (65, 900)])
def test_a_1000_ppi_print_takes_a_tenth_and_keeps_its_size(height: int, width: int) -> None:
    gray = ridges(height, width)
    data = jp2.encode(gray, 1000)
    if gray.size > 100_000:
        assert 9.5 < gray.size / len(data) < 10.6
    back = jp2.decode(data)
    assert back.shape == gray.shape
    assert size_of("JP2", data) == (width, height)
    assert np.abs(back.astype(int) - gray).mean() < 6


def test_the_layout_is_five_levels_of_64_by_64_blocks_in_rpcl_with_the_9_7_kernel() -> None:
    style = coding_style(jp2.encode(ridges(400, 400), 1000))
    assert style[1] == 2  # RPCL
    assert style[5] == 5
    assert (style[6], style[7]) == (4, 4)  # 2 to the power of 4 + 2
    assert style[9] == 0  # irreversible 9/7
    assert coding_style(jp2l.encode(ridges(400, 400), 1000))[9] == 1  # reversible 5/3


@pytest.mark.parametrize("ppi", [500, 1000, 1200])
def test_the_resolution_stands_in_the_file(ppi: int) -> None:
    gray = ridges(128, 160)
    assert jp2.ppi_of(jp2.encode(gray, ppi)) == ppi
    assert jp2.ppi_of(jp2l.encode(gray, ppi)) == ppi
    assert np.array_equal(jp2l.decode(jp2l.encode(gray, ppi)), gray)


def test_another_library_reads_the_file_with_the_box() -> None:
    gray = ridges(200, 300)
    data = jp2l.encode(gray, 1000)
    other = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if other is None:
        pytest.skip("this OpenCV was built without JPEG 2000: install the wheel of opencv-python-headless")
    assert np.array_equal(other, gray)


def test_a_file_without_the_box_has_no_resolution() -> None:
    assert jp2.ppi_of(jp2.write(ridges(100, 100), irreversible=False)) is None
    assert jp2.ppi_of(b"") is None


@pytest.mark.parametrize("ppi", [0, -500, 20_000])
def test_a_resolution_no_reader_has_is_refused(ppi: int) -> None:
    with pytest.raises(ImageError, match="bad_ppi"):
        jp2.encode(ridges(100, 100), ppi)


@given(st.binary(max_size=120), st.integers(0, 120))
def test_any_bytes_have_a_resolution_or_none(junk: bytes, at: int) -> None:
    whole = jp2.encode(ridges(64, 64), 1000)[:120]
    for data in (junk, whole[:at] + junk):
        assert jp2.ppi_of(data) is None or isinstance(jp2.ppi_of(data), int)
