"""Rows that SQLite itself wrote are read back from its file's bytes, at every size where a row changes its form.

The other program is sqlite3; numbers and widths are those of https://www.sqlite.org/fileformat2.html, 1.6 and 2.1.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from offline_queue import salvage_carve as carve
from offline_queue import salvage_format as form
from offline_queue.salvage_read import Recovered

COLUMNS = {
    "payload": ("seq", "sealed", "sealed_sha256"),
    "counter_signature": ("seq", "n", "signature", "signed_at", "reason"),
    "cursor": ("name", "value"),
}
TABLES = (
    "CREATE TABLE payload (seq INTEGER PRIMARY KEY, sealed BLOB NOT NULL, sealed_sha256 TEXT NOT NULL)",
    "CREATE TABLE counter_signature (seq INTEGER, n INTEGER, signature BLOB, signed_at TEXT, reason TEXT, "
    "PRIMARY KEY (seq, n)) WITHOUT ROWID",
    "CREATE TABLE cursor (name TEXT PRIMARY KEY, value INTEGER) WITHOUT ROWID",
)


def write(path: Path, page: int, statement: str, rows: Sequence[Sequence[Any]]) -> None:
    with sqlite3.connect(path) as base:
        base.execute(f"PRAGMA page_size = {page}")
        for table in TABLES:
            base.execute(table)
        base.executemany(statement, rows)
    base.close()


def read(path: Path, table: str) -> list[dict[str, Any]]:
    found = Recovered(path, COLUMNS)
    try:
        return list(found.rows(table))
    finally:
        found.close()


def blob(size: int) -> bytes:
    return bytes((size + n) % 251 for n in range(size))


# a row's bytes lie on one page up to size - 35 of them; then as many as leave the last page that it goes on in full
@pytest.mark.parametrize("page", [512, 1024, 4096, 16384, 65536])
def test_a_row_comes_back_whatever_its_size(tmp_path: Path, page: int) -> None:
    near = [n * (page - 4) + edge for n in (0, 1, 2) for edge in (page - 35, page // 8)]
    edges = {0, 1} | {
        edge + off
        for edge in near
        for off in range(-100 if page <= 4096 else -76, 13 if page <= 4096 else -66)
    }
    sizes = sorted(size for size in edges if size >= 0) if page > 512 else range(1400)
    rows = [(seq, blob(size), "d" * 64) for seq, size in enumerate(sizes, 1)]
    write(tmp_path / "q.db", page, "INSERT INTO payload VALUES (?, ?, ?)", rows)
    found = {row["seq"]: (row["sealed"], row["sealed_sha256"]) for row in read(tmp_path / "q.db", "payload")}
    assert found == {seq: (sealed, digest) for seq, sealed, digest in rows}


def test_the_bytes_of_one_entry_are_found_by_its_number(tmp_path: Path) -> None:
    write(
        tmp_path / "q.db",
        512,
        "INSERT INTO payload VALUES (?, ?, ?)",
        [(n, blob(n), "d") for n in (1, 600, 70000)],
    )
    found = Recovered(tmp_path / "q.db", COLUMNS)
    assert [found.payload(n) for n in (1, 600, 70000, 2)] == [
        (blob(1), "d"),
        (blob(600), "d"),
        (blob(70000), "d"),
        None,
    ]
    found.close()


@pytest.mark.parametrize("page", [512, 4096])
def test_a_row_without_a_number_comes_back_whatever_its_size(tmp_path: Path, page: int) -> None:
    most = (page - 12) * 64 // 255 - 23
    sizes = range(1200) if page == 512 else range(most - 60, most + 20)
    rows = [(seq, 1, blob(size), "2026", "certificate") for seq, size in enumerate(sizes, 1)]
    write(tmp_path / "q.db", page, "INSERT INTO counter_signature VALUES (?, ?, ?, ?, ?)", rows)
    found = {row["seq"]: row["signature"] for row in read(tmp_path / "q.db", "counter_signature")}
    assert found == {seq: signature for seq, _, signature, _, _ in rows}


BITS = (7, 8, 15, 16, 23, 24, 31, 32, 47, 48, 62)
NUMBERS = sorted(
    {0, 1, 2, -1, -2}
    | {
        sign * 2**bits + off
        for bits in (7, 8, 15, 16, 23, 24, 31, 32, 47, 48, 62)
        for sign in (1, -1)
        for off in (-1, 0, 1)
    }
    | {(1 << 63) - 1, -(1 << 63)}
)


def test_an_integer_comes_back_whatever_its_width(tmp_path: Path) -> None:
    rows = [(f"n{n}", number) for n, number in enumerate(NUMBERS)]
    write(tmp_path / "q.db", 1024, "INSERT INTO cursor VALUES (?, ?)", rows)
    assert {row["name"]: row["value"] for row in read(tmp_path / "q.db", "cursor")} == dict(rows)


@pytest.mark.parametrize("page", [512, 1024, 2048, 4096, 8192, 16384, 32768, 65536])
def test_the_size_of_pages_is_told_by_the_file_and_guessed_when_its_head_is_gone(
    tmp_path: Path, page: int
) -> None:
    rows = [(seq, blob(100), "d" * 64) for seq in range(1, 2000)]
    write(tmp_path / "q.db", page, "INSERT INTO payload VALUES (?, ?, ?)", rows)
    whole = (tmp_path / "q.db").read_bytes()
    said = struct.unpack(">H", whole[16:18])[0]
    assert said == (1 if page == 65536 else page)
    (tmp_path / "hurt.db").write_bytes(b"x" * 100 + whole[100:])
    for name in ("q.db", "hurt.db"):
        found = Recovered(tmp_path / name, COLUMNS)
        assert found._size == page
        found.close()
        assert len(read(tmp_path / name, "payload")) == 1999


# the format, from its page


@pytest.mark.parametrize(
    ("raw", "number"),
    [
        ("00", 0), ("7f", 127), ("8100", 128), ("817f", 255), ("ff7f", 16383), ("818000", 16384),
        ("ffffff7f", 2**28 - 1), ("8180808000", 2**28), ("ffffffffffffff7f", 2**56 - 1),
        ("818080808080808000", 2**57),
        ("ffffffffffffffffff", 2**64 - 1),
    ],
)  # fmt: skip
def test_a_varint_has_seven_bits_a_byte_and_eight_in_the_ninth(raw: str, number: int) -> None:
    data = bytes.fromhex(raw)
    assert form.varint(b"\xff" + data + b"\xff", 1) == (number, 1 + len(data))
    for cut in range(len(data)):
        with pytest.raises(form.Unreadable):
            form.varint(data[:cut], 0)


WIDTHS = {
    0: 0,
    1: 1,
    2: 2,
    3: 3,
    4: 4,
    5: 6,
    6: 8,
    7: 8,
    8: 0,
    9: 0,
    12: 0,
    13: 0,
    14: 1,
    15: 1,
    16: 2,
    17: 2,
    113: 50,
}


def test_each_serial_type_is_as_wide_as_the_format_says() -> None:
    assert {kind: form.wide(kind) for kind in WIDTHS} == WIDTHS


@pytest.mark.parametrize(
    ("kind", "raw", "meaning"),
    [
        (0, "", None), (1, "ff", -1), (2, "0100", 256), (3, "800000", -(2**23)), (4, "7fffffff", 2**31 - 1),
        (5, "800000000000", -(2**47)), (6, "7fffffffffffffff", 2**63 - 1), (7, "3ff8000000000000", 1.5),
        (8, "", 0), (9, "", 1), (12, "", b""), (13, "", ""), (16, "ff00", b"\xff\x00"), (17, "6162", "ab"),
    ],
)  # fmt: skip
def test_each_serial_type_means_what_the_format_says(kind: int, raw: str, meaning: Any) -> None:
    found = form.value(kind, bytes.fromhex(raw))
    assert (type(found), found) == (type(meaning), meaning)


# letter of a shape: the serial types that fit it; a capital letter may be NULL
FITTING = {
    "n": {0}, "i": {1, 2, 3, 4, 5, 6, 8, 9}, "t": {13, 15, 17}, "b": {12, 14, 16},
    "I": {0, 1, 2, 3, 4, 5, 6, 8, 9}, "T": {0, 13, 15, 17}, "?": set(range(18)),
}  # fmt: skip


@pytest.mark.parametrize("letter", FITTING)
def test_a_field_fits_the_letter_of_its_table(letter: str) -> None:
    assert {kind for kind in range(18) if form.fits([kind], letter)} == FITTING[letter]


@pytest.mark.parametrize(("count", "fitting"), [(1, False), (2, True), (3, True), (4, True), (5, False)])
def test_what_may_be_absent_is_absent_at_the_end_only(count: int, fitting: bool) -> None:
    assert form.fits([13] * count, "tt??") == fitting


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        ("020d", (2, [13])),
        ("030d0c", (3, [13, 12])),
        ("01", None),  # a head of itself alone has no field
        ("00", None),
        ("030d", None),  # cut short
    ],
)
def test_the_head_of_a_record_is_its_length_and_its_types(raw: str, found: Any) -> None:
    data = bytes.fromhex(raw)
    if found is None:
        with pytest.raises(form.Unreadable):
            form.record_types(data, 0, len(data))
    else:
        assert form.record_types(data, 0, len(data)) == found


def varint(number: int) -> bytes:
    """Seven bits a byte, the first ones marked, for numbers below 2**56."""
    digits = [number & 0x7F]
    while number := number >> 7:
        digits.insert(0, number & 0x7F | 0x80)
    return bytes(digits)


KINDS = (*range(10), *range(12, 600), 16382, 16383, 16384, 16385, 100000, 100001)


@pytest.mark.parametrize(
    ("letter", "of"),
    [
        ("n", lambda kind: kind == 0),
        ("i", lambda kind: kind in (1, 2, 3, 4, 5, 6, 8, 9)),
        ("t", lambda kind: kind >= 13 and kind % 2 == 1),
        ("b", lambda kind: kind >= 12 and kind % 2 == 0),
        ("T", lambda kind: kind == 0 or (kind >= 13 and kind % 2 == 1)),
        ("I", lambda kind: kind in (0, 1, 2, 3, 4, 5, 6, 8, 9)),
    ],
)
def test_a_head_is_looked_for_by_the_types_that_its_table_has(letter: str, of: Any) -> None:
    search = carve.pattern(letter)
    found = {kind for kind in KINDS if search.match(b"\x02" + varint(kind))}
    assert found == {kind for kind in KINDS if of(kind)}


def test_a_row_is_found_behind_its_size_and_its_number_without_any_pointer() -> None:
    fields = b"ab" + b"xyz"
    head = bytes((4, 0)) + varint(16) + varint(19)
    for number in (1, 127, 128, 70000):
        row = varint(len(head) + len(fields)) + varint(number) + head + fields
        page = b"\xee" * 50 + row + b"\xee" * 50
        assert 50 in list(carve.starts(page, [carve.pattern("nbt")]))
        assert list(carve.starts(page.replace(row, row[1:]), [carve.pattern("nbt")])) == []
