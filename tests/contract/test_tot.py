"""The contract of a transaction type: every file in station/records/tot builds, encodes, decodes and validates."""

from __future__ import annotations

import datetime as dt

import pytest

from station import responses
from station.records import tot
from station.records.decode import decode
from station.records.encode import encode
from station.records.header import Header
from station.records.validate import validate
from tests.unit.records.kit import tenprint

DAT = dt.date(2026, 11, 23)
NOW = dt.datetime(2026, 11, 23, 18, 0, tzinfo=dt.UTC)


def built(name: str) -> bytes:
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


@pytest.mark.parametrize("name", tot.names())
def test_an_example_of_a_response_is_read_into_plain_words(name: str) -> None:
    if not tot.load(name).RESPONSE:
        pytest.skip("a submission")
    response = responses.read(built(name))
    assert response.answers("SIM-2026-000001")
    assert responses.plain(response)
