"""Type-2 from a mapping: mnemonic → value in, record out, by the table of the transaction type.

Keys are mnemonics (`NAM`, any case) or tags (`2.018`). A value is a string, or a sequence of strings for a field that
may be repeated. A grouped field takes a mapping of its item mnemonics (`{"DOO": "20260102", "AOL": "THEFT"}`), a
sequence of items in order, a plain string for its one mandatory item, or a sequence of any of these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from station.errors import RecordError
from station.records.fields import FieldRule, Table
from station.records.transaction import Field, TaggedRecord, repeated

Values = Mapping[str, Any]


def record(table: Table, values: Values, extra: Sequence[Field] = ()) -> TaggedRecord:
    """The Type-2 record, without LEN, fields by number; empty values (None, "", []) are left out.

    extra: fields already made; they win. Raises RecordError: record.unknown_field, record.value_shape.
    """
    fields = {2: repeated(2, [["00"]])}
    for key, value in values.items():
        rule = _rule(table, key)
        rows = _rows(rule, value)
        if rows:
            fields[rule.number] = repeated(rule.number, rows)
    fields |= {each.number: each for each in extra}
    return TaggedRecord(2, tuple(fields[number] for number in sorted(fields)))


def _rule(table: Table, key: str) -> FieldRule:
    wanted = key.strip().upper()
    for rule in table:
        if rule.number > 2 and wanted in (rule.mnemonic, f"2.{rule.number:03d}"):
            return rule
    raise RecordError(
        "record.unknown_field",
        f"Type-2 of this transaction has no field {key!r}",
        "use the mnemonics of docs/records.md, such as NAM or DOB",
    )


def _rows(rule: FieldRule, value: object) -> list[list[str]]:
    if value is None or value in ("", [], (), {}):
        return []
    if isinstance(value, str | Mapping):
        return [_row(rule, value)]
    if not isinstance(value, Sequence):
        raise _misshaped(rule)
    if rule.grouped and len(value) == len(rule.items) and rule.high == 1:
        return [_row(rule, value)]
    return [_row(rule, each) for each in value]


def _row(rule: FieldRule, value: object) -> list[str]:
    if isinstance(value, str):
        return [value if item.need == "M" or not rule.grouped else "" for item in _one_mandatory(rule)]
    if isinstance(value, Mapping):
        unknown = set(value) - {item.mnemonic for item in rule.items}
        if unknown:
            raise _misshaped(rule)
        return [_string(rule, value.get(item.mnemonic, "")) for item in rule.items]
    if isinstance(value, Sequence) and len(value) == len(rule.items):
        return [_string(rule, each) for each in value]
    raise _misshaped(rule)


def _one_mandatory(rule: FieldRule) -> Sequence[Any]:
    if rule.grouped and sum(item.need == "M" for item in rule.items) != 1:
        raise _misshaped(rule)
    return rule.items


def _string(rule: FieldRule, value: object) -> str:
    if not isinstance(value, str):
        raise _misshaped(rule)
    return value


def _misshaped(rule: FieldRule) -> RecordError:
    items = ", ".join(item.mnemonic for item in rule.items)
    return RecordError(
        "record.value_shape",
        f"the value of 2.{rule.number:03d} {rule.mnemonic} has the wrong shape",
        f"give text for its items: {items}",
    )
