"""ISO/IEC 19794-2:2005 finger minutiae record. In: MinutiaTemplate and what is known of the finger; out: bytes, back.

Header 24 bytes: `FMR\\0`, ` 20\\0`, length (always 4 bytes), capture equipment (2), width, height, pixels per cm
across and down (2 each), views (1), reserved (1). Views as in INCITS 378-2004, but angles in units of 360/256 =
1.40625 degrees. The first eight bytes are those of INCITS 378-2004: bytes 8 and 9 tell them apart.
"""

from __future__ import annotations

import struct

from station.friction_ridge import FGP, IMP, MinutiaTemplate
from station.templates import extended_data, incits378_2004
from station.templates import minutia_record as rec
from station.templates.minutia_record import Record, View

NAME = "iso19794-2:2005"
HEADER = 24
ANGLE_UNIT = 360.0 / 256.0
"""degrees."""


def encode(template: MinutiaTemplate, *, fgp: FGP | int = 0, imp: IMP | int = 0, quality: int = 0) -> bytes:
    """One view. fgp 0 = unknown; quality 0 to 100. Raises TemplateError (see minutia_record.check_writable)."""
    extended = extended_data.pack(template, ANGLE_UNIT, "iso")
    return write(Record((View(template, int(fgp), int(imp), quality, extended=extended),)))


def decode(data: bytes) -> MinutiaTemplate:
    """The first view. Raises TemplateError as `read`."""
    return read(data).views[0].template


def matches(data: bytes) -> bool:
    """Whether bytes claim this format."""
    return data[:8] == rec.MAGIC and not incits378_2004.matches(data)


def write(record: Record) -> bytes:
    """All views of one image size and resolution. Raises TemplateError template.mixed_images and check_writable's."""
    views = rec.views_of(record, incits378_2004.MAX_VIEWS, incits378_2004.MAX_IMP)
    body = b"".join(incits378_2004.pack_view(view, ANGLE_UNIT) for view in views) + record.trailing
    rest = struct.pack(">H", record.device) + incits378_2004.image_header(views) + bytes((0,)) + body
    return rec.MAGIC + struct.pack(">I", HEADER + len(body)) + rest


def read(data: bytes) -> Record:
    """Every view. Raises TemplateError: template.not_fmr, .truncated, .bad_length, .bad_field."""
    cursor = rec.Cursor(data)
    if cursor.take(len(rec.MAGIC)) != rec.MAGIC:
        raise rec.bad("not_fmr", f"not a finger minutiae record of {NAME}")
    rec.check_length(cursor.number(4), data)
    device, *image, count, _ = struct.unpack(">HHHHHBB", cursor.take(12))
    views = incits378_2004.read_views(cursor, rec.image_of(*image), count, ANGLE_UNIT, "iso")
    return Record(views, device=device, trailing=cursor.take(cursor.left))
