"""The CSV files of the standard against the public files they were made from, which are not ours to ship."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.records import ebts91
from tests.unit.records.reference import Row, code_list, rows

LISTS = {
    "YES_NO": "2.005.1",
    "YES": "2.035.1",
    "SEX": "2.024.1",
    "RAC": "2.025.1",
    "EYE": "2.031.1",
    "MIL": "2.042.1",
    "TSR": "2.043.1",
    "AMP": "2.084.2",
    "FINGER": "2.084.1",
    "FINGER0": "2.074.1",
    "CGA": "14.011.1",
    "SLC": "13.008.1",
    "DMM": "14.030.1",
    "POS": "10.020.1",
    "FMT": "9.004.1",
    "MET": "9.005.2",
    "TYP": "9.007.1",
    "RDG": "9.011.1",
}
"""Our lists that are one of EBTS 9.1, whole."""

NEWER = {
    "NDR": "NDR",
    "SRF": "SRF",
    "RAC": "RAC",
    "SEX": "PersonSex",
    "EYE": "EYE",
    "TSR": "TSR",
    "MIL": "MilitaryBranch",
    "CSP": "ColorSpace",
    "IMT": "PersonImageCategory",
    "POS": "SubjectPose",
    "DMM": "DeviceMonitoringMode",
    "EVT": "AssuranceLogEvent",
    "MET": "ReadingSystemCodingMethod",
    "M_T": "INCITSMinutiaCategory",
    "FVC": "FingerView",
    "LOS": "SegmentLocation",
    "SLC12": "ScaleUnits",
}
"""Our lists that are one of EBTS 10.0, whole."""


@pytest.fixture(scope="module")
def rules(shared_data: Path) -> dict[str, list[ebts91.Rule]]:
    """Tag and item, `2.047.1`, → its definitions: several where types differ."""
    found: dict[str, list[ebts91.Rule]] = {}
    for rule in ebts91.rules(shared_data):
        if not rule.group:
            found.setdefault(f"{rule.tag}.{rule.item}", []).append(rule)
    assert len(found) > 280
    return found


def test_a_field_whose_source_is_ebts_9_1_alone_is_written_down_as_it_stands_there(
    rules: dict[str, list[ebts91.Rule]], shared_data: Path
) -> None:
    groups = {rule.tag: rule.occurs for rule in reversed(ebts91.rules(shared_data)) if rule.group}
    plain = [row for row in rows("fields") if row["source"] == "V91"]
    wrong = [
        row
        for row in plain
        if not any(_same(row, each, groups) for each in rules[f"{row['tag']}.{row['item']}"])
    ]
    assert len(plain) > 90
    assert wrong == []


def _same(row: Row, rule: ebts91.Rule, groups: dict[str, str]) -> bool:
    size, occurs = f"{row['min']}-{row['max']}", f"{row['low']}-{row['high']}"
    said = (rule.form, rule.size, groups.get(row["tag"], rule.occurs), rule.kind)
    return (row["form"], size, occurs, row["kind"]) == said


def test_a_list_whose_source_is_ebts_9_1_has_its_codes_and_no_other(
    rules: dict[str, list[ebts91.Rule]],
) -> None:
    wrong = {
        name: sorted(code_list(name) ^ rules[tag][0].codes)
        for name, tag in LISTS.items()
        if code_list(name) != rules[tag][0].codes
    }
    assert wrong == {}
    assert code_list("HAI") - rules["2.032.1"][0].codes == {"STR"}
    assert frozenset().union(*(rule.codes for rule in rules["2.059.1"])) <= code_list("SRF")


@pytest.mark.parametrize("name", ["POB", "CTZ", "GEO", "SMT"])
def test_a_long_list_has_every_code_of_the_public_file_and_no_other(shared_data: Path, name: str) -> None:
    assert code_list(name) == ebts91.code_file(shared_data / "ebts" / f"T2_{name}.txt")


def test_a_list_that_ebts_10_has_is_the_same_there(shared_data: Path) -> None:
    folder = shared_data / "ebts10-codes"
    lists = {name: ebts91.code_file(folder / f"{file}CodeSimpleType.csv") for name, file in NEWER.items()}
    assert {
        name: sorted(each ^ code_list(name)) for name, each in lists.items() if each != code_list(name)
    } == {}
    positions = ebts91.code_file(folder / "FingerPositionCodeSimpleType.csv")
    assert positions - code_list("FGP") == {"255"}
    assert ebts91.code_file(folder / "PalmPositionCodeSimpleType.csv") == code_list("PALM_FGP") - {"85", "86"}
    impressions = ebts91.code_file(folder / "ImpressionCaptureCategoryCodeSimpleType.csv")
    assert code_list("LATENT_IMP") | code_list("PALM_IMP") <= impressions
    assert code_list("IMP") - impressions == {"41", "42"}


def test_needs_of_ebts_9_1_and_10_are_written_down_as_they_stand_there(shared_data: Path) -> None:
    types = {row["tot"] for row in rows("needs")}
    older = {
        (name, rule.tag): f"{need} {rule.occurs.partition('-')[2]}"
        for rule in ebts91.rules(shared_data)
        if rule.tag.startswith("2.") and rule.item == "1" and (rule.group or not _inside(rule, shared_data))
        for name, need in rule.needs.items()
        if name in types
    }
    newer = {
        (name, tag): cell
        for name, (fields, _) in ebts91.templates(shared_data).items()
        for tag, cell in fields.items()
        if name in types and tag not in ("2.001", "2.002")
    }
    assert {(row["tot"], row["tag"]): row["v91"] for row in rows("needs") if row["v91"] != "-"} == older
    assert {(row["tot"], row["tag"]): row["e10"] for row in rows("needs") if row["e10"] != "-"} == newer


def _inside(rule: ebts91.Rule, data: Path) -> bool:
    """True for an item of a grouped field."""
    return any(each.group and each.tag == rule.tag for each in ebts91.rules(data))


def test_records_of_ebts_9_1_and_10_are_written_down_as_they_stand_there(shared_data: Path) -> None:
    older, newer = ebts91.records(shared_data), ebts91.templates(shared_data)
    wrong = []
    for row in rows("records"):
        kind = {"prints": "414"}.get(row["type"], row["type"])
        if kind != "response" and not row["v91"].startswith("in "):
            said = older.get(row["tot"], {}).get(kind, "-")
            wrong += [] if said == row["v91"] else [(row, said)]
        said = newer.get(row["tot"], ({}, {}))[1].get(kind, "-")
        wrong += [] if said == row["e10"] else [(row, said)]
    assert wrong == []


def test_the_header_of_a_type_4_is_written_down_as_it_stands_in_ebts_9_1(shared_data: Path) -> None:
    text = (shared_data / "ebts" / "EBTS9.1_ENUS.txt").read_text(encoding="utf-8-sig", errors="replace")
    for row in rows("type_4"):
        assert f"4.{int(row['number']):02d}...{row['at']}\t" in text, row
