"""CPDR: criminal fingerprint direct route.

EBTS 9.1: as CAR with TSR (2.043) mandatory; no Type-7 or Type-13.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from station.friction_ridge import AMP, FGP
from station.records import submission
from station.records.fields_type_2 import type_2_table
from station.records.header import Header
from station.records.prints import TenprintImage
from station.records.transaction import Transaction

TOT = "CPDR"
TYPE_2 = type_2_table(TOT)
RESPONSE = False
PRINTS = (1, 46)
RECORDS = {2: (1, 1), 4: (0, 14), 14: (0, 46), 10: (0, 25), 15: (0, 10), 17: (0, 2)}


def build(
    header: Header,
    subject: Mapping[str, object],
    images: Sequence[TenprintImage],
    amputations: Mapping[FGP, AMP] | None = None,
    form: submission.Form = "14",
) -> Transaction:
    """A complete CPDR; see `submission.build`. Raises RecordError."""
    return submission.build(TOT, TYPE_2, header, subject, images, amputations, form=form)


def example(header: Header, images: Sequence[TenprintImage], form: submission.Form = "14") -> Transaction:
    """A synthetic, valid CPDR around the given images."""
    return build(header, submission.example_subject(header, TYPE_2), images, form=form)
