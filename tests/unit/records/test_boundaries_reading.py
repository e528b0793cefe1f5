"""Limits of what is read of a damaged file, and where a finding is seen: record, offset and words."""

from __future__ import annotations

import pytest

from station.records import decode as decoding
from station.records import reading
from station.records.check_images import images_of
from station.records.encode import complete, encode
from station.records.findings import Finding
from station.records.header import transaction
from station.records.images import size_of
from station.records.tot import car
from station.records.transaction import (
    GS,
    BinaryRecord,
    Field,
    TaggedRecord,
    Transaction,
    TypeFour,
    content_field,
    group,
    text,
    type_four_record,
)
from station.records.validate import validate
from tests.unit.records.kit import DAT, HEADER, SUBJECT, changed, good, image, tenprint

BODY = complete(TaggedRecord(2, (text(2, "00"), text(18, "DOE,JOHN"))))
HEAD = encode(transaction("CAR", HEADER, [BODY]))


def records(content: bytes) -> tuple[TaggedRecord | BinaryRecord, ...]:
    found = reading.read(content).transaction
    return () if found is None else found.records


def test_of_a_file_without_end_a_thousand_records_are_read() -> None:
    many = HEAD + encode(Transaction((BODY,))) * 1200
    assert len(records(many)) == 1 + decoding.MAX_RECORDS


def test_of_a_damaged_file_no_more_fields_are_read_than_of_a_whole_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(decoding, "MAX_FIELDS", 30)
    fields = b"".join(b"2.%03d:X\x1d" % (3 + number) for number in range(60))
    found = records(HEAD.replace(b"2.001:%d" % len(encode(Transaction((BODY,)))), b"2.001:9", 1) + fields)
    assert sum(len(each.fields) for each in found if isinstance(each, TaggedRecord) and each.type == 2) == 30


def test_a_loose_record_keeps_its_tags_and_values() -> None:
    hurt = HEAD.replace(b"2.001:%d" % len(encode(Transaction((BODY,)))), b"2.001:9", 1)
    last = records(hurt)[-1]
    assert isinstance(last, TaggedRecord)
    assert [(each.tag, each.value) for each in last.fields] == [
        (b"2.001", b"9"),
        (b"2.002", b"00"),
        (b"2.018", b"DOE,JOHN"),
    ]


def test_a_second_header_is_read_and_a_tagged_type_4_is_no_record() -> None:
    second = encode(Transaction((complete(TaggedRecord(1, (text(2, "0502"),))),)))
    assert [each.type for each in records(HEAD + second)] == [1, 2, 1]
    assert [each.type for each in records(HEAD + b"4.001:9\x1d\x1c")] == [1, 2]
    assert reading.read(HEAD + b"4.001:9\x1d\x1c").findings[-1].code == "record.trailing_bytes"
    assert [each.type for each in records(HEAD + b"0.001:9\x1d\x1c")] == [1, 2]


def test_a_fault_says_how_many_bytes_a_record_wants_and_not_twice_where() -> None:
    stated = len(encode(Transaction((BODY,))))
    (finding,) = reading.read(HEAD[:-4]).findings
    assert finding.message == f"the Type-2 record wants {stated} bytes"
    assert finding.offset == len(HEAD) - stated


def test_untagged_records_have_no_fields_to_count(monkeypatch: pytest.MonkeyPatch) -> None:
    four = type_four_record(TypeFour(1, 0, (1,), 0, 8, 8, 0, b"\1" * 64))
    content = encode(transaction("CAR", HEADER, [four]))
    fields = len(decoding.decode(content).header.fields)
    monkeypatch.setattr(decoding, "MAX_FIELDS", fields)
    assert len(decoding.decode(content).records) == 2


def test_the_longest_subfield_is_found_wherever_it_stands() -> None:
    for value, size in (
        (b"", (1, 1)),
        (b"\x1eA\x1fB", (2, 2)),
        (b"A\x1fB\x1e", (2, 2)),
        (b"A\x1eB\x1fC\x1fD\x1eE", (3, 3)),
    ):
        assert Field(18, value=value).size == size
        assert Field(18, Field(18, value=value).subfields).size == size


def test_the_shortest_binary_record_is_written() -> None:
    seven = BinaryRecord(7, (5).to_bytes(4) + b"\1")
    head = complete(TaggedRecord(1, (text(2, "0502"), content_field([seven]))))
    assert decoding.decode(encode(Transaction((head, seven)))).records[1] == seven


def seen(txn: Transaction, code: str) -> Finding:
    return next(each for each in validate(txn, today=DAT) if each.code == code)


def test_a_finding_is_seen_at_its_field_also_in_another_record() -> None:
    content = encode(good())
    wrong = encode(changed(good(), 5, text(2, "77")))
    listed = seen(decoding.decode(wrong), "cnt.idc")
    assert (listed.record, listed.offset) == (5, wrong.index(b"1.003:"))
    unmarked = decoding.decode(encode(car.build(HEADER, SUBJECT, tenprint(3))))
    assert seen(unmarked, "amp.unmarked_finger").offset == encode(unmarked).index(b"2.001:")
    without = decoding.decode(encode(car.build(HEADER, SUBJECT, tenprint(13))))
    assert seen(without, "image.plain_missing").offset == encode(without).index(b"14.013:")
    assert content.count(GS + b"1.003:") == 1


def test_a_finding_of_an_untagged_record_is_seen_at_its_byte() -> None:
    four = car.build(HEADER, SUBJECT, [image(13)], form="4").records[-1]
    assert isinstance(four, BinaryRecord)
    places = {5: 3, 6: 4, 12: 5, 17: 8, 18: 9}
    for at, number in places.items():
        raw = bytearray(four.content)
        raw[at] = 200
        txn = transaction("CAR", HEADER, [good().records[1], BinaryRecord(4, bytes(raw))])
        start = len(encode(txn)) - len(raw)
        found = [each for each in validate(txn, today=DAT) if each.field == f"4.{number:03d}"]
        assert {each.offset for each in found} == {start + at}


def test_a_mark_must_be_on_every_slap_that_shows_the_finger() -> None:
    for fgp, finger in ((11, 1), (12, 6), (13, 4), (14, 7), (15, 6)):
        txn = changed(car.build(HEADER, SUBJECT, [image(fgp)]), 1, group(84, [f"{finger:02d}", "XX"]))
        assert [each.record for each in validate(txn, today=DAT) if each.code == "amp.not_on_slap"] == [2]
    roll = changed(car.build(HEADER, SUBJECT, [image(1)]), 1, group(84, ["01", "XX"]))
    assert "amp.not_on_slap" not in {each.code for each in validate(roll, today=DAT)}


def test_prints_of_both_record_types_are_one_set() -> None:
    four = car.build(HEADER, SUBJECT, [image(1), image(2)], form="4")
    codes = {each.code for each in validate(four, today=DAT)}
    assert {"amp.unmarked_finger", "image.plain_missing"} <= codes
    twice = transaction("CAR", HEADER, [*four.records[1:3], four.records[2]])
    (first, second) = (each for each in validate(twice, today=DAT) if each.code == "image.duplicate_fgp")
    assert (first.field, second.field) == ("4.004", "4.004")


@pytest.mark.parametrize("kind", [4, 13, 14, 15])
def test_minutiae_are_compared_with_an_image_of_any_record_type(kind: int) -> None:
    sides = [text(128, "80"), text(129, "75")]
    minutiae = complete(TaggedRecord(9, (text(2, "01"), text(4, "U"), *sides, text(134, "3"))))
    picture: TaggedRecord | BinaryRecord = type_four_record(TypeFour(1, 0, (2,), 0, 80, 75, 0, b""))
    if kind != 4:
        picture = complete(TaggedRecord(kind, (text(2, "01"), text(6, "80"), text(7, "75"), text(13, "2"))))
    txn = transaction("CAR", HEADER, [good().records[1], picture, minutiae])
    assert seen(txn, "minutiae.other_finger").record == 3


@pytest.mark.parametrize(("listed", "code"), [(b"0002\x1f00", ""), (b"00002\x1f00", "record.cnt_malformed")])
def test_a_record_type_in_cnt_has_four_digits_at_most(listed: bytes, code: str) -> None:
    head = TaggedRecord(1, (text(2, "0502"), Field(3, value=b"1\x1f1\x1e" + listed)))
    faults = reading.read(encode(Transaction((complete(head), BODY)))).findings
    assert [(each.code, each.offset) for each in faults[:1]] == ([(code, 0)] if code else [])


def test_a_type_4_is_of_500_ppi() -> None:
    txn = car.build(HEADER, SUBJECT, [image(13)], form="4")
    assert [each.ppi for each in images_of(txn)] == [500]


def test_a_header_that_ends_with_the_size_still_gives_it() -> None:
    assert size_of("JPEGB", b"\xff\xd8\xff\xc0\x00\x07\x08\x00\x4b\x00\x50") == (80, 75)
    assert size_of("JPEGB", b"\xff\xd8\xff\xe0\x00\x02\xff\xc0\x00\x07\x08\x00\x4b\x00\x50") == (80, 75)
