"""Every cell of the tables at work: the legal values of the standard pass, and each illegal one is found at its field.

Legal and illegal come from the CSV files of the standard, so a cell that was changed in our tables fails here too. Each
test goes through all cells and names every one that is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import pytest

from station.records import fields_images
from station.records.check_binary import check_binary
from station.records.check_fields import check_record
from station.records.fields import FieldRule, Table
from station.records.fields_type_2 import NEEDS, RULES, TOTS, type_2_table
from station.records.findings import Severity
from station.records.tables import LOOSE, TABLES
from station.records.transaction import Field, TaggedRecord, TypeFour, repeated, type_four_record
from tests.unit.records.kit import wsq
from tests.unit.records.reference import Row, characters, code_list, expected, legal, numbers, rows

ALL: dict[int, Table] = {**TABLES, 2: RULES}
Cell = tuple[int, FieldRule, int, list[Row]]


def cells() -> Iterator[Cell]:
    """Record type, rule, index of the item, and what the standard says of the items of the field."""
    for record_type, table in ALL.items():
        for rule in table:
            if rule.number > 2 and rule.number not in LOOSE.get(record_type, ()):
                items = standard(record_type, rule)
                for index in range(len(rule.items)):
                    yield record_type, rule, index, items


def standard(record_type: int, rule: FieldRule) -> list[Row]:
    tag = f"{record_type}.{rule.number:03d}"
    return [expected()[tag, str(index)] for index in range(1, len(rule.items) + 1)]


def row(rule: FieldRule, items: list[Row], index: int, value: str) -> Field:
    filled = [value if at == index else legal(item) for at, item in enumerate(items)]
    return repeated(rule.number, [filled])


def found(kind: int, rule: FieldRule, field: Field) -> set[str]:
    record = TaggedRecord(kind, (Field(1, ((b"1",),)), Field(2, ((b"00",),)), field))
    tag = f"{kind}.{rule.number:03d}"
    return {each.code for each in check_record(record, (rule,), 0) if each.field == tag}


def through(check: Callable[[int, FieldRule, int, list[Row]], Iterator[str]]) -> list[str]:
    """What a check says of all cells, each with the name of its cell."""
    return [
        f"{kind}.{rule.number:03d} {rule.items[index].mnemonic}: {what}"
        for kind, rule, index, items in cells()
        for what in check(kind, rule, index, items)
    ]


def test_legal_values_of_a_cell_have_no_finding() -> None:
    def check(kind: int, rule: FieldRule, index: int, items: list[Row]) -> Iterator[str]:
        item = items[index]
        longest = [] if item["kind"] else [legal(item, int(item["max"]))]
        for value in sorted(code_list(item["codes"])) or [legal(item), *longest]:
            codes = found(kind, rule, row(rule, items, index, value))
            if codes:
                yield f"{value[:40]!r} has {codes}"

    assert through(check) == []


def test_every_character_the_standard_allows_is_taken_and_every_other_one_found() -> None:
    def check(kind: int, rule: FieldRule, index: int, items: list[Row]) -> Iterator[str]:
        allowed = characters(items[index]["form"])
        padding = allowed[-1] * (max(int(items[index]["min"]), 1) - 1)
        for character in map(chr, (*range(9, 14), *range(32, 128), 233)):
            codes = found(kind, rule, row(rule, items, index, character + padding))
            if ("field.characters" in codes) == (character in allowed):
                yield f"{character!r} has {codes}"

    assert through(check) == []


def test_illegal_values_of_a_cell_are_found() -> None:
    def check(kind: int, rule: FieldRule, index: int, items: list[Row]) -> Iterator[str]:
        item = items[index]
        for value, wanted in illegal(rule, item):
            codes = found(kind, rule, row(rule, items, index, value))
            if not codes & wanted:
                yield f"{value[:40]!r} has {codes} and not one of {wanted}"

    assert through(check) == []


def illegal(rule: FieldRule, item: Row) -> Iterator[tuple[str, set[str]]]:
    """Values that must not pass, and what may be said of each."""
    yield legal(item) + "\x07", {"field.characters", "field.length"}
    plain = not item["codes"] and not item["kind"]
    more = int(item["max"]) + 1
    yield legal(item, more) if plain else "A" * more, {"field.length"}
    less = int(item["min"]) - 1
    if less > 0:
        yield legal(item, less) if plain else "A" * less, {"field.length"}
    if item["codes"]:
        yield unlisted(item), {"field.code"}
    if item["kind"]:
        yield "20260230", {"field.date"}
    if item["kind"] == "date":
        yield "00000000", {"field.date"}
    if item["item_need"] == "M" and rule.grouped:
        yield "", {"field.item_missing", "field.items"}


def unlisted(item: Row) -> str:
    """A value of legal characters and length that the code table does not have."""
    allowed = set(characters(item["form"]))
    alphabet = [each for each in "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" if each in allowed]
    for length in range(max(int(item["min"]), 1), int(item["max"]) + 1):
        for letters in product(alphabet, repeat=length):
            if "".join(letters) not in code_list(item["codes"]):
                return "".join(letters)
    raise AssertionError("the table has every value there can be")


def test_an_unknown_birth_date_is_a_date_where_the_standard_says_so() -> None:
    known = [
        (kind, rule.number)
        for kind, rule, index, items in cells()
        if items[index]["kind"] == "date0" and found(kind, rule, row(rule, items, index, "00000000")) == set()
    ]
    assert known == [(2, 22), (2, 2007)]


def test_an_unlisted_value_of_a_soft_list_is_a_warning_and_of_another_list_an_error() -> None:
    def check(kind: int, rule: FieldRule, index: int, items: list[Row]) -> Iterator[str]:
        item = items[index]
        if not item["codes"]:
            return
        record = TaggedRecord(kind, (row(rule, items, index, unlisted(item)),))
        severities = {each.severity for each in check_record(record, (rule,), 0) if each.code == "field.code"}
        if severities != {Severity.WARNING if item["soft"] else Severity.ERROR}:
            yield f"{severities}"

    assert through(check) == []


def test_an_optional_item_may_be_empty() -> None:
    def check(kind: int, rule: FieldRule, index: int, items: list[Row]) -> Iterator[str]:
        if items[index]["item_need"] == "O" and any(item["item_need"] == "M" for item in items):
            codes = found(kind, rule, row(rule, items, index, ""))
            if codes:
                yield f"{codes}"

    assert through(check) == []


def test_a_field_may_stand_as_often_as_the_standard_says_and_no_more() -> None:
    wrong = []
    for kind, rule, index, items in cells():
        if index:
            continue
        one, most = [legal(item) for item in items], int(items[0]["high"])
        if found(kind, rule, repeated(rule.number, [one] * most)):
            wrong.append((kind, rule.number, most))
        if "field.occurrences" not in found(kind, rule, repeated(rule.number, [one] * (most + 1))):
            wrong.append((kind, rule.number, most + 1))
    assert wrong == []


def test_a_missing_mandatory_field_is_found_and_a_missing_optional_one_is_not() -> None:
    wrong = []
    for kind, table in TABLES.items():
        empty = TaggedRecord(kind, ())
        missing = {each.field for each in check_record(empty, table, 0) if each.code == "field.missing"}
        should = {
            tag for (tag, _), cell in expected().items() if cell["need"] == "M" and tag.startswith(f"{kind}.")
        }
        wrong += sorted(missing ^ should)
    assert wrong == []


def test_a_type_has_the_fields_the_standard_gives_it_with_their_need() -> None:
    wrong = []
    for tot in sorted(TOTS):
        missing = {each.field for each in check_record(TaggedRecord(2, ()), type_2_table(tot), 0)}
        should = {
            each["tag"] for each in rows("needs") if each["tot"] == tot and each["ours"].startswith("M")
        }
        wrong += [(tot, tag) for tag in sorted(missing ^ {*should, "2.001", "2.002"})]
        table = {rule.number: rule.need for rule in type_2_table(tot)}
        for number, (must, may) in NEEDS.items():
            needs = "M" if tot in must.split() else "OD" if tot in may.split() else "-"
            wrong += [] if table.get(number, "-") in needs else [(tot, f"2.{number:03d}")]
    assert wrong == []


def test_no_field_is_both_asked_for_and_optional_in_one_type_and_every_one_has_a_rule() -> None:
    known = {rule.number for rule in RULES}
    for number, (must, may) in NEEDS.items():
        assert not set(must.split()) & set(may.split())
        assert number in known


def test_an_unknown_type_has_no_table() -> None:
    with pytest.raises(KeyError):
        type_2_table("NOPE")


def binary(at: int, value: bytes) -> set[tuple[str, int]]:
    """Where a Type-4 header is found wrong after some of its bytes were changed."""
    record = type_four_record(TypeFour(1, 0, (13,), 0, 80, 75, 1, wsq()))
    raw = bytearray(record.content)
    raw[at : at + len(value)] = value
    return {(each.field, each.record) for each in check_binary(type(record)(4, bytes(raw)), 3)}


def test_a_type_4_header_byte_outside_the_standard_is_found_and_one_inside_is_not() -> None:
    assert binary(0, b"") == set()
    assert len(fields_images.TYPE_4) == len(rows("type_4"))
    wrong = []
    for each in rows("type_4"):
        at, size, tag = int(each["at"]), int(each["size"]), f"4.{int(each['number']):03d}"
        if each["values"] == "any":
            continue
        allowed = numbers(each["values"])
        edges = {number + step for number in allowed for step in (-1, 0, 1)} | {0, 9, 10, 65535}
        for number in sorted(edges & set(range(256 ** min(size, 2) if size != 6 else 255))):
            value = bytes((number,)) if size == 6 else number.to_bytes(size)
            if ((tag, 3) in binary(at, value)) == (number in allowed):
                wrong.append((tag, number))
    assert wrong == []
