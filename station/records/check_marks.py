"""What a Type-14 says of the fingers in its image: segments, outlines, qualities. Record in, findings out.

ANSI/NIST-ITL 1-2011: 14.021 SEG, 14.022 NQM, 14.023 SQM, 14.024 FQM, 14.025 ASEG; NFIQ 2 is vendor 0101 with the
products of its releases (usnistgov/NFIQ2).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from station.friction_ridge import FGP, SLAP_FINGERS
from station.records.findings import Finding, Severity
from station.records.transaction import TaggedRecord, to_number

NOT_COMPUTED, FAILED = 254, 255
NFIQ2_VENDOR, NFIQ2_PRODUCTS = "0101", frozenset({"33", "55", "56", "57"})
_NAMES = {21: "SEG", 22: "NQM", 23: "SQM", 24: "FQM", 25: "ASEG"}


def check_marks(record: TaggedRecord, position: int) -> Iterator[Finding]:
    """All findings of the fields 14.021 to 14.025 of one Type-14."""
    shown = _shown(to_number(record.text(13) or ""))
    for number in _NAMES:
        rows = record.rows(number)
        yield from _check_fingers(number, rows, shown, position)
        if number in (23, 24):
            yield from _check_scores(number, rows, position)
    for items in record.rows(22):
        if len(items) == 2 and to_number(items[1]) not in range(1, 6):
            yield _finding("image.quality", 22, "NFIQ 1 goes from 1 to 5", position)
    size = (to_number(record.text(6) or ""), to_number(record.text(7) or ""))
    for items in record.rows(25):
        yield from _check_outline(items, size, position)


def _shown(fgp: int | None) -> frozenset[int] | None:
    """The fingers a position shows, or None when that is not known."""
    if fgp is None or not 1 <= fgp <= 15:
        return None
    return frozenset(map(int, SLAP_FINGERS.get(FGP(fgp), (FGP(fgp),))))


def _check_fingers(
    number: int, rows: Sequence[Sequence[str]], shown: frozenset[int] | None, position: int
) -> Iterator[Finding]:
    fingers = [to_number(items[0]) for items in rows]
    # 14.023 and 14.024 may give one finger several scores, one an algorithm.
    repeated = [each for each in fingers if fingers.count(each) > 1] if number in (21, 22, 25) else []
    if repeated:
        yield _finding("image.finger_repeated", number, f"finger {repeated[0]} is given twice", position)
    if number == 21 or shown is None:  # 14.021 is checked with its box
        return
    for finger in fingers:
        if finger is not None and finger not in shown:
            message = f"finger {finger} does not belong to this image"
            yield _finding("image.segment_finger", number, message, position)


def _check_scores(number: int, rows: Sequence[Sequence[str]], position: int) -> Iterator[Finding]:
    for items in rows:
        if len(items) != 4:
            continue
        score = to_number(items[1])
        if score is not None and not (score <= 100 or score in (NOT_COMPUTED, FAILED)):
            yield _finding(
                "image.quality", number, f"QVU {score} is neither 0 to 100 nor 254 or 255", position
            )
        if items[2] == NFIQ2_VENDOR and items[3] not in NFIQ2_PRODUCTS:
            message = f"product {items[3]} of vendor 0101 is no release of NFIQ 2 known here"
            yield _finding("image.quality_product", number, message, position, Severity.WARNING)


def _check_outline(
    items: Sequence[str], size: tuple[int | None, int | None], position: int
) -> Iterator[Finding]:
    numbers = [to_number(item) for item in items]
    count = numbers[1] if len(numbers) > 1 else None
    if count is None or not 3 <= count <= 99:
        yield _finding("image.outline", 25, "NOP is not a number from 3 to 99", position)
        return
    corners = [(x, y) for x, y in zip(numbers[2::2], numbers[3::2], strict=False) if None not in (x, y)]
    if len(numbers) != 2 + 2 * count or len(corners) != count:
        yield _finding("image.outline", 25, f"NOP says {count} corners, {len(corners)} are given", position)
    elif None not in size and any(
        x >= (size[0] or 0) or y >= (size[1] or 0) for x, y in corners if x is not None and y is not None
    ):
        yield _finding("image.outline", 25, "a corner lies outside the image", position)


def _finding(
    code: str, number: int, message: str, position: int, severity: Severity = Severity.ERROR
) -> Finding:
    return Finding(code, f"14.{number:03d}", f"{_NAMES[number]}: {message}", severity, position)
