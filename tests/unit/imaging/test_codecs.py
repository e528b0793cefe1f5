"""Codecs and loading: what goes in comes out, and damage is a typed error, never anything else."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from station.errors import ImageError
from station.imaging import codecs, load_gray
from station.imaging.codecs import none
from station.imaging.load import decode_any


def small_print() -> np.ndarray:
    y, x = np.mgrid[:128, :160]
    return (128 + 90 * np.sin(np.hypot(x - 60, y - 90) / 1.4)).astype(np.uint8)


PRINT = small_print()
ENCODED = {name: codecs.by_name(name).encode(PRINT, 500) for name in ("WSQ20", "PNG", "JP2", "JP2L")}


@pytest.mark.parametrize("name", ["PNG", "JP2L"])
def test_lossless_codecs_give_back_every_pixel(name):
    assert np.array_equal(codecs.by_name(name).decode(ENCODED[name]), PRINT)


@pytest.mark.parametrize(("name", "most"), [("WSQ20", 12.0), ("JP2", 8.0)])
def test_lossy_codecs_give_back_nearly_the_same_in_less_space(name, most):
    back = codecs.by_name(name).decode(ENCODED[name])
    assert back.shape == PRINT.shape
    assert back.dtype == np.uint8
    assert np.abs(back.astype(int) - PRINT).mean() < most
    assert len(ENCODED[name]) < PRINT.size / 4


def test_wsq_is_for_500_ppi_only():
    with pytest.raises(ImageError) as caught:
        codecs.by_name("WSQ20").encode(PRINT, 1000)
    assert caught.value.code == "image.bad_ppi"


def test_png_carries_the_resolution():
    with Image.open(io.BytesIO(codecs.by_name("PNG").encode(PRINT, 1000))) as picture:
        assert round(picture.info["dpi"][0]) == 1000


def test_no_codec_writes_its_bytes_and_needs_a_size_to_read_them():
    data = codecs.by_name("NONE").encode(PRINT, 500)
    assert np.array_equal(none.decode_sized(data, 160, 128), PRINT)
    for wrong in ((160, 127), (0, 0), (-160, -128)):
        with pytest.raises(ImageError, match="unreadable"):
            none.decode_sized(data, *wrong)
    with pytest.raises(ImageError, match="size_needed"):
        codecs.by_name("NONE").decode(data)


def test_an_unknown_codec_is_refused():
    with pytest.raises(ImageError, match="unknown_codec"):
        codecs.by_name("GIF")


@pytest.mark.parametrize("name", list(codecs.NAMES))
@pytest.mark.parametrize(
    "gray", [np.zeros((4, 4), np.uint16), np.zeros((4, 4, 3), np.uint8), np.zeros((0, 4), np.uint8)]
)
def test_only_grey_bytes_are_encoded(name, gray):
    with pytest.raises(ImageError, match="not_gray8"):
        codecs.by_name(name).encode(gray, 500)


@pytest.mark.parametrize("name", ["WSQ20", "JP2"])
def test_a_picture_too_small_for_the_codec_is_refused(name):
    with pytest.raises(ImageError, match="too_small"):
        codecs.by_name(name).encode(np.zeros((8, 8), np.uint8), 500)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(list(ENCODED)), st.data())
def test_damaged_bytes_are_unreadable_or_a_picture(name, data):
    broken = bytearray(ENCODED[name])
    for _ in range(data.draw(st.integers(1, 6))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    broken = broken[: data.draw(st.integers(0, len(broken)))]
    try:
        back = codecs.by_name(name).decode(bytes(broken))
    except ImageError:
        return
    assert back.dtype == np.uint8
    assert back.ndim == 2


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_refused_as_a_picture(data):
    with pytest.raises(ImageError):
        decode_any(data)


@pytest.mark.parametrize(("name", "suffix"), [("WSQ20", "wsq"), ("PNG", "png"), ("JP2L", "jp2")])
def test_files_are_told_apart_by_their_bytes(tmp_path: Path, name, suffix):
    (tmp_path / f"print.{suffix}").write_bytes(ENCODED[name])
    assert load_gray(tmp_path / f"print.{suffix}").shape == PRINT.shape


@pytest.mark.parametrize("form", ["BMP", "TIFF"])
def test_bmp_and_tiff_are_read(tmp_path: Path, form):
    Image.fromarray(PRINT).save(tmp_path / "print", format=form)
    assert np.array_equal(load_gray(tmp_path / "print"), PRINT)


def test_a_grey_picture_stored_in_colour_is_read(tmp_path: Path):
    Image.fromarray(PRINT).convert("RGB").save(tmp_path / "rgb.png")
    assert np.array_equal(load_gray(tmp_path / "rgb.png"), PRINT)


def test_a_black_and_white_picture_is_read(tmp_path: Path):
    Image.fromarray(PRINT).convert("1").save(tmp_path / "bw.png")
    assert set(np.unique(load_gray(tmp_path / "bw.png"))) == {0, 255}


@pytest.mark.parametrize("kind", ["colour", "deep"])
def test_colour_and_16_bit_pictures_are_refused(tmp_path: Path, kind):
    colour = Image.fromarray(np.dstack([PRINT, PRINT // 2, PRINT]))
    deep = Image.fromarray(PRINT.astype(np.uint16) * 200)
    (colour if kind == "colour" else deep).save(tmp_path / "x.png")
    with pytest.raises(ImageError, match="not_gray8"):
        load_gray(tmp_path / "x.png")


def test_a_missing_file_or_a_folder_is_named(tmp_path: Path):
    for path in (tmp_path / "absent.png", tmp_path):
        with pytest.raises(ImageError) as caught:
            load_gray(path)
        assert caught.value.code == "image.missing"
        assert str(path) in caught.value.message


def test_a_picture_beyond_any_platen_is_refused(tmp_path: Path):
    Image.new("L", (5000, 5000)).save(tmp_path / "huge.png")
    with pytest.raises(ImageError, match="too_large"):
        load_gray(tmp_path / "huge.png")


def test_a_file_beyond_any_picture_is_refused_unread(tmp_path: Path):
    with (tmp_path / "huge.bin").open("wb") as file:
        file.truncate(200_000_000)
    with pytest.raises(ImageError, match="too_large"):
        load_gray(tmp_path / "huge.bin")
