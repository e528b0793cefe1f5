"""validate: a good CAR has nothing to say; every planted fault is found, with its field named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from station.friction_ridge import MinutiaTemplate
from station.records import prints, submission
from station.records.check_fields import check_record
from station.records.decode import decode
from station.records.encode import complete, encode
from station.records.findings import Severity, errors
from station.records.header import transaction
from station.records.tables import TABLES
from station.records.tot import car, errt, rpis, sre
from station.records.tot import map as map_tot
from station.records.transaction import (
    Field,
    TaggedRecord,
    Transaction,
    TypeFour,
    content_field,
    data,
    group,
    repeated,
    text,
    type_four_record,
)
from station.records.validate import validate
from station.templates import type_9
from tests.unit.records.kit import DAT, HEADER, SUBJECT, changed, good, image, replaced, tenprint, wsq

TODAY = DAT


def codes(txn: Transaction) -> set[tuple[str, str]]:
    return {(each.code, each.field) for each in validate(txn, today=TODAY)}


def subject(**changes: object) -> Transaction:
    return car.build(HEADER, {**SUBJECT, **changes}, tenprint())


def header(*fields: Field, without: tuple[int, ...] = ()) -> Transaction:
    return changed(good(), 0, *fields, without=without)


def body(*fields: Field, without: tuple[int, ...] = ()) -> Transaction:
    return changed(good(), 1, *fields, without=without)


def rolled(*fields: Field, without: tuple[int, ...] = ()) -> Transaction:
    """The first image, FGP 1, changed."""
    return changed(good(), 2, *fields, without=without)


def slap(*fields: Field) -> Transaction:
    """The right four, FGP 13, changed."""
    return changed(good(), 12, *fields)


def legacy(**changes: int | bytes | tuple[int, ...]) -> Transaction:
    """One Type-4 in place of all Type-14, otherwise a CAR."""
    values = {
        "idc": 1,
        "imp": 0,
        "fgp": (13,),
        "isr": 0,
        "width": 40,
        "height": 20,
        "cga": 1,
        "data": wsq(40, 20),
    } | changes
    four = type_four_record(TypeFour(**values))  # type: ignore[arg-type]
    return transaction("CAR", HEADER, [good().records[1], four])


def test_a_good_car_has_no_findings_before_and_after_the_wire() -> None:
    txn = good()
    assert validate(txn, today=TODAY) == ()
    assert validate(decode(encode(txn)), today=TODAY) == ()


def test_a_type_4_car_with_its_resolution_has_only_what_is_missing_from_the_set() -> None:
    assert codes(legacy()) == set()


def minutiae(*changes: Field) -> Transaction:
    """A CAR with the minutiae of its FGP 1, some of their fields changed; an empty value takes a field out."""
    image = good().records[2]
    assert isinstance(image, TaggedRecord)
    side = [int(image.text(number) or 0) for number in (6, 7)]
    floats = [np.array(each, np.float32) for each in ((3, 12), (4, 9), (90, 180))]
    template = MinutiaTemplate(
        side[0], side[1], 500, *floats, np.array((1, 2), np.uint8), np.array((60, 70), np.uint8)
    )
    record = type_9.record(template, idc=int(image.idc or 0), fgp=1, imp=1, quality=50)
    given = {each.number: each for each in changes}
    fields = tuple(given.get(each.number, each) for each in record.fields)
    kept = tuple(each for each in fields if each.value != b"")
    return transaction("CAR", HEADER, [*good().records[1:], TaggedRecord(9, kept)])


PLANTED: dict[str, tuple[Callable[[], Transaction], str, str]] = {
    "minutiae without the number of them": (
        lambda: minutiae(Field(136, ((b"",),))),
        "minutiae.block_not_whole",
        "9.136",
    ),
    "minutiae counted wrongly": (lambda: minutiae(text(136, "3")), "minutiae.count", "9.136"),
    "minutiae of another finger": (lambda: minutiae(text(134, "2")), "minutiae.other_finger", "9.134"),
    "minutiae outside the image": (lambda: minutiae(text(128, "5")), "minutiae.outside", "9.137"),
    "minutiae of an image of another size": (lambda: minutiae(text(129, "800")), "minutiae.size", "9.128"),
    "minutiae said to be of the legacy form": (lambda: minutiae(text(4, "S")), "minutiae.format", "9.004"),
    "a minutia pointing 400 degrees": (
        lambda: minutiae(
            repeated(137, [["1", "3", "4", "200", "1", "60"], ["2", "3", "4", "20", "1", "60"]])
        ),
        "field.code",
        "9.137",
    ),
    "no DOM": (lambda: header(without=(13,)), "type1.dom", "1.013"),
    "unknown VER": (lambda: header(text(2, "0999")), "field.code", "1.002"),
    "TCN of six characters": (lambda: header(text(9, "SHORT1")), "field.length", "1.009"),
    "no ORI": (lambda: header(without=(8,)), "field.missing", "1.008"),
    "DAI too long for EBTS": (lambda: header(text(7, "NOT-NINE-LONG")), "type1.agency", "1.007"),
    "DAT no date": (lambda: header(text(5, "20260230")), "field.date", "1.005"),
    "DAT two days ahead": (lambda: header(text(5, "20261125")), "date.future", "1.005"),
    "GMT of month 13": (lambda: header(text(14, "20261301000000Z")), "field.date", "1.014"),
    "GMT of hour 25": (lambda: header(text(14, "20261101250000Z")), "field.date", "1.014"),
    "priority 0": (lambda: header(text(6, "0")), "field.characters", "1.006"),
    "NSR in words": (lambda: header(text(11, "abcde")), "type1.resolution", "1.011"),
    "NTR with Type-14 only": (lambda: header(text(12, "19.69")), "type1.resolution", "1.012"),
    "a TCR in a submission": (lambda: header(text(10, "OURS-000001")), "type1.tcr", "1.010"),
    "an unknown TOT": (lambda: header(text(4, "XYZ")), "type1.tot", "1.004"),
    "an unknown field": (lambda: header(text(77, "x")), "field.unknown", "1.077"),
    "a wrong IDC": (lambda: rolled(text(2, "09")), "cnt.idc", "1.003"),
    "two records of one IDC": (lambda: rolled(text(2, "02")), "cnt.idc_repeated", "1.003"),
    "an IDC in letters": (lambda: rolled(text(2, "A1")), "field.characters", "14.002"),
    "no name": (lambda: body(without=(18,)), "field.missing", "2.018"),
    "an empty name": (lambda: body(text(18, "")), "field.missing", "2.018"),
    "a numeral in the name": (lambda: subject(NAM="DOE,J0HN"), "field.characters", "2.018"),
    "a name without comma": (lambda: subject(NAM="JOHN DOE"), "field.form", "2.018"),
    "a name of 51 characters": (lambda: subject(NAM="D," + "A" * 49), "field.length", "2.018"),
    "eleven aliases": (lambda: subject(AKA=["A,B"] * 11), "field.occurrences", "2.019"),
    "a separator in the name": (lambda: body(Field(18, ((b"DOE,A", b"B"),))), "field.items", "2.018"),
    "a subfield in the sex": (lambda: body(repeated(24, [["M"], ["F"]])), "field.occurrences", "2.024"),
    "a control character": (lambda: body(Field(18, ((b"DOE,\x07A",),))), "field.characters", "2.018"),
    "sex Q": (lambda: subject(SEX="Q"), "field.code", "2.024"),
    "race Z": (lambda: subject(RAC="Z"), "field.code", "2.025"),
    "eyes RED": (lambda: subject(EYE="RED"), "field.code", "2.031"),
    "hair TEA": (lambda: subject(HAI="TEA"), "field.code", "2.032"),
    "birth place QQ": (lambda: subject(POB="QQ"), "field.code", "2.020"),
    "born tomorrow": (lambda: subject(DOB="20261124"), "date.after_submission", "2.022"),
    "born on 30 February": (lambda: subject(DOB="19900230"), "field.date", "2.022"),
    "born after the arrest": (lambda: subject(DOB="20261120", DOA="20261119"), "date.order", "2.022"),
    "arrested in two days": (lambda: subject(DOA="20261125"), "date.after_submission", "2.045"),
    "offence in two days": (
        lambda: subject(ASL={"DOO": "20261125", "AOL": "X"}),
        "date.after_submission",
        "2.047",
    ),
    "an offence date without offence": (lambda: body(group(47, ["20261101"])), "field.items", "2.047"),
    "an empty offence": (lambda: body(group(47, ["20261101", ""])), "field.item_missing", "2.047"),
    "an offence beginning blank": (lambda: subject(ASL=" THEFT"), "field.leading_blank", "2.047"),
    "no birth date as nine zeros": (lambda: subject(DOB="000000000"), "field.length", "2.022"),
    "height 612": (lambda: subject(HGT="612"), "field.form", "2.027"),
    "height N20": (lambda: subject(HGT="N20"), "field.form", "2.027"),
    "weight 020": (lambda: subject(WGT="020"), "field.form", "2.029"),
    "SID with a blank": (lambda: subject(SID="X 123"), "field.characters", "2.015"),
    "SID without state": (lambda: subject(SID="12345"), "field.form", "2.015"),
    "MNU without type": (lambda: subject(MNU="12345"), "field.form", "2.017"),
    "custody without date": (lambda: subject(SLE="IN CUSTODY"), "field.missing", "2.054"),
    "custody before arrest": (lambda: subject(SLE="IN CUSTODY", SSD="20261101"), "date.order", "2.054"),
    "a period in OCA": (lambda: subject(OCA="A.1"), "field.characters", "2.009"),
    "retention maybe": (lambda: subject(RET="M"), "field.code", "2.005"),
    "amputation code ZZ": (lambda: body(group(84, ["09", "ZZ"])), "field.code", "2.084"),
    "a field twice": (
        lambda: replaced(good(), 1, _with(good(), 1, text(24, "F"))),
        "field.repeated",
        "2.024",
    ),
    "IDC not second": (
        lambda: replaced(good(), 1, _reordered(good(), 1)),
        "field.order",
        "2.002",
    ),
    "999: in a comment": (lambda: rolled(text(20, "SEE 14.999:X")), "field.looks_like_data", "14.020"),
    "width one pixel off": (lambda: rolled(text(6, "81")), "image.size", "14.006"),
    "height and width exchanged": (lambda: rolled(text(6, "75"), text(7, "80")), "image.size", "14.006"),
    "no width": (lambda: rolled(without=(6,)), "field.missing", "14.006"),
    "a wrong digest": (lambda: rolled(text(996, "0" * 64)), "image.hash", "14.996"),
    "a digest of 10 characters": (lambda: rolled(text(996, "0" * 10)), "field.length", "14.996"),
    "another image": (lambda: rolled(data(wsq(80, 75, b"other"))), "image.hash", "14.996"),
    "no image": (lambda: rolled(without=(999,)), "image.data_missing", "14.999"),
    "an image that is none": (lambda: rolled(data(b"GIF89a")), "image.undecodable", "14.999"),
    "an image cut short": (lambda: rolled(data(wsq()[:-2])), "image.truncated", "14.999"),
    "field 999 twice": (lambda: rolled(data(b"80\x1d14.999:" + wsq())), "image.data_twice", "14.999"),
    "SLC 0": (lambda: rolled(text(8, "0")), "field.code", "14.008"),
    "WSQ at 1000 ppi": (lambda: rolled(text(9, "1000"), text(10, "1000")), "image.wsq_ppi", "14.009"),
    "PNG at 300 ppi": (
        lambda: rolled(text(9, "300"), text(10, "300"), text(11, "PNG")),
        "image.resolution",
        "14.009",
    ),
    "BPX 1": (lambda: rolled(text(12, "1")), "field.code", "14.012"),
    "CGA WSQ": (lambda: rolled(text(11, "WSQ")), "field.code", "14.011"),
    "IMP 77": (lambda: rolled(text(3, "77")), "field.code", "14.003"),
    "FGP 77": (lambda: rolled(text(13, "77")), "field.code", "14.013"),
    "the same finger twice": (lambda: rolled(text(13, "2")), "image.duplicate_fgp", "14.013"),
    "a finger without print or mark": (lambda: rolled(text(13, "2")), "amp.unmarked_finger", "2.084"),
    "a rolled slap": (lambda: slap(text(3, "1")), "image.rolled_slap", "14.003"),
    "thumbs together and apart": (lambda: slap(text(13, "15")), "image.thumbs_twice", "14.013"),
    "a printed finger marked XX": (lambda: body(group(84, ["02", "XX"])), "amp.printed_finger", "2.084"),
    "a marked finger not on its slap": (lambda: body(group(84, ["02", "XX"])), "amp.not_on_slap", "14.018"),
    "a slap mark without 2.084": (lambda: slap(group(18, ["2", "XX"])), "amp.not_in_type_2", "14.018"),
    "a slap mark of the other hand": (lambda: slap(group(18, ["8", "XX"])), "amp.not_in_slap", "14.018"),
    "a box outside": (
        lambda: slap(group(21, ["2", "1", "999", "1", "90"])),
        "image.segment_outside",
        "14.021",
    ),
    "a box turned round": (
        lambda: slap(group(21, ["2", "90", "10", "1", "90"])),
        "image.segment_outside",
        "14.021",
    ),
    "a box of the other hand": (
        lambda: slap(group(21, ["8", "1", "9", "1", "90"])),
        "image.segment_finger",
        "14.021",
    ),
    "a missing slap": (lambda: car.build(HEADER, SUBJECT, tenprint(13)), "image.plain_missing", "14.013"),
    "no prints at all": (lambda: car.build(HEADER, SUBJECT, []), "set.no_prints", "1.003"),
    "a tip without coordinates": (lambda: rolled(text(13, "19")), "field.missing", "14.015"),
    "two Type-2": (
        lambda: transaction("CAR", HEADER, [*good().records[1:], _second()]),
        "set.record_count",
        "1.003",
    ),
    "Type-4 and Type-14": (
        lambda: transaction("CAR", HEADER, [*good().records[1:], _four(20)]),
        "set.mixed_prints",
        "1.003",
    ),
    "Type-4 at 00.00": (lambda: changed(legacy(), 0, text(11, "00.00")), "type1.resolution", "1.011"),
    "Type-4 of another size": (lambda: legacy(width=9), "image.size", "4.006"),
    "Type-4 position 15": (lambda: legacy(fgp=(15,)), "field.code", "4.004"),
    "Type-4 without position": (lambda: legacy(fgp=()), "field.code", "4.004"),
    "Type-4 impression 99": (lambda: legacy(imp=99), "field.code", "4.003"),
    "Type-4 raw of another size": (lambda: legacy(cga=0, data=b"123"), "image.size", "4.006"),
    "larger than the platen": (
        lambda: car.build(HEADER, SUBJECT, [image(1, width=801), *tenprint(1)]),
        "image.too_large",
        "14.006",
    ),
    "a plain print among the rolls": (lambda: rolled(text(3, "0")), "image.plain_roll", "14.003"),
    "captured in two days": (lambda: rolled(text(5, "20261125")), "date.after_submission", "14.005"),
    "a box of the same finger twice": (
        lambda: slap(repeated(21, [["2", "1", "9", "1", "90"]] * 2)),
        "image.finger_repeated",
        "14.021",
    ),
    "NFIQ 1 of 7": (lambda: rolled(group(22, ["1", "7"])), "image.quality", "14.022"),
    "a segmentation score of 180": (
        lambda: slap(group(23, ["2", "180", "0101", "57"])),
        "image.quality",
        "14.023",
    ),
    "a quality of 101": (lambda: rolled(group(24, ["1", "101", "0101", "57"])), "image.quality", "14.024"),
    "NFIQ 2 of no release": (
        lambda: rolled(group(24, ["1", "50", "0101", "99"])),
        "image.quality_product",
        "14.024",
    ),
    "a quality of another finger": (
        lambda: rolled(group(24, ["9", "50", "0101", "57"])),
        "image.segment_finger",
        "14.024",
    ),
    "an outline of two corners": (
        lambda: slap(group(25, ["2", "2", "1", "1", "5", "5"])),
        "image.outline",
        "14.025",
    ),
    "an outline with a corner missing": (
        lambda: slap(group(25, ["2", "3", "1", "1", "5", "5"])),
        "image.outline",
        "14.025",
    ),
    "an outline outside the image": (
        lambda: slap(group(25, ["2", "3", "1", "1", "5", "5", "9999", "9"])),
        "image.outline",
        "14.025",
    ),
    "Type-4 of an unknown compression": (lambda: legacy(cga=9), "field.code", "4.008"),
    "Type-4 with ISR 2": (lambda: legacy(isr=2), "field.code", "4.005"),
    "Type-4 with one position twice": (lambda: legacy(fgp=(13, 13)), "field.code", "4.004"),
    "a rapid search with one print": (
        lambda: rpis.build(HEADER, submission.example_subject(HEADER, rpis.TYPE_2), [image(1)]),
        "set.prints",
        "1.003",
    ),
    "a civil reason the type does not know": (
        lambda: map_tot.build(
            HEADER, submission.example_subject(HEADER, map_tot.TYPE_2) | {"RFP": "PET SHOW"}, tenprint()
        ),
        "field.reason",
        "2.037",
    ),
    "printed in two days": (
        lambda: map_tot.build(
            HEADER, submission.example_subject(HEADER, map_tot.TYPE_2) | {"DPR": "20261125"}, tenprint()
        ),
        "date.after_submission",
        "2.038",
    ),
    "SRE without finding": (
        lambda: _response(sre.build(_answer(), {"SRF": "N"}), 59),
        "field.missing",
        "2.059",
    ),
    "ERRT without message": (lambda: _response(errt.build(_answer(), ["X"]), 60), "field.missing", "2.060"),
    "SRE without TCR": (lambda: sre.build(HEADER, {"SRF": "N"}), "type1.tcr", "1.010"),
    "SRE of unknown letter": (lambda: sre.build(_answer(), {"SRF": "Q"}), "field.code", "2.059"),
}


def _with(txn: Transaction, position: int, field: Field) -> TaggedRecord:
    record = txn.records[position]
    assert isinstance(record, TaggedRecord)
    return TaggedRecord(record.type, (*record.fields, field))


def _reordered(txn: Transaction, position: int) -> TaggedRecord:
    record = txn.records[position]
    assert isinstance(record, TaggedRecord)
    first, second, *rest = record.fields
    return TaggedRecord(record.type, (first, *rest, second))


def _second() -> TaggedRecord:
    return TaggedRecord(2, (text(2, "20"), text(18, "DOE,JOHN")))


def _four(idc: int) -> Transaction:
    return type_four_record(TypeFour(idc, 0, (13,), 0, 8, 4, 1, wsq(8, 4)))  # type: ignore[return-value]


def _answer() -> object:
    return type(HEADER)(**{**HEADER.__dict__, "tcr": "SIM-2026-000001"})


def _response(txn: Transaction, without: int) -> Transaction:
    return changed(txn, 1, without=(without,))


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_found_with_its_field(name: str) -> None:
    build, code, field = PLANTED[name]
    assert (code, field) in codes(build())


def test_good_minutiae_beside_their_image_have_no_finding() -> None:
    assert {each for each in codes(minutiae()) if each[1].startswith("9.")} == set()
    assert ("cnt.idc_repeated", "1.003") not in codes(minutiae())


def test_fields_of_vendors_and_of_the_extended_set_are_left_alone() -> None:
    txn = minutiae()
    last = txn.records[-1]
    assert isinstance(last, TaggedRecord)
    foreign = TaggedRecord(9, (*last.fields, text(20, "IAFIS"), text(331, "MIN")))
    assert {
        each for each in codes(transaction("CAR", HEADER, [*txn.records[1:-1], foreign])) if each[1][0] == "9"
    } == set()


@pytest.mark.parametrize("number", [1, 2])
def test_a_record_of_one_field_is_checked_like_any_other(number: int) -> None:
    lonely = TaggedRecord(14, (text(number, "9"),))
    found = [each.code for each in check_record(lonely, TABLES[14], 0)]
    assert "field.missing" in found
    assert ("field.order" in found) == (number == 2)


def test_at_least_sixty_kinds_of_fault_are_planted() -> None:
    assert len(PLANTED) >= 60


def test_a_control_number_used_before_is_found() -> None:
    found = validate(good(), known_tcns={"SIM-2026-000001"})
    assert [(each.code, each.field) for each in found] == [("type1.tcn_reused", "1.009")]


def test_unknown_birth_date_and_one_day_ahead_are_as_the_standard_allows() -> None:
    assert codes(subject(DOB="00000000", DOA="20261124")) == set()
    assert (
        codes(subject(DOB=["19800229", "19810101"], HGT="N66", WGT="000", SSD="20261124", SLE="HELD"))
        == set()
    )


def test_amputations_marked_everywhere_leave_nothing_to_say() -> None:
    marks = {2: "XX", 6: "UP"}
    from station.friction_ridge import AMP, FGP

    txn = car.build(HEADER, SUBJECT, tenprint(2, 6, 12), {FGP(k): AMP(v) for k, v in marks.items()})
    assert codes(txn) == set()


def test_identification_flats_with_boxes_have_nothing_to_say() -> None:
    boxes = tuple(prints.Segment(finger, 10 * k, 10 * k + 9, 0, 90) for k, finger in enumerate(_right_four()))
    flats = [image(13, segments=boxes), image(14), image(15)]
    assert codes(car.build(HEADER, SUBJECT, flats)) == set()


def _right_four() -> tuple[object, ...]:
    from station.friction_ridge import FGP, SLAP_FINGERS

    return SLAP_FINGERS[FGP.PLAIN_RIGHT_FOUR]


def test_an_external_file_may_stand_in_place_of_the_data() -> None:
    found = codes(rolled(text(994, "file.wsq"), without=(999,)))
    assert ("image.data_missing", "14.999") not in found


def test_dots_per_centimetre_are_understood() -> None:
    assert codes(rolled(text(8, "2"), text(9, "197"), text(10, "197"))) == set()


def test_with_decoders_a_damaged_a_blank_and_a_false_image_are_found() -> None:
    def broken(content: bytes) -> np.ndarray:
        raise ValueError("bad table")

    def found(decoder: Callable[[bytes], np.ndarray]) -> set[str]:
        txn = car.build(HEADER, SUBJECT, [image(13)])
        return {each.code for each in validate(txn, decoders={"WSQ20": decoder})}

    ramp = np.tile(np.arange(160, dtype=np.uint8), (150, 1))
    assert found(broken) == {"image.undecodable"}
    assert found(lambda _: np.full((150, 160), 255, np.uint8)) == {"image.blank"}
    assert found(lambda _: ramp.T) == {"image.size"}
    assert found(lambda _: ramp) == set()


def test_errors_are_told_from_warnings_and_sorted_by_record() -> None:
    findings = validate(car.build(HEADER, {**SUBJECT, "POB": "QQ", "SEX": "Q"}, tenprint(13)), today=TODAY)
    assert [each.record for each in findings] == sorted(each.record for each in findings)
    assert [each.code for each in errors(findings)] == ["field.code"]
    assert {each.severity for each in findings} == {Severity.ERROR, Severity.WARNING}


def test_a_header_of_an_old_version_without_dom_is_only_a_warning() -> None:
    found = validate(header(text(2, "0400"), without=(13,)))
    (dom,) = [each for each in found if each.code == "type1.dom"]
    assert (dom.field, dom.severity, dom.offset) == ("1.013", Severity.WARNING, 0)
    assert "NORAM" in dom.advice


def test_validation_never_raises_on_a_transaction_with_nothing_in_it() -> None:
    empty = Transaction((complete(TaggedRecord(1, (text(2, "0502"), content_field([])))),))
    assert ("field.missing", "1.004") in codes(empty)
    odd = TaggedRecord(
        14, (text(2, "01"), text(13, "13"), repeated(18, [["x"]]), repeated(21, [["a"] * 5]), data(b""))
    )
    assert errors(validate(transaction("CAR", HEADER, [_second(), odd])))


@pytest.mark.parametrize("digits", ["20²", "٢٠٠", "9" * 5000])
def test_digits_that_are_no_ascii_numbers_are_findings_and_not_a_crash(digits: str) -> None:
    for txn in (
        body(text(29, digits)),
        rolled(text(13, digits)),
        slap(group(18, [digits, "XX"])),
        rolled(text(2, digits)),
    ):
        assert errors(validate(txn, today=TODAY))


@settings(deadline=None)
@given(
    st.sampled_from([0, 1, 2, 12]),
    st.integers(2, 998),
    st.lists(st.lists(st.binary(max_size=8), min_size=1), min_size=1),
)
def test_whatever_a_field_holds_validation_ends_with_findings(
    position: int, number: int, rows: list[list[bytes]]
) -> None:
    field = Field(number, tuple(tuple(items) for items in rows))
    assert all(each.code for each in validate(changed(good(), position, field), today=TODAY))


def test_the_table_of_faults_in_the_docs_is_the_one_planted_here(repo: Path) -> None:
    shown = (repo / "docs" / "records.md").read_text()
    for name, (_, code, field) in PLANTED.items():
        assert f"| {name} | `{code}` | {field} |" in shown
