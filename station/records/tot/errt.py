"""ERRT: tenprint submission rejected. A bureau writes it; the station reads it.

FBI EBTS 9.1: MSG (2.060) is mandatory, 1 to 11 messages of at most 300 characters, in free text. Error classes of
EFTS 7.0 appendix M stand at the beginning of many messages (E0002 and the like) but are not promised.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from station.records import type_2
from station.records.fields_type_2 import type_2_table
from station.records.header import Header, transaction
from station.records.transaction import Transaction

TOT = "ERRT"
TYPE_2 = type_2_table(TOT)
RECORDS = {2: (1, 1)}
RESPONSE = True
PRINTS = (0, 28)
MAX_MESSAGES, MAX_CHARACTERS = 11, 300


def build(header: Header, messages: Sequence[str], **values: Any) -> Transaction:
    """A rejection; messages beyond the eleventh and characters beyond the 300th are cut. Raises RecordError."""
    cut = [message[:MAX_CHARACTERS] for message in messages[:MAX_MESSAGES]]
    return transaction(TOT, header, [type_2.record(TYPE_2, {**values, "MSG": cut})])


def example(header: Header, images: Sequence[Any]) -> Transaction:
    """A synthetic rejection."""
    del images
    return build(header, ["E0002 2.022 DOB: NOT A DATE CCYYMMDD"], CRI=header.dai)
