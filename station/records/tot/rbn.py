"""RBN: Rap Back activity notice. A bureau writes it; the station reads it.

EBTS 11.2 (mem): not in EBTS 9.1. It comes unasked, long after the submission it follows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from station.records import type_2
from station.records.fields_type_2 import type_2_table
from station.records.header import Header, transaction
from station.records.transaction import Transaction

TOT = "RBN"
TYPE_2 = type_2_table(TOT)
RECORDS = {2: (1, 1)}
RESPONSE = True
PRINTS = (0, 28)


def build(header: Header, values: Mapping[str, Any]) -> Transaction:
    """A response; header.tcr is the control number it answers. Raises RecordError."""
    return transaction(TOT, header, [type_2.record(TYPE_2, values)])


def example(header: Header, images: Sequence[Any]) -> Transaction:
    """A synthetic notice."""
    del images
    return build(header, {"MSG": ["SIMULATED RAP BACK NOTICE"]})
