"""Extended data of a finger view: cores and deltas. In and out: SingularPoint, and the bytes after the minutiae.

Blocks of type (2 bytes), length (2, counting these four too) and data; type 1 ridge counts, type 2 cores and deltas
(INCITS 378-2004 clause 6.6, ISO/IEC 19794-2:2005 clause 7.5). Two layouts of type 2:

incits  number of cores with 0x40 when they all have an angle, then x, y (2 bytes each) and the angle of each; the
        same of deltas, with three angles each
iso     number of cores, then x with 0x4000 when this core has an angle, y, the angle; the same of deltas

Ours have deltas without angles. What cannot be read is left out and never an error: NIST's own sample has a core and
delta block that is two bytes short. The angle of a core is written as SingularPoint has it (the way it opens): the
standards' own wording of it was not to be had, see docs/templates.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from station.errors import TemplateError
from station.friction_ridge import MinutiaTemplate, SingularPoint
from station.templates.minutia_record import MAX_XY, Cursor

CORE_AND_DELTA = 2
HEAD = 4
MOST = 15
"""The number of cores, and of deltas, has four bits."""
INCITS_ANGLES, ISO_ANGLE = 0x40, 0x4000
DELTA_ANGLES = 3
Layout = Literal["incits", "iso"]


def pack(template: MinutiaTemplate, unit_deg: float, layout: Layout) -> bytes:
    """The extended data of a view without its length field; empty when there is nothing to tell. More than 15 cores
    or deltas are cut; in the incits layout the angles are left out unless all cores have one."""
    cores = [p for p in template.singular if p.kind == "core"][:MOST]
    deltas = [p for p in template.singular if p.kind == "delta"][:MOST]
    if not cores and not deltas:
        return b""
    angled = bool(cores) and all(p.angle is not None for p in cores)
    data = bytes((len(cores) | (INCITS_ANGLES if layout == "incits" and angled else 0),))
    for core in cores:
        told = core.angle if layout == "iso" or angled else None
        data += _point(template, core, layout == "iso" and told is not None)
        data += b"" if told is None else bytes((_units(told, unit_deg),))
    data += bytes((len(deltas),)) + b"".join(_point(template, delta, False) for delta in deltas)
    return CORE_AND_DELTA.to_bytes(2, "big") + (HEAD + len(data)).to_bytes(2, "big") + data


def _point(template: MinutiaTemplate, point: SingularPoint, flag: bool) -> bytes:
    x = min(max(round(point.x), 0), template.width - 1)
    y = min(max(round(point.y), 0), template.height - 1)
    return (x | (ISO_ANGLE if flag else 0)).to_bytes(2, "big") + y.to_bytes(2, "big")


def _units(angle: float, unit_deg: float) -> int:
    return round(angle / unit_deg) % round(360.0 / unit_deg)


def singular_points(
    extended: bytes, width: int, height: int, unit_deg: float, layout: Layout
) -> tuple[SingularPoint, ...]:
    """Cores and deltas of the first block of type 2, as many as are whole and inside the image."""
    data = next((data for kind, data in blocks(extended) if kind == CORE_AND_DELTA), b"")
    found: list[SingularPoint] = []
    try:
        for point in _points(Cursor(data), unit_deg, layout):
            found.append(point)
    except TemplateError:
        pass
    return tuple(p for p in found if p.x < width and p.y < height)


def blocks(extended: bytes) -> Iterator[tuple[int, bytes]]:
    """(type, data) of each block; ends at the first whose length cannot be."""
    at = 0
    while at + HEAD <= len(extended):
        length = int.from_bytes(extended[at + 2 : at + HEAD], "big")
        if length < HEAD:
            return
        yield int.from_bytes(extended[at : at + 2], "big"), extended[at + HEAD : at + length]
        at += length


def _points(cursor: Cursor, unit_deg: float, layout: Layout) -> Iterator[SingularPoint]:
    steps = round(360.0 / unit_deg)
    for kind, angles in (("core", 1), ("delta", DELTA_ANGLES)):
        count = cursor.number(1)
        for _ in range(count & MOST):
            x, y = cursor.number(2), cursor.number(2)
            told = bool(x & ISO_ANGLE) if layout == "iso" else bool(count & INCITS_ANGLES)
            units = cursor.take(angles)[0] if told else None
            place = float(x & MAX_XY), float(y & MAX_XY)
            if kind == "core":
                yield SingularPoint("core", *place, None if units is None else units % steps * unit_deg)
            else:
                yield SingularPoint("delta", *place)
