"""What the blocks of a Type-9 record have in common: finding the record, and its fields as numbers.

In: the bytes of one Type-9 record or of a whole ANSI/NIST-ITL file. Out: a TaggedRecord, arrays of whole numbers.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from station.records import decode as transactions
from station.records.encode import complete, record_bytes
from station.records.transaction import TaggedRecord, content_field, text, to_number
from station.templates.minutia_record import MAX_XY, bad

Rows = tuple[tuple[str, ...], ...]
_ALONE = re.compile(rb"9\.0{0,8}1:")
MOST_ROWS = 10_000
PPI = 500
UNITS_PER_INCH = 2540
"""0.01 mm. The standard gives 0.00039 inch for the unit, a hundredth less."""


def find(data: bytes, number: int) -> TaggedRecord | None:
    """The first Type-9 record that has field 9.`number`; None without one. Raises RecordError for what is neither a
    Type-9 record nor a file of records."""
    return next((each for each in _records(data) if each.field(number) is not None), None)


def _records(data: bytes) -> tuple[TaggedRecord, ...]:
    if not _ALONE.match(data):
        return transactions.decode(data).of_type(9)
    alone = TaggedRecord(9, ())
    header = complete(TaggedRecord(1, (text(2, "0500"), content_field([alone]))))
    return transactions.decode(record_bytes(header) + data).of_type(9)


def single(found: TaggedRecord, number: int) -> int:
    """A field of one whole number. Raises TemplateError template.bad_field."""
    value = to_number(found.text(number) or "")
    if value is None:
        raise bad("bad_field", f"9.{number} is absent or not a whole number")
    return value


def numbers(rows: Rows, items: int | None, tag: str) -> NDArray[np.int64]:
    """Rows of whole numbers [n, items]; items None: as many as the first has. Raises TemplateError."""
    if len(rows) > MOST_ROWS:
        raise bad("too_many", f"{len(rows)} subfields in {tag}")
    values = [[to_number(item) for item in row] for row in rows]
    wide = items if items is not None else max(len(values[0]), 2)
    if any(len(row) != wide or None in row for row in values):
        raise bad("bad_field", f"a subfield of {tag} is not {wide} whole numbers")
    return np.array(values, np.int64).reshape(len(values), wide)


def full_turn(angle: NDArray[np.floating], unit_deg: float) -> NDArray[np.int64]:
    """Degrees in whole units, a full turn being none."""
    units: NDArray[np.int64] = np.rint(angle / unit_deg).astype(np.int64) % round(360.0 / unit_deg)
    return units


def pixels(values: NDArray[np.int64], side: int) -> NDArray[np.float32]:
    """0.01 mm as pixels at 500 ppi, held inside an image of `side` pixels."""
    return np.clip(values * PPI / UNITS_PER_INCH, 0, side - 1).astype(np.float32)


def size_in_pixels(width: int, height: int) -> tuple[int, int]:
    """A size in 0.01 mm as whole pixels. Raises TemplateError template.bad_field for one that cannot be."""
    across, downwards = (-(-side * PPI // UNITS_PER_INCH) for side in (width, height))
    if not (0 < across <= MAX_XY and 0 < downwards <= MAX_XY):
        raise bad("bad_field", f"a print of {width}×{height} units of 0.01 mm cannot be")
    return across, downwards
