"""Rows of a page whose head cannot be believed: found by their own form, without the pointers that led to them.

In: the bytes of a page. Out: where cells of table rows may begin. A cell tells its own length twice, once as a number
and once as the sum of its fields, so bytes of another kind hardly ever pass for one; what passes is judged like every
other recovered row. Rows of tables without a rowid are not found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from offline_queue.salvage_format import LONGEST_VARINT, Unreadable, record_types, varint, wide


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
    """Where the head of a record of this shape (salvage_format.SHAPES) may begin."""
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
            head = found.start()
            try:
                length, types = record_types(page, head, len(page) - head)
            except Unreadable:
                continue
            yield from _before(page, head, _encoded(length + sum(map(wide, types))))


def _before(page: bytes, head: int, size: bytes) -> Iterator[int]:
    """Before the head stands the number of the row, before that the size."""
    for digits in range(1, LONGEST_VARINT + 1):
        start = head - digits - len(size)
        if start < 0:
            return
        if page[start : head - digits] == size and _is_varint(page[head - digits : head]):
            yield start


def _is_varint(data: bytes) -> bool:
    try:
        return varint(data, 0)[1] == len(data)
    except Unreadable:
        return False


def _encoded(number: int) -> bytes:
    """The varint of a number below 2**56."""
    digits = [number & 0x7F]
    while number := number >> 7:
        digits.append(number & 0x7F | 0x80)
    return bytes(reversed(digits))
