"""SRE: submission results, electronic: what the search said. A bureau writes it; the station reads it.

FBI EBTS 9.1 and 11.2: SRF (2.059) is mandatory. A negative says that no candidate was found in the file that was
searched, and nothing more. This program writes one only as a simulated bureau, for tests and the demo.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from station.records import type_2
from station.records.fields_type_2 import type_2_table
from station.records.header import Header, transaction
from station.records.transaction import Transaction

TOT = "SRE"
TYPE_2 = type_2_table(TOT)
RECORDS = {2: (1, 1), 10: (0, 1)}
RESPONSE = True
PRINTS = (0, 28)


def build(header: Header, values: Mapping[str, Any]) -> Transaction:
    """A response; header.tcr is the control number it answers. Raises RecordError."""
    return transaction(TOT, header, [type_2.record(TYPE_2, values)])


def example(header: Header, images: Sequence[Any]) -> Transaction:
    """A synthetic negative."""
    del images
    return build(header, {"SRF": "N", "CRI": header.dai, "MSG": ["SIMULATED FBI: NO CANDIDATE IN THIS FILE"]})
