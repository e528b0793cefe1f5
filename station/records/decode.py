"""Bytes → Transaction. Patient with form (short tags, field order, leading zeros), exact about structure.

ANSI/NIST-ITL 1-2011 traditional encoding, Annex B. Records are cut by their LEN, never by looking for FS: field 999
may hold any byte. The type of a binary record (3 to 8) is known only from 1.003 CNT, in order. Whatever is malformed
raises RecordError with the byte offset; nothing else is ever raised, whatever the bytes.
"""

from __future__ import annotations

import re
from typing import NoReturn

from station.errors import RecordError
from station.records.transaction import (
    BINARY_TYPES,
    DATA,
    FS,
    GS,
    BinaryRecord,
    Field,
    Record,
    TaggedRecord,
    Transaction,
    to_number,
)

MAX_BYTES = 256 * 2**20
"""Larger input is refused: a tenprint of 14 uncompressed 1000 ppi images is below 60 MB."""

MAX_FIELDS = 20_000
"""Fields of a whole file: a booking has some four hundred. It bounds the memory a hostile file can take."""

MAX_RECORDS = 1000
"""1.003 CNT counts 1 to 999 other records (ITL 2011, 8.1.3)."""

_TAG = re.compile(rb"(\d{1,4})\.(\d{1,9}):")
_FIRST = re.compile(rb"(\d{1,4})\.0{0,8}1:(\d{1,9})[\x1c\x1d]")
_ADVICE = "the file is damaged or is not ANSI/NIST-ITL traditional encoding; ask the sender for it again"


def decode(content: bytes) -> Transaction:
    """Read a whole file.

    Raises Damage, a RecordError: record.not_a_transaction, record.too_large, record.truncated, record.len_wrong,
    record.type_mismatch, record.field_malformed, record.cnt_malformed, record.trailing_bytes.
    """
    if len(content) > MAX_BYTES:
        _refuse(
            "record.too_large", f"{len(content)} bytes are more than the {MAX_BYTES} this reader takes", 0
        )
    header, offset = header_of(content)
    records: list[Record] = [header]
    count = len(header.fields)
    for record_type in contents_of(header):
        record, offset = record_at(content, offset, record_type)
        records.append(record)
        count += len(record.fields) if isinstance(record, TaggedRecord) else 0
        if count > MAX_FIELDS:
            _refuse("record.too_many_fields", f"more than {MAX_FIELDS} fields", offset)
    if offset != len(content):
        _refuse(
            "record.trailing_bytes", f"{len(content) - offset} bytes follow the last record of CNT", offset
        )
    return Transaction(tuple(records))


class Damage(RecordError):
    """A RecordError that knows where: offset in bytes from the start of the file."""

    def __init__(self, code: str, message: str, offset: int) -> None:
        super().__init__(code, f"at byte {offset}: {message}", _ADVICE)
        self.offset = offset


def _refuse(code: str, message: str, offset: int) -> NoReturn:
    raise Damage(code, message, offset)


def header_of(content: bytes) -> tuple[TaggedRecord, int]:
    """The Type-1 record at the start, and where it ends. Raises Damage."""
    found = _FIRST.match(content)
    if found is None or int(found[1]) != 1:
        _refuse("record.not_a_transaction", "the file does not begin with a Type-1 record (1.001:)", 0)
    return _tagged_record(content, 0, 1)


def contents_of(header: TaggedRecord) -> tuple[int, ...]:
    """The record types that CNT lists after the Type-1, in order. Raises Damage when CNT is no such list."""
    contents = header.field(3)
    if contents is not None and (contents.size[0] > MAX_RECORDS or contents.size[1] > 2):
        _refuse("record.cnt_malformed", "1.003 CNT is not a list of at most 999 records", 0)
    rows = header.rows(3)
    numbers = [items[0] for items in rows] + [rows[0][-1]] if rows else []
    if not rows or any(len(items) != 2 for items in rows) or not all(_small(each) for each in numbers):
        _refuse("record.cnt_malformed", "1.003 CNT is absent or is not pairs of numbers", 0)
    if int(rows[0][0]) != 1 or int(rows[0][1]) != len(rows) - 1 or len(rows) > MAX_RECORDS:
        _refuse(
            "record.cnt_malformed", f"1.003 CNT announces {rows[0][1]} records and lists {len(rows) - 1}", 0
        )
    return tuple(int(items[0]) for items in rows[1:])


def _small(number: str) -> bool:
    return to_number(number) is not None and len(number) <= 4


def record_at(content: bytes, offset: int, record_type: int) -> tuple[Record, int]:
    """The record of that type which begins at the offset, and where it ends. Raises Damage."""
    if record_type in BINARY_TYPES:
        return _binary_record(content, offset, record_type)
    return _tagged_record(content, offset, record_type)


def _binary_record(content: bytes, offset: int, record_type: int) -> tuple[BinaryRecord, int]:
    if offset + 5 > len(content):
        _refuse("record.truncated", f"the file ends before the Type-{record_type} record", offset)
    length = int.from_bytes(content[offset : offset + 4])
    if length < (18 if record_type == 4 else 5):
        _refuse("record.len_wrong", f"LEN {length} of the Type-{record_type} record is too short", offset)
    if offset + length > len(content):
        _refuse("record.truncated", f"the Type-{record_type} record wants {length} bytes", offset)
    return BinaryRecord(record_type, content[offset : offset + length]), offset + length


def _tagged_record(content: bytes, offset: int, record_type: int) -> tuple[TaggedRecord, int]:
    found = _FIRST.match(content, offset)
    if found is None:
        code = "record.truncated" if offset >= len(content) else "record.field_malformed"
        _refuse(code, f"a Type-{record_type} record with its LEN was expected here", offset)
    if int(found[1]) != record_type:
        _refuse(
            "record.type_mismatch", f"CNT announces type {record_type}, the record is {int(found[1])}", offset
        )
    end = offset + int(found[2])
    if end > len(content):
        _refuse("record.truncated", f"the Type-{record_type} record wants {int(found[2])} bytes", offset)
    if end < found.end() or content[end - 1 : end] != FS:
        _refuse(
            "record.len_wrong", f"the Type-{record_type} record does not end with FS where LEN says", offset
        )
    return TaggedRecord(record_type, tuple(_fields(content, offset, end - 1, record_type))), end


def _fields(content: bytes, start: int, end: int, record_type: int) -> list[Field]:
    fields = []
    while True:
        found = _TAG.match(content, start, end)
        if found is None:
            _refuse("record.field_malformed", f"a field tag {record_type}.n: was expected", start)
        if int(found[1]) != record_type:
            _refuse("record.type_mismatch", f"a field of type {int(found[1])} in a Type-{record_type}", start)
        number, begin = int(found[2]), found.end()
        if number == DATA:
            fields.append(Field(DATA, tag=found[0][:-1], value=content[begin:end]))
            return fields
        stop = content.find(GS, begin, end)
        fields.append(_text_field(number, content[begin : stop if stop >= 0 else end], found[0][:-1], begin))
        if stop < 0:
            return fields
        start = stop + 1
        if len(fields) > MAX_FIELDS:
            _refuse("record.too_many_fields", f"more than {MAX_FIELDS} fields", start)


def _text_field(number: int, value: bytes, tag: bytes, offset: int) -> Field:
    if FS in value:
        _refuse("record.len_wrong", "FS stands inside a record: a LEN is wrong or a value holds FS", offset)
    return Field(number, tag=tag, value=value)
