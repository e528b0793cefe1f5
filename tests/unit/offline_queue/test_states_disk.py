"""What keeps a submission on disk, typed from SQLite's pages and ITU-T X.690: settings, times and lengths as bytes."""

from __future__ import annotations

import datetime as dt
import re
import subprocess
from pathlib import Path

import pytest

from offline_queue import cms_sign
from offline_queue.database import PAGE_SIZE, PRAGMAS, wal_bug
from offline_queue.store import Queue

# https://www.sqlite.org/pragma.html: what each is for
SETTINGS = {
    "journal_mode": "wal",
    "synchronous": 2,  # FULL: a commit is on the disk when it returns
    "foreign_keys": 1,
    "busy_timeout": 10_000,
    "temp_store": 2,  # MEMORY: nothing of a submission in a temporary file
    "trusted_schema": 0,
    "cell_size_check": 1,
    "journal_size_limit": 16 * 2**20,
    "wal_autocheckpoint": 1024,  # pages of 16 KiB: 16 MiB
    "secure_delete": 1,
}


def test_an_open_queue_has_every_setting_that_keeps_a_submission(queue: Queue) -> None:
    assert {name: queue.database.sql(f"PRAGMA {name}")[0][0] for name in SETTINGS} == SETTINGS
    assert set(PRAGMAS) == set(SETTINGS)
    assert queue.database.sql("PRAGMA page_size")[0][0] == PAGE_SIZE == 16384
    assert queue.database.sql("PRAGMA application_id")[0][0] == int.from_bytes(b"LSQ1", "big")


@pytest.mark.parametrize(
    ("version", "affected"),
    [
        ("3.6.23", False), ("3.7.0", True), ("3.7.0.1", True), ("3.40.1", True), ("3.51.2", True), ("3.51.3", False),
        ("3.52.0", False), ("4.0.0", False),
    ],
)  # fmt: skip
def test_the_bug_of_the_wal_is_in_3_7_0_to_3_51_2(version: str, affected: bool) -> None:
    assert wal_bug(version) == affected


# times in a signature: RFC 5652, 11.3


@pytest.mark.parametrize(
    ("moment", "raw"),
    [
        ((1949, 12, 31, 23, 59, 59), b"\x18\x0f19491231235959Z"),
        ((1950, 1, 1), b"\x17\x0d500101000000Z"),
        ((2026, 3, 2, 9, 30), b"\x17\x0d260302093000Z"),
        ((2049, 12, 31, 23, 59, 59), b"\x17\x0d491231235959Z"),
        ((2050, 1, 1), b"\x18\x0f20500101000000Z"),
        ((999, 1, 1), b"\x18\x0f09990101000000Z"),
    ],
)
def test_a_time_is_utctime_from_1950_to_2049_and_generalizedtime_outside(
    moment: tuple[int, ...], raw: bytes
) -> None:
    assert cms_sign._time(dt.datetime(*moment, tzinfo=dt.UTC)) == raw  # type: ignore[misc]


def test_a_time_of_another_zone_is_turned_into_utc() -> None:
    zone = dt.timezone(dt.timedelta(hours=-5))
    assert cms_sign._time(dt.datetime(2026, 3, 2, 4, 30, tzinfo=zone)) == b"\x17\x0d260302093000Z"


# lengths in their shortest form: X.690, 8.1.3 and 10.1; openssl reads them


@pytest.mark.parametrize(
    ("size", "head"),
    [
        (0, "0400"), (1, "0401"), (127, "047f"), (128, "048180"), (255, "0481ff"), (256, "04820100"),
        (65535, "0482ffff"), (65536, "0483010000"), (2**24 - 1, "0483ffffff"),
    ],
)  # fmt: skip
def test_a_length_has_the_shortest_form(size: int, head: str) -> None:
    raw = cms_sign._tlv(0x04, bytes(size))
    assert raw[: len(head) // 2].hex() == head
    assert len(raw) == len(head) // 2 + size


def test_openssl_reads_what_was_put_together(tmp_path: Path) -> None:
    parts = [cms_sign._tlv(0x04, bytes(size)) for size in (0, 127, 128, 256, 65536)]
    (tmp_path / "x.der").write_bytes(cms_sign._tlv(0x30, *parts))
    command = ["openssl", "asn1parse", "-inform", "DER", "-in", str(tmp_path / "x.der")]
    said = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    lengths = [int(length) for length in re.findall(r" l= *(\d+) prim: OCTET STRING", said)]
    assert lengths == [0, 127, 128, 256, 65536]
