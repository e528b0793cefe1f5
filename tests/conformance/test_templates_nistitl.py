"""Another program reads our Type-9 record: nistitl (PyPI), where it is installed. Not a dependency of the station."""

from __future__ import annotations

import warnings
from dataclasses import replace

import pytest

from station.friction_ridge import FGP, IMP, SingularPoint
from station.records.encode import encode
from station.records.header import transaction
from station.templates import type_9
from tests.unit.templates.test_templates import template
from tests.unit.templates.test_type_9 import HEADER, text_record

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    nistitl = pytest.importorskip("nistitl", reason="nistitl is not installed: ./run setup")


def test_every_field_of_our_type_9_reads_back_in_nistitl() -> None:
    before = replace(
        template([(100, 14, 112, 1, 60), (511, 399, 358, 2, 0)]), singular=(SingularPoint("core", 7, 9, 20),)
    )
    ours = type_9.record(before, idc=3, fgp=FGP.RIGHT_RING, imp=IMP.LIVESCAN_ROLLED, quality=71)
    message = nistitl.Message()
    message.parse(encode(transaction("CAR", HEADER, [text_record(), ours])))
    (theirs,) = message.iter(9)
    assert int(theirs.IDC) == 3
    for each in ours.fields[1:]:
        found = getattr(theirs, f"_{each.number}")
        assert rows_of(found) == [list(row) for row in each.rows], each.number


def rows_of(value: str | list[list[str]]) -> list[list[str]]:
    """A field of nistitl, which gives a string where there is one item, as rows of items."""
    return [[value]] if isinstance(value, str) else value
