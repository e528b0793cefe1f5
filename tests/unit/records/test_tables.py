"""One test a cell of the tables: the shortest and longest legal value pass, each illegal one is found at its field."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from station.records import fields_images
from station.records.check_binary import check_binary
from station.records.check_fields import check_record
from station.records.fields import FieldRule, Item, Table
from station.records.fields_type_2 import NEEDS, RULES, TOTS, type_2_table
from station.records.tables import LOOSE, TABLES
from station.records.transaction import Field, TaggedRecord, TypeFour, repeated, type_four_record
from tests.unit.records.kit import wsq

ALL: dict[int, Table] = {**TABLES, 2: RULES}
DATE = "20260102"


def cells() -> Iterator[tuple[int, FieldRule, int]]:
    for record_type, table in ALL.items():
        for rule in table:
            if rule.number > 2 and rule.number not in LOOSE.get(record_type, ()):
                for index in range(len(rule.items)):
                    yield record_type, rule, index


CELLS = list(cells())
NAMES = [f"{kind}.{rule.number:03d}-{rule.items[index].mnemonic}" for kind, rule, index in CELLS]


def legal(item: Item, length: int | None = None) -> str:
    if item.values:
        return sorted(item.values)[0]
    if item.kind:
        return DATE
    character = next(c for c in "A10.N" if re.fullmatch(item.chars, c))
    return character * (item.low or 1 if length is None else length)


def row(rule: FieldRule, index: int, value: str) -> Field:
    items = [value if at == index else legal(item) for at, item in enumerate(rule.items)]
    return repeated(rule.number, [items])


def found(kind: int, rule: FieldRule, field: Field) -> set[str]:
    record = TaggedRecord(kind, (Field(1, ((b"1",),)), Field(2, ((b"00",),)), field))
    tag = f"{kind}.{rule.number:03d}"
    return {each.code for each in check_record(record, (rule,), 0) if each.field == tag}


@pytest.mark.parametrize(("kind", "rule", "index"), CELLS, ids=NAMES)
def test_legal_values_of_a_cell_have_no_finding(kind: int, rule: FieldRule, index: int) -> None:
    item = rule.items[index]
    values = list(item.values or ()) or [legal(item), *([] if item.kind else [legal(item, item.high)])]
    for value in values:
        assert found(kind, rule, row(rule, index, value)) == set(), value


@pytest.mark.parametrize(("kind", "rule", "index"), CELLS, ids=NAMES)
def test_illegal_values_of_a_cell_are_found(kind: int, rule: FieldRule, index: int) -> None:
    item = rule.items[index]
    assert found(kind, rule, row(rule, index, legal(item) + "\x07")) & {"field.characters", "field.length"}
    assert "field.length" in found(
        kind,
        rule,
        row(
            rule,
            index,
            legal(item, item.high + 1) if not item.values and not item.kind else "A" * (item.high + 1),
        ),
    )
    if item.values:
        assert "field.code" in found(kind, rule, row(rule, index, _unlisted(item)))
    if item.kind:
        assert "field.date" in found(kind, rule, row(rule, index, "20260230"))
    if item.need == "M" and rule.grouped:
        assert found(kind, rule, row(rule, index, "")) & {"field.item_missing", "field.items"}


def _unlisted(item: Item) -> str:
    """A value of legal characters and length that the code table does not have."""
    from itertools import product

    alphabet = [c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" if re.fullmatch(item.chars, c)]
    for length in range(max(item.low, 1), item.high + 1):
        for letters in product(alphabet, repeat=length):
            if "".join(letters) not in (item.values or ()):
                return "".join(letters)
    raise AssertionError("the table has every value there can be")


@pytest.mark.parametrize(
    ("kind", "rule"),
    [(kind, rule) for kind, table in ALL.items() for rule in table if rule.number > 2],
    ids=lambda value: f"{value.number:03d}" if isinstance(value, FieldRule) else str(value),
)
def test_a_field_may_stand_as_often_as_its_table_says_and_no_more(kind: int, rule: FieldRule) -> None:
    if rule.number in LOOSE.get(kind, ()):
        pytest.skip("only its presence is known")
    one = [legal(item) for item in rule.items]
    assert found(kind, rule, repeated(rule.number, [one] * rule.high)) == set()
    assert "field.occurrences" in found(kind, rule, repeated(rule.number, [one] * (rule.high + 1)))


@pytest.mark.parametrize("tot", sorted(TOTS))
def test_a_type_has_the_fields_the_standard_gives_it_with_their_need(tot: str) -> None:
    table = {rule.number: rule.need for rule in type_2_table(tot)}
    for number, (must, may) in NEEDS.items():
        if tot in must.split():
            assert table[number] == "M"
        elif tot in may.split():
            assert table[number] in ("O", "D")
        else:
            assert number not in table


def test_no_field_is_both_asked_for_and_optional_in_one_type_and_every_one_has_a_rule() -> None:
    known = {rule.number for rule in RULES}
    for number, (must, may) in NEEDS.items():
        assert not set(must.split()) & set(may.split())
        assert number in known


def test_an_unknown_type_has_no_table() -> None:
    with pytest.raises(KeyError):
        type_2_table("NOPE")


@pytest.mark.parametrize("rule", fields_images.TYPE_4, ids=lambda rule: rule.mnemonic)
def test_a_type_4_header_byte_outside_its_table_is_found(rule: fields_images.BinaryRule) -> None:
    raw = bytearray(type_four_record(TypeFour(1, 0, (13,), 0, 80, 75, 1, wsq())).content)
    record = type(type_four_record(TypeFour(1, 0, (13,), 0, 80, 75, 1, wsq())))
    assert list(check_binary(record(4, bytes(raw)), 3)) == []
    if rule.values is None:
        return
    wrong = next(n for n in range(256) if n not in rule.values) if rule.size in (1, 6) else 3
    raw[rule.at : rule.at + rule.size] = (
        wrong.to_bytes(1) * rule.size if rule.size == 6 else wrong.to_bytes(rule.size)
    )
    found_at = {(each.field, each.record) for each in check_binary(record(4, bytes(raw)), 3)}
    assert (f"4.{rule.number:03d}", 3) in found_at
