"""Limits of reading and writing a file: the last size, count or character that passes, and the first that does not."""

from __future__ import annotations

import datetime as dt
import io
from pathlib import Path

import pytest
from PIL import Image

from station.errors import RecordError
from station.friction_ridge import QualityReport
from station.records import decode as decoding
from station.records import profile as profiles
from station.records import reading
from station.records.check_fields import MANY_ITEMS, check_record
from station.records.decode import decode
from station.records.encode import check_value, complete, encode
from station.records.fields_type_2 import RULES
from station.records.findings import Finding
from station.records.header import gmt, transaction
from station.records.images import size_of, truncated
from station.records.tot import car
from station.records.transaction import (
    MOST_ROWS,
    BinaryRecord,
    Field,
    TaggedRecord,
    Transaction,
    TypeFour,
    content_field,
    repeated,
    text,
    to_number,
    type_four_record,
)
from tests.unit.records.kit import HEADER, SUBJECT, good, image, wsq

RULE = {rule.number: rule for rule in RULES}


def refusal(content: bytes) -> str:
    try:
        decode(content)
    except RecordError as error:
        return error.code
    return ""


def bare(*records: BinaryRecord | TaggedRecord) -> Transaction:
    return Transaction((complete(TaggedRecord(1, (text(2, "0502"), content_field(records)))), *records))


GOLDEN = (
    b"1.001:188\x1d1.002:0502\x1d1.003:1\x1f2\x1e2\x1f00\x1e4\x1f01\x1d1.004:CAR\x1d1.005:20261123\x1d1.007:EXSIB0000\x1d"
    b"1.008:XX0010000\x1d1.009:SIM-2026-000001\x1d1.011:19.69\x1d1.012:19.69\x1d1.013:NORAM\x1fEBTS 11.1\x1d"
    b"1.014:20261123180005Z\x1c"
    b"2.001:32\x1d2.002:00\x1d2.019:A,B\x1eC,D\x1c"
    b"\0\0\0\x15\1\0\x0d\xff\xff\xff\xff\xff\0\3\x20\2\xee\1abc"
)
"""Written by hand after ITL 2011, Annex B and Table 13: a slap of 800 by 750 of three bytes in WSQ."""


def test_a_transaction_has_the_bytes_the_standard_gives_it() -> None:
    image_record = type_four_record(TypeFour(1, 0, (13,), 0, 800, 750, 1, b"abc"))
    names = TaggedRecord(2, (text(2, "00"), repeated(19, [["A,B"], ["C,D"]])))
    assert encode(transaction("CAR", HEADER, [names, image_record])) == GOLDEN
    assert encode(decode(GOLDEN)) == GOLDEN


def test_a_control_character_is_written_only_where_it_lays_out_text() -> None:
    refused = set()
    for byte in range(256):
        try:
            check_value("2.018", Field(18, ((bytes((65, byte)),),)))
        except RecordError as error:
            refused.add((byte, error.code))
    separators = {(byte, "record.separator_in_value") for byte in (28, 29, 30, 31)}
    controls = {(byte, "record.control_character") for byte in (*range(28), 127) if byte not in (9, 10, 13)}
    assert refused == separators | controls | {(byte, "record.not_ascii") for byte in range(128, 256)}


def test_a_file_of_the_largest_size_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    content = encode(good())
    assert decoding.MAX_BYTES == 256 * 2**20
    monkeypatch.setattr(decoding, "MAX_BYTES", len(content))
    assert refusal(content) == ""
    monkeypatch.setattr(decoding, "MAX_BYTES", len(content) - 1)
    assert refusal(content) == "record.too_large"


def test_a_file_of_the_most_fields_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    record = complete(TaggedRecord(2, (text(2, "00"), text(18, "A,B"))))
    content = encode(bare(record, record))
    assert decoding.MAX_FIELDS == 20_000
    monkeypatch.setattr(decoding, "MAX_FIELDS", 9)
    assert refusal(content) == ""
    monkeypatch.setattr(decoding, "MAX_FIELDS", 8)
    assert refusal(content) == "record.too_many_fields"
    monkeypatch.setattr(decoding, "MAX_FIELDS", 1)
    assert refusal(content) == "record.too_many_fields"


def test_cnt_lists_999_records_and_no_more() -> None:
    record = complete(TaggedRecord(2, (text(2, "00"),)))
    assert decoding.MAX_RECORDS == 1000
    assert refusal(encode(bare(*[record] * 999))) == ""
    assert refusal(encode(bare(*[record] * 1000))) == "record.cnt_malformed"


@pytest.mark.parametrize(("kind", "shortest"), [(4, 18), (3, 5), (7, 5), (8, 5)])
def test_a_binary_record_has_its_header_at_least(kind: int, shortest: int) -> None:
    for size, code in ((shortest, ""), (shortest - 1, "record.len_wrong")):
        record = BinaryRecord(kind, size.to_bytes(4) + bytes(max(size, 5) - 4))
        assert refusal(_listing(kind) + record.content) == code


def _listing(kind: int) -> bytes:
    """A Type-1 that announces one record of this type."""
    four = BinaryRecord(kind, (18).to_bytes(4) + bytes(14))
    return encode(Transaction((complete(TaggedRecord(1, (text(2, "0502"), content_field([four])))),)))


def test_a_number_has_nine_digits_at_most() -> None:
    assert to_number("0") == 0
    assert to_number("999999999") == 999_999_999
    assert [to_number(each) for each in ("", "1234567890", "-1", "+1", "1 ", "1_0", "²")] == [None] * 7


def test_a_field_of_the_most_rows_is_still_taken_apart() -> None:
    for rows, kept in ((MOST_ROWS, MOST_ROWS), (MOST_ROWS + 1, 0)):
        assert len(TaggedRecord(2, (repeated(19, [["A"]] * rows),)).rows(19)) == kept
    for items, kept in ((MOST_ROWS, 1), (MOST_ROWS + 1, 0)):
        assert len(TaggedRecord(2, (repeated(19, [["A"] * items]),)).rows(19)) == kept


def said(rows: list[list[str]], number: int) -> list[Finding]:
    record = TaggedRecord(2, (repeated(number, rows),))
    return [each for each in check_record(record, (RULE[number],), 0) if each.code != "field.missing"]


def test_many_times_too_many_items_are_said_once() -> None:
    name, charge = RULE[18], RULE[47]
    assert (len(name.items), len(charge.items), charge.high) == (1, 2, 40)
    for items, counted in (
        (MANY_ITEMS, f"has {MANY_ITEMS} items"),
        (MANY_ITEMS + 1, f"has up to {MANY_ITEMS + 1} items"),
    ):
        (finding,) = said([["A"] * items], 18)
        assert counted in finding.message
    assert "has 100 items" in said([["A"] * 100], 47)[0].message
    assert "has up to 101 items" in said([["A"] * 101], 47)[0].message
    most = MANY_ITEMS * RULE[19].high
    assert [each.code for each in said([["A,B"]] * most, 19)] == ["field.occurrences"]
    assert [each.code for each in said([["A,B"]] * (most + 1), 19)] == ["field.occurrences", "field.items"]


def test_a_group_may_lack_the_items_after_its_last_mandatory_one() -> None:
    charge = ["20261101", "THEFT"]
    assert said([charge], 47) == []
    assert [each.code for each in said([charge[:1]], 47)] == ["field.items"]
    assert [each.code for each in said([[*charge, "X"]], 47)] == ["field.items"]


RULES_OF_A_BUREAU = """
schema = 1
id = "t"
name = "Test bureau (fictional)"
source = "invented"
[header]
citation = "T 1"
[prints]
citation = "T 2"
max_record_bytes = {record}
max_bytes = {whole}
[[rule]]
field = "2.018"
rule = "max_length"
value = "{length}"
citation = "T 3"
"""


def test_a_bureaus_largest_sizes_and_lengths_are_allowed(tmp_path: Path) -> None:
    txn = car.build(HEADER, SUBJECT, [image(1)])
    sizes = {
        "record": int(txn.of_type(14)[0].text(1) or 0),
        "whole": len(encode(txn)),
        "length": len(SUBJECT["NAM"]),
    }
    codes = {"record": "profile.record_size", "whole": "profile.size", "length": "profile.max_length"}
    path = tmp_path / "t.toml"
    for less, found in (({}, set()), *(({name: 1}, {code}) for name, code in codes.items())):
        path.write_text(
            RULES_OF_A_BUREAU.format(**{name: size - less.get(name, 0) for name, size in sizes.items()})
        )
        assert {each.code for each in profiles.check(txn, profiles.load(str(path)))} == found


def test_a_bureaus_untagged_records_count_with_all_their_bytes(tmp_path: Path) -> None:
    txn = car.build(HEADER, SUBJECT, [image(1)], form="4")
    record, whole = txn.records[-1], len(encode(txn))
    assert isinstance(record, BinaryRecord)
    path = tmp_path / "t.toml"
    seen = []
    for less in (0, 1):
        sizes = {"record": len(record.content) - less, "whole": whole, "length": 99}
        path.write_text(RULES_OF_A_BUREAU.format(**sizes))
        seen.append([(each.code, each.offset) for each in profiles.check(txn, profiles.load(str(path)))])
    assert seen == [[], [("profile.record_size", whole - len(record.content))]]


def test_a_comment_has_126_characters_and_not_one_more() -> None:
    begin = len("TRAINING ONLY; ; STATION QUALITY 67 OF 100 BY q, NOT NFIQ")
    for more, kept in ((0, True), (1, False)):
        made = image(
            13, simulated=False, marks=("X" * (126 - begin + more),), quality=QualityReport(67, "q", ())
        )
        comment = car.build(HEADER, SUBJECT, [made]).of_type(14)[0].text(20) or ""
        assert (len(comment) == 126) is kept
        assert ("QUALITY" in comment) is kept


def test_names_of_a_reader_are_cut_where_their_fields_end() -> None:
    made = image(13, simulated=False, make="A" * 60, model="B" * 60, serial="C" * 60)
    txn = car.build(HEADER, SUBJECT, [made])
    assert txn.of_type(2)[0].rows(67) == (("A" * 25, "B" * 25, "C" * 50),)
    assert txn.of_type(14)[0].rows(904) == (("A" * 50, "B" * 50, "C" * 50),)


def test_a_time_is_written_in_utc() -> None:
    west = dt.timezone(dt.timedelta(hours=-8))
    assert gmt(dt.datetime(2026, 12, 31, 23, 59, 59, tzinfo=west)) == "20270101075959Z"


@pytest.mark.parametrize(
    ("cga", "content", "shortest"),
    [
        ("WSQ20", b"\xff\xa0\xff\xa2\x00\x08\x00\xff\x00\x4b\x00\x50", 12),
        ("JPEGB", b"\xff\xd8\xff\xc0\x00\x07\x08\x00\x4b\x00\x50", 11),
        ("PNG", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x50\0\0\0\x4b", 24),
        ("JP2", b"\xff\x4f\xff\x51" + bytes(4) + b"\0\0\0\x50\0\0\0\x4b" + bytes(8), 24),
    ],
)
def test_a_size_is_known_from_the_byte_on_that_completes_it(cga: str, content: bytes, shortest: int) -> None:
    assert len(content) == shortest
    assert size_of(cga, content) == (0x50, 0x4B)
    assert size_of(cga, content[:-1]) is None


def test_an_end_may_be_followed_by_zeros() -> None:
    assert not truncated("WSQ20", wsq() + b"\0\0")
    assert truncated("WSQ20", wsq() + b"\1")
    assert truncated("JPEGL", b"\xff\xd8")


def test_a_binary_record_cut_after_its_header_is_kept() -> None:
    four = type_four_record(TypeFour(1, 0, (1,), 0, 8, 8, 0, b"\1" * 64))
    content = encode(transaction("CAR", HEADER, [TaggedRecord(2, (text(2, "00"),)), four]))
    start = len(content) - len(four.content)
    for kept, records in ((17, 2), (18, 3), (19, 3)):
        found = reading.read(content[: start + kept]).transaction
        assert found is not None
        assert len(found.records) == records


def test_a_person_gets_the_first_two_hundred_faults_of_noise() -> None:
    header = encode(transaction("CAR", HEADER, [TaggedRecord(2, (text(2, "00"),))]))
    noise = b"".join(b"%d.001:9\x1d\x1c" % (9 + number % 2) for number in range(300))
    assert reading.MAX_FINDINGS == 200
    assert len(reading.read(header + noise).findings) == 200


def test_a_jpeg_size_is_found_behind_other_segments() -> None:
    buffer = io.BytesIO()
    Image.new("L", (33, 17)).save(buffer, "JPEG", comment=b"x" * 300)
    assert size_of("JPEGB", buffer.getvalue()) == (33, 17)
