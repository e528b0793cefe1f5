"""Real ANSI/NIST-ITL files of other programs: read them all, write them unchanged. Skipped where they are absent."""

from __future__ import annotations

from pathlib import Path

import pytest

from station.errors import RecordError
from station.records.decode import decode
from station.records.encode import encode
from station.records.transaction import BinaryRecord, type_four
from station.records.validate import validate

SUFFIXES = {".an2", ".an2k", ".ebts", ".tdf", ".eft"}


def samples(shared_data: Path) -> list[Path]:
    folder = shared_data / "an2"
    if not folder.is_dir():
        pytest.skip("the sample files are not here: set BOOKING_SHARED to their folder")
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_every_transaction_is_written_as_it_was_read(shared_data: Path) -> None:
    files = [path for path in samples(shared_data) if path.suffix in SUFFIXES]
    assert files
    for path in files:
        content = path.read_bytes()
        assert encode(decode(content)) == content, path.name


def test_what_is_no_transaction_is_refused_with_a_reason(shared_data: Path) -> None:
    for path in samples(shared_data):
        if path.suffix not in SUFFIXES:
            with pytest.raises(RecordError) as caught:
                decode(path.read_bytes())
            assert caught.value.code == "record.not_a_transaction", path.name


def test_every_transaction_is_checked_without_trouble(shared_data: Path) -> None:
    for path in samples(shared_data):
        if path.suffix in SUFFIXES:
            txn = decode(path.read_bytes())
            validate(txn)
            for record in txn.records:
                if isinstance(record, BinaryRecord) and record.type == 4:
                    assert type_four(record).data, path.name


def test_every_file_cut_anywhere_in_its_headers_is_refused(shared_data: Path) -> None:
    for path in samples(shared_data):
        if path.suffix in SUFFIXES:
            content = path.read_bytes()
            for cut in (1, 50, 127, len(content) // 2, len(content) - 1):
                with pytest.raises(RecordError):
                    decode(content[:cut])
