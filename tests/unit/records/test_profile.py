"""profile: a bureau's rules are read strictly, and each broken one is found at its field with its citation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from station.errors import EnvironmentFault, RecordError
from station.records import profile as profiles
from station.records.encode import encode
from station.records.header import Header
from station.records.tot import car
from tests.unit.records.kit import HEADER, SUBJECT, image, tenprint

RULES = """
schema = 1
id = "t"
name = "Test bureau (fictional)"
source = "invented"
[header]
citation = "T 1"
dai = "EXSIB0000"
ver = "0502"
dom = ["NORAM", "EBTS 11.1"]
tcn = "[A-Z0-9-]+"
tcn_prefix = "SIM-"
[prints]
citation = "T 2"
record_types = [14]
cga = ["WSQ20"]
max_record_bytes = 500
max_bytes = 12000
"""


def load(tmp_path: Path, more: str = "", rules: str = RULES) -> profiles.Profile:
    path = tmp_path / "t.toml"
    path.write_text(rules + more)
    return profiles.load(str(path))


def found(
    profile: profiles.Profile, form: Any = "14", header: Header = HEADER, **subject: Any
) -> set[tuple[str, str]]:
    txn = car.build(header, {**SUBJECT, **subject}, tenprint(), form=form)
    return {(each.code, each.field) for each in profiles.check(txn, profile)}


def rule(field: str, kind: str, value: str = "", tots: str = "[]") -> str:
    return (
        f'[[rule]]\nfield = "{field}"\nrule = "{kind}"\nvalue = "{value}"\ntots = {tots}\ncitation = "T 3"\n'
    )


def test_the_shipped_profile_is_fictional_and_says_so() -> None:
    assert "example_sib" in profiles.names()
    shipped = profiles.load("example_sib")
    assert shipped.fictional
    assert "fictional" in shipped.name


def test_a_transaction_that_keeps_the_rules_has_no_finding(tmp_path: Path) -> None:
    assert found(load(tmp_path, rule("2.009", "mandatory"))) == set()


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"dai": "OTHER0000"}, "profile.header", "1.007"),
        ({"tcn": "SIM-lower-0001"}, "profile.tcn", "1.009"),
        ({"tcn": "OTHER-000001"}, "profile.tcn_prefix", "1.009"),
    ],
)
def test_a_header_of_another_bureau_is_found(
    tmp_path: Path, change: dict[str, str], code: str, field: str
) -> None:
    header = Header(**{**HEADER.__dict__, **change})
    assert (code, field) in found(load(tmp_path), header=header)


@pytest.mark.parametrize(
    ("kind", "field", "value", "subject", "code"),
    [
        ("mandatory", "2.015", "", {}, "profile.mandatory"),
        ("forbidden", "2.009", "", {}, "profile.forbidden"),
        ("pattern", "2.009", "[0-9]+", {}, "profile.pattern"),
        ("max_length", "2.018", "10", {}, "profile.max_length"),
        ("value", "2.005", "N", {}, "profile.value"),
    ],
)
def test_a_broken_rule_is_found_at_its_field(
    tmp_path: Path, kind: str, field: str, value: str, subject: dict[str, str], code: str
) -> None:
    assert (code, field) in found(load(tmp_path, rule(field, kind, value)), **subject)


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("mandatory", "2.009", ""),
        ("forbidden", "2.015", ""),
        ("pattern", "2.009", "[0-9-]+"),
        ("pattern", "2.015", "[0-9]+"),
        ("max_length", "2.015", "1"),
        ("value", "2.005", "Y"),
        ("value", "2.015", "Y"),
    ],
)
def test_a_kept_rule_has_no_finding_and_only_mandatory_asks_for_a_field(
    tmp_path: Path, kind: str, field: str, value: str
) -> None:
    assert found(load(tmp_path, rule(field, kind, value))) == set()


def test_a_header_of_another_bureau_is_found_in_the_header(tmp_path: Path) -> None:
    other = Header(**{**HEADER.__dict__, "dai": "OTHER0000", "tcn": "lower-000001"})
    txn = car.build(other, SUBJECT, [image(1)])
    findings = profiles.check(txn, load(tmp_path))
    assert [(each.code, each.record) for each in findings] == [
        ("profile.header", 0),
        ("profile.tcn", 0),
        ("profile.tcn_prefix", 0),
    ]
    assert [each.offset for each in findings] == [
        encode(txn).index(tag) for tag in (b"1.007", b"1.009", b"1.009")
    ]


def test_a_rule_of_another_type_is_not_asked(tmp_path: Path) -> None:
    assert found(load(tmp_path, rule("2.015", "mandatory", tots='["NFUF"]'))) == set()


def test_record_type_compression_and_sizes_are_checked(tmp_path: Path) -> None:
    profile = load(
        tmp_path, rules=RULES.replace("500", "20").replace("12000", "100").replace('"WSQ20"', '"JP2"')
    )
    codes = {code for code, _ in found(profile, form="4")}
    assert codes == {"profile.record_type", "profile.compression", "profile.record_size", "profile.size"}
    assert ("profile.compression", "14.011") in found(profile)


def test_a_finding_says_where_the_rule_is_from(tmp_path: Path) -> None:
    txn = car.build(HEADER, SUBJECT, [image(1)])
    (finding,) = profiles.check(txn, load(tmp_path, rule("2.015", "mandatory")))
    assert finding.advice == "T 3"
    assert finding.offset is not None


@pytest.mark.parametrize(
    "more",
    [
        "surprise = 1\n",
        rule("2.9", "mandatory"),
        rule("2.009", "wish"),
        rule("2.009", "pattern", "["),
        "schema = 2\n",
    ],
)
def test_a_profile_that_makes_no_sense_is_refused(tmp_path: Path, more: str) -> None:
    with pytest.raises(RecordError, match=r"record\.profile"):
        load(tmp_path, more)


def test_a_profile_that_is_not_there_is_named() -> None:
    with pytest.raises(RecordError, match="example_sib"):
        profiles.load("nowhere")
    with pytest.raises(EnvironmentFault):
        profiles.load("nowhere.toml")
