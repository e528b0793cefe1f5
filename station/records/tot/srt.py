"""SRT: answer to a tenprint search: a list of candidates for comparison. A bureau writes it; the station reads it.

EBTS 9.1: CAN (2.064), up to 25 candidates, best first, and their images where they were asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from station.records import type_2
from station.records.fields_type_2 import type_2_table
from station.records.header import Header, transaction
from station.records.transaction import Transaction

TOT = "SRT"
TYPE_2 = type_2_table(TOT)
RECORDS = {2: (1, 1), 4: (0, 280), 14: (0, 280), 7: (0, 20), 13: (0, 20)}
"""Twenty candidates with their images (EBTS 10.0; 9.1 had 14 images)."""
RESPONSE = True
PRINTS = (0, 280)


def build(header: Header, values: Mapping[str, Any]) -> Transaction:
    """A response; header.tcr is the control number it answers. Raises RecordError."""
    return transaction(TOT, header, [type_2.record(TYPE_2, values)])


def example(header: Header, images: Sequence[Any]) -> Transaction:
    """One synthetic candidate."""
    del images
    return build(header, {"CAN": [{"UCN": "000000XX0", "NAM": "SAMPLE,SYNTHETIC"}], "OCA": "SYNTHETIC-1"})
