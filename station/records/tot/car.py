"""CAR: criminal tenprint submission, answer required. Subject and prints in, Transaction out.

EBTS 9.1: the usual booking.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from station.friction_ridge import AMP, FGP
from station.records import submission
from station.records.fields_type_2 import type_2_table
from station.records.header import Header
from station.records.prints import TenprintImage
from station.records.transaction import Transaction

TOT = "CAR"
TYPE_2 = type_2_table(TOT)
RESPONSE = False
PRINTS = (1, 46)
RECORDS = submission.RECORDS


def build(
    header: Header,
    subject: Mapping[str, object],
    images: Sequence[TenprintImage],
    amputations: Mapping[FGP, AMP] | None = None,
    form: submission.Form = "14",
) -> Transaction:
    """A complete CAR; see `submission.build`. Raises RecordError."""
    return submission.build(TOT, TYPE_2, header, subject, images, amputations, form=form)


def example(header: Header, images: Sequence[TenprintImage], form: submission.Form = "14") -> Transaction:
    """A synthetic, valid CAR around the given images."""
    return build(header, submission.example_subject(header, TYPE_2), images, form=form)
