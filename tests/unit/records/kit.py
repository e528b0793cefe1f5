"""What the record tests build with: a header, a subject, images of any size whose WSQ header is real."""

from __future__ import annotations

import datetime as dt
import functools
from typing import Any

from station.friction_ridge import FGP, IMP
from station.records import prints
from station.records.header import Header
from station.records.tot import car
from station.records.transaction import Field, Record, TaggedRecord, Transaction

DAT = dt.date(2026, 11, 23)
HEADER = Header(
    tcn="SIM-2026-000001",
    dai="EXSIB0000",
    ori="XX0010000",
    dat=DAT,
    gmt=dt.datetime(2026, 11, 23, 18, 0, 5, tzinfo=dt.UTC),
)
SUBJECT: dict[str, Any] = {
    "RET": "Y",
    "OCA": "2026-0001",
    "NAM": "SAMPLE,SYNTHETIC PERSON",
    "AKA": ["SAMPLE,SAM", "SAMPLER,S"],
    "POB": "XX",
    "DOB": "19800229",
    "SEX": "X",
    "RAC": "U",
    "HGT": "510",
    "WGT": "170",
    "EYE": "XXX",
    "HAI": "XXX",
    "DOA": "20261123",
    "ASL": [{"DOO": "20261122", "AOL": "SYNTHETIC OFFENCE"}, {"AOL": "ANOTHER"}],
    "CRI": "XX0010000",
}


def wsq(width: int = 80, height: int = 75, filler: bytes = b"") -> bytes:
    """Bytes with the markers of a WSQ file and nothing to decode: SOI, SOF with the size, a block, EOI."""
    frame = b"\x00\xff" + height.to_bytes(2) + width.to_bytes(2) + b"\0" * 9
    return b"\xff\xa0\xff\xa2\x00\x11" + frame + b"\xff\xa3\x00\x03\x00" + filler + b"\xff\xa1"


def image(fgp: int, **changes: Any) -> prints.TenprintImage:
    rolled = fgp <= 10
    values: dict[str, Any] = {
        "fgp": FGP(fgp),
        "imp": IMP.LIVESCAN_ROLLED if rolled else IMP.LIVESCAN_PLAIN,
        "width": 80 if rolled else 160,
        "height": 75 if rolled else 150,
        "ppi": 500,
        "cga": "WSQ20",
        "make": "Example",
        "model": "FAP60",
        "serial": "S-1",
        "simulated": True,
    } | changes
    values.setdefault("data", wsq(values["width"], values["height"], bytes([fgp])))
    return prints.TenprintImage(**values)


_whole = functools.cache(lambda: tuple(image(fgp) for fgp in (*range(1, 11), 13, 14, 11, 12)))


def tenprint(*without: int) -> list[prints.TenprintImage]:
    return [each for each in _whole() if each.fgp not in without]


@functools.cache
def good() -> Transaction:
    """A CAR with nothing to find; made once, nobody changes it."""
    return car.build(HEADER, SUBJECT, tenprint())


def changed(txn: Transaction, position: int, *fields: Field, without: tuple[int, ...] = ()) -> Transaction:
    """The same with other fields in one record, unchecked; LEN is left out so that the writer puts it anew."""
    record = txn.records[position]
    assert isinstance(record, TaggedRecord)
    numbers = {each.number for each in fields} | set(without) | {1}
    kept = [each for each in record.fields if each.number not in numbers]
    ordered = sorted((*kept, *fields), key=lambda each: each.number)
    return replaced(txn, position, TaggedRecord(record.type, (record.fields[0], *ordered)))


def replaced(txn: Transaction, position: int, record: Record) -> Transaction:
    records = list(txn.records)
    records[position] = record
    return Transaction(tuple(records))
