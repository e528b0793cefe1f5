"""Records of SQLite as bytes: varints, types and widths of fields, and what the rows of our tables look like.

In: bytes and a place in them. Out: numbers and values; Unreadable for what is none. Format: sqlite.org/fileformat2,
sections 1.6 and 2.1.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Sequence
from typing import Any

LONGEST_VARINT = 9
# Field types of each table's rows: n the number of the row, t text, b blob, i integer; ? any, which may be absent at
# the end, in rows of an older schema. Capital letters: may be NULL. Tables of which the rest can be told from the chain
# are not here.
SHAPES = {
    "submission": "ntttttitittt" + "ii" + "?" * 14,
    "payload": "nbt",
    "envelope": "nbb",
    "receipt": "nbbttt",
    "response": "ntttbbt",
    "response_quarantine": "nItttbt",
    "audit": "nttitTtbb?",
    "audit_seal": "nbbt",
    "counter_signature": "iibtt",
    "cursor": "ti",
}
INTEGERS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}


class Unreadable(ValueError):
    """This cell is no row."""


def varint(data: bytes | mmap.mmap, at: int) -> tuple[int, int]:
    """(value, where it ends)."""
    number = 0
    for n in range(LONGEST_VARINT):
        if at + n >= len(data):
            raise Unreadable
        byte = data[at + n]
        if n == LONGEST_VARINT - 1:
            return (number << 8 | byte), at + LONGEST_VARINT
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            return number, at + n + 1
    raise Unreadable


def record_types(data: bytes | mmap.mmap, at: int, local: int) -> tuple[int, list[int]]:
    """(where the fields begin, their serial types) of a record of which `local` bytes lie here."""
    length, place = varint(data, at)
    if not 1 < length <= local:
        raise Unreadable
    types = []
    while place < at + length:
        kind, place = varint(data, place)
        types.append(kind)
    if place != at + length:
        raise Unreadable
    return length, types


def wide(kind: int) -> int:
    """Bytes of a field of this serial type."""
    if kind >= 12:
        return (kind - 12) // 2
    return {7: 8}.get(kind) or INTEGERS.get(kind, 0)


def value(kind: int, raw: bytes) -> Any:
    """What these bytes mean in a field of this serial type."""
    if kind >= 12:
        return raw.decode("utf-8", "replace") if kind & 1 else raw
    if kind == 7:
        return struct.unpack(">d", raw)[0]
    if kind in INTEGERS:
        return int.from_bytes(raw, "big", signed=True)
    return {8: 0, 9: 1}.get(kind)


def fits(types: Sequence[int], shape: str) -> bool:
    """A row with such fields may be one of the table with this shape."""
    least = len(shape.rstrip("?"))
    return least <= len(types) <= len(shape) and all(map(_is, types, shape))


def _is(kind: int, wanted: str) -> bool:
    if wanted == "?" or (kind == 0 and (wanted == "n" or wanted.isupper())):
        return True
    if kind >= 12:
        return wanted.lower() == ("t" if kind & 1 else "b")
    return wanted.lower() == "i" and kind in (1, 2, 3, 4, 5, 6, 8, 9)
