"""Type-9 records: the INCITS 378 block against itself and against the image it belongs to.

In: records with their position in the file. Out: findings. Form is the table's; here: a block that is not whole, a
count that is not the number of minutiae, minutiae outside the image, a position or size that is not the image's.
"""

from __future__ import annotations

from collections.abc import Iterator

from station.records.check_images import Image, images_of
from station.records.fields_type_9 import INCITS, NEEDED
from station.records.findings import Finding, Severity
from station.records.transaction import Record, TaggedRecord, Transaction, to_number


def check_minutiae(txn: Transaction) -> Iterator[Finding]:
    """Every Type-9 record by itself and beside the image of its IDC."""
    pictures = {_number(txn.records[each.position], 2): each for each in images_of(txn, (4, 13, 14, 15))}
    for position, record in enumerate(txn.records):
        if record.type != 9 or not isinstance(record, TaggedRecord):
            continue
        if not any(each.number in INCITS for each in record.fields):
            continue
        yield from _check_whole(record, position)
        yield from _check_inside(record, position)
        picture = pictures.get(_number(record, 2))
        if picture is not None:
            yield from _check_beside(record, picture, position)


def _check_whole(record: TaggedRecord, position: int) -> Iterator[Finding]:
    for number in NEEDED:
        if not record.text(number):
            message = "is needed beside the other fields of the INCITS 378 block"
            yield Finding("minutiae.block_not_whole", f"9.{number}", message, record=position)
    if record.text(4) == "S":
        message = "says S, which only the legacy block 9.005 to 9.012 may"
        yield Finding("minutiae.format", "9.004", message, record=position)
    said, given = _number(record, 136), len(record.rows(137))
    if said is not None and said != given:
        message = f"says {said} minutiae, and 9.137 has {given}"
        yield Finding("minutiae.count", "9.136", message, record=position)


def _check_inside(record: TaggedRecord, position: int) -> Iterator[Finding]:
    width, height = _number(record, 128), _number(record, 129)
    if width is None or height is None:
        return
    outside = 0
    for row in record.rows(137):
        x, y = (to_number(item) for item in (*row[1:3], "", "")[:2])
        outside += (x is not None and x >= width) or (y is not None and y >= height)
    if outside:
        message = f"{outside} minutiae lie outside the {width}×{height} image"
        yield Finding("minutiae.outside", "9.137", message, record=position)


def _check_beside(record: TaggedRecord, picture: Image, position: int) -> Iterator[Finding]:
    fgp = _number(record, 134)
    if fgp and picture.fgp is not None and fgp != picture.fgp:
        message = f"says FGP {fgp}, and the image with its IDC is FGP {picture.fgp}"
        yield Finding("minutiae.other_finger", "9.134", message, record=position)
    size, its = (_number(record, 128), _number(record, 129)), (picture.width, picture.height)
    if None not in (*size, *its) and size != its:
        message = f"is {size[0]}×{size[1]}, and the image with its IDC {its[0]}×{its[1]}"
        yield Finding("minutiae.size", "9.128", message, Severity.WARNING, position)


def _number(record: Record, number: int) -> int | None:
    """A field of one number; of a binary record its IDC."""
    return to_number((record.text(number) if isinstance(record, TaggedRecord) else record.idc) or "")
