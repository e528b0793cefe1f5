"""Type-9 minutiae record with the INCITS 378 block, fields 9.126 to 9.150. In: MinutiaTemplate; out: bytes, and back.

ANSI/NIST-ITL 1-2011 (Update 2013 draft p.179-182). FMD 9.137: index, x, y (pixels, origin top left, y down), angle
in units of 2 degrees (0 to 179), type 0, 1, 2, quality 1 to 100 or 0: the directions are those of INCITS 378, half a
turn from those of the legacy block 9.005 to 9.012. CIN 9.139: x, y, angle. DIN 9.140: x, y, first angle.

Bytes: one Type-9 record as it stands in a transaction. `record` gives it to whoever builds the transaction; read are
such a record, and the first of its kind in a whole file. A core or delta whose angle is not known is not written: the
fields have no way to say so. Field names, order and ranges agree with two other programs (INTERPOL 6.00.02 as in a
public editor; NIST, University of Lausanne); the values of CBI and of the absent quality are from memory.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from station.errors import RecordError
from station.friction_ridge import FGP, IMP, MinutiaKind, MinutiaTemplate, SingularPoint
from station.records.encode import record_bytes
from station.records.transaction import Field, TaggedRecord, group, repeated, text
from station.templates import minutia_record as rec
from station.templates.type_9_fields import Rows, find, full_turn, numbers, single

NAME = "type-9:incits378"
ANGLE_UNIT = 2.0
"""degrees."""
BASIC, EXTENDED = "513", "514"
"""CBEFF format types of INCITS (owner 27): minutiae without, and with extended data."""
ALGORITHM = (f"{rec.VENDOR_UNKNOWN:04X}", "0")
PPI, PPCM = 1, 2
"""9.130 SLC."""


def encode(template: MinutiaTemplate, *, fgp: FGP | int = 0, imp: IMP | int = 0, quality: int = 0) -> bytes:
    """One record with IDC 00. fgp 0 = unknown; quality 1 to 100, 0 = not reported. Raises TemplateError (see
    minutia_record.check_writable)."""
    return record_bytes(record(template, idc=0, fgp=fgp, imp=imp, quality=quality))


def record(
    template: MinutiaTemplate, *, idc: int, fgp: FGP | int = 0, imp: IMP | int = 0, quality: int = 0
) -> TaggedRecord:
    """The record, without LEN yet. idc: 0 to 99, that of the image. Raises TemplateError."""
    rec.check_writable(rec.View(template, int(fgp), int(imp), quality), max_imp=42)
    if not 0 <= idc <= 99:
        raise rec.bad("bad_field", f"IDC {idc} has more than two digits")
    cores = _cores(template)
    value = str(quality or rec.NO_QUALITY)
    fields = [
        text(2, f"{idc:02d}"),
        text(3, str(int(imp))),
        text(4, "U"),
        group(126, ("27", EXTENDED if cores else BASIC, "0")),
        group(127, ("NONE", "0")),
        text(128, str(template.width)),
        text(129, str(template.height)),
        text(130, str(PPI)),
        text(131, str(template.ppi)),
        text(132, str(template.ppi)),
        text(133, "0"),
        text(134, str(int(fgp))),
        group(135, (value, *ALGORITHM)),
        text(136, str(len(template))),
        *_minutiae(template),
        *([repeated(139, cores)] if cores else []),
    ]
    return TaggedRecord(9, tuple(fields))


def _minutiae(template: MinutiaTemplate) -> list[Field]:
    if not len(template):
        return []
    x = np.clip(np.rint(template.x), 0, template.width - 1).astype(int)
    y = np.clip(np.rint(template.y), 0, template.height - 1).astype(int)
    angle = full_turn(template.angle, ANGLE_UNIT)
    kind = np.where(template.kind <= MinutiaKind.BIFURCATION, template.kind, MinutiaKind.OTHER)
    columns = np.stack([np.arange(1, len(x) + 1), x, y, angle, kind, np.minimum(template.quality, 100)], 1)
    return [repeated(137, [[str(value) for value in row] for row in columns.tolist()])]


def _cores(template: MinutiaTemplate) -> list[tuple[str, str, str]]:
    wide, high = template.width - 1, template.height - 1
    return [
        (
            str(min(max(round(p.x), 0), wide)),
            str(min(max(round(p.y), 0), high)),
            str(int(full_turn(np.array([p.angle]), ANGLE_UNIT)[0])),
        )
        for p in template.singular
        if p.kind == "core" and p.angle is not None
    ]


def matches(data: bytes) -> bool:
    """Whether bytes hold a Type-9 record with this block."""
    try:
        return find(data, 136) is not None
    except RecordError:
        return False


def decode(data: bytes) -> MinutiaTemplate:
    """The first record with this block. Raises TemplateError: template.not_type_9, template.bad_field."""
    try:
        found = find(data, 136)
    except RecordError as error:
        raise rec.bad("not_type_9", f"not a Type-9 record: {error.message}") from error
    if found is None:
        raise rec.bad("not_type_9", "no Type-9 record with the INCITS 378 block (9.126 to 9.150)")
    return of_record(found)


def of_record(found: TaggedRecord) -> MinutiaTemplate:
    """The template of a Type-9 record. Raises TemplateError template.bad_field."""
    width, height = rec.size_of(single(found, 128), single(found, 129))
    rows = numbers(found.rows(137), 6, "9.137")
    if single(found, 136) != len(rows):
        raise rec.bad("bad_field", f"9.136 says {single(found, 136)} minutiae, 9.137 has {len(rows)}")
    x, y, angle, kind, quality = rows[:, 1], rows[:, 2], rows[:, 3], rows[:, 4], rows[:, 5]
    if (x >= width).any() or (y >= height).any():
        raise rec.bad("bad_field", f"a minutia lies outside the {width}×{height} image")
    if (angle * ANGLE_UNIT >= 360).any() or (kind > MinutiaKind.BIFURCATION).any():
        raise rec.bad("bad_field", "an angle or a type of 9.137 is out of range")
    template = MinutiaTemplate(
        width=width,
        height=height,
        ppi=_ppi(found),
        x=x.astype(np.float32),
        y=y.astype(np.float32),
        angle=(angle * ANGLE_UNIT).astype(np.float32),
        kind=kind.astype(np.uint8),
        quality=np.where(quality <= 100, quality, 0).astype(np.uint8),
    )
    cores = _singular(found.rows(139), "9.139", template)
    deltas = _singular(found.rows(140), "9.140", template)
    singular = tuple(SingularPoint("core", *core) for core in cores)
    return replace(template, singular=singular + tuple(SingularPoint("delta", x, y) for x, y, _ in deltas))


def _ppi(found: TaggedRecord) -> int:
    unit, across, downwards = single(found, 130), single(found, 131), single(found, 132)
    if unit == PPCM:
        return rec.ppi_of(across, downwards)
    if unit != PPI or across != downwards or not 0 < across <= 20_000:
        raise rec.bad("bad_field", f"scale {across}×{downwards} in units of code {unit} cannot be used")
    return across


def _singular(rows: Rows, tag: str, template: MinutiaTemplate) -> list[tuple[float, float, float | None]]:
    """Points of CIN or DIN inside the image; the angle may be absent."""
    found = []
    for row in rows:
        x, y, *angle = numbers((row[:3] if len(row) > 2 and row[2] else row[:2],), None, tag)[0].tolist()
        if x >= template.width or y >= template.height or (angle and angle[0] * ANGLE_UNIT >= 360):
            raise rec.bad("bad_field", f"a point of {tag} is out of range")
        found.append((float(x), float(y), angle[0] * ANGLE_UNIT if angle else None))
    return found
