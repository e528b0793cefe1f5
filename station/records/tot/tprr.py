"""TPRR: answer to a tenprint rap sheet request. A bureau writes it; the station reads it.

EBTS 9.1: ERS (2.075) is the text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from station.records import type_2
from station.records.fields_type_2 import type_2_table
from station.records.header import Header, transaction
from station.records.transaction import Transaction

TOT = "TPRR"
TYPE_2 = type_2_table(TOT)
RECORDS = {2: (1, 1)}
RESPONSE = True
PRINTS = (0, 28)


def build(header: Header, values: Mapping[str, Any]) -> Transaction:
    """A response; header.tcr is the control number it answers. Raises RecordError."""
    return transaction(TOT, header, [type_2.record(TYPE_2, values)])


def example(header: Header, images: Sequence[Any]) -> Transaction:
    """A synthetic text."""
    del images
    return build(header, {"ERS": "SIMULATED RAP SHEET OF NOBODY", "OCA": "SYNTHETIC-1"})
