"""The dictionaries: the codes a Type-2 field may have, against the form of their fields and the public list."""

from __future__ import annotations

from pathlib import Path

import pytest

from station.records import codes, codes_places, fields_type_2
from station.records.transaction import text
from station.records.validate import validate
from tests.unit.records.kit import changed, good


def _codes(path: Path) -> set[str]:
    rows = path.read_bytes().decode("latin-1").splitlines()
    return {row.split("\t")[0].strip() for row in rows if "\t" in row} - {"--"}


@pytest.mark.parametrize(
    ("name", "table"),
    [("T2_CTZ", codes.CTZ), ("T2_GEO", codes.GEO), ("T2_POB", codes.POB), ("T2_SMT", codes.SMT)],
)
def test_a_dictionary_has_every_code_of_the_public_list_and_no_other(
    shared_data: Path, name: str, table: dict[str, str]
) -> None:
    assert set(table) == _codes(shared_data / "ebts" / f"{name}.txt")


@pytest.mark.parametrize("number", [20, 21, 26])
def test_every_code_fits_its_own_field(number: int) -> None:
    rule = next(each for each in fields_type_2.RULES if each.number == number)
    item = rule.items[0]
    assert item.soft
    assert item.values
    assert all(
        item.low <= len(code) <= item.high and code.isascii() and code == code.upper() for code in item.values
    )


def test_every_code_has_a_short_name_fit_to_show() -> None:
    for table in (codes.POB, codes.CTZ, codes.GEO, codes.SMT):
        assert all(
            name.strip() == name and 2 < len(name) <= 60 and name.isprintable() for name in table.values()
        )


@pytest.mark.parametrize(
    ("table", "code", "name"),
    [
        (codes.POB, "NB", "Nebraska"),
        (codes.POB, "NE", "Netherlands"),
        (codes.POB, "NK", "New Brunswick"),
        (codes.POB, "NF", "Newfoundland and Labrador"),
        (codes.POB, "MM", "Mexico, state unknown"),
        (codes.POB, "XX", "unknown"),
        (codes.CTZ, "GE", "Germany"),
        (codes.CTZ, "CD", "Canada, province unknown"),
        (codes.CTZ, "US", "United States"),
        (codes.GEO, "GA", "Georgia"),
        (codes.SMT, "TAT L ARM", "tattoo: arm, left, unspecified"),
        (codes.SMT, "SC R CHK", "scar: cheek, right"),
        (codes.SMT, "GLASSES", "glasses"),
    ],
)
def test_codes_that_are_easily_taken_for_others(table: dict[str, str], code: str, name: str) -> None:
    assert table[code] == name


def test_a_place_of_no_table_is_a_birth_place_and_no_country() -> None:
    assert "YY" in codes.POB
    assert "YY" not in codes.CTZ
    assert "YY" not in codes.GEO
    assert "AL" not in codes.CTZ


def test_states_and_provinces_are_all_there_and_share_no_code() -> None:
    groups = (codes_places.STATES, codes_places.PROVINCES, codes_places.TRIBES, codes_places.MEXICO)
    assert [len(each) for each in groups] == [51, 12, 12, 32]
    assert len({code for each in groups for code in each}) == sum(len(each) for each in groups)


@pytest.mark.parametrize(("value", "severity"), [("TAT L ARM", None), ("TAT L WING", "warning")])
def test_a_mark_the_list_does_not_know_is_a_warning(value: str, severity: str | None) -> None:
    found = [each for each in validate(changed(good(), 1, text(26, value))) if each.field == "2.026"]
    assert [str(each.severity) for each in found] == ([] if severity is None else [severity])
