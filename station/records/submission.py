"""A tenprint submission of any type: header, subject and prints in, Transaction out. The types differ in their tables.

FBI EBTS 9.1 (IAFIS-DOC-01078-9.1) with the newer limits of EBTS 11.2. Prints are Type-14 or Type-4 records, never
both. A finger that is not printed has no rolled record; it stands in 2.084 AMP and in 14.018 AMP of the plain
impression it is missing from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from station.friction_ridge import AMP, FGP
from station.records import type_2
from station.records.fields import Table
from station.records.header import Header, date, transaction
from station.records.prints import (
    TenprintImage,
    amp_field,
    ima_field,
    ordered,
    refuse_contradictions,
    type_4,
    type_14,
)
from station.records.transaction import Record, TaggedRecord, Transaction

RECORDS = {2: (1, 1), 4: (0, 14), 14: (0, 46), 7: (0, 2), 10: (0, 25), 13: (0, 2), 15: (0, 10), 17: (0, 2)}
"""How many records of each type (EBTS 11.2 template; 13 as EBTS 9.1). At least one Type-4 or Type-14."""

ROUTINE_CRIMINAL, ROUTINE_CIVIL = 4, 6
"""1.006 PRY (EBTS 9.1)."""

Form = Literal["4", "14"]


def build(
    tot: str,
    table: Table,
    header: Header,
    subject: Mapping[str, object],
    images: Sequence[TenprintImage],
    amputations: Mapping[FGP, AMP] | None = None,
    *,
    form: Form = "14",
    pry: int = ROUTINE_CRIMINAL,
) -> Transaction:
    """A complete submission. subject: Type-2 values by mnemonic (see `type_2`); IMA and AMP are filled in here where
    the type has them; form: record type of the prints; pry: 1.006 when the header leaves it open.

    Raises RecordError for what must not be written: separators and other unwritable values, unknown fields, two
    images of one position, a print of a finger that is said to be missing, an image whose size or resolution is not
    what it says. What is only incomplete is `validate`'s to find.
    """
    missing = dict(amputations or {})
    for image in images:
        missing |= image.amputations
    prints = ordered(images)
    refuse_contradictions(prints, missing)
    numbers = {rule.number for rule in table}
    extra = [amp_field(missing)] if missing and 84 in numbers else []
    extra += [ima_field(prints[0])] if prints and 67 in numbers else []
    records: list[Record] = [type_2.record(table, subject, extra)]
    source = _first_cri(records[0]) or header.ori
    for idc, image in enumerate(prints, start=1):
        records.append(type_4(idc, image) if form == "4" else type_14(idc, image, missing, source, header))
    with_priority = Header(
        header.tcn, header.dai, header.ori, header.dat, header.gmt, header.tcr, header.pry or pry
    )
    return transaction(tot, with_priority, records)


def example_subject(header: Header, table: Table) -> dict[str, object]:
    """Synthetic values for every mandatory field of a table."""
    today = date(header.dat)
    known: dict[str, object] = {
        "RET": "Y",
        "ATN": "SYNTHETIC DESK",
        "NAM": "SAMPLE,SYNTHETIC PERSON",
        "POB": "XX",
        "DOB": "19800229",
        "SEX": "X",
        "RAC": "U",
        "HGT": "510",
        "WGT": "170",
        "EYE": "XXX",
        "HAI": "XXX",
        "DOA": today,
        "DPR": today,
        "RFP": "CRIMINAL JUSTICE EMPLOYMENT",
        "TSR": "C",
        "NDR": "1",
        "ASL": {"DOO": today, "AOL": "SYNTHETIC OFFENCE"},
        "CRI": header.ori,
    }
    return {rule.mnemonic: known[rule.mnemonic] for rule in table if rule.need == "M" and rule.number > 2}


def _first_cri(subject: Record) -> str | None:
    rows = subject.rows(73) if isinstance(subject, TaggedRecord) else ()
    return rows[0][0] if rows else None
