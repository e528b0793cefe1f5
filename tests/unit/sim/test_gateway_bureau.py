"""The simulated bureau answers every type of submission with a response that the station reads and the validator
accepts, and that answers this submission."""

from __future__ import annotations

import datetime as dt

import pytest

from station import responses
from station.records import tot
from station.records.decode import decode
from station.records.encode import encode
from station.records.validate import validate
from station.responses import Outcome
from station.sim import gateway_bureau
from station.sim.gateway_bureau import Rates
from tests.unit.records.kit import HEADER, tenprint

NOW = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)
SUBMISSIONS = [name for name in tot.names() if not tot.load(name).RESPONSE]


def sent(name: str) -> bytes:
    kind = tot.load(name)
    return encode(kind.example(HEADER, tenprint()[: kind.PRINTS[1]]))


@pytest.mark.parametrize("found", [False, True])
@pytest.mark.parametrize("name", SUBMISSIONS)
def test_every_type_is_answered_in_its_own_form(name: str, found: bool) -> None:
    answered, content = gateway_bureau.compose("search", sent(name), 7, NOW, Rates(float(found), 0.0))
    assert answered == ("RPISR" if name == "rpis" else "SRE")
    assert validate(decode(content), today=NOW.date()) == ()
    response = responses.read(content)
    assert response.tcr == HEADER.tcn
    assert response.outcome is (Outcome.CANDIDATE if found else Outcome.NO_CANDIDATE)
