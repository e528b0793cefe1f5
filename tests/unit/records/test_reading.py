"""reading: a whole file reads as decode does; a damaged one gives what is left of it, and says where it hurts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from station.errors import RecordError
from station.records.decode import decode
from station.records.encode import encode
from station.records.reading import MAX_FINDINGS, read
from station.records.tot import car
from station.records.transaction import FS, content_field
from tests.unit.records.kit import HEADER, SUBJECT, good, image, tenprint

CONTENT = encode(good())
LEGACY = encode(car.build(HEADER, SUBJECT, tenprint(), form="4"))


def codes(content: bytes) -> list[str]:
    return [each.code for each in read(content).findings]


@pytest.mark.parametrize("content", [CONTENT, LEGACY])
def test_a_whole_file_reads_as_decode_does(content: bytes) -> None:
    reading = read(content)
    assert reading.whole
    assert reading.transaction is not None
    assert encode(reading.transaction) == content


def test_what_is_no_transaction_has_no_transaction_and_one_finding() -> None:
    reading = read(b"GIF89a")
    assert reading.transaction is None
    assert [each.code for each in reading.findings] == ["record.not_a_transaction"]
    assert not reading.whole


def test_bytes_after_the_last_record_are_told_with_their_place() -> None:
    reading = read(CONTENT + b"\r\n")
    (finding,) = reading.findings
    assert (finding.code, finding.offset) == ("record.trailing_bytes", len(CONTENT))
    assert reading.transaction is not None
    assert len(reading.transaction.records) == len(good().records)


@pytest.mark.parametrize("content", [CONTENT, LEGACY])
def test_a_file_cut_short_keeps_the_records_before_the_cut(content: bytes) -> None:
    reading = read(content[: len(content) - 12])
    assert reading.transaction is not None
    assert len(reading.transaction.records) == len(good().records)
    assert reading.findings[0].code == "record.truncated"
    assert reading.findings[0].record == len(good().records) - 1


@pytest.mark.parametrize("by", [-1, 1, 200])
def test_a_len_that_is_wrong_costs_only_its_own_record_a_finding(by: int) -> None:
    second = decode(CONTENT).records[1]
    stated = int(second.text(1) or 0)  # type: ignore[union-attr]
    hurt = CONTENT.replace(b"2.001:%d" % stated, b"2.001:%d" % (stated + by), 1)
    reading = read(hurt)
    assert reading.transaction is not None
    assert [each.type for each in reading.transaction.records] == [each.type for each in good().records]
    assert {each.record for each in reading.findings} == {1}
    with pytest.raises(RecordError):
        decode(hurt)


def test_a_cnt_that_lists_too_few_is_told_and_the_records_are_read() -> None:
    txn = decode(CONTENT)
    fewer = content_field(txn.records[1:-1])
    whole = content_field(txn.records[1:])
    hurt = CONTENT.replace(whole.value, fewer.value, 1)
    reading = read(hurt)
    assert "record.type_mismatch" in codes(hurt) or "record.len_wrong" in codes(hurt)
    assert reading.transaction is not None
    assert len(reading.transaction.records) == len(txn.records)


def test_a_binary_record_without_its_header_ends_the_reading() -> None:
    records = decode(LEGACY).records
    texts = sum(int(each.text(1) or 0) for each in records[:2])  # type: ignore[union-attr]
    reading = read(LEGACY[: texts + 9])
    assert reading.transaction is not None
    assert [each.type for each in reading.transaction.records] == [1, 2]
    assert reading.findings[0].code == "record.truncated"


def test_noise_after_a_good_header_never_gives_endless_findings() -> None:
    header = decode(CONTENT).records[0]
    start = CONTENT[: int(header.text(1) or 0)]  # type: ignore[union-attr]
    assert 0 < len(read(start + (b"1.001:9\x1d" + FS) * 3000).findings) <= MAX_FINDINGS


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_one_changed_byte_never_ends_in_a_crash_and_the_untouched_file_in_no_finding(
    data: st.DataObject,
) -> None:
    content = data.draw(st.sampled_from([CONTENT, LEGACY, encode(car.build(HEADER, SUBJECT, [image(1)]))]))
    at = data.draw(st.integers(0, len(content) - 1))
    value = data.draw(st.integers(0, 255))
    reading = read(content[:at] + bytes([value]) + content[at + 1 :])
    assert all(each.code.startswith("record.") for each in reading.findings)
    if reading.whole:
        assert reading.transaction is not None
        assert encode(reading.transaction) == content[:at] + bytes([value]) + content[at + 1 :]


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_end_in_findings(content: bytes) -> None:
    assert read(content).findings
