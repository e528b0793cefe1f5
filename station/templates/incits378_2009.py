"""INCITS 378-2009 finger minutiae record. In: MinutiaTemplate and what is known of the finger; out: bytes, and back.

Header 21 bytes: `FMR\\0`, `030\\0`, length (4), CBEFF product owner and type (2 each), capture equipment compliance
(1) and id (2), views (1), reserved (1). View: position, view number, impression type, quality (1 each), quality
algorithm vendor and id (2 each), width, height, pixels per cm across and down (2 each), count (1), minutiae of six
bytes, length of the extended data (2), extended data. Angles in units of 2 degrees. Amendment 1 has the version
`035\\0` and is read too; only `030` is written. ISO/IEC 19794-2:2011 has the same first eight bytes: `matches` of
both walk the lengths. The layout is that of two independent readers (FingerprintIO; libbiomeval, which reads the draft
of 2007), not of the standard's own text; no sample record was to be had.
"""

from __future__ import annotations

import struct
from dataclasses import replace

from station.friction_ridge import FGP, IMP, MinutiaTemplate
from station.templates import extended_data
from station.templates import iso19794_2_2011 as iso
from station.templates import minutia_record as rec
from station.templates.minutia_record import Record, View

NAME = "incits378:2009"
MAGIC_AMENDED = rec.FMR + b"035\x00"
HEADER = 21
ANGLE_UNIT = 2.0
"""degrees."""
MAX_VIEWS, MAX_IMP = 255, 29
ALGORITHM = struct.pack(">HH", rec.VENDOR_UNKNOWN, 0)
"""Who computed the quality: nobody registered."""


def encode(template: MinutiaTemplate, *, fgp: FGP | int = 0, imp: IMP | int = 0, quality: int = 0) -> bytes:
    """One view. fgp 0 = unknown; quality 1 to 100, 0 = not reported. Raises TemplateError (see check_writable)."""
    extended = extended_data.pack(template, ANGLE_UNIT, "incits")
    view = View(template, int(fgp), int(imp), quality or None, extended=extended)
    return write(Record((view,), owner=rec.VENDOR_UNKNOWN))


def decode(data: bytes) -> MinutiaTemplate:
    """The first view. Raises TemplateError as `read`."""
    return read(data).views[0].template


def matches(data: bytes) -> bool:
    """Whether bytes claim this format."""
    return data[:8] == MAGIC_AMENDED or (data[:8] == rec.MAGIC_3 and not iso.matches(data))


def write(record: Record) -> bytes:
    """All views. record.device: compliance byte and id, three bytes. Raises TemplateError as check_writable."""
    views = rec.views_of(record, MAX_VIEWS, MAX_IMP)
    body = b"".join(_packed(view) for view in views) + record.trailing
    head = struct.pack(">IHH", HEADER + len(body), record.owner, record.product)
    return rec.MAGIC_3 + head + record.device.to_bytes(3, "big") + bytes((len(views), 0)) + body


def _packed(view: View) -> bytes:
    template, ppcm = view.template, rec.ppcm_of(view.template.ppi)
    quality = rec.NO_QUALITY if view.quality is None else view.quality
    head = bytes((view.fgp, view.number, view.imp, quality)) + (view.kept or ALGORITHM)
    image = struct.pack(">HHHHB", template.width, template.height, ppcm, ppcm, len(template))
    minutiae = rec.pack_minutiae(template, ANGLE_UNIT, unreported=rec.NO_QUALITY)
    return head + image + minutiae + struct.pack(">H", len(view.extended)) + view.extended


def read(data: bytes) -> Record:
    """Every view; its `kept` holds the quality algorithm's vendor and id. Raises TemplateError: template.not_fmr,
    .truncated, .bad_length, .bad_field."""
    cursor = rec.Cursor(data)
    if cursor.take(len(rec.MAGIC_3)) not in (rec.MAGIC_3, MAGIC_AMENDED):
        raise rec.bad("not_fmr", f"not a finger minutiae record of {NAME}")
    rec.check_length(cursor.number(4), data)
    owner, product, device, count = cursor.number(2), cursor.number(2), cursor.number(3), cursor.number(1)
    cursor.take(1)
    if count < 1:
        raise rec.bad("bad_field", "a record without a view")
    views = tuple(_view(cursor) for _ in range(count))
    return Record(views, owner, product, device, trailing=cursor.take(cursor.left))


def _view(cursor: rec.Cursor) -> View:
    fgp, number, imp, quality = cursor.take(4)
    kept = cursor.take(len(ALGORITHM))
    *image, count = struct.unpack(">HHHHB", cursor.take(9))
    if fgp > 10 or 100 < quality < rec.NO_QUALITY:
        raise rec.bad("bad_field", f"finger position {fgp} or quality {quality} is out of range")
    template = rec.read_minutiae(cursor, count, rec.image_of(*image), ANGLE_UNIT)
    extended = cursor.take(cursor.number(2))
    singular = extended_data.singular_points(extended, template.width, template.height, ANGLE_UNIT, "incits")
    known = quality if quality <= 100 else None
    return View(replace(template, singular=singular), fgp, imp, known, number, extended, kept)
