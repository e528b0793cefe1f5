"""images: sizes and ends from the formats' own headers, whatever the bytes."""

from __future__ import annotations

import io

import numpy as np
import pytest
import wsq as _wsq_plugin
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from station.records.images import readable, size_of, truncated
from tests.unit.records.kit import wsq

assert _wsq_plugin

FORMATS = {"WSQ20": "WSQ", "PNG": "PNG", "JPEGB": "JPEG", "JP2": "JPEG2000"}


def encoded(cga: str, width: int, height: int) -> bytes:
    ramp = np.add.outer(np.arange(height), np.arange(width)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(ramp).save(buffer, FORMATS[cga])
    return buffer.getvalue()


@pytest.mark.parametrize("cga", FORMATS)
def test_the_size_is_what_was_encoded(cga: str) -> None:
    assert size_of(cga, encoded(cga, 96, 64)) == (96, 64)


@pytest.mark.parametrize("cga", ["WSQ20", "PNG", "JPEGB"])
def test_a_missing_end_is_noticed_and_a_whole_image_is_not_blamed(cga: str) -> None:
    whole = encoded(cga, 96, 64)
    assert not truncated(cga, whole)
    assert truncated(cga, whole[:-10])


def test_formats_without_header_or_end_are_left_alone() -> None:
    assert size_of("NONE", b"\0" * 64) is None
    assert not readable("NONE")
    assert not truncated("NONE", b"")
    assert not truncated("JP2", b"")


@pytest.mark.parametrize("cga", FORMATS)
@pytest.mark.parametrize("cut", [0, 1, 3, 6, 12, 20])
def test_a_header_cut_short_gives_no_size(cga: str, cut: int) -> None:
    assert size_of(cga, encoded(cga, 96, 64)[:cut]) is None


def test_a_segment_of_length_zero_or_a_short_frame_gives_no_size() -> None:
    assert size_of("WSQ20", b"\xff\xa0\xff\xa8\x00\x00" + b"\0" * 20) is None
    assert size_of("WSQ20", b"\xff\xa0\xff\xa2\x00\x04\0\0") is None
    assert size_of("JPEGB", b"\xff\xd8\xff\xc0\x00\x04\0\0") is None


def test_an_empty_segment_is_passed_over() -> None:
    whole = wsq(80, 75)
    assert size_of("WSQ20", whole[:2] + b"\xff\xa8\x00\x02" + whole[2:]) == (80, 75)
    assert size_of("WSQ20", whole[:2] + b"\xff\xa8\x00\x01" + whole[2:]) is None


def test_every_frame_of_jpeg_gives_a_size_and_its_tables_do_not() -> None:
    """ITU-T T.81, Table B.1: SOF0 to SOF15 but DHT (C4), JPG (C8) and DAC (CC)."""
    sized = {
        marker
        for marker in range(0xC0, 0xD0)
        if size_of("JPEGB", b"\xff\xd8\xff" + bytes((marker,)) + b"\x00\x07\x08\x00\x4b\x00\x50")
    }
    assert sized == set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


@settings(deadline=None)
@given(st.sampled_from(sorted(FORMATS)), st.binary(max_size=80), st.booleans())
def test_any_bytes_give_a_size_or_none(cga: str, content: bytes, begun: bool) -> None:
    start = wsq()[:2] if begun else b""
    size = size_of(cga, start + content)
    assert size is None or len(size) == 2
    assert truncated(cga, content) in (True, False)
