"""SIMTEXT: the late second-stage message of OUR simulated bureau. Not an EBTS transaction type.

A criminal submission may be answered a second time, later, with text from other searches that a bureau passes on
(public sources name an IDENT Data Response and an Immigration Alien Response). Neither is an EBTS transaction type, and
their form is not public. So the simulated bureau carries such text by a convention of its own: TOT `SIMTEXT`, a
Type-1 with TCR, and a Type-2 with the text in 2.060 MSG. The station shows any such text to a person, verbatim, and
does nothing by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from station.records import type_2
from station.records.fields_type_2 import type_2_table
from station.records.header import Header, transaction
from station.records.transaction import Transaction

TOT = "SIMTEXT"
TYPE_2 = type_2_table(TOT)
RECORDS = {2: (1, 1)}
RESPONSE = True
PRINTS = (0, 28)


def build(header: Header, lines: Sequence[str], **values: Any) -> Transaction:
    """The message; lines: up to 11 of 300 characters. Raises RecordError."""
    return transaction(TOT, header, [type_2.record(TYPE_2, {**values, "MSG": list(lines)})])


def example(header: Header, images: Sequence[Any]) -> Transaction:
    """A synthetic second-stage message without a candidate."""
    del images
    return build(header, ["SIMULATED DHS: NO CANDIDATE IN THIS FILE"], CRI=header.dai)
