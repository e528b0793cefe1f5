"""INCITS 378-2004 finger minutiae record. In: MinutiaTemplate and what is known of the finger; out: bytes.

Header 26 bytes, 30 for records over 65,535 bytes: `FMR\\0`, ` 20\\0`, length (2 bytes, or two zero bytes and then
4), CBEFF product owner and type (2 each), capture equipment (4 bits compliance, 12 bits id), width, height, pixels
per cm across and down (2 each), views (1), reserved (1). Angles in units of 2 degrees, 0 to 179.
"""

from __future__ import annotations

import struct

from station.friction_ridge import FGP, IMP, MinutiaTemplate
from station.templates import minutia_record as rec
from station.templates.minutia_record import ViewHeader

NAME = "incits378:2004"
HEADER = 26
ANGLE_UNIT = 2.0
"""degrees."""
NO_OWNER = 0
"""CBEFF product owner: none registered for this station."""


def encode(template: MinutiaTemplate, *, fgp: FGP | int = 0, imp: IMP | int = 0, quality: int = 0) -> bytes:
    """One view. fgp 0 = unknown; quality 0 to 100. Raises TemplateError (see minutia_record.check_writable)."""
    rec.check_writable(template, int(fgp), int(imp), quality)
    view = rec.pack_view(template, int(fgp), int(imp), quality, ANGLE_UNIT)
    ppcm = rec.ppcm_of(template.ppi)
    rest = struct.pack(">HHHHHHHBB", NO_OWNER, 0, 0, template.width, template.height, ppcm, ppcm, 1, 0)
    return rec.MAGIC + struct.pack(">H", HEADER + len(view)) + rest + view


def decode(data: bytes) -> tuple[MinutiaTemplate, ViewHeader]:
    """The first view. Raises TemplateError: template.not_fmr, .truncated, .bad_length, .bad_field."""
    cursor = rec.Cursor(data)
    rec.check_start(cursor, NAME)
    length = cursor.number(2) or cursor.number(4)
    if length != len(data):
        raise rec.bad("bad_length", f"the record says {length} bytes and has {len(data)}")
    owner, product, device, width, height, across, downwards, views, _ = struct.unpack(
        ">HHHHHHHBB", cursor.take(16)
    )
    if views < 1 or not (0 < width <= rec.MAX_XY and 0 < height <= rec.MAX_XY):
        raise rec.bad("bad_field", f"{views} views of a {width}×{height} image")
    template, (fgp, imp, quality), extended = rec.read_view(cursor, width, height, ANGLE_UNIT)
    for _ in range(views - 1):
        rec.read_view(cursor, width, height, ANGLE_UNIT)
    seen = (fgp, imp, quality, width, height, (across, downwards), device, views, owner, product, extended)
    header = ViewHeader(*seen, trailing=cursor.take(cursor.left))
    return rec.with_ppi(template, rec.ppi_of(header.ppcm)), header
