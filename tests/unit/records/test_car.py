"""car.build: what stands where, and what it refuses to write."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from station.errors import RecordError
from station.friction_ridge import AMP, FGP, QualityReport
from station.records import prints, tot, type_2
from station.records.decode import decode
from station.records.encode import encode
from station.records.fields_type_2 import type_2_table
from station.records.header import Header
from station.records.tot import car, errt
from station.records.transaction import TaggedRecord
from station.records.validate import errors, validate
from tests.unit.records.kit import DAT, HEADER, SUBJECT, good, image, tenprint, wsq


def refusal(subject: dict[str, Any], images: list[prints.TenprintImage], **kwargs: Any) -> str:
    with pytest.raises(RecordError) as caught:
        car.build(HEADER, subject, images, **kwargs)
    return caught.value.code


def type_2_of(**changes: Any) -> TaggedRecord:
    return car.build(HEADER, {**SUBJECT, **changes}, tenprint()).of_type(2)[0]


def test_the_header_says_what_the_facts_ask_for() -> None:
    header = good().header
    values = {number: header.text(number) for number in (2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)}
    assert values == {
        2: "0502",
        4: "CAR",
        5: "20261123",
        6: "4",
        7: "EXSIB0000",
        8: "XX0010000",
        9: "SIM-2026-000001",
        10: None,
        11: "00.00",
        12: "00.00",
        13: "NORAM\x1fEBTS 11.1",
        14: "20261123180005Z",
        15: None,
    }
    assert header.rows(3)[:3] == (("1", "15"), ("2", "00"), ("14", "01"))


def test_fourteen_images_stand_in_the_order_of_the_card() -> None:
    txn = car.build(HEADER, SUBJECT, list(reversed(tenprint())))
    prints = [(record.text(13), record.text(3), record.idc) for record in txn.of_type(14)]
    assert [fgp for fgp, _, _ in prints] == [str(fgp) for fgp in (*range(1, 11), 13, 14, 11, 12)]
    assert [imp for _, imp, _ in prints] == ["1"] * 10 + ["0"] * 4
    assert [idc for _, _, idc in prints] == [f"{k:02d}" for k in range(1, 15)]


def test_an_image_record_carries_its_size_resolution_digest_and_reader() -> None:
    first = good().of_type(14)[0]
    assert [first.text(number) for number in (4, 5, 6, 7, 8, 9, 10, 11, 12)] == [
        "XX0010000",
        "20261123",
        "80",
        "75",
        "1",
        "500",
        "500",
        "WSQ20",
        "8",
    ]
    assert first.text(996) == hashlib.sha256(first.data or b"").hexdigest()
    assert first.rows(904) == (("SIMULATED Example", "FAP60", "S-1"),)
    assert first.fields[-1].number == 999


def test_a_simulated_reader_is_called_simulated_in_every_place() -> None:
    txn = good()
    assert txn.of_type(2)[0].rows(67) == (("SIMULATED Example", "FAP60", "S-1"),)
    for record in txn.of_type(14):
        assert "SIMULATED" in (record.text(904) or "")
        assert "SIMULATED" in (record.text(20) or "")
        assert record.text(31) is None


def test_a_real_reader_is_not_called_simulated_and_shows_its_profile() -> None:
    txn = car.build(HEADER, SUBJECT, [image(13, simulated=False, fap=60, make="", model="", serial="")])
    record = txn.of_type(14)[0]
    assert b"SIMULATED" not in encode(txn)
    assert record.text(31) == "60"
    assert record.rows(904) == (("-", "-", "-"),)


def test_a_comment_that_has_no_room_for_the_quality_leaves_it_out_whole() -> None:
    for mark, told in (("NOT APPENDIX F", True), ("X" * 100, False)):
        report = QualityReport(67, "station 1.0", ())
        txn = car.build(HEADER, SUBJECT, [image(13, simulated=False, marks=(mark,), quality=report)])
        comment = txn.of_type(14)[0].text(20) or ""
        assert comment.startswith(f"TRAINING ONLY; {mark}")
        assert ("NOT NFIQ" in comment) == told == ("QUALITY" in comment)


def test_a_make_that_says_simulated_already_is_not_doubled_and_long_names_are_cut() -> None:
    made = image(13, make="Simulated Instruments of the Example Company", model="M" * 60, serial="S" * 60)
    txn = car.build(HEADER, SUBJECT, [made])
    assert txn.of_type(2)[0].rows(67) == (("Simulated Instruments of", "M" * 25, "S" * 50),)
    assert errors(validate(txn, today=DAT)) == ()


def test_our_own_score_is_a_comment_and_never_an_fqm() -> None:
    report = QualityReport(73, "station-quality-1")
    record = car.build(HEADER, SUBJECT, [image(13, quality=report)]).of_type(14)[0]
    assert "73 OF 100 BY station-quality-1, NOT NFIQ" in (record.text(20) or "")
    assert record.text(24) is None


def test_a_real_nfiq_2_score_is_an_fqm_under_its_registered_ids() -> None:
    scores = (prints.Nfiq2(FGP.RIGHT_INDEX, 61), prints.Nfiq2(FGP.RIGHT_MIDDLE, 58, product=56))
    record = car.build(HEADER, SUBJECT, [image(13, nfiq2=scores)]).of_type(14)[0]
    assert record.rows(24) == (("2", "61", "0101", "57"), ("3", "58", "0101", "56"))


def test_an_amputated_finger_has_no_roll_and_is_marked_on_record_and_slap() -> None:
    marks = {FGP.LEFT_RING: AMP.AMPUTATED, FGP.LEFT_THUMB: AMP.UNABLE_TO_PRINT}
    txn = car.build(HEADER, SUBJECT, tenprint(9, 6, 12), marks)
    assert txn.of_type(2)[0].rows(84) == (("06", "UP"), ("09", "XX"))
    by_fgp = {record.text(13): record for record in txn.of_type(14)}
    assert "9" not in by_fgp
    assert by_fgp["14"].rows(18) == (("9", "XX"),)
    assert by_fgp["13"].rows(18) == ()
    assert validate(txn, today=DAT) == ()


def test_ten_amputations_are_written() -> None:
    marks = {FGP(k): AMP.AMPUTATED for k in range(1, 11)}
    txn = car.build(HEADER, SUBJECT, [], marks)
    assert len(txn.of_type(2)[0].rows(84)) == 10
    assert [each.code for each in errors(validate(txn, today=DAT))] == ["set.no_prints"]


def test_marks_given_with_an_image_count_too() -> None:
    slap = image(14, amputations={FGP.LEFT_RING: AMP.AMPUTATED})
    txn = car.build(HEADER, SUBJECT, [*tenprint(14, 9), slap])
    assert txn.of_type(2)[0].rows(84) == (("09", "XX"),)
    assert validate(txn, today=DAT) == ()


def test_contradictions_are_refused() -> None:
    missing = {FGP.RIGHT_INDEX: AMP.AMPUTATED}
    assert refusal(SUBJECT, [image(1), image(1)]) == "record.duplicate_fgp"
    assert refusal(SUBJECT, tenprint(), amputations=missing) == "record.missing_finger_printed"
    assert refusal(SUBJECT, [image(1, data=wsq(80, 76))]) == "record.image_size"
    assert refusal(SUBJECT, [image(1, ppi=1000)]) == "record.wsq_ppi"
    assert refusal({**SUBJECT, "NAM": "DOE\x1d2.024:F,A"}, tenprint()) == "record.separator_in_value"
    assert refusal({**SUBJECT, "NAM": "ЖУКОВ,ИВАН"}, tenprint()) == "record.not_ascii"
    assert refusal({**SUBJECT, "DPR": "20261123"}, tenprint()) == "record.unknown_field"
    assert refusal(SUBJECT, [image(13, serial="S\x1f1")]) == "record.separator_in_value"


def test_a_time_without_zone_is_refused() -> None:
    naive = dt.datetime(2026, 11, 23, 18, 0, 0)  # noqa: DTZ001 - the fault under test
    with pytest.raises(RecordError) as caught:
        car.build(Header("SIM-2026-000001", "EXSIB0000", "XX0010000", DAT, naive), SUBJECT, tenprint())
    assert caught.value.code == "record.time_without_zone"


def test_the_capturing_agency_is_the_booking_agency_or_the_sender() -> None:
    without = {key: value for key, value in SUBJECT.items() if key != "CRI"}
    assert (
        car.build(HEADER, {**SUBJECT, "CRI": "YY0020000"}, [image(13)]).of_type(14)[0].text(4) == "YY0020000"
    )
    assert car.build(HEADER, without, [image(13)]).of_type(14)[0].text(4) == HEADER.ori


def test_an_image_taken_earlier_keeps_its_own_date() -> None:
    earlier = dt.date(2026, 11, 20)
    assert car.build(HEADER, SUBJECT, [image(13, captured=earlier)]).of_type(14)[0].text(5) == "20261120"


@pytest.mark.parametrize(
    ("value", "rows"),
    [
        ("THEFT", (("", "THEFT"),)),
        ({"AOL": "THEFT"}, (("", "THEFT"),)),
        ([{"DOO": "20261101", "AOL": "THEFT"}, "FRAUD"], (("20261101", "THEFT"), ("", "FRAUD"))),
        ([["20261101", "THEFT"]], (("20261101", "THEFT"),)),
        (None, ()),
        ([], ()),
    ],
)
def test_a_grouped_field_takes_its_items_in_every_documented_shape(value: Any, rows: tuple[Any, ...]) -> None:
    assert type_2_of(ASL=value).rows(47) == rows


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ASL", {"WHAT": "THEFT"}),
        ("ASL", [["20261101", "THEFT", "MORE"]]),
        ("ASL", [[1, 2]]),
        ("ASL", [7]),
        ("NAM", 7),
        ("CSL", "no date"),
    ],
)
def test_a_value_of_another_shape_is_refused(key: str, value: object) -> None:
    assert refusal({**SUBJECT, key: value}, []) == "record.value_shape"


def test_keys_may_be_lower_case_or_tags_and_a_fixed_group_may_be_a_list() -> None:
    record = type_2.record(type_2_table("CAR"), {"nam": "DOE,JOHN", "2.024": "M", "IMA": ["A", "B", "C"]})
    assert record.text(18) == "DOE,JOHN"
    assert record.text(24) == "M"
    assert record.rows(67) == (("A", "B", "C"),)


def test_rejection_messages_are_cut_to_what_the_standard_allows() -> None:
    txn = errt.build(HEADER, ["E" * 400] * 20)
    assert [len(items[0]) for items in txn.of_type(2)[0].rows(60)] == [300] * 11


def test_a_transaction_type_is_found_by_its_tot_and_an_unknown_one_is_none() -> None:
    assert tot.by_tot("CAR") is tot.load("car")
    assert tot.by_tot("nothing") is None


NAMES = st.from_regex(r"[A-Z][A-Z-]{0,20},[A-Z][A-Z-]{0,10}( [A-Z]{1,10})?", fullmatch=True)


@settings(deadline=None)
@given(NAMES, st.dates(dt.date(1900, 1, 1), DAT), st.sets(st.sampled_from(range(1, 11)), max_size=9))
def test_random_valid_bookings_read_back_equal_and_clean(name: str, born: dt.date, gone: set[int]) -> None:
    marks = {FGP(k): AMP.AMPUTATED for k in gone}
    skipped = gone | {slap for slap, shown in SHOWN.items() if shown <= gone}
    txn = car.build(HEADER, {**SUBJECT, "NAM": name, "DOB": f"{born:%Y%m%d}"}, tenprint(*skipped), marks)
    again = decode(encode(txn))
    assert again == txn
    assert validate(again, today=DAT) == ()


SHOWN = {11: {1}, 12: {6}, 13: {2, 3, 4, 5}, 14: {7, 8, 9, 10}}
