"""ULM: unsolicited latent match notice. A bureau writes it; the station reads it.

EBTS 9.1: the case of the latent (CIN, CIX), the fingers (FGP). It answers nothing of ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from station.records import type_2
from station.records.fields_type_2 import type_2_table
from station.records.header import Header, transaction
from station.records.transaction import Transaction

TOT = "ULM"
TYPE_2 = type_2_table(TOT)
RECORDS = {2: (1, 1), 4: (0, 14), 7: (0, 10), 9: (0, 10), 13: (0, 10), 14: (0, 20), 15: (0, 10)}
RESPONSE = True
PRINTS = (0, 34)


def build(header: Header, values: Mapping[str, Any]) -> Transaction:
    """A response; header.tcr is the control number it answers. Raises RecordError."""
    return transaction(TOT, header, [type_2.record(TYPE_2, values)])


def example(header: Header, images: Sequence[Any]) -> Transaction:
    """A synthetic notice."""
    del images
    return build(header, {"MSG": ["SIMULATED UNSOLICITED NOTICE"], "FGP": ["02"]})
