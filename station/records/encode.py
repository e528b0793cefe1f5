"""Transaction → bytes, strictly. What was decoded comes out byte for byte; what is new is checked before it is written.

ANSI/NIST-ITL 1-2011 traditional encoding, Annex B. LEN counts its own digits, so it is found by iteration. New
fields get tags of three digits. Raises RecordError: nothing that another reader could misread leaves here.
"""

from __future__ import annotations

from station.errors import RecordError
from station.records.transaction import (
    DATA,
    FS,
    GS,
    SEPARATORS,
    BinaryRecord,
    Field,
    Record,
    TaggedRecord,
    Transaction,
    to_number,
)

LAYOUT_CONTROLS = frozenset(b"\t\n\r")
"""Control characters that EBTS allows inside free text (EBTS 9.1, 2.041 RES and 2.075 ERS); none other is written."""


def encode(txn: Transaction) -> bytes:
    """The bytes of a transaction: identical to the input when it was decoded. Raises RecordError."""
    return b"".join(record_bytes(each) for each in txn.records)


def record_bytes(record: Record) -> bytes:
    """The bytes of one record. A record without LEN is checked as new (see `complete`). Raises RecordError."""
    if isinstance(record, BinaryRecord):
        return _binary_bytes(record)
    if record.field(1) is None:
        record = complete(record)
    written = _joined(record)
    stated = record.text(1) or ""
    if to_number(stated) != len(written):
        raise RecordError(
            "record.len_wrong",
            f"record type {record.type} has {len(written)} bytes and its LEN says {stated!r}",
            "a changed record must be written without its old LEN",
        )
    return written


def complete(record: TaggedRecord) -> TaggedRecord:
    """The new record with its LEN put first (an old one is dropped), after every value was found fit to be written.

    Raises RecordError: record.separator_in_value, record.control_character, record.not_ascii, record.empty_field,
    record.repeated_field, record.data_not_last.
    """
    record = TaggedRecord(record.type, tuple(each for each in record.fields if each.number != 1))
    _check_order(record)
    for each in record.fields:
        check_value(f"{record.type}.{each.number:03d}", each)
    tagged = tuple(Field(each.number, each.subfields, _tag(record.type, each)) for each in record.fields)
    first = f"{record.type}.001".encode()
    rest = len(_joined(TaggedRecord(record.type, tagged))) + len(first) + len(b":" + GS)
    length = rest
    while length != rest + len(str(length)):
        length = rest + len(str(length))
    return TaggedRecord(record.type, (Field(1, ((str(length).encode(),),), first), *tagged))


def check_value(tag: str, each: Field) -> None:
    """Refuse a value that would not come back as it went in. Raises RecordError naming the field."""
    if each.number == DATA:
        return
    for item in (item for items in each.subfields for item in items):
        _check_item(tag, item)
    if not any(item for items in each.subfields for item in items):
        raise RecordError("record.empty_field", f"{tag} is empty", "leave the field out, or give it a value")


def _check_item(tag: str, item: bytes) -> None:
    if SEPARATORS.intersection(item):
        raise RecordError(
            "record.separator_in_value",
            f"{tag} holds a separator character (FS, GS, RS or US) inside a value",
            "remove it: it would begin a new field in the record",
        )
    bad = next((byte for byte in item if (byte < 32 and byte not in LAYOUT_CONTROLS) or byte == 127), None)
    if bad is not None:
        raise RecordError(
            "record.control_character",
            f"{tag} holds the control character 0x{bad:02x}",
            "type the value again",
        )
    if not item.isascii():
        raise RecordError(
            "record.not_ascii",
            f"{tag} holds a character outside ASCII",
            "write the value in the basic Latin letters the bureau accepts",
        )


def _check_order(record: TaggedRecord) -> None:
    numbers = [each.number for each in record.fields]
    twice = next((number for number in numbers if numbers.count(number) > 1), None)
    if twice is not None:
        raise RecordError("record.repeated_field", f"{record.type}.{twice:03d} is given twice")
    if DATA in numbers and numbers[-1] != DATA:
        raise RecordError("record.data_not_last", f"{record.type}.999 must be the last field of its record")


def _tag(record_type: int, each: Field) -> bytes:
    return each.tag or f"{record_type}.{each.number:03d}".encode()


def _joined(record: TaggedRecord) -> bytes:
    return GS.join(_tag(record.type, each) + b":" + each.value for each in record.fields) + FS


def _binary_bytes(record: BinaryRecord) -> bytes:
    if len(record.content) < 5 or int.from_bytes(record.content[:4]) != len(record.content):
        raise RecordError(
            "record.len_wrong", f"the binary record type {record.type} does not have the length it states"
        )
    return record.content
