"""decode and encode: lossless, exact about LEN and CNT, and never anything but RecordError."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from station.errors import RecordError
from station.records import decode as reader
from station.records.decode import decode
from station.records.encode import complete, encode, record_bytes
from station.records.header import transaction
from station.records.transaction import (
    BinaryRecord,
    Field,
    TaggedRecord,
    Transaction,
    TypeFour,
    content_field,
    data,
    group,
    repeated,
    text,
    type_four,
    type_four_record,
)
from tests.unit.records.kit import HEADER, good

GOOD = encode(good())
ITEM = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)
FULL = ITEM.filter(bool)
ROWS = st.lists(st.tuples(FULL, ITEM) | st.tuples(FULL), min_size=1, max_size=3)


def with_len(head: bytes, body: bytes) -> bytes:
    """`head`, a right LEN, GS, `body`: without the code under test."""
    size = next(n for n in range(10**6) if n == len(head) + len(b"%d" % n) + 1 + len(body))
    return head + b"%d\x1d" % size + body


def file(*records: bytes, cnt: bytes | None = None) -> bytes:
    """A file with a right LEN in its Type-1 around the given records, which CNT lists as type 2, IDC 00."""
    entries = b"\x1e".join([b"1\x1f%d" % len(records)] + [b"2\x1f00"] * len(records)) if cnt is None else cnt
    head = with_len(b"1.001:", b"1.002:0400\x1d1.003:" + entries + b"\x1d1.004:CAR\x1c")
    return head + b"".join(records)


def tagged(body: bytes) -> bytes:
    return with_len(b"2.001:", body + b"\x1c")


def refusal(content: bytes) -> str:
    with pytest.raises(RecordError) as caught:
        decode(content)
    assert caught.value.advice
    return caught.value.code


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(3, 998), ROWS), max_size=6, unique_by=lambda pair: pair[0]), st.binary()
)
def test_any_fields_come_back_as_they_went_in(
    pairs: list[tuple[int, list[tuple[str, ...]]]], blob: bytes
) -> None:
    fields = [repeated(number, rows) for number, rows in pairs]
    record = TaggedRecord(14, (text(2, "01"), *fields, data(blob)))
    txn = transaction("CAR", HEADER, [record, type_four_record(TypeFour(2, 1, (3,), 0, 5, 6, 1, blob))])
    content = encode(txn)
    again = decode(content)
    assert again == txn
    assert encode(again) == content
    first = again.records[1]
    assert isinstance(first, TaggedRecord)
    assert first.data == blob
    for number, rows in pairs:
        assert first.rows(number) == tuple(tuple(row) for row in rows)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_arbitrary_bytes_give_a_transaction_or_a_record_error(content: bytes) -> None:
    try:
        txn = decode(content)
    except RecordError:
        return
    assert encode(txn) == content


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_file_gives_a_transaction_or_a_record_error(choice: st.DataObject) -> None:
    content = bytearray(GOOD)
    for _ in range(choice.draw(st.integers(1, 4))):
        at = choice.draw(st.integers(0, min(len(content) - 1, 900)))
        if choice.draw(st.booleans()):
            content[at] = choice.draw(st.sampled_from(list(b"\x1c\x1d\x1e\x1f.:0129\x00\xff")))
        else:
            del content[at : at + choice.draw(st.integers(1, 40))]
    try:
        txn = decode(bytes(content))
    except RecordError:
        return
    assert encode(txn) == bytes(content)


def test_short_tags_and_leading_zeros_stay_as_they_were() -> None:
    head = with_len(b"1.01:", b"1.02:0201\x1d1.03:1\x1f01\x1e2\x1f00\x1d1.04:CAR\x1c")
    content = head + tagged(b"2.002:00\x1d2.018:smith,tom")
    txn = decode(content)
    assert txn.tot == "CAR"
    assert txn.header.text(2) == "0201"
    assert encode(txn) == content


def test_data_may_hold_every_separator_and_a_false_record() -> None:
    blob = b"\x1c\x1d\x1e\x1f2.001:9\x1d14.999:"
    txn = transaction(
        "CAR", HEADER, [TaggedRecord(14, (text(2, "01"), text(20, "999: in a comment"), data(blob)))]
    )
    again = decode(encode(txn)).records[1]
    assert isinstance(again, TaggedRecord)
    assert again.data == blob
    assert again.text(20) == "999: in a comment"


@pytest.mark.parametrize("change", [-1, 1])
def test_a_len_one_byte_off_is_refused_in_either_direction(change: int) -> None:
    content = encode(good())
    second = content.index(b"2.001:")
    end = content.index(b"\x1d", second)
    stated = int(content[second + 6 : end])
    assert refusal(content[: second + 6] + b"%d" % (stated + change) + content[end:]) == "record.len_wrong"


@pytest.mark.parametrize("change", [-1, 1])
def test_a_binary_len_one_byte_off_is_refused_in_either_direction(change: int) -> None:
    four = type_four_record(TypeFour(1, 1, (1,), 0, 8, 8, 0, b"\0" * 64))
    content = encode(Transaction((complete(TaggedRecord(1, (text(2, "0502"), content_field([four])))), four)))
    at = len(content) - 82
    broken = content[:at] + (82 + change).to_bytes(4) + content[at + 4 :]
    assert refusal(broken) in ("record.truncated", "record.trailing_bytes")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "record.not_a_transaction"),
        (b"FMR\0 20\0", "record.not_a_transaction"),
        (b"2.001:10\x1d2.002:00\x1c", "record.not_a_transaction"),
        (b"1.001:999\x1d1.002:0400\x1c", "record.truncated"),
        (file(tagged(b"2.002:00"))[:-3], "record.truncated"),
        (file(cnt=b"1\x1f1\x1e2\x1f00"), "record.truncated"),
        (file(cnt=b"1\x1f1\x1e4\x1f00"), "record.truncated"),
        (file(b"\0\0\0\x05\0", cnt=b"1\x1f1\x1e4\x1f00"), "record.len_wrong"),
        (file(b"\0\0\x01\x05\0", cnt=b"1\x1f1\x1e7\x1f00"), "record.truncated"),
        (file(tagged(b"2.002:00")) + b"\r\n", "record.trailing_bytes"),
        (file(tagged(b"2.002:00"), cnt=b"1\x1f1\x1e14\x1f00"), "record.type_mismatch"),
        (file(tagged(b"2.002:00\x1d3.003:x")), "record.type_mismatch"),
        (file(tagged(b"2.002:00\x1dNAM:x")), "record.field_malformed"),
        (file(tagged(b"2.002:00\x1d")), "record.field_malformed"),
        (file(tagged(b"2.002:00\x1d2.018:A\x1cB")), "record.len_wrong"),
        (file(b"NAM:x", cnt=b"1\x1f1\x1e2\x1f00"), "record.field_malformed"),
        (file(cnt=b"1\x1f2\x1e2\x1f00"), "record.cnt_malformed"),
        (file(cnt=b"1\x1fx"), "record.cnt_malformed"),
        (file(cnt=b"2\x1f0"), "record.cnt_malformed"),
        (file(cnt=b"1\x1f1\x1e2"), "record.cnt_malformed"),
        (file(cnt=b"1\x1f1\x1e" + b"9" * 5000 + b"\x1f00"), "record.cnt_malformed"),
        (b"1.001:19\x1d1.002:0400\x1c\x1c", "record.len_wrong"),
        (b"1.001:20\x1d1.002:0400\x1c", "record.cnt_malformed"),
    ],
)
def test_a_malformed_file_is_refused_by_its_own_code(content: bytes, code: str) -> None:
    assert refusal(content) == code


def test_a_file_beyond_the_limit_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_BYTES", 10)
    assert refusal(b"1" * 11) == "record.too_large"


@pytest.mark.parametrize("separator", ["\x1c", "\x1d", "\x1e", "\x1f"])
def test_a_separator_inside_a_value_is_not_written(separator: str) -> None:
    with pytest.raises(RecordError, match=r"2\.018") as caught:
        complete(TaggedRecord(2, (text(2, "00"), text(18, f"DOE{separator}2.024:F,JOHN"))))
    assert caught.value.code == "record.separator_in_value"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ((text(18, "DOE,JO\x07HN"),), "record.control_character"),
        ((text(18, "DOE,JO\x7fHN"),), "record.control_character"),
        ((text(18, "MÜLLER,JÖRG"),), "record.not_ascii"),
        ((text(18, "\ud800"),), "record.not_ascii"),
        ((text(18, ""),), "record.empty_field"),
        ((repeated(19, []),), "record.empty_field"),
        ((text(18, "A"), text(18, "B")), "record.repeated_field"),
        ((data(b"x"), text(18, "A")), "record.data_not_last"),
    ],
)
def test_a_new_record_with_an_unwritable_value_is_refused(fields: tuple[Field, ...], code: str) -> None:
    with pytest.raises(RecordError) as caught:
        complete(TaggedRecord(2, (text(2, "00"), *fields)))
    assert caught.value.code == code


def test_line_breaks_in_free_text_are_written() -> None:
    record = complete(TaggedRecord(2, (text(2, "00"), text(75, "LINE\r\nLINE\t2"))))
    assert record.text(75) == "LINE\r\nLINE\t2"


@settings(deadline=None)
@given(st.integers(0, 1200))
def test_len_counts_its_own_digits_at_every_length(size: int) -> None:
    record = complete(TaggedRecord(2, (text(2, "00"), text(75, "x" * (size + 1)))))
    assert int(record.text(1) or "") == len(record_bytes(record))


def test_a_changed_record_with_its_old_len_is_not_written() -> None:
    record = complete(TaggedRecord(2, (text(2, "00"), text(18, "DOE,JOHN"))))
    longer = TaggedRecord(2, (*record.fields, text(24, "M")))
    with pytest.raises(RecordError) as caught:
        record_bytes(longer)
    assert caught.value.code == "record.len_wrong"


@pytest.mark.parametrize("content", [b"", b"\0\0\0\x09\0\0\0\0"])
def test_a_binary_record_of_another_length_is_not_written(content: bytes) -> None:
    with pytest.raises(RecordError) as caught:
        record_bytes(BinaryRecord(4, content))
    assert caught.value.code == "record.len_wrong"


def test_a_type_4_record_reads_back_as_it_was_written() -> None:
    image = TypeFour(7, 1, (2,), 0, 800, 750, 1, b"image")
    record = type_four_record(image)
    assert record.content[6:12] == b"\x02\xff\xff\xff\xff\xff"
    assert type_four(record) == image
    assert record.idc == "07"


def test_text_that_is_not_utf_8_is_read_as_latin_1() -> None:
    assert Field(18, ((b"M\xdcLLER",),)).text == "MÜLLER"
    assert Field(18, (("MÜLLER".encode(),),)).text == "MÜLLER"


def test_absent_fields_are_none_and_empty() -> None:
    record = TaggedRecord(14, (group(2, ["01"]),))
    assert (record.data, record.text(3), record.rows(3), record.field(3)) == (None, None, (), None)
    assert TaggedRecord(1, ()).idc is None
    assert Transaction((TaggedRecord(1, ()),)).tcn == ""
