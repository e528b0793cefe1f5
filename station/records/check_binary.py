"""The header of a Type-4 record against its table. Record in, findings out (ITL 2011, Table 13; EBTS 9.1 for FGP)."""

from __future__ import annotations

from collections.abc import Iterator

from station.records.fields_images import TYPE_4, BinaryRule
from station.records.findings import Finding
from station.records.transaction import BinaryRecord

UNUSED = 255
FGP = 4


def check_binary(record: BinaryRecord, position: int) -> Iterator[Finding]:
    """All findings of one Type-4 header; other untagged records are left alone."""
    if record.type != 4:
        return
    for rule in TYPE_4:
        raw = record.content[rule.at : rule.at + rule.size]
        numbers = tuple(raw) if rule.number == FGP else (int.from_bytes(raw),)
        for number in numbers:
            if rule.values is not None and number not in rule.values:
                yield _finding(rule, f"{number} is not allowed here", position)
        if rule.number == FGP:
            yield from _check_positions(rule, raw, position)


def _check_positions(rule: BinaryRule, raw: bytes, position: int) -> Iterator[Finding]:
    """The first byte is the position; unused bytes are 255 and come last."""
    if raw[0] == UNUSED:
        yield _finding(rule, "no position is given; 0 says unknown", position)
    if raw != raw.rstrip(b"\xff").ljust(6, b"\xff") or UNUSED in raw.rstrip(b"\xff"):
        yield _finding(rule, "unused bytes (255) stand before a position", position)
    if len(set(raw) - {UNUSED}) < len(raw.rstrip(b"\xff")):
        yield _finding(rule, "a position is given twice", position)


def _finding(rule: BinaryRule, what: str, position: int) -> Finding:
    return Finding("field.code", f"4.{rule.number:03d}", f"{rule.mnemonic}: {what}", record=position)
