"""INCITS 378-2004 finger minutiae record. In: MinutiaTemplate and what is known of the finger; out: bytes, and back.

Header 26 bytes, 30 for records over 65,535 bytes: `FMR\\0`, ` 20\\0`, length (2 bytes, or two zero bytes and then
4), CBEFF product owner and type (2 each), capture equipment (4 bits compliance, 12 bits id), width, height, pixels
per cm across and down (2 each), views (1), reserved (1). View: position, view number and impression type (4 bits
each), quality, count (1 each), minutiae, length of the extended data (2), extended data. Angles in units of 2
degrees, 0 to 179. Checked against NIST's sample record (libbiomeval, fmr.ansi2004).
"""

from __future__ import annotations

import struct
from dataclasses import replace

from station.friction_ridge import FGP, IMP, MinutiaTemplate
from station.templates import extended_data
from station.templates import minutia_record as rec
from station.templates.minutia_record import Record, View

NAME = "incits378:2004"
HEADER, LONG_HEADER = 26, 30
ANGLE_UNIT = 2.0
"""degrees."""
MAX_VIEWS, MAX_IMP = 255, 15


def encode(template: MinutiaTemplate, *, fgp: FGP | int = 0, imp: IMP | int = 0, quality: int = 0) -> bytes:
    """One view. fgp 0 = unknown; quality 0 to 100. Raises TemplateError (see minutia_record.check_writable)."""
    extended = extended_data.pack(template, ANGLE_UNIT, "incits")
    return write(Record((View(template, int(fgp), int(imp), quality, extended=extended),)))


def decode(data: bytes) -> MinutiaTemplate:
    """The first view. Raises TemplateError as `read`."""
    return read(data).views[0].template


def matches(data: bytes) -> bool:
    """Whether bytes claim this format. ISO/IEC 19794-2:2005 starts alike, but its length always has four bytes: the
    first two are zero unless it is over 65,535. Here zeros there announce such a long record."""
    if data[:8] != rec.MAGIC:
        return False
    if data[8:10] == b"\x00\x00":
        return int.from_bytes(data[10:14], "big") == len(data) > 0xFFFF
    return int.from_bytes(data[8:12], "big") != len(data)


def write(record: Record) -> bytes:
    """All views of one image size and resolution. Raises TemplateError template.mixed_images and check_writable's."""
    views = rec.views_of(record, MAX_VIEWS, MAX_IMP)
    body = b"".join(pack_view(view, ANGLE_UNIT) for view in views) + record.trailing
    owners = struct.pack(">HHH", record.owner, record.product, record.device)
    rest = owners + image_header(views) + bytes((0,)) + body
    length = HEADER + len(body)
    said = struct.pack(">H", length) if length <= 0xFFFF else struct.pack(">HI", 0, length + 4)
    return rec.MAGIC + said + rest


def read(data: bytes) -> Record:
    """Every view. Raises TemplateError: template.not_fmr, .truncated, .bad_length, .bad_field."""
    cursor = rec.Cursor(data)
    if cursor.take(len(rec.MAGIC)) != rec.MAGIC:
        raise rec.bad("not_fmr", f"not a finger minutiae record of {NAME}")
    rec.check_length(cursor.number(2) or cursor.number(4), data)
    owner, product, device, *image, count, _ = struct.unpack(">HHHHHHHBB", cursor.take(16))
    views = read_views(cursor, rec.image_of(*image), count, ANGLE_UNIT, "incits")
    return Record(views, owner, product, device, trailing=cursor.take(cursor.left))


def image_header(views: tuple[View, ...]) -> bytes:
    """Width, height, pixels per cm twice, number of views: the same in ISO/IEC 19794-2:2005."""
    images = {(v.template.width, v.template.height, v.template.ppi) for v in views}
    if len(images) != 1:
        raise rec.bad("mixed_images", f"{len(views)} views of {len(images)} image sizes in one record")
    width, height, ppi = images.pop()
    ppcm = rec.ppcm_of(ppi)
    return struct.pack(">HHHHB", width, height, ppcm, ppcm, len(views))


def pack_view(view: View, unit_deg: float) -> bytes:
    """One view: the same in ISO/IEC 19794-2:2005 but for the unit."""
    head = bytes((view.fgp, view.number << 4 | view.imp, view.quality or 0, len(view.template)))
    tail = struct.pack(">H", len(view.extended)) + view.extended
    return head + rec.pack_minutiae(view.template, unit_deg) + tail


def read_views(
    cursor: rec.Cursor,
    image: tuple[int, int, int],
    count: int,
    unit_deg: float,
    layout: extended_data.Layout,
) -> tuple[View, ...]:
    """`count` views. Raises TemplateError template.bad_field, .truncated."""
    if count < 1:
        raise rec.bad("bad_field", "a record without a view")
    return tuple(_view(cursor, image, unit_deg, layout) for _ in range(count))


def _view(
    cursor: rec.Cursor, image: tuple[int, int, int], unit_deg: float, layout: extended_data.Layout
) -> View:
    fgp, number, quality, count = cursor.take(4)
    if fgp > 10 or quality > 100:
        raise rec.bad("bad_field", f"finger position {fgp} or quality {quality} is out of range")
    template = rec.read_minutiae(cursor, count, image, unit_deg)
    extended = cursor.take(cursor.number(2))
    singular = extended_data.singular_points(extended, image[0], image[1], unit_deg, layout)
    return View(replace(template, singular=singular), fgp, number & 0x0F, quality, number >> 4, extended)
