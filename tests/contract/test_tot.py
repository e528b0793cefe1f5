"""The contract of a transaction type: every file in station/records/tot builds, encodes, decodes and validates."""

from __future__ import annotations

import datetime as dt
import functools
import inspect

import pytest

from station import responses
from station.records import tot
from station.records.decode import decode
from station.records.encode import encode
from station.records.header import Header
from station.records.validate import validate
from tests.unit.records.kit import changed, tenprint
from tests.unit.records.reference import rows

DAT = dt.date(2026, 11, 23)
NOW = dt.datetime(2026, 11, 23, 18, 0, tzinfo=dt.UTC)


SUBMISSIONS = [name for name in tot.names() if not tot.load(name).RESPONSE]
RESPONSES = [name for name in tot.names() if tot.load(name).RESPONSE]


@functools.cache
def built(name: str) -> bytes:
    """The example of a type, as it is sent."""
    kind = tot.load(name)
    tcr = "SIM-2026-000001" if kind.RESPONSE else None
    header = Header("EXAMPLE-000001", "EXSIB0000", "XX0010000", DAT, NOW, tcr)
    return encode(kind.example(header, tenprint()))


def test_the_folder_has_its_types_and_each_tot_only_once() -> None:
    kinds = [tot.load(name) for name in tot.names()]
    assert {"car", "sre", "errt", "second_stage"} <= set(tot.names())
    assert len({kind.TOT for kind in kinds}) == len(kinds)
    assert all(tot.by_tot(kind.TOT) is kind for kind in kinds)


@pytest.mark.parametrize("name", tot.names())
def test_an_example_encodes_decodes_and_encodes_to_the_same_bytes(name: str) -> None:
    content = built(name)
    assert encode(decode(content)) == content
    assert decode(content).tot == tot.load(name).TOT


@pytest.mark.parametrize("name", tot.names())
def test_an_example_has_no_findings(name: str) -> None:
    assert validate(decode(built(name)), today=DAT) == ()


@pytest.mark.parametrize("name", SUBMISSIONS)
def test_a_submission_is_written_with_type_4_records_too(name: str) -> None:
    kind = tot.load(name)
    assert "form" in inspect.signature(kind.example).parameters
    header = Header("EXAMPLE-000001", "EXSIB0000", "XX0010000", DAT, NOW)
    legacy = kind.example(header, tenprint(), form="4")  # type: ignore[call-arg]
    assert {each.type for each in legacy.records} == {1, 2, 4}
    assert validate(legacy, today=DAT) == ()


@pytest.mark.parametrize("name", tot.names())
def test_an_example_has_every_field_its_type_must_have(name: str) -> None:
    subject = decode(built(name)).of_type(2)[0]
    musts = {
        row["tag"] for row in rows("needs") if row["tot"] == tot.load(name).TOT and row["ours"][0] == "M"
    }
    given = {f"2.{each.number:03d}" for each in subject.fields}
    assert musts <= given


@pytest.mark.parametrize("name", tot.names())
def test_an_example_without_one_mandatory_field_is_refused_at_that_field(name: str) -> None:
    txn, kind = decode(built(name)), tot.load(name)
    for rule in kind.TYPE_2:
        if rule.need == "M" and rule.number > 2:
            found = validate(changed(txn, 1, without=(rule.number,)), today=DAT)
            assert ("field.missing", f"2.{rule.number:03d}") in {(each.code, each.field) for each in found}


@pytest.mark.parametrize("name", RESPONSES)
def test_an_example_of_a_response_is_read_into_plain_words(name: str) -> None:
    response = responses.read(built(name))
    assert response.answers("SIM-2026-000001")
    assert responses.plain(response)
