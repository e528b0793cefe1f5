"""Bytes → what can be read of them, and what is wrong: the patient sibling of `decode`. Never raises.

A whole file gives the same Transaction as `decode` and no finding. A damaged one gives the records that can still be
made out, each with the bytes it has, and a finding for every place where the file departs from ANSI/NIST-ITL 1-2011
Annex B. It is for people who must see what is in a broken file; nothing that is sent is ever read this way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from station.records import decode
from station.records.decode import MAX_RECORDS, Damage
from station.records.findings import Finding, Severity
from station.records.transaction import (
    BINARY_TYPES,
    DATA,
    FS,
    GS,
    BinaryRecord,
    Field,
    Record,
    TaggedRecord,
    Transaction,
)

MAX_FINDINGS = 200
"""A file of noise has as many faults as bytes; the first ones tell the story."""

_START = re.compile(rb"(\d{1,4})\.0{0,8}1:\d{0,9}[\x1c\x1d]")
_NEXT = re.compile(rb"\x1c(?=\d{1,4}\.0{0,8}1:\d{0,9}[\x1c\x1d])")
_TAG = re.compile(rb"(\d{1,4})\.(\d{1,9}):")


@dataclass(frozen=True)
class Reading:
    """transaction: None when not even a Type-1 can be made out; whole: nothing was wrong with the framing."""

    transaction: Transaction | None
    findings: tuple[Finding, ...]

    @property
    def whole(self) -> bool:
        """True when `decode` takes the file and writing it again gives the same bytes."""
        return self.transaction is not None and not self.findings


def read(content: bytes) -> Reading:
    """Read what can be read."""
    try:
        return Reading(decode.decode(content), ())
    except Damage as damage:
        if damage.code in ("record.too_large", "record.not_a_transaction"):
            return Reading(None, (_finding(damage, 0),))
    salvage = _Salvage(content)
    records = tuple(salvage.records())
    return Reading(Transaction(records) if records else None, tuple(salvage.findings[:MAX_FINDINGS]))


def _finding(damage: Damage, record: int, severity: Severity = Severity.ERROR) -> Finding:
    message = damage.message.partition(": ")[2] or damage.message
    return Finding(damage.code, "", message, severity, record, damage.offset, damage.advice)


class _Salvage:
    """One pass over a damaged file; `findings` grows while `records` is read."""

    def __init__(self, content: bytes) -> None:
        self.findings: list[Finding] = []
        self._content = content
        self._position = 0
        self._fields_read = 0

    def records(self) -> Iterator[Record]:
        """The records that can be made out, Type-1 first."""
        header, offset = self._one(0, 1)
        if not isinstance(header, TaggedRecord):
            return
        yield header
        listed = self._listed(header)
        while offset < len(self._content) and self._position < MAX_RECORDS:
            self._position += 1
            wanted = listed[self._position - 1] if self._position <= len(listed) else None
            kind = self._kind(offset, wanted)
            if kind is None:
                self._note(
                    "record.trailing_bytes", f"{len(self._content) - offset} bytes are no record", offset
                )
                return
            record, offset = self._one(offset, kind)
            if record is None:
                return
            yield record
        if self._position < len(listed):
            missing = len(listed) - self._position
            self._note("record.truncated", f"{missing} records that CNT lists are not in the file", offset)

    def _listed(self, header: TaggedRecord) -> tuple[int, ...]:
        try:
            return decode.contents_of(header)
        except Damage as damage:
            self.findings.append(_finding(damage, 0))
            return ()

    def _kind(self, offset: int, wanted: int | None) -> int | None:
        """The type of the record at the offset: as CNT says for untagged ones, else what its first tag says."""
        start = _START.match(self._content, offset)
        if start is not None and wanted not in BINARY_TYPES:
            seen = int(start[1])
            if seen != wanted:
                told = "nothing more" if wanted is None else f"type {wanted}"
                self._note("record.type_mismatch", f"CNT announces {told}, the record is {seen}", offset)
            return seen if seen not in BINARY_TYPES and seen > 0 else None
        return wanted

    def _one(self, offset: int, kind: int) -> tuple[Record | None, int]:
        try:
            if offset == 0:
                return decode.header_of(self._content)
            return decode.record_at(self._content, offset, kind)
        except Damage as damage:
            self.findings.append(_finding(damage, self._position))
        return self._clipped(offset, kind) if kind in BINARY_TYPES else self._loose(offset, kind)

    def _clipped(self, offset: int, kind: int) -> tuple[Record | None, int]:
        """A binary record cut off by the end of the file: what is there of it, when its header is whole."""
        rest = self._content[offset:]
        stated = int.from_bytes(rest[:4])
        if len(rest) < 18 or stated < 18:
            return None, len(self._content)
        return BinaryRecord(kind, rest[:stated]), offset + min(stated, len(rest))

    def _loose(self, offset: int, kind: int) -> tuple[Record | None, int]:
        """A tagged record whose LEN cannot be trusted: up to the FS before the next record, or to the end."""
        found = _NEXT.search(self._content, offset)
        end = found.start() if found else len(self._content)
        fields = tuple(self._fields(self._content[offset:end].removesuffix(FS), kind, offset))
        return (TaggedRecord(kind, fields) if fields else None), min(end + 1, len(self._content))

    def _fields(self, body: bytes, kind: int, offset: int) -> Iterator[Field]:
        at = 0
        while at < len(body):
            self._fields_read += 1
            if self._fields_read > decode.MAX_FIELDS:
                return
            found = _TAG.match(body, at)
            if found is None or int(found[1]) != kind:
                self._note("record.field_malformed", f"a field tag {kind}.n: was expected", offset + at)
                return
            number = int(found[2])
            stop = -1 if number == DATA else body.find(GS, found.end())
            value = body[found.end() : stop if stop >= 0 else len(body)]
            yield Field(number, tag=found[0][:-1], value=value)
            at = stop + 1 if stop >= 0 else len(body)

    def _note(self, code: str, message: str, offset: int) -> None:
        self.findings.append(_finding(Damage(code, message, offset), self._position))
