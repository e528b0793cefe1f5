"""MAP: miscellaneous applicant, civil.

EBTS 9.1: RFP (2.037) must say Criminal Justice Employment or Law Enforcement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from station.friction_ridge import AMP, FGP
from station.records import submission
from station.records.fields_type_2 import type_2_table
from station.records.header import Header
from station.records.prints import TenprintImage
from station.records.transaction import Transaction

TOT = "MAP"
TYPE_2 = type_2_table(TOT)
REASONS = ("CRIMINAL JUSTICE EMPLOYMENT", "LAW ENFORCEMENT")
"""2.037 must say one of these, or the submission is rejected (EBTS 9.1)."""
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
    """A complete MAP; see `submission.build`. Raises RecordError."""
    return submission.build(
        TOT, TYPE_2, header, subject, images, amputations, form=form, pry=submission.ROUTINE_CIVIL
    )


def example(header: Header, images: Sequence[TenprintImage], form: submission.Form = "14") -> Transaction:
    """A synthetic, valid MAP around the given images."""
    return build(header, submission.example_subject(header, TYPE_2), images, form=form)
