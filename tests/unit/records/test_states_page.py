"""The sketches of docs/records-states.md: each loads as a profile, says it is incomplete, and is not shipped."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from station.records import profile
from station.records.transaction import text
from tests.unit.records.kit import changed, good

SKETCHES = ("ga_sketch", "ny_sketch", "tx_sketch", "ms_sketch")


@pytest.fixture(scope="module")
def sketches(repo: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, profile.Profile]:
    page = (repo / "docs" / "records-states.md").read_text(encoding="utf-8")
    folder = tmp_path_factory.mktemp("profiles")
    found: dict[str, profile.Profile] = {}
    for block in re.findall(r"```toml\n(.*?)```", page, re.DOTALL):
        path = folder / f"{len(found)}.toml"
        path.write_text(block, encoding="utf-8")
        one = profile.load(str(path))
        found[one.id] = one
    return found


def test_the_page_sketches_four_states_and_ships_none(sketches: dict[str, profile.Profile]) -> None:
    assert tuple(sketches) == SKETCHES
    assert all("incomplete" in each.name for each in sketches.values())
    assert not set(SKETCHES) & set(profile.names())


@pytest.mark.parametrize(
    ("sketch", "number", "value", "right"),
    [
        ("ga_sketch", 18, "SAMPLE-TEST,ANNA MARIA", True),
        ("ga_sketch", 18, "SAMPLE,ANNA-MARIA", False),
        ("ga_sketch", 18, "Sample,ANNA", False),
        ("ga_sketch", 18, "A,B", False),
        ("ga_sketch", 9, "20260001", True),
        ("ga_sketch", 9, "2026-0001", False),
        ("tx_sketch", 18, "SAMPLE-TEST,ANNA", True),
        ("tx_sketch", 18, "SAMPLE-TEST,ANNA-MARIA", False),
        ("tx_sketch", 16, "000000000", False),
        ("tx_sketch", 16, "987654321", True),
    ],
)
def test_a_rule_of_a_sketch_does_what_its_citation_says(
    sketches: dict[str, profile.Profile], sketch: str, number: int, value: str, right: bool
) -> None:
    found = profile.check(changed(good(), 1, text(number, value)), sketches[sketch])
    assert ([each for each in found if each.field == f"2.{number:03d}"] == []) is right
