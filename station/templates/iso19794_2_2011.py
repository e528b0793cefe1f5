"""ISO/IEC 19794-2:2011 finger minutiae record. In: MinutiaTemplate and what is known of the finger; out: bytes, back.

Header 15 bytes: `FMR\\0`, `030\\0`, length (4), representations (2), certification flag (1). Representation: its
length (4), capture date and time (9, all ones = not said), device technology (1), vendor and type (2 each), quality
blocks (1, then value, vendor, algorithm: five bytes each), certification blocks where the flag says so (1, then three
bytes each), position, representation number (1 each), pixels per cm across and down (2 each), impression type (1),
width, height (2 each), minutia length and ridge ending type (4 bits each), count (1), minutiae of six bytes, or five
without quality, length of the extended data (2), extended data. Angles in units of 360/256 degrees. INCITS 378-2009
has the same first eight bytes: here the lengths of the representations add up. The layout is that of two independent
readers (FingerprintIO; a C decoder of version 030), not of the standard's own text; no sample record was to be had.
"""

from __future__ import annotations

import struct
from dataclasses import replace

from station.friction_ridge import FGP, IMP, MinutiaTemplate
from station.templates import extended_data
from station.templates import minutia_record as rec
from station.templates.minutia_record import Record, View

NAME = "iso19794-2:2011"
HEADER = 15
SHORTEST = 34
"""Bytes of a representation without minutiae, quality or extended data."""
ANGLE_UNIT = 360.0 / 256.0
"""degrees."""
MAX_VIEWS, MAX_IMP = 176, 29
DEVICE = b"\xff" * 9 + b"\x00" * 5
"""Capture time not said; technology, vendor and type of the device unknown."""
QUALITY, CERTIFICATE = 5, 3
WITH_QUALITY, WITHOUT_QUALITY = 6, 5
"""Bytes of a minutia."""


def encode(template: MinutiaTemplate, *, fgp: FGP | int = 0, imp: IMP | int = 0, quality: int = 0) -> bytes:
    """One representation. fgp 0 = unknown; quality 1 to 100, 0 = not reported (no quality block). Raises TemplateError
    template.no_minutiae (the standard wants one at least) and check_writable's."""
    extended = extended_data.pack(template, ANGLE_UNIT, "iso")
    return write(Record((View(template, int(fgp), int(imp), quality or None, extended=extended),)))


def decode(data: bytes) -> MinutiaTemplate:
    """The first representation. Raises TemplateError as `read`."""
    return read(data).views[0].template


def matches(data: bytes) -> bool:
    """Whether bytes claim this format: the lengths of the representations add up to the record's."""
    if data[:8] != rec.MAGIC_3 or len(data) < HEADER:
        return False
    count, at = int.from_bytes(data[12:14], "big"), HEADER
    for _ in range(count):
        length = int.from_bytes(data[at : at + 4], "big")
        if length < SHORTEST or at + length > len(data):
            return False
        at += length
    return count > 0 and data[14] <= 1 and at == len(data)


def write(record: Record) -> bytes:
    """All representations; a view's `kept` is what `read` found, or empty. Raises TemplateError as `encode`."""
    views = rec.views_of(record, MAX_VIEWS, MAX_IMP)
    if not all(len(view.template) for view in views):
        raise rec.bad("no_minutiae", f"{NAME} wants one minutia at least in every view")
    body = b"".join(_packed(view) for view in views)
    flag = record.kept or b"\x00"
    return rec.MAGIC_3 + struct.pack(">IH", HEADER + len(body), len(views)) + flag + body


def _packed(view: View) -> bytes:
    template, ppcm = view.template, rec.ppcm_of(view.template.ppi)
    front, size = (view.kept[:-1], view.kept[-1]) if view.kept else (_front(view), _size(template) << 4)
    head = struct.pack(">BBHHB", view.fgp, view.number, ppcm, ppcm, view.imp)
    image = struct.pack(">HHBB", template.width, template.height, size, len(template))
    minutiae = rec.pack_minutiae(template, ANGLE_UNIT, unreported=rec.NO_QUALITY, size=size >> 4)
    body = front + head + image + minutiae + struct.pack(">H", len(view.extended)) + view.extended
    return struct.pack(">I", 4 + len(body)) + body


def _front(view: View) -> bytes:
    """Device and quality of a view that was not read from a record."""
    if view.quality is None:
        return DEVICE + b"\x00"
    return DEVICE + struct.pack(">BBHH", 1, view.quality, rec.VENDOR_UNKNOWN, 0)


def _size(template: MinutiaTemplate) -> int:
    return WITH_QUALITY if (template.quality > 0).any() else WITHOUT_QUALITY


def read(data: bytes) -> Record:
    """Every representation. A view's `kept`: device, quality and certification blocks, and the byte of minutia length
    and ridge ending type. Raises TemplateError: template.not_fmr, .truncated, .bad_length, .bad_field."""
    cursor = rec.Cursor(data)
    if cursor.take(len(rec.MAGIC_3)) != rec.MAGIC_3:
        raise rec.bad("not_fmr", f"not a finger minutiae record of {NAME}")
    rec.check_length(cursor.number(4), data)
    count, flag = cursor.number(2), cursor.take(1)
    if not 1 <= count <= MAX_VIEWS or flag > b"\x01":
        raise rec.bad("bad_field", f"{count} representations, certification flag {flag[0]}")
    views = tuple(_view(cursor, flag == b"\x01") for _ in range(count))
    if cursor.left:
        raise rec.bad("bad_length", f"{cursor.left} bytes follow the last representation")
    return Record(views, kept=flag)


def _view(record: rec.Cursor, certified: bool) -> View:
    length = record.number(4)
    cursor = rec.Cursor(record.take(max(length - 4, 0)))
    device, qualities = cursor.take(len(DEVICE)), cursor.take(1)
    values = cursor.take(qualities[0] * QUALITY)
    certificates = cursor.take(1) if certified else b""
    schemes = cursor.take(certificates[0] * CERTIFICATE) if certified else b""
    fgp, number, across, downwards, imp = struct.unpack(">BBHHB", cursor.take(7))
    width, height, size, count = struct.unpack(">HHBB", cursor.take(6))
    if fgp > 10 or size >> 4 not in (WITH_QUALITY, WITHOUT_QUALITY):
        raise rec.bad("bad_field", f"finger position {fgp}, or minutiae of {size >> 4} bytes")
    image = rec.image_of(width, height, across, downwards)
    template = rec.read_minutiae(cursor, count, image, ANGLE_UNIT, size >> 4)
    extended = cursor.take(cursor.number(2))
    if cursor.left:
        raise rec.bad("bad_length", f"a representation is {cursor.left} bytes longer than what it holds")
    singular = extended_data.singular_points(extended, width, height, ANGLE_UNIT, "iso")
    quality = values[0] if values and values[0] <= 100 else None
    kept = device + qualities + values + certificates + schemes + bytes((size,))
    return View(replace(template, singular=singular), fgp, imp, quality, number, extended, kept)
