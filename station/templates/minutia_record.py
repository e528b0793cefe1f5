"""What the finger minutiae records of INCITS 378 and ISO/IEC 19794-2 have in common: views, minutiae, fields, errors.

In: MinutiaTemplate, or the bytes of a record; out: bytes, or a Record of Views. Minutia: type in the top two bits (01
ending, 10 bifurcation, 00 other) with 14 bits of x, two reserved bits with 14 bits of y, one byte of angle (the unit
differs), one byte of quality. Big-endian; origin top left, y down, angle counter-clockwise from +x (INCITS 378-2004
clause 6.5, ISO/IEC 19794-2:2005 clause 7.4; the later editions kept it). Not reported: a quality of 0 in the editions
of 2004 and 2005, of 254 in those of 2009 and 2011.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from station.errors import TemplateError
from station.friction_ridge import MinutiaKind, MinutiaTemplate

FMR = b"FMR\x00"
"""Format identifier, the same in all four standards."""
MAGIC = FMR + b" 20\x00"
"""With the version of INCITS 378-2004 and ISO/IEC 19794-2:2005: the same in both."""
MAGIC_3 = FMR + b"030\x00"
"""With the version of INCITS 378-2009 and ISO/IEC 19794-2:2011: the same in both."""
MINUTIA = 6
MAX_MINUTIAE = 255
MAX_XY = 0x3FFF
CM_PER_INCH = 2.54
NO_QUALITY = 254
"""Not reported, in the editions of 2009 and 2011; 255 says that the computation failed."""
VENDOR_UNKNOWN = 0x0103
"""CBEFF biometric organisation "vendor unknown": this station has registered none."""
USUAL_PPI = (250, 300, 320, 363, 500, 508, 512, 569, 1000)


@dataclass(frozen=True)
class View:
    """One finger view of a record. fgp: 0 to 10, 0 = unknown; imp: impression type; quality: 0 to 100, None = not
    reported; number: of the view, from 0, among those of one finger; extended: bytes of extended data; kept: bytes of
    the view's header that have no name here, as the codec found them."""

    template: MinutiaTemplate
    fgp: int = 0
    imp: int = 0
    quality: int | None = None
    number: int = 0
    extended: bytes = b""
    kept: bytes = b""


@dataclass(frozen=True)
class Record:
    """A whole record. owner, product: CBEFF ids (378 only, else 0); device: capture equipment with its compliance
    bits; kept: bytes of the record's header without a name here; trailing: bytes after the last view, which NIST's own
    sample has."""

    views: tuple[View, ...]
    owner: int = 0
    product: int = 0
    device: int = 0
    kept: bytes = b""
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


def check_writable(view: View, max_imp: int) -> None:
    """Raise TemplateError (template.too_many, template.too_large, template.bad_field) before anything is written."""
    template, quality = view.template, view.quality
    if len(template) > MAX_MINUTIAE:
        raise bad("too_many", f"{len(template)} minutiae, the count byte holds {MAX_MINUTIAE}")
    if not (0 < template.width <= MAX_XY and 0 < template.height <= MAX_XY):
        raise bad("too_large", f"{template.width}×{template.height} pixels do not fit 14 bits")
    if not 0 < ppcm_of(template.ppi) <= 0xFFFF:
        raise bad("bad_field", f"{template.ppi} ppi do not fit the resolution field")
    if not 0 <= view.fgp <= 10 or not 0 <= view.number <= 15:
        raise bad("bad_field", f"finger position {view.fgp} or view {view.number} is out of range")
    if not 0 <= view.imp <= max_imp or not (quality is None or 0 <= quality <= 100):
        raise bad("bad_field", f"impression type {view.imp} or quality {quality} is out of range")


def pack_minutiae(
    template: MinutiaTemplate, unit_deg: float, *, unreported: int = 0, size: int = MINUTIA
) -> bytes:
    """The minutiae, six bytes each (five without quality), angles rounded to the unit."""
    block = np.zeros((len(template), MINUTIA), np.uint8)
    x = np.clip(np.rint(template.x), 0, template.width - 1).astype(np.uint16)
    y = np.clip(np.rint(template.y), 0, template.height - 1).astype(np.uint16)
    kind = np.where(template.kind <= MinutiaKind.BIFURCATION, template.kind, MinutiaKind.OTHER)
    quality = np.clip(template.quality, 0, 100)
    block[:, 0] = kind << 6 | x >> 8
    block[:, 1] = x & 0xFF
    block[:, 2] = y >> 8
    block[:, 3] = y & 0xFF
    block[:, 4] = np.rint(template.angle / unit_deg).astype(int) % round(360.0 / unit_deg)
    block[:, 5] = np.where(quality == 0, unreported, quality)
    return block[:, :size].tobytes()


def read_minutiae(
    cursor: Cursor, count: int, image: tuple[int, int, int], unit_deg: float, size: int = MINUTIA
) -> MinutiaTemplate:
    """`count` minutiae of an image of (width, height, ppi). Raises TemplateError template.bad_field for what the
    standard forbids."""
    width, height, ppi = image
    block: NDArray[np.uint8] = np.frombuffer(cursor.take(count * size), np.uint8).reshape(count, size)
    wide = block.astype(np.uint16)
    first, second = wide[:, 0] << 8 | wide[:, 1], wide[:, 2] << 8 | wide[:, 3]
    x, y, kind = first & MAX_XY, second & MAX_XY, first >> 14
    if (kind > MinutiaKind.BIFURCATION).any():
        raise bad("bad_field", "a minutia has the reserved type 3")
    if (x >= width).any() or (y >= height).any():
        raise bad("bad_field", f"a minutia lies outside the {width}×{height} image")
    if (block[:, 4] >= round(360.0 / unit_deg)).any():
        raise bad("bad_field", f"an angle is beyond a full turn in units of {unit_deg} degrees")
    quality = block[:, 5] if size == MINUTIA else np.zeros(count, np.uint8)
    return MinutiaTemplate(
        width=width,
        height=height,
        ppi=ppi,
        x=x.astype(np.float32),
        y=y.astype(np.float32),
        angle=(block[:, 4] * unit_deg).astype(np.float32),
        kind=kind.astype(np.uint8),
        quality=np.where(quality <= 100, quality, 0).astype(np.uint8),
    )


def ppcm_of(ppi: int) -> int:
    """Pixels per centimetre, rounded: 197 for 500 ppi."""
    return round(ppi / CM_PER_INCH)


def ppi_of(across: int, downwards: int) -> int:
    """Pixels per inch of a resolution in pixels per cm; the usual values come back exactly. Raises
    template.bad_field for none, or two that differ."""
    if across == 0 or across != downwards:
        raise bad("bad_field", f"resolution {across}×{downwards} pixels per cm cannot be used")
    return next((usual for usual in USUAL_PPI if ppcm_of(usual) == across), round(across * CM_PER_INCH))


def image_of(width: int, height: int, across: int, downwards: int) -> tuple[int, int, int]:
    """(width, height, ppi) of an image header with pixels per cm. Raises template.bad_field."""
    return (*size_of(width, height), ppi_of(across, downwards))


def size_of(width: int, height: int) -> tuple[int, int]:
    """The size of an image, if it can be. Raises template.bad_field."""
    if not (0 < width <= MAX_XY and 0 < height <= MAX_XY):
        raise bad("bad_field", f"an image of {width}×{height} pixels cannot be")
    return width, height


def check_length(said: int, data: bytes) -> None:
    """Raise template.bad_length unless the record is as long as it says."""
    if said != len(data):
        raise bad("bad_length", f"the record says {said} bytes and has {len(data)}")


def views_of(record: Record, most: int, max_imp: int) -> tuple[View, ...]:
    """The views of a record that can be written. Raises template.bad_field for none or more than `most`, and
    check_writable's."""
    if not 1 <= len(record.views) <= most:
        raise bad("bad_field", f"a record of {len(record.views)} views; it holds 1 to {most}")
    for view in record.views:
        check_writable(view, max_imp)
    return record.views
