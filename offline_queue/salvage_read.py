"""Rows out of a damaged database, page by page: what SQLite's own `.recover` does, where that is not to be had.

In: a copy of the file, its log played into it (wal.py). Out: `Recovered`, rows by table as their pages hold them,
whether or not anything still leads to these pages; nothing of it is believed here. A row is known by the number and
the types of its fields. Format: sqlite.org/fileformat2, sections 1.6 and 2.1. Why our own: decision 0010.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from offline_queue import salvage_carve
from offline_queue.envelope import LARGEST_PAYLOAD
from offline_queue.salvage_format import SHAPES, Unreadable, fits, record_types, value, varint, wide

Row = dict[str, Any]
TABLE_LEAF, INDEX_LEAF, INDEX_INNER = 0x0D, 0x0A, 0x02
MAGIC = b"SQLite format 3\0"
SIZES = (512, 1024, 2048, 4096, 8192, 16384, 32768, 65536)
LARGEST_ROW = LARGEST_PAYLOAD + 64 * 1024


class Recovered:
    """columns: table → its columns, as the program knows them. Close it."""

    def __init__(self, file: Path, columns: Mapping[str, Sequence[str]]) -> None:
        self._file = file.open("rb")
        self._map = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        self._columns = columns
        self._headless: set[int] = set()
        self._cells: dict[str, list[tuple[int, int]]] = {}
        self._collect()

    def close(self) -> None:
        self._map.close()
        self._file.close()

    def rows(self, table: str) -> Iterator[Row]:
        """Every row that may be one of this table, one by one."""
        for page, at in self._cells[table]:
            try:
                number, fields = self._record(page, at)
            except Unreadable:
                continue
            names = self._columns[table]
            row = dict.fromkeys(names) | dict(zip(names, fields, strict=False))
            if SHAPES[table].startswith("n"):
                row[names[0]] = number
            yield row

    def payload(self, seq: int) -> tuple[bytes, object] | None:
        """The sealed bytes under this number, and the digest beside them as found; None when there are none."""
        for page, at in self._cells["payload"]:
            try:
                if self._local(page, at)[3] == seq:
                    _, sealed, digest = self._record(page, at)[1]
                    return (sealed, digest) if isinstance(sealed, bytes) else None
            except Unreadable:
                continue
        return None

    def _collect(self) -> None:
        """All cells that may be ours, those of pages without a head after the rest."""
        self._size = self._page_size()
        self._cells = {name: [] for name in SHAPES}
        suspects = [page for page in range(len(self._map) // self._size) if not self._sort_page(page)]
        followed = self._followed()
        patterns = [salvage_carve.pattern(shape) for shape in SHAPES.values() if shape.startswith("n")]
        for page in suspects:
            if page not in followed:
                self._headless.add(page)
                start = page * self._size
                for at in salvage_carve.starts(self._map[start : start + self._size], patterns):
                    self._sort_in(page, start + at)

    def _page_size(self) -> int:
        """As the first page says; when that is damaged, the size with which the most rows are found."""
        said = struct.unpack_from(">H", self._map, 16)[0] if len(self._map) > 18 else 0
        said = 65536 if said == 1 else said
        if self._map[: len(MAGIC)] == MAGIC and said in SIZES:
            return int(said)
        found = {size: self._rows_with(size) for size in SIZES}
        return max(SIZES, key=lambda size: found[size])

    def _rows_with(self, size: int) -> int:
        self._size, self._cells = size, {name: [] for name in SHAPES}
        for page in range(len(self._map) // size):
            self._sort_page(page)
        return sum(map(len, self._cells.values()))

    def _sort_page(self, page: int) -> bool:
        """False when nothing of what its head leads to is a record."""
        return sum(self._sort_in(page, at) for at in self._starts(page)) > 0

    def _followed(self) -> set[int]:
        """Pages that a row found goes on in: they have no head of their own."""
        pages: set[int] = set()
        for page, at in (cell for cells in self._cells.values() for cell in cells):
            start, local, size, _ = self._local(page, at)
            place = start + local
            for _ in range(-(-(size - local) // (self._size - 4))):
                following = struct.unpack_from(">I", self._map, place)[0]
                if not 1 < following <= len(self._map) // self._size:
                    break
                pages.add(following - 1)
                place = (following - 1) * self._size
        return pages

    def _starts(self, page: int) -> Iterator[int]:
        """Where in the file the cells of this page begin, as far as its head can be believed."""
        start = page * self._size
        head = start + 100 if page == 0 else start
        kind = self._map[head]
        if kind in (TABLE_LEAF, INDEX_LEAF, INDEX_INNER):
            first = head + (12 if kind == INDEX_INNER else 8)
            count = struct.unpack_from(">H", self._map, head + 3)[0]
            for place in range(first, min(first + 2 * count, start + self._size - 1), 2):
                offset = struct.unpack_from(">H", self._map, place)[0]
                if first - start <= offset < self._size - 4:
                    yield start + offset

    def _sort_in(self, page: int, at: int) -> bool:
        """False when this is no record."""
        try:
            types = record_types(self._map, *self._local(page, at)[:2])[1]
        except Unreadable:
            return False
        for table, shape in SHAPES.items():
            if fits(types, shape):
                self._cells[table].append((page, at))
                break
        return True

    def _kind(self, page: int) -> int:
        if page in self._headless:
            return TABLE_LEAF
        return self._map[100 if page == 0 else page * self._size]

    def _local(self, page: int, at: int) -> tuple[int, int, int, int]:
        """(where its bytes on this page begin, how many they are, how many there are in all, its number)."""
        kind = self._kind(page)
        if kind == INDEX_INNER:
            at += 4
        size, at = varint(self._map, at)
        number, at = varint(self._map, at) if kind == TABLE_LEAF else (0, at)
        if not 0 < size <= LARGEST_ROW:
            raise Unreadable
        least = (self._size - 12) * 32 // 255 - 23
        most = self._size - 35 if kind == TABLE_LEAF else (self._size - 12) * 64 // 255 - 23
        here = least + (size - least) % (self._size - 4)
        local = size if size <= most else here if here <= most else least
        following = 4 if size > local else 0  # bytes of the number of the page it goes on in
        if at + local + following > (page + 1) * self._size:
            raise Unreadable
        return at, local, size, number

    def _record(self, page: int, at: int) -> tuple[int, list[Any]]:
        start, local, size, number = self._local(page, at)
        length, types = record_types(self._map, start, local)
        content = self._map[start : start + local]
        if size > local:
            content += self._overflow(struct.unpack_from(">I", self._map, start + local)[0], size - local)
        fields, place = [], length
        for kind in types:
            size_here = wide(kind)
            fields.append(value(kind, content[place : place + size_here]))
            place += size_here
        if place != size:
            raise Unreadable
        return number, fields

    def _overflow(self, page: int, left: int) -> bytes:
        parts = []
        while left > 0:
            start = (page - 1) * self._size
            if page < 2 or start + self._size > len(self._map):
                raise Unreadable
            take = min(left, self._size - 4)
            parts.append(self._map[start + 4 : start + 4 + take])
            left -= take
            page = struct.unpack_from(">I", self._map, start)[0]
        return b"".join(parts)
