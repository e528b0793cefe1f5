"""Limits of the checks of minutiae, of Type-4 headers and of field numbers: what just passes, and what just fails."""

from __future__ import annotations

import pytest

from station.errors import RecordError
from station.records import prints
from station.records.check_fields import check_record
from station.records.encode import complete
from station.records.fields_type_9 import NEEDED
from station.records.findings import Finding
from station.records.header import transaction
from station.records.tables import TABLES
from station.records.transaction import (
    Field,
    TaggedRecord,
    Transaction,
    TypeFour,
    group,
    text,
    type_four_record,
)
from station.records.validate import validate
from tests.unit.records.kit import DAT, HEADER, good, image, wsq


def found(txn: Transaction, code: str, field: str = "") -> list[Finding]:
    return [each for each in validate(txn, today=DAT) if each.code == code and field in ("", each.field)]


def minutiae(*fields: Field, without: tuple[int, ...] = ()) -> Transaction:
    """The good CAR with one Type-9 of the roll; 79, 74 is the last pixel of its 80 by 75."""
    whole = {
        2: text(2, "01"),
        3: text(3, "1"),
        4: text(4, "U"),
        126: group(126, ["27", "513", "1"]),
        127: group(127, ["NONE", "X"]),
        128: text(128, "80"),
        129: text(129, "75"),
        130: text(130, "1"),
        131: text(131, "500"),
        132: text(132, "500"),
        133: text(133, "0"),
        134: text(134, "1"),
        135: group(135, ["50", "0", "1"]),
        136: text(136, "1"),
        137: group(137, ["1", "79", "74", "0", "1", "60"]),
    } | {each.number: each for each in fields}
    kept = tuple(field for number, field in sorted(whole.items()) if number not in without)
    return transaction("CAR", HEADER, [*good().records[1:], complete(TaggedRecord(9, kept))])


def said_of(txn: Transaction) -> list[str]:
    """What is found in the minutiae; that a CAR has no place for them is another matter."""
    return [each.code for each in validate(txn, today=DAT) if each.field.startswith("9.")]


def test_minutiae_reach_to_the_last_pixel() -> None:
    for x, y, bad in ((79, 74, False), (80, 74, True), (79, 75, True), (0, 0, False)):
        txn = minutiae(group(137, ["1", str(x), str(y), "0", "1", "60"]))
        assert bool(found(txn, "minutiae.outside", "9.137")) is bad


def test_a_block_of_minutiae_needs_each_field_of_its_head() -> None:
    assert said_of(minutiae()) == []
    missed = [
        number
        for number in range(126, 137)
        if found(minutiae(without=(number,)), "minutiae.block_not_whole", f"9.{number}")
    ]
    assert missed == list(NEEDED)
    none = minutiae(text(136, "0"), without=(137,))
    assert said_of(none) == []


def test_minutiae_are_compared_with_the_image_of_their_idc() -> None:
    assert found(minutiae(text(134, "2")), "minutiae.other_finger", "9.134")
    assert found(minutiae(text(134, "0")), "minutiae.other_finger") == []
    assert found(minutiae(text(2, "02"), text(134, "2")), "minutiae.other_finger") == []
    assert found(minutiae(text(128, "81")), "minutiae.size", "9.128")
    assert found(minutiae(text(129, "76")), "minutiae.size", "9.128")


def four(*fgp: int) -> Transaction:
    record = type_four_record(TypeFour(1, 0, fgp, 0, 40, 20, 1, wsq(40, 20)))
    return transaction("CAR", HEADER, [good().records[1], record])


def test_six_positions_fit_a_type_4_and_stand_before_the_unused_bytes() -> None:
    assert found(four(1, 2, 3, 4, 5, 6), "field.code", "4.004") == []
    assert found(four(13), "field.code", "4.004") == []
    for positions in ((255, 13), (13, 255, 14), (), (13, 13)):
        assert found(four(*positions), "field.code", "4.004"), positions


@pytest.mark.parametrize(
    ("number", "known"), [(199, False), (200, True), (899, True), (900, False), (905, False)]
)
def test_numbers_from_200_to_899_are_everybodys_own(number: int, known: bool) -> None:
    record = TaggedRecord(15, (text(number, "X"),))
    codes = {each.code for each in check_record(record, TABLES[15], 0)}
    assert ("field.unknown" in codes) is not known


def test_blocks_of_vendors_are_known_in_minutiae_and_nowhere_else() -> None:
    def unknown(kind: int, number: int) -> bool:
        record = TaggedRecord(kind, (text(number, "X"),))
        return "field.unknown" in {each.code for each in check_record(record, TABLES[kind], 0)}

    assert [number for number in range(13, 200) if unknown(9, number)] == list(range(142, 151))
    assert unknown(14, 100)


def test_a_type_4_takes_positions_up_to_14_at_500_ppi_only() -> None:
    assert prints.type_4(1, image(14)).type == 4
    for made in (image(15), image(1, ppi=1000, cga="JP2", data=b""), image(1, cga="XYZ", data=b"")):
        with pytest.raises(RecordError, match=r"record\.type_4"):
            prints.type_4(1, made)
