"""Template codecs: layouts byte by byte, units of angle, round trips, hostile bytes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from station import templates
from station.errors import TemplateError
from station.friction_ridge import MinutiaTemplate
from station.templates import incits378_2004, iso19794_2_2005


def template(
    rows: list[tuple[int, int, float, int, int]], width: int = 800, height: int = 750
) -> MinutiaTemplate:
    columns = list(zip(*rows, strict=True)) if rows else [[]] * 5
    kinds = (np.float32, np.float32, np.float32, np.uint8, np.uint8)
    x, y, angle, kind, quality = (np.array(values, form) for values, form in zip(columns, kinds, strict=True))
    return MinutiaTemplate(width, height, 500, x, y, angle, kind, quality)


TWO = template([(100, 200, 112.5, 1, 80), (799, 0, 0.0, 2, 0)])

rows = st.lists(
    st.tuples(
        st.integers(0, 799),
        st.integers(0, 749),
        st.floats(0, 359.5, width=32),
        st.integers(0, 2),
        st.integers(0, 100),
    ),
    max_size=255,
)


def test_the_iso_record_byte_by_byte() -> None:
    data = iso19794_2_2005.encode(TWO, fgp=2, imp=1, quality=77)
    assert data[:8] == b"FMR\0 20\0"
    assert int.from_bytes(data[8:12]) == len(data) == 24 + 4 + 2 * 6 + 2
    assert (int.from_bytes(data[14:16]), int.from_bytes(data[16:18])) == (800, 750)
    assert (int.from_bytes(data[18:20]), int.from_bytes(data[20:22])) == (197, 197)
    assert data[22] == 1
    assert data[24] == 2
    assert (data[25] & 0x0F, data[26], data[27]) == (1, 77, 2)
    assert data[28:34] == bytes.fromhex("4064 00c8 50 50")
    assert data[34:40] == bytes.fromhex("831f 0000 00 00")


def test_the_378_record_has_its_owner_and_angles_of_two_degrees() -> None:
    data = incits378_2004.encode(TWO, fgp=2, imp=1, quality=77)
    assert int.from_bytes(data[8:10]) == len(data) == 26 + 4 + 2 * 6 + 2
    assert data[30:36] == bytes.fromhex("4064 00c8 38 50")


@pytest.mark.parametrize("name", sorted(templates.CODECS))
@given(rows=rows)
@settings(max_examples=40, deadline=None)
def test_a_template_comes_back_within_the_units_of_the_format(
    name: str, rows: list[tuple[int, int, float, int, int]]
) -> None:
    before = template(rows)
    after = templates.decode_any(templates.encode(name, before, fgp=3, imp=0, quality=50))
    assert (after.width, after.height) == (before.width, before.height)
    assert abs(after.ppi - 500) <= 1
    assert np.abs(after.x - before.x).max(initial=0) < 0.51
    assert np.abs(after.y - before.y).max(initial=0) < 0.51
    turn = np.abs((after.angle - before.angle + 180) % 360 - 180)
    assert turn.max(initial=0) <= 1.01
    assert np.array_equal(after.kind, before.kind)
    assert np.array_equal(after.quality, before.quality)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_template_or_a_typed_error(data: bytes) -> None:
    for prefix in (b"", b"FMR\0 20\0", b"FMR\0 20\0\0\0", b"{"):
        try:
            assert len(templates.decode_any(prefix + data)) >= 0
        except TemplateError as error:
            assert error.code.startswith("template.")  # noqa: PT017  (either outcome is right, a crash is not)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_damaged_record_is_a_template_or_a_typed_error(data: st.DataObject) -> None:
    whole = bytearray(iso19794_2_2005.encode(TWO))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    cut = data.draw(st.integers(0, len(whole)))
    for damaged in (bytes(whole), bytes(whole[:cut])):
        try:
            templates.decode_any(damaged)
        except TemplateError as error:
            assert error.advice  # noqa: PT017


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"fgp": 13}, "template.bad_field"),
        ({"imp": 16}, "template.bad_field"),
        ({"quality": 101}, "template.bad_field"),
    ],
)
def test_a_field_that_does_not_fit_is_not_written(change: dict[str, int], code: str) -> None:
    with pytest.raises(TemplateError) as caught:
        iso19794_2_2005.encode(TWO, **change)  # type: ignore[arg-type]
    assert caught.value.code == code


def test_more_minutiae_than_the_count_byte_holds_are_refused() -> None:
    many = template([(number % 800, number // 800, 0.0, 1, 0) for number in range(256)])
    with pytest.raises(TemplateError, match="255"):
        iso19794_2_2005.encode(many)


def test_an_unknown_format_is_named() -> None:
    with pytest.raises(TemplateError, match="iso19794"):
        templates.encode("fmr:1999", TWO)
