"""What ISO/IEC 19794-2:2005 and INCITS 378-2004 have in common: minutia blocks of six bytes, fields, errors.

Minutia: type in the top two bits (01 ending, 10 bifurcation, 00 other) with 14 bits of x, two reserved bits with 14
bits of y, one byte of angle (the unit differs), one byte of quality (0 = not reported). Big-endian; origin top
left, y down, angle counter-clockwise from +x (INCITS 378-2004 clause 6.5, ISO/IEC 19794-2:2005 clause 7.4).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from station.errors import TemplateError
from station.friction_ridge import MinutiaKind, MinutiaTemplate

MAGIC = b"FMR\x00 20\x00"
"""Format identifier and version: the same eight bytes in both standards."""
MINUTIA = 6
MAX_MINUTIAE = 255
MAX_XY = 0x3FFF
CM_PER_INCH = 2.54


@dataclass(frozen=True)
class ViewHeader:
    """What a record says beside the minutiae. fgp: 0 to 10, 0 = unknown; imp: impression type; quality: 0 to 100;
    width, height: px; ppcm: pixels per centimetre across and down; device: capture equipment id; views: finger
    views in the record (the first is decoded); owner, product: CBEFF ids (378 only, else 0); extended: bytes of
    extended data of the view, kept as they are; trailing: bytes after the last view, which NIST's own sample has."""

    fgp: int
    imp: int
    quality: int
    width: int
    height: int
    ppcm: tuple[int, int]
    device: int
    views: int
    owner: int = 0
    product: int = 0
    extended: bytes = b""
    trailing: bytes = b""


def bad(code: str, message: str) -> TemplateError:
    """A TemplateError with the usual advice."""
    return TemplateError(f"template.{code}", message, "Get the template again from where it was made.")


class Cursor:
    """Reads big-endian fields; running out of bytes is a TemplateError template.truncated."""

    def __init__(self, data: bytes) -> None:
        self._data, self.at = data, 0

    def take(self, count: int) -> bytes:
        """The next bytes."""
        if self.at + count > len(self._data):
            raise bad("truncated", f"{len(self._data)} bytes end inside a field at {self.at}")
        self.at += count
        return self._data[self.at - count : self.at]

    def number(self, count: int) -> int:
        """The next unsigned number of `count` bytes."""
        return int.from_bytes(self.take(count), "big")

    @property
    def left(self) -> int:
        """Bytes not read yet."""
        return len(self._data) - self.at


def check_writable(template: MinutiaTemplate, fgp: int, imp: int, quality: int) -> None:
    """Raise TemplateError (template.too_many, template.too_large, template.bad_field) before anything is written."""
    if len(template) > MAX_MINUTIAE:
        raise bad("too_many", f"{len(template)} minutiae, the count byte holds {MAX_MINUTIAE}")
    if not (0 < template.width <= MAX_XY and 0 < template.height <= MAX_XY):
        raise bad("too_large", f"{template.width}×{template.height} pixels do not fit 14 bits")
    if not 0 <= fgp <= 10:
        raise bad("bad_field", f"finger position {fgp} is not a single finger (0 to 10)")
    if not 0 <= imp <= 15 or not 0 <= quality <= 100:
        raise bad("bad_field", f"impression type {imp} or quality {quality} is out of range")


def pack_minutiae(template: MinutiaTemplate, unit_deg: float) -> bytes:
    """The minutiae, six bytes each, angles rounded to the unit."""
    steps = round(360.0 / unit_deg)
    x = np.clip(np.rint(template.x), 0, template.width - 1).astype(int)
    y = np.clip(np.rint(template.y), 0, template.height - 1).astype(int)
    angle = np.rint(template.angle / unit_deg).astype(int) % steps
    kind = np.where(template.kind <= MinutiaKind.BIFURCATION, template.kind, MinutiaKind.OTHER).astype(int)
    quality = np.clip(template.quality, 0, 100).astype(int)
    rows = zip(kind, x, y, angle, quality, strict=True)
    return b"".join(struct.pack(">HHBB", k << 14 | px, py, a, q) for k, px, py, a, q in rows)


def read_minutiae(cursor: Cursor, count: int, width: int, height: int, unit_deg: float) -> MinutiaTemplate:
    """`count` minutiae of a view. Raises TemplateError template.bad_field for what the standard forbids.

    ppi is filled in by the caller's header; here it is 0.
    """
    block: NDArray[np.uint8] = np.frombuffer(cursor.take(count * MINUTIA), np.uint8).reshape(count, MINUTIA)
    wide = block.astype(np.uint16)
    first, second = wide[:, 0] << 8 | wide[:, 1], wide[:, 2] << 8 | wide[:, 3]
    x, y, kind = first & MAX_XY, second & MAX_XY, first >> 14
    if (kind > MinutiaKind.BIFURCATION).any():
        raise bad("bad_field", "a minutia has the reserved type 3")
    if (x >= width).any() or (y >= height).any():
        raise bad("bad_field", f"a minutia lies outside the {width}×{height} image")
    if (block[:, 4] >= round(360.0 / unit_deg)).any():
        raise bad("bad_field", f"an angle is beyond a full turn in units of {unit_deg} degrees")
    return MinutiaTemplate(
        width=width,
        height=height,
        ppi=0,
        x=x.astype(np.float32),
        y=y.astype(np.float32),
        angle=(block[:, 4] * unit_deg).astype(np.float32),
        kind=kind.astype(np.uint8),
        quality=np.where(block[:, 5] <= 100, block[:, 5], 0).astype(np.uint8),
    )


def pack_view(template: MinutiaTemplate, fgp: int, imp: int, quality: int, unit_deg: float) -> bytes:
    """One finger view: position, view number 0 with impression type, quality, count, minutiae, no extended data."""
    head = bytes((fgp, imp & 0x0F, quality, len(template)))
    return head + pack_minutiae(template, unit_deg) + b"\x00\x00"


def read_view(
    cursor: Cursor, width: int, height: int, unit_deg: float
) -> tuple[MinutiaTemplate, tuple[int, int, int], bytes]:
    """One finger view: template (ppi 0), (position, impression type, quality), extended data."""
    fgp, view, quality, count = cursor.take(4)
    if fgp > 10 or quality > 100:
        raise bad("bad_field", f"finger position {fgp} or quality {quality} is out of range")
    template = read_minutiae(cursor, count, width, height, unit_deg)
    extended = cursor.take(cursor.number(2))
    return template, (fgp, view & 0x0F, quality), extended


def ppcm_of(ppi: int) -> int:
    """Pixels per centimetre, rounded: 197 for 500 ppi."""
    return round(ppi / CM_PER_INCH)


def ppi_of(ppcm: tuple[int, int]) -> int:
    """Pixels per inch of a resolution across; the usual values come back exactly. Raises template.bad_field."""
    if ppcm[0] == 0 or ppcm[0] != ppcm[1]:
        raise bad("bad_field", f"resolution {ppcm[0]}×{ppcm[1]} pixels per cm cannot be used")
    for usual in (250, 300, 320, 363, 500, 508, 512, 569, 1000):
        if ppcm_of(usual) == ppcm[0]:
            return usual
    return round(ppcm[0] * CM_PER_INCH)


def with_ppi(template: MinutiaTemplate, ppi: int) -> MinutiaTemplate:
    """The same minutiae at a resolution."""
    t = template
    return MinutiaTemplate(t.width, t.height, ppi, t.x, t.y, t.angle, t.kind, t.quality)


def check_start(cursor: Cursor, standard: str) -> None:
    """Raise template.not_fmr unless the record starts as both standards do."""
    if cursor.take(len(MAGIC)) != MAGIC:
        raise bad("not_fmr", f"not a finger minutiae record of {standard}")
