"""One tagged record against its table: presence, occurrences, items, lengths, characters, codes, dates.

In: a record and the table of `fields.py`. Out: findings. It knows no field by name; conditions between fields are in
`check_subject`, `check_images` and `validate`.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator

from station.records.fields import FieldRule, Item, Table
from station.records.findings import Finding, Severity
from station.records.tables import LOOSE, VENDORS
from station.records.transaction import DATA, Field, TaggedRecord

MANY_ITEMS = 50
"""times more items or subfields than a field may have: it is said once, and the value is not even taken apart."""


def check_record(record: TaggedRecord, table: Table, position: int) -> Iterator[Finding]:
    """All findings of one record by its table."""
    rules = {rule.number: rule for rule in table}
    present = [each.number for each in record.fields]
    for rule in table:
        if rule.need == "M" and not record.text(rule.number):
            yield _finding("field.missing", record, rule, "is mandatory and absent or empty", position)
    for number in sorted({number for number in present if present.count(number) > 1}):
        yield Finding("field.repeated", _tag(record, number), "stands twice in the record", record=position)
    for each in record.fields:
        yield from _check_order(record, each, position)
        if each.number in rules:
            yield from _check_field(record, rules[each.number], each, position)
        elif not _foreign(record.type, each.number):
            message = "is not a field of this record in the tables of this program"
            yield Finding("field.unknown", _tag(record, each.number), message, Severity.WARNING, position)


def _foreign(kind: int, number: int) -> bool:
    """Not for these tables: the image itself, agencies' own numbers, vendors' blocks."""
    return number == DATA or 200 <= number < 900 or number in VENDORS.get(kind, ())


def parsed_date(value: str) -> dt.date | None:
    """CCYYMMDD as a date, or None when it is none."""
    if not re.fullmatch("[0-9]{8}", value):
        return None
    try:
        return dt.date(int(value[:4]), int(value[4:6]), int(value[6:]))
    except ValueError:
        return None


def _check_order(record: TaggedRecord, each: Field, position: int) -> Iterator[Finding]:
    if each.number != DATA and b"999:" in each.value:
        message = "holds 999: in its text; some readers take what follows for the image"
        yield Finding("field.looks_like_data", _tag(record, each.number), message, Severity.WARNING, position)
    place = record.fields[each.number - 1 : each.number]
    if each.number in (1, 2) and record.type != 1 and not (place and place[0] is each):
        yield Finding("field.order", _tag(record, each.number), "is not in its place", record=position)


def _check_field(record: TaggedRecord, rule: FieldRule, each: Field, position: int) -> Iterator[Finding]:
    if rule.number in LOOSE.get(record.type, ()):
        return
    subfields, items_most = each.size
    if not rule.low <= subfields <= rule.high:
        what = f"has {subfields} subfields; {rule.low} to {rule.high} are allowed"
        yield _finding("field.occurrences", record, rule, what, position)
    if items_most > MANY_ITEMS * len(rule.items) or subfields > MANY_ITEMS * rule.high:
        what = f"has up to {items_most} items in a subfield; it has {len(rule.items)}"
        yield _finding("field.items", record, rule, what, position)
        return
    for items in each.rows:
        if not _needed(rule) <= len(items) <= len(rule.items):
            what = f"has {len(items)} items in a subfield; it has {len(rule.items)}"
            yield _finding("field.items", record, rule, what, position)
            continue
        for item, value in zip(rule.items, items, strict=False):
            yield from _check_item(record, rule, item, value, position)


def _needed(rule: FieldRule) -> int:
    """How many items a subfield must have: up to the last mandatory one."""
    return max((k for k, item in enumerate(rule.items, start=1) if item.need == "M"), default=1)


def _check_item(
    record: TaggedRecord, rule: FieldRule, item: Item, value: str, position: int
) -> Iterator[Finding]:
    name = item.mnemonic if rule.grouped else "the value"
    if not value:
        if item.need == "M":
            yield _finding("field.item_missing", record, rule, f"{name} is empty", position)
        return
    if not item.low <= len(value) <= item.high:
        what = f"{name} has {len(value)} characters; {item.low} to {item.high} are allowed"
        yield _finding("field.length", record, rule, what, position)
    if not re.fullmatch(f"{item.chars}*", value):
        yield _finding(
            "field.characters", record, rule, f"{name} holds a character not allowed here", position
        )
    elif item.values is not None and value not in item.values:
        severity = Severity.WARNING if item.soft else Severity.ERROR
        yield _finding("field.code", record, rule, f"{value!r} is not in its code table", position, severity)
    if item.kind and parsed_date(value) is None and not (item.kind == "date0" and value == "00000000"):
        yield _finding("field.date", record, rule, f"{name} is not a date CCYYMMDD", position)


def _finding(
    code: str,
    record: TaggedRecord,
    rule: FieldRule,
    what: str,
    position: int,
    severity: Severity = Severity.ERROR,
) -> Finding:
    return Finding(code, _tag(record, rule.number), f"{rule.mnemonic}: {what}", severity, position)


def _tag(record: TaggedRecord, number: int) -> str:
    return f"{record.type}.{number:03d}"
