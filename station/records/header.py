"""Type-1 of what we write: a Header in, a record and a whole transaction out.

ANSI/NIST-ITL 1-2011 (Update 2013 p.139): VER 0502 is Update 2015. DOM as in the FBI's EBTS 11.2 templates. NSR and
NTR describe Type-4 and Type-7 records only and are 00.00 without them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from station.errors import RecordError
from station.records.encode import complete
from station.records.transaction import Field, Record, TaggedRecord, Transaction, content_field, group, text

VERSION = "0502"
DOMAIN = ("NORAM", "EBTS 11.1")
NO_RESOLUTION, PPI_500 = "00.00", "19.69"


@dataclass(frozen=True)
class Header:
    """What the sender decides of a Type-1. tcn: 10 to 40 printable characters, never used twice; dai, ori: nine
    letters and digits; dat: local date; gmt: aware time; tcr: only in a response; pry: 1 most urgent to 9."""

    tcn: str
    dai: str
    ori: str
    dat: dt.date
    gmt: dt.datetime
    tcr: str | None = None
    pry: int | None = None


def date(value: dt.date) -> str:
    """CCYYMMDD."""
    return f"{value:%Y%m%d}"


def gmt(value: dt.datetime) -> str:
    """CCYYMMDDHHMMSSZ. Raises RecordError for a time without zone."""
    if value.tzinfo is None:
        raise RecordError("record.time_without_zone", "1.014 GMT needs a time with its zone")
    return f"{value.astimezone(dt.UTC):%Y%m%d%H%M%S}Z"


def transaction(tot: str, header: Header, records: Sequence[Record]) -> Transaction:
    """The records behind their Type-1, each complete with its LEN. Raises RecordError for an unwritable value."""
    whole = tuple(complete(each) if isinstance(each, TaggedRecord) else each for each in records)
    return Transaction((complete(_type_1(tot, header, whole)), *whole))


def _type_1(tot: str, header: Header, records: Sequence[Record]) -> TaggedRecord:
    resolution = PPI_500 if any(each.type in (4, 7) for each in records) else NO_RESOLUTION
    optional: list[tuple[int, str | None]] = [
        (6, None if header.pry is None else str(header.pry)),
        (10, header.tcr),
    ]
    fields: list[Field] = [
        text(2, VERSION),
        content_field(records),
        text(4, tot),
        text(5, date(header.dat)),
        text(7, header.dai),
        text(8, header.ori),
        text(9, header.tcn),
        text(11, resolution),
        text(12, resolution),
        group(13, DOMAIN),
        text(14, gmt(header.gmt)),
        *(text(number, value) for number, value in optional if value),
    ]
    return TaggedRecord(1, tuple(sorted(fields, key=lambda each: each.number)))
