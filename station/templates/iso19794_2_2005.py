"""ISO/IEC 19794-2:2005 finger minutiae record. In: MinutiaTemplate and what is known of the finger; out: bytes.

Header 24 bytes: `FMR\\0`, ` 20\\0`, length (always 4 bytes), capture equipment (2), width, height, pixels per cm
across and down (2 each), views (1), reserved (1). Angles in units of 360/256 = 1.40625 degrees. The first eight
bytes are those of INCITS 378-2004: bytes 8 and 9 tell them apart (zero here, since no record is that long).
"""

from __future__ import annotations

import struct

from station.friction_ridge import FGP, IMP, MinutiaTemplate
from station.templates import minutia_record as rec
from station.templates.minutia_record import ViewHeader

NAME = "iso19794-2:2005"
HEADER = 24
ANGLE_UNIT = 360.0 / 256.0
"""degrees."""


def encode(template: MinutiaTemplate, *, fgp: FGP | int = 0, imp: IMP | int = 0, quality: int = 0) -> bytes:
    """One view. fgp 0 = unknown; quality 0 to 100. Raises TemplateError (see minutia_record.check_writable)."""
    rec.check_writable(template, int(fgp), int(imp), quality)
    view = rec.pack_view(template, int(fgp), int(imp), quality, ANGLE_UNIT)
    ppcm = rec.ppcm_of(template.ppi)
    rest = struct.pack(">HHHHHBB", 0, template.width, template.height, ppcm, ppcm, 1, 0)
    return rec.MAGIC + struct.pack(">I", HEADER + len(view)) + rest + view


def decode(data: bytes) -> tuple[MinutiaTemplate, ViewHeader]:
    """The first view. Raises TemplateError: template.not_fmr, .truncated, .bad_length, .bad_field."""
    cursor = rec.Cursor(data)
    rec.check_start(cursor, NAME)
    length = cursor.number(4)
    if length != len(data):
        raise rec.bad("bad_length", f"the record says {length} bytes and has {len(data)}")
    device, width, height, across, downwards, views, _ = struct.unpack(">HHHHHBB", cursor.take(12))
    if views < 1 or not (0 < width <= rec.MAX_XY and 0 < height <= rec.MAX_XY):
        raise rec.bad("bad_field", f"{views} views of a {width}×{height} image")
    template, (fgp, imp, quality), extended = rec.read_view(cursor, width, height, ANGLE_UNIT)
    for _ in range(views - 1):
        rec.read_view(cursor, width, height, ANGLE_UNIT)
    header = ViewHeader(
        fgp,
        imp,
        quality,
        width,
        height,
        (across, downwards),
        device,
        views,
        0,
        0,
        extended,
        cursor.take(cursor.left),
    )
    return rec.with_ppi(template, rec.ppi_of(header.ppcm)), header
