"""Type-9 records: the INCITS 378 block written and read; extended features and the legacy block read."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from station import templates
from station.errors import TemplateError
from station.friction_ridge import FGP, IMP, MinutiaKind, PatternClass, SingularPoint
from station.records.encode import encode, record_bytes
from station.records.header import Header, transaction
from station.records.transaction import TaggedRecord, group, repeated, text
from station.templates import type_9, type_9_efs, type_9_fields, type_9_legacy
from tests.unit.templates.test_templates import CORES, ONE, ROWS, same_but_for_angles, template

HEADER = Header(
    tcn="SIM-2026-000001",
    dai="WVSIM0000",
    ori="NYSIM0000",
    dat=dt.date(2026, 3, 2),
    gmt=dt.datetime(2026, 3, 2, 9, 30, tzinfo=dt.UTC),
)


def with_fields(found: TaggedRecord, *changed) -> bytes:
    """The record with some fields replaced, or left out where None is given for their number."""
    numbers = {number for number, _ in changed}
    kept = [each for each in found.fields if each.number not in numbers]
    new = [each for _, each in changed if each is not None]
    return record_bytes(TaggedRecord(9, tuple(sorted([*kept, *new], key=lambda f: f.number))))


def test_the_fields_are_those_of_the_standard():
    two = replace(ONE, singular=(*CORES, SingularPoint("core", 5, 5), SingularPoint("delta", 1, 2)))
    found = type_9.record(two, idc=7, fgp=FGP.LEFT_INDEX, imp=IMP.LIVESCAN_ROLLED, quality=90)
    assert {each.number: each.rows for each in found.fields} == {
        2: (("07",),),
        3: (("1",),),
        4: (("U",),),
        126: (("27", "514", "0"),),
        127: (("NONE", "0"),),
        128: (("512",),),
        129: (("400",),),
        130: (("1",),),
        131: (("500",),),
        132: (("500",),),
        133: (("0",),),
        134: (("7",),),
        135: (("90", "0103", "0"),),
        136: (("1",),),
        137: (("1", "100", "14", "56", "1", "60"),),
        139: (
            ("200", "150", "112"),
            ("210", "180", "22"),
        ),  # the core and the delta without angle are not written
    }


def test_a_quality_that_is_not_reported_is_254_and_no_extended_data_is_told():
    found = type_9.record(ONE, idc=0)
    assert found.rows(135) == (("254", "0103", "0"),)
    assert found.rows(126)[0][1] == "513"
    assert found.field(139) is None


@settings(max_examples=60, deadline=None)
@given(rows=ROWS, fgp=st.integers(0, 10), cores=st.booleans())
def test_what_is_encoded_comes_back_within_a_degree_and_then_exactly(rows, fgp, cores):
    before = replace(template(rows), singular=CORES if cores else ())
    after = type_9.decode(type_9.encode(before, fgp=fgp))
    same_but_for_angles(after, before)
    gap = np.abs((after.angle - before.angle + 180) % 360 - 180)
    assert (gap <= 1.0 + 1e-3).all()
    again = type_9.decode(type_9.encode(after))
    assert np.array_equal(again.angle, after.angle)
    assert again.singular == after.singular
    assert [(p.x, p.y) for p in after.singular] == [(p.x, p.y) for p in before.singular]


def test_the_first_type_9_of_a_whole_transaction_is_read():
    txn = transaction("CAR", HEADER, [text_record(), type_9.record(ONE, idc=1), type_9.record(ONE, idc=2)])
    data = encode(txn)
    assert templates.format_of(data) is type_9
    assert len(templates.decode_any(data)) == 1


def text_record() -> TaggedRecord:
    return TaggedRecord(2, (text(2, "00"), text(18, "SAMPLE,SYNTHETIC")))


def test_a_transaction_without_minutiae_is_none_of_the_formats():
    data = encode(transaction("CAR", HEADER, [text_record()]))
    assert templates.format_of(data) is None
    for reader in (type_9, type_9_efs, type_9_legacy):
        with pytest.raises(TemplateError, match="not_type_9"):
            reader.decode(data)


@pytest.mark.parametrize("reader", [type_9, type_9_efs, type_9_legacy])
def test_bytes_that_are_no_record_are_refused(reader):
    for data in (b"", b"9.001:", b"9.001:12\x1d9.002:0\x1c", b"9.001:99\x1d9.136:1\x1c"):
        with pytest.raises(TemplateError):
            reader.decode(data)
        assert not reader.matches(data)


def test_a_resolution_in_pixels_per_centimetre_is_read():
    found = type_9.record(ONE, idc=0)
    data = with_fields(found, (130, text(130, "2")), (131, text(131, "197")), (132, text(132, "197")))
    assert type_9.decode(data).ppi == 500


def test_deltas_and_cores_without_an_angle_are_read_where_others_write_them():
    found = type_9.record(ONE, idc=0)
    data = with_fields(
        found,
        (139, repeated(139, [("10", "20", ""), ("30", "40")])),
        (140, repeated(140, [("50", "60", "90"), ("70", "80", "3", "4")])),
    )
    assert type_9.decode(data).singular == (
        SingularPoint("core", 10, 20),
        SingularPoint("core", 30, 40),
        SingularPoint("delta", 50, 60),
        SingularPoint("delta", 70, 80),
    )


@pytest.mark.parametrize(
    "changed",
    [
        (128, None),
        (128, text(128, "0")),
        (128, text(128, "wide")),
        (129, text(129, "20000")),
        (130, text(130, "0")),
        (131, text(131, "400")),
        (136, text(136, "2")),
        (137, None),
        (137, group(137, ("1", "100", "14", "56", "1"))),
        (137, group(137, ("1", "512", "14", "56", "1", "60"))),
        (137, group(137, ("1", "100", "400", "56", "1", "60"))),
        (137, group(137, ("1", "100", "14", "180", "1", "60"))),
        (137, group(137, ("1", "100", "14", "56", "3", "60"))),
        (137, group(137, ("1", "-1", "14", "56", "1", "60"))),
        (139, group(139, ("512", "14", "56"))),
        (139, group(139, ("1", "14", "180"))),
        (139, group(139, ("1",))),
        (140, group(140, ("x", "14"))),
    ],
)
def test_a_wrong_field_is_refused(changed):
    with pytest.raises(TemplateError, match="bad_field"):
        type_9.decode(with_fields(type_9.record(ONE, idc=0), changed))


@pytest.mark.parametrize("field", [{"fgp": 11}, {"imp": 43}, {"quality": 101}, {"idc": 100}, {"idc": -1}])
def test_a_field_out_of_range_is_refused_before_writing(field):
    with pytest.raises(TemplateError, match="bad_field"):
        type_9.record(ONE, **{"idc": 0, **field})


def efs(**changed: object) -> TaggedRecord:
    fields = {
        2: text(2, "01"),
        3: text(3, "0"),
        4: text(4, "U"),
        300: group(300, ("2540", "1270")),
        307: group(307, ("WU", "PW", "")),
        320: repeated(320, [("254", "508", "225"), ("508", "508", "")]),
        321: repeated(321, [("127", "127", "90", "210", "330"), ("", "1")]),
        331: repeated(331, [("254", "508", "45", "E"), ("2540", "0", "360", "B", "1", "2")]),
        **{int(number.lstrip("f")): each for number, each in changed.items()},
    }
    return TaggedRecord(9, tuple(each for _, each in sorted(fields.items()) if each is not None))


def test_extended_features_are_hundredths_of_a_millimetre_from_the_top_left():
    found = type_9_efs.decode(record_bytes(efs()))
    assert (found.width, found.height, found.ppi) == (500, 250, 500)
    assert list(found.x) == pytest.approx([50.0, 499.0])
    assert list(found.y) == pytest.approx([100.0, 0.0])
    assert list(found.angle) == [45.0, 0.0]
    assert list(found.kind) == [MinutiaKind.ENDING, MinutiaKind.BIFURCATION]
    assert found.singular == (
        SingularPoint("core", 50, 100, 225),
        SingularPoint("core", 100, 100),
        SingularPoint("delta", 25, 25),
    )
    assert found.pattern is PatternClass.PLAIN_WHORL


def test_a_pattern_with_an_alternative_is_not_certain():
    found = efs(f307=repeated(307, [("WU", "PW", ""), ("LS", "", "")]))
    assert type_9_efs.of_record(found).pattern is None
    assert type_9_efs.of_record(efs(f307=group(307, ("LS", "", "")))).pattern is PatternClass.LEFT_LOOP
    assert type_9_efs.of_record(efs(f307=group(307, ("SR", "", "")))).pattern is None


@pytest.mark.parametrize(
    "changed",
    [
        {"f300": None},
        {"f300": group(300, ("0", "1270"))},
        {"f300": group(300, ("999999", "1270"))},
        {"f300": text(300, "2540")},
        {"f331": repeated(331, [("254", "508", "45", "X")])},
        {"f331": repeated(331, [("254", "508", "E")])},
        {"f331": repeated(331, [("254", "y", "45", "E")])},
    ],
)
def test_a_wrong_extended_feature_is_refused(changed):
    with pytest.raises(TemplateError, match="bad_field"):
        type_9_efs.decode(record_bytes(efs(**changed)))


def legacy(*rows: tuple[str, ...]) -> bytes:
    fields = (text(2, "00"), text(3, "1"), text(4, "S"), text(10, str(len(rows))), repeated(12, rows))
    return record_bytes(TaggedRecord(9, fields))


def test_legacy_minutiae_have_y_upwards_and_point_the_other_way():
    found = type_9_legacy.decode(
        legacy(
            ("001", "02540508045", "0", "A"),
            ("002", "05081016270", "12", "B", "1,2"),
            ("3", "00000000000", "0", "D"),
        )
    )
    assert (found.width, found.height) == (101, 201)
    assert list(found.x) == pytest.approx([50, 100, 0])
    assert list(found.y) == pytest.approx([100, 0, 200])
    assert list(found.angle) == [225, 90, 180]
    assert list(found.kind) == [1, 2, 0]


@pytest.mark.parametrize(
    "row", [("1", "02540508045", "0"), ("1", "0254050804", "0", "A"), ("1", "0254x508045", "0", "A")]
)
def test_a_wrong_legacy_minutia_is_refused(row):
    with pytest.raises(TemplateError, match="bad_field"):
        type_9_legacy.decode(legacy(row))


def test_endless_rows_are_refused():
    with pytest.raises(TemplateError, match="too_many"):
        type_9_fields.numbers((("1", "2"),) * 10_001, 2, "9.137")


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_records_are_refused_or_read_never_anything_else(data):
    good = bytearray(
        data.draw(
            st.sampled_from(
                [
                    type_9.encode(replace(ONE, singular=CORES)),
                    record_bytes(efs()),
                    legacy(("1", "02540508045", "0", "A")),
                ]
            )
        )
    )
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(good) - 1))
        good[at] = data.draw(st.sampled_from(list(b"0159:.\x1c\x1d\x1e\x1f \xff")))
    try:
        back = templates.decode_any(bytes(good))
    except TemplateError:
        return
    assert ((back.x < back.width) & (back.y < back.height) & (back.angle < 360)).all()


def test_real_records_of_others_are_read(shared_data):
    folder = shared_data / "an2" / "libbiomeval"
    if not folder.is_dir():
        pytest.skip("no Type-9 records in the shared data: set BOOKING_SHARED to a folder with data/an2")
    data = (folder / "type9-efs.an2k").read_bytes()
    found = templates.decode_any(data)
    assert templates.format_of(data) is type_9_efs
    assert (len(found), found.pattern) == (60, PatternClass.LEFT_LOOP)
    # the core of a loop that slants left opens to the lower left
    assert found.singular[0].angle == 223
    data = (folder / "type9.an2k").read_bytes()
    assert templates.format_of(data) is type_9_legacy
    assert len(templates.decode_any(data)) == 28
