"""Rows of a page whose head cannot be believed: found by their own form, without the pointers that led to them.

In: the bytes of a page. Out: where cells of table rows may begin. A cell tells its own length twice, once as a number
and once as the sum of its fields, so bytes of another kind hardly ever pass for one; what passes is judged like every
other recovered row. Format: sqlite.org/fileformat2, sections 1.6 and 2.1. Rows of tables without a rowid are not found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

LONGEST_NUMBER = 9  # bytes of a varint


def _set(values: Sequence[int]) -> bytes:
    return b"".join(b"\\x%02x" % value for value in values)


_INTEGER = rb"[\x01-\x06\x08\x09]"
_TYPES = {
    "n": rb"\x00",
    "i": _INTEGER,
    "t": rb"(?:[\x80-\xff]{1,2}[" + _set(range(1, 128, 2)) + rb"]|[" + _set(range(13, 128, 2)) + rb"])",
    "b": rb"(?:[\x80-\xff]{1,2}[" + _set(range(0, 128, 2)) + rb"]|[" + _set(range(12, 128, 2)) + rb"])",
}


def pattern(shape: str) -> re.Pattern[bytes]:
    """Where the head of a record of this shape (salvage_read.SHAPES) may begin."""
    kinds = [
        _TYPES[kind] if kind.islower() else rb"(?:\x00|%b)" % _TYPES[kind.lower()]
        for kind in shape.rstrip("?")
    ]
    longest = bytes((1 + 3 * len(shape),))
    return re.compile(rb"(?=[\x02-" + re.escape(longest) + rb"]" + b"".join(kinds) + rb")", re.DOTALL)


def starts(page: bytes, patterns: Sequence[re.Pattern[bytes]]) -> Iterator[int]:
    """Offsets of cells of table rows, in the order of `patterns`."""
    for each in patterns:
        for found in each.finditer(page):
            size = _size(page, found.start())
            if size is not None:
                yield from _before(page, found.start(), _varint(size))


def _size(page: bytes, head: int) -> int | None:
    """Bytes of the whole record, as its head tells; None when this is no head."""
    place, end, size = head + 1, head + page[head], page[head]
    if end > len(page):
        return None
    while place < end:
        kind, place = _number(page, place)
        size += (kind - 12) // 2 if kind >= 12 else (0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0)[kind]
    return size if place == end else None


def _before(page: bytes, head: int, size: bytes) -> Iterator[int]:
    """Before the head stands the number of the row, before that the size."""
    for digits in range(1, LONGEST_NUMBER + 1):
        start = head - digits - len(size)
        if start < 0:
            return
        if page[start : head - digits] == size and _number(page, head - digits)[1] == head:
            yield start


def _number(page: bytes, at: int) -> tuple[int, int]:
    """(value, where it ends) of a varint; beyond the page when there is none."""
    value = 0
    for n in range(LONGEST_NUMBER):
        if at + n >= len(page):
            break
        byte = page[at + n]
        if n == LONGEST_NUMBER - 1:
            return value << 8 | byte, at + LONGEST_NUMBER
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + n + 1
    return 0, len(page) + 1


def _varint(value: int) -> bytes:
    """The shortest form of a number below 2**56."""
    digits = [value & 0x7F]
    while value := value >> 7:
        digits.append(value & 0x7F | 0x80)
    return bytes(reversed(digits))
