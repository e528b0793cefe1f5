"""Type-9 minutiae record with the legacy block, fields 9.005 to 9.012, read only. In: bytes; out: MinutiaTemplate.

ANSI/NIST-ITL 1-2007. MRC 9.012: index, then 11 digits: x and y in 0.01 mm (4 each), angle in degrees (3); quality;
type A ending, B bifurcation, others undecided. Here y goes up from the bottom left, and a minutia points half a turn
away from INCITS 378 (as the converter NIST of the University of Lausanne has it; not seen in the standard's text). The
record does not say how large the image was: the template is as large as its minutiae need at 500 ppi.
"""

from __future__ import annotations

import numpy as np

from station.errors import RecordError
from station.friction_ridge import MinutiaKind, MinutiaTemplate
from station.records.transaction import TaggedRecord, to_number
from station.templates.minutia_record import bad
from station.templates.type_9_fields import MOST_ROWS, PPI, find, pixels, size_in_pixels

NAME = "type-9:legacy"
KINDS = {"A": MinutiaKind.ENDING, "B": MinutiaKind.BIFURCATION}
DIGITS = 11
HALF_TURN = 180


def matches(data: bytes) -> bool:
    """Whether bytes hold a Type-9 record with legacy minutiae."""
    try:
        return find(data, 12) is not None
    except RecordError:
        return False


def decode(data: bytes) -> MinutiaTemplate:
    """The first record with field 9.012. Raises TemplateError: template.not_type_9, template.bad_field."""
    try:
        found = find(data, 12)
    except RecordError as error:
        raise bad("not_type_9", f"not a Type-9 record: {error.message}") from error
    if found is None:
        raise bad("not_type_9", "no Type-9 record with legacy minutiae (9.012)")
    return of_record(found)


def of_record(found: TaggedRecord) -> MinutiaTemplate:
    """The template of a Type-9 record. Raises TemplateError template.bad_field."""
    rows = found.rows(12)
    if len(rows) > MOST_ROWS or any(not _well_formed(row) for row in rows):
        raise bad("bad_field", "a minutia of 9.012 has not the form index, 11 digits, quality, type")
    digits = [row[1] for row in rows]
    across = np.array([int(each[:4]) for each in digits])
    up = np.array([int(each[4:8]) for each in digits])
    theta = np.array([int(each[8:]) for each in digits])
    width, height = size_in_pixels(int(across.max()) + 1, int(up.max()) + 1)
    return MinutiaTemplate(
        width=width,
        height=height,
        ppi=PPI,
        x=pixels(across, width),
        y=pixels(up.max() - up, height),
        angle=((theta + HALF_TURN) % 360).astype(np.float32),
        kind=np.array([KINDS.get(row[3], MinutiaKind.OTHER) for row in rows], np.uint8),
        quality=np.zeros(len(rows), np.uint8),
    )


def _well_formed(row: tuple[str, ...]) -> bool:
    if len(row) < 4 or len(row[1]) != DIGITS:
        return False
    return to_number(row[1][:8]) is not None and to_number(row[1][8:]) is not None
