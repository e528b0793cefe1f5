"""Type-9 minutiae record with the extended feature set, fields 9.300 to 9.399, read only. In: bytes; out: template.

ANSI/NIST-ITL 1-2011 (Update 2013 draft p.184 and p.539). Places in 0.01 mm from the top left of the region of
interest 9.300, y down; angles in whole degrees counter-clockwise from +x; a minutia of 9.331 points along the ridge
of an ending, into the valley of a bifurcation: the directions of INCITS 378 (libbiomeval converts them so). The
template has the size of the region of interest at 500 ppi.
"""

from __future__ import annotations

import numpy as np

from station.errors import RecordError
from station.friction_ridge import MinutiaKind, MinutiaTemplate, PatternClass, SingularPoint
from station.records.transaction import TaggedRecord, to_number
from station.templates.minutia_record import bad
from station.templates.type_9_fields import PPI, find, numbers, pixels, size_in_pixels

NAME = "type-9:efs"
KINDS = {"E": MinutiaKind.ENDING, "B": MinutiaKind.BIFURCATION}


def matches(data: bytes) -> bool:
    """Whether bytes hold a Type-9 record with EFS minutiae."""
    try:
        return find(data, 331) is not None
    except RecordError:
        return False


def decode(data: bytes) -> MinutiaTemplate:
    """The first record with field 9.331. Raises TemplateError: template.not_type_9, template.bad_field."""
    try:
        found = find(data, 331)
    except RecordError as error:
        raise bad("not_type_9", f"not a Type-9 record: {error.message}") from error
    if found is None:
        raise bad("not_type_9", "no Type-9 record with extended features (9.331)")
    return of_record(found)


def of_record(found: TaggedRecord) -> MinutiaTemplate:
    """The template of a Type-9 record. Raises TemplateError template.bad_field."""
    region = numbers(tuple(row[:2] for row in found.rows(300)[:1]), 2, "9.300").tolist()
    if not region:
        raise bad("bad_field", "9.300, the region of interest, is absent")
    width, height = size_in_pixels(*region[0])
    rows = found.rows(331)
    if any(len(row) < 4 or row[3] not in KINDS for row in rows):
        raise bad("bad_field", "a minutia of 9.331 is neither E nor B")
    values = numbers(tuple(row[:3] for row in rows), 3, "9.331")
    x, y = pixels(values[:, 0], width), pixels(values[:, 1], height)
    return MinutiaTemplate(
        width=width,
        height=height,
        ppi=PPI,
        x=x,
        y=y,
        angle=(values[:, 2] % 360).astype(np.float32),
        kind=np.array([KINDS[row[3]] for row in rows], np.uint8),
        quality=np.zeros(len(rows), np.uint8),
        singular=_singular(found, width, height),
        pattern=_pattern(found),
    )


def _singular(found: TaggedRecord, width: int, height: int) -> tuple[SingularPoint, ...]:
    """9.320 cores (x, y, direction the core opens in) and 9.321 deltas (x, y, …), as far as they are numbers."""
    points = []
    for number, angled in ((320, True), (321, False)):
        for row in found.rows(number):
            values = [to_number(item) for item in (*row, "", "")[:3]]
            if values[0] is None or values[1] is None:
                continue
            x, y = (
                float(pixels(np.array([v]), side)[0])
                for v, side in zip(values, (width, height), strict=False)
            )
            angle = float(values[2] % 360) if angled and values[2] is not None else None
            points.append(SingularPoint("core" if angled else "delta", x, y, angle))
    return tuple(points)


def _pattern(found: TaggedRecord) -> PatternClass | None:
    """9.307 general class, or subclass where given; None where there are several candidates."""
    rows = found.rows(307)
    if len(rows) != 1:
        return None
    known = [item for item in rows[0][:2] if item in set(PatternClass)]
    return PatternClass(known[-1]) if known else None
