"""Template codecs: exact bytes, round trips, and hostile bytes."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from station import templates
from station.errors import TemplateError
from station.friction_ridge import FGP, IMP, MinutiaKind, MinutiaTemplate
from station.templates import incits378_2004, iso19794_2_2005, json_text

BINARY = pytest.mark.parametrize("codec", [iso19794_2_2005, incits378_2004])


def template(
    rows: list[tuple[float, float, float, int, int]], width=512, height=400, ppi=500
) -> MinutiaTemplate:
    columns = list(zip(*rows, strict=True)) if rows else [[]] * 5
    return MinutiaTemplate(
        width,
        height,
        ppi,
        np.array(columns[0], np.float32),
        np.array(columns[1], np.float32),
        np.array(columns[2], np.float32),
        np.array(columns[3], np.uint8),
        np.array(columns[4], np.uint8),
    )


ONE = template([(100.0, 14.0, 112.5, MinutiaKind.ENDING, 60)])
ROWS = st.lists(
    st.tuples(
        st.integers(0, 511),
        st.integers(0, 399),
        st.floats(0, 359.99),
        st.sampled_from([0, 1, 2]),
        st.integers(0, 100),
    ),
    max_size=255,
)


def test_iso_bytes_are_those_of_the_standard():
    data = iso19794_2_2005.encode(ONE, fgp=FGP.LEFT_INDEX, imp=IMP.LIVESCAN_ROLLED, quality=90)
    assert data == bytes.fromhex(
        "464d5200 20323000 00000024"  # FMR, version, length 36
        "0000 0200 0190 00c5 00c5 01 00"  # equipment, 512 × 400, 197 pixels per cm, one view
        "07 01 5a 01"  # left index, rolled, quality 90, one minutia
        "4064 000e 50 3c"  # ending at 100, 14; 80 × 1.40625 = 112.5 degrees; quality 60
        "0000"
    )


def test_incits_bytes_are_those_of_the_standard():
    data = incits378_2004.encode(ONE, fgp=FGP.LEFT_INDEX, imp=IMP.LIVESCAN_ROLLED, quality=90)
    assert data == bytes.fromhex(
        "464d5200 20323000 0026"  # length 38
        "0000 0000 0000 0200 0190 00c5 00c5 01 00"  # owner, type, equipment, size, resolution, one view
        "07 01 5a 01"
        "4064 000e 38 3c"  # 56 × 2 = 112 degrees
        "0000"
    )


def test_angles_just_below_a_full_turn_wrap_to_zero():
    turn = template([(1, 1, 359.9, 1, 0)])
    assert incits378_2004.encode(turn)[-4] == 0
    assert iso19794_2_2005.encode(turn)[-4] == 0


@BINARY
@settings(max_examples=60, deadline=None)
@given(rows=ROWS, fgp=st.integers(0, 10), imp=st.sampled_from([0, 1]), quality=st.integers(0, 100))
def test_what_is_encoded_comes_back_within_half_an_angle_unit(codec, rows, fgp, imp, quality):
    before = template(rows)
    after, header = codec.decode(codec.encode(before, fgp=fgp, imp=imp, quality=quality))
    assert (header.fgp, header.imp, header.quality) == (fgp, imp, quality)
    assert (after.width, after.height, after.ppi) == (512, 400, 500)
    assert np.array_equal(after.x, before.x)
    assert np.array_equal(after.y, before.y)
    assert np.array_equal(after.kind, before.kind)
    assert np.array_equal(after.quality, before.quality)
    gap = np.abs((after.angle - before.angle + 180) % 360 - 180)
    assert (gap <= codec.ANGLE_UNIT / 2 + 1e-3).all()


@settings(max_examples=60, deadline=None)
@given(rows=ROWS)
def test_json_keeps_hundredths(rows):
    after = json_text.decode(json_text.encode(template(rows), fgp=2))
    before = template(rows)
    assert np.allclose(after.x, before.x, atol=0.006)
    assert np.array_equal(after.kind, before.kind)
    assert (np.abs((after.angle - before.angle + 180) % 360 - 180) < 0.006).all()


@pytest.mark.parametrize("name", list(templates.CODECS))
@pytest.mark.parametrize("ppi", [250, 500, 569, 1000])
def test_any_format_is_told_from_its_bytes_and_keeps_the_resolution(name, ppi):
    data = templates.encode(name, template([(5, 6, 90, 1, 50)] * 12, ppi=ppi), fgp=2, quality=50)
    back = templates.decode_any(data)
    assert (len(back), back.ppi) == (12, ppi)


def test_a_long_incits_record_has_its_length_in_four_bytes():
    short = incits378_2004.encode(ONE)
    extended = b"\x00" * 65_000
    body = short[10:-2]
    views = body[:14] + b"\x02" + body[15:] + b"\xfd\xe8" + extended + body[16:] + b"\xfd\xe8" + extended
    data = short[:8] + b"\x00\x00" + (len(views) + 14).to_bytes(4, "big") + views
    back, header = incits378_2004.decode(data)
    assert (len(back), header.views, len(header.extended)) == (1, 2, 65_000)


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ({"rows": [(1, 1, 1, 1, 1)] * 256}, "template.too_many"),
        ({"rows": [], "width": 20_000}, "template.too_large"),
        ({"rows": [], "height": 0}, "template.too_large"),
    ],
)
@BINARY
def test_what_does_not_fit_is_refused_before_writing(codec, bad, code):
    with pytest.raises(TemplateError) as caught:
        codec.encode(template(**bad))
    assert caught.value.code == code


@pytest.mark.parametrize("field", [{"fgp": 13}, {"fgp": -1}, {"imp": 16}, {"quality": 101}])
@BINARY
def test_a_field_out_of_range_is_refused_before_writing(codec, field):
    with pytest.raises(TemplateError, match="bad_field"):
        codec.encode(ONE, **field)


def test_an_unknown_format_is_refused():
    with pytest.raises(TemplateError, match="unknown_format"):
        templates.encode("incits378:1999", ONE)


def change(data: bytes, at: int, value: int) -> bytes:
    return data[:at] + bytes([value]) + data[at + 1 :]


ISO, INCITS = iso19794_2_2005.encode(ONE, fgp=2), incits378_2004.encode(ONE, fgp=2)


@pytest.mark.parametrize(
    ("codec", "data", "code"),
    [
        (iso19794_2_2005, b"", "truncated"),
        (iso19794_2_2005, b"FMR\x00 30\x00" + ISO[8:], "not_fmr"),
        (iso19794_2_2005, change(ISO, 11, 99), "bad_length"),
        (iso19794_2_2005, ISO + b"\x00", "bad_length"),
        (iso19794_2_2005, change(ISO, 22, 0), "bad_field"),  # no views
        (iso19794_2_2005, change(ISO, 22, 2), "truncated"),  # a view that is not there
        (iso19794_2_2005, change(ISO, 24, 11), "bad_field"),  # finger 11
        (iso19794_2_2005, change(ISO, 26, 101), "bad_field"),  # quality
        (iso19794_2_2005, change(ISO, 27, 200), "truncated"),  # minutiae that are not there
        (iso19794_2_2005, change(ISO, 28, 0xC0), "bad_field"),  # reserved type
        (iso19794_2_2005, change(ISO, 28, 0x7F), "bad_field"),  # x outside
        (iso19794_2_2005, change(ISO, 30, 0x3F), "bad_field"),  # y outside
        (iso19794_2_2005, change(ISO, 19, 0), "bad_field"),  # resolutions differ
        (incits378_2004, change(INCITS, 34, 180), "bad_field"),  # an angle of 360 degrees
        (incits378_2004, change(INCITS, 9, 99), "bad_length"),
        (incits378_2004, change(INCITS, 24, 0), "bad_field"),
        (json_text, b"\xff\xfe", "not_json"),
        (json_text, b"[" * 100_000, "not_json"),
        (json_text, b"[]", "bad_field"),
        (json_text, b"{}", "bad_field"),
    ],
)
def test_damage_has_a_code_of_its_own(codec, data, code):
    with pytest.raises(TemplateError) as caught:
        codec.decode(data)
    assert caught.value.code == f"template.{code}"
    assert caught.value.advice


@pytest.mark.parametrize(
    "change_to",
    [
        {"schema": 2},
        {"width": 0},
        {"width": True},
        {"ppi": "500"},
        {"minutiae": 5},
        {"minutiae": [{"x": 1}]},
        {"minutiae": [{"x": -1, "y": 1, "angle": 1, "kind": "ending", "quality": 1}]},
        {"minutiae": [{"x": 1, "y": 1, "angle": 360, "kind": "ending", "quality": 1}]},
        {"minutiae": [{"x": 1, "y": 1, "angle": float("nan"), "kind": "ending", "quality": 1}]},
        {"minutiae": [{"x": 1, "y": 1, "angle": True, "kind": "ending", "quality": 1}]},
        {"minutiae": [{"x": 1, "y": 1, "angle": 1, "kind": "island", "quality": 1}]},
        {"minutiae": [{"x": 1, "y": 1, "angle": 1, "kind": "ending", "quality": 1.5}]},
    ],
)
def test_a_wrong_json_field_is_refused(change_to):
    value = {**json.loads(json_text.encode(ONE)), **change_to}
    with pytest.raises(TemplateError, match="bad_field"):
        json_text.decode(json.dumps(value).encode())


def test_extended_data_and_trailing_bytes_are_kept():
    data = ISO[:-2] + b"\x00\x05hello" + b"CM"
    data = data[:8] + len(data).to_bytes(4, "big") + data[12:]
    _, header = iso19794_2_2005.decode(data)
    assert (header.extended, header.trailing) == (b"hello", b"CM")


@BINARY
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_records_are_refused_or_read_never_anything_else(codec, data):
    good = bytearray(codec.encode(template([(9, 9, 9, 1, 9)] * 3), fgp=1))
    for _ in range(data.draw(st.integers(1, 5))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(good[: data.draw(st.integers(0, len(good)))])
    try:
        back = templates.decode_any(cut)
    except TemplateError:
        return
    assert ((back.x < back.width) & (back.y < back.height) & (back.angle < 360)).all()


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=120))
def test_any_bytes_are_refused_as_a_template(data):
    with pytest.raises(TemplateError):
        templates.decode_any(data)


def test_real_records_of_others_are_read(shared_data):
    files = sorted((shared_data / "an2" / "fmr").glob("*ansi2004"))
    if not files:
        pytest.skip("no minutiae records in the shared data")
    back, header = incits378_2004.decode(files[0].read_bytes())
    assert (len(back), header.fgp, header.quality, header.views) == (27, 7, 90, 3)
    assert back.angle[0] == 112.0
