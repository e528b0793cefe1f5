"""Another program reads what we write: nistitl (PyPI), where it is installed. Not a dependency of the station."""

from __future__ import annotations

import warnings

import pytest

from station.friction_ridge import AMP, FGP
from station.records.encode import encode
from station.records.tot import car
from tests.unit.records.kit import HEADER, SUBJECT, tenprint

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    nistitl = pytest.importorskip("nistitl", reason="nistitl is not installed: ./run setup")


def test_a_car_reads_back_field_by_field_in_nistitl() -> None:
    txn = car.build(HEADER, SUBJECT, tenprint(9), {FGP.LEFT_RING: AMP.AMPUTATED})
    message = nistitl.Message()
    message.parse(encode(txn))
    assert message.TOT == "CAR"
    header = next(message.iter(1))
    assert header.TCN == "SIM-2026-000001"
    assert len(list(message.iter(14))) == 13
    texts = next(message.iter(2))
    assert texts._18 == "SAMPLE,SYNTHETIC PERSON"
    for ours, theirs in zip(txn.of_type(14), message.iter(14), strict=True):
        assert int(theirs.FGP) == int(ours.text(13) or "0")
        assert ours.data == theirs.DATA
        assert str(theirs.HLL) == ours.text(6)
