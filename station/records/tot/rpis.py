"""RPIS: rapid fingerprint identification search, two to ten prints.

EBTS 9.1; EBTS 11.2 calls it limited: only after the FBI and the state agreed. No demographics are asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from station.friction_ridge import AMP, FGP
from station.records import submission
from station.records.fields_type_2 import type_2_table
from station.records.header import Header
from station.records.prints import TenprintImage
from station.records.transaction import Transaction

TOT = "RPIS"
TYPE_2 = type_2_table(TOT)
RESPONSE = False
PRINTS = (2, 10)
RECORDS = {2: (1, 1), 4: (0, 10), 14: (0, 14)}


def build(
    header: Header,
    subject: Mapping[str, object],
    images: Sequence[TenprintImage],
    amputations: Mapping[FGP, AMP] | None = None,
    form: submission.Form = "14",
) -> Transaction:
    """A complete RPIS; see `submission.build`. Raises RecordError."""
    return submission.build(TOT, TYPE_2, header, subject, images, amputations, form=form, pry=1)


def example(header: Header, images: Sequence[TenprintImage], form: submission.Form = "14") -> Transaction:
    """A synthetic, valid RPIS around the first ten of the given images."""
    return build(header, submission.example_subject(header, TYPE_2), images[: PRINTS[1]], form=form)
