"""The archive copy of a submission: the same records and, behind them, a signed Type-98 with a digest of each.

In: the bytes of a submission and something that signs; out: the bytes of the archive copy; and back, byte for byte. The
submitted file is never changed: bureaus do not list Type-98 for tenprints. ANSI/NIST-ITL 1-2011 Update 2013, Type-98,
fixes no algorithm: 98.200 to 98.899 belong to the owner of the format. Ours:

98.200 name and version of this format · 98.201 one subfield a record in CNT order, the submitted Type-1 first: type,
IDC as written, SHA-256 of its exact bytes in hexadecimal · 98.202 SHA-256 of the whole submission · 98.203 the
submitted Type-1, base64, because CNT and LEN of the copy differ from it · 98.204, last, a detached CMS (RFC 5652),
base64 of DER, with the signer's certificate. Signed are the bytes of the Type-98 from its tag `98.002:` up to the GS
before `98.204:`.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from station.errors import RecordError
from station.records import assurance_signature
from station.records.decode import MAX_RECORDS, decode, header_of
from station.records.encode import complete, record_bytes
from station.records.findings import Finding
from station.records.header import gmt
from station.records.locate import locate
from station.records.transaction import (
    FS,
    GS,
    RS,
    US,
    Field,
    Record,
    TaggedRecord,
    Transaction,
    repeated,
    text,
    to_number,
)

NAME = "booking-station archive copy 1"
OWNER, FORMAT = "0000", "BSA1"
"""98.003 and 98.005. 0000 is nobody's registered CBEFF owner: this project has none."""

HASHES, WHOLE, TYPE_1, SIGNATURE = 201, 202, 203, 204
MAX_IDC = 99
"""ITL 2011, 7.3.1: IDC 0 to 99."""

Sign = Callable[[bytes], bytes]
"""Bytes to be signed → DER of a detached CMS with the signer's certificate, as `offline_queue.cms.sign_detached`."""


def archive_copy(content: bytes, sign: Sign, when: dt.datetime, source: str | None = None) -> bytes:
    """The archive copy of a submission. when: aware time; source: the agency (98.004), else 1.008 of the submission.

    Raises RecordError: those of `decode`; record.already_archived; record.archive_full when no IDC or no place in CNT
    is left; record.value_shape for an agency that is not 9 to 36 printable characters; what `sign` raises.
    """
    txn = decode(content)
    if _ours(txn) is not None:
        raise RecordError("record.already_archived", "the file is an archive copy", "strip it first")
    _, end = header_of(content)
    idc = _free_idc(txn)
    unsigned = TaggedRecord(98, tuple(_fields(txn, content, idc, _agency(txn, source), gmt(when))))
    signature = base64.b64encode(sign(_covered(unsigned.fields))).decode()
    signed = complete(TaggedRecord(98, (*unsigned.fields, text(SIGNATURE, signature))))
    return _header_with(txn, idc) + content[end:] + record_bytes(signed)


def strip(content: bytes) -> bytes:
    """The submission in an archive copy, byte for byte as it was sent.

    Raises RecordError: those of `decode`; record.not_archived; record.archive_damaged when what comes out is not what
    98.202 says. Who signed is not asked here: see `verify`.
    """
    txn = decode(content)
    found = _ours(txn)
    if found is None:
        raise RecordError(
            "record.not_archived", "the file ends with no Type-98 of ours", "it needs no stripping"
        )
    original = _stripped(content, found)
    if original is None or hashlib.sha256(original).hexdigest() != (found.text(WHOLE) or "").lower():
        raise RecordError(
            "record.archive_damaged", "the archive copy does not give back what was sent", "take another copy"
        )
    return original


@dataclass(frozen=True)
class _Broken:
    code: str
    field: str
    message: str
    advice: str
    record: int | None = None


def verify(
    content: bytes, trusted: bytes | Sequence[bytes], at: dt.datetime | None = None
) -> tuple[Finding, ...]:
    """What is wrong with an archive copy; nothing when every digest and the signature hold.

    trusted: PEM of the authorities; at: when the signer's certificate must have been valid, else the time that 98.006
    claims. Never raises. Codes: assurance.unreadable, .absent, .form, .header, .list, .digest, .whole, .signature.
    """
    try:
        txn = decode(content)
    except RecordError as error:
        return (Finding("assurance.unreadable", "1.003", error.message, advice=error.advice),)
    found = _ours(txn)
    if found is None:
        return (
            Finding(
                "assurance.absent",
                "98.005",
                "the file ends with no Type-98 of ours",
                advice="It proves nothing.",
            ),
        )
    last = len(txn.records) - 1
    broken = [*_check_contents(content, found), *_check_signature(found, trusted, at)]
    return locate(
        txn,
        [
            Finding(
                each.code, each.field, each.message, record=last if each.record is None else each.record,
                advice=each.advice,
            )
            for each in broken
        ],
    )  # fmt: skip


def _ours(txn: Transaction) -> TaggedRecord | None:
    """The last record when it is a Type-98 of this format."""
    last = txn.records[-1]
    if not isinstance(last, TaggedRecord) or last.type != 98:
        return None
    return last if (last.text(3), last.text(5), last.text(200)) == (OWNER, FORMAT, NAME) else None


def _fields(txn: Transaction, content: bytes, idc: str, agency: str, when: str) -> Iterator[Field]:
    header, _ = header_of(content)
    rows = [(str(each.type), _idc(each), _digest(record_bytes(each))) for each in txn.records]
    yield text(2, idc)
    yield text(3, OWNER)
    yield text(4, agency)
    yield text(5, FORMAT)
    yield text(6, when)
    yield text(200, NAME)
    yield repeated(HASHES, rows)
    yield text(WHOLE, _digest(content))
    yield text(TYPE_1, base64.b64encode(record_bytes(header)).decode())


def _idc(record: Record) -> str:
    """IDC as written when it can stand in a new field; the Type-1 has none."""
    written = record.idc or ""
    return written if record.type != 1 and re.fullmatch(r"[!-~]{1,9}", written) else "-"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _agency(txn: Transaction, source: str | None) -> str:
    agency = txn.header.text(8) or "" if source is None else source
    if not re.fullmatch(r"[ -~]{9,36}", agency):
        raise RecordError(
            "record.value_shape", f"98.004 SRC cannot be {agency!r}", "give the agency in 9 to 36 characters"
        )
    return agency


def _free_idc(txn: Transaction) -> str:
    used = {to_number(each.idc or "") for each in txn.records[1:]}
    free = next((number for number in range(MAX_IDC, -1, -1) if number not in used), None)
    if free is None or len(txn.records) >= MAX_RECORDS:
        raise RecordError("record.archive_full", "no IDC is left for one more record", "archive it detached")
    return f"{free:02d}"


def _header_with(txn: Transaction, idc: str) -> bytes:
    """The Type-1 with one more record in CNT; every other byte as it was, but for LEN."""
    fields = list(txn.header.fields)
    at = next(position for position, each in enumerate(fields) if each.number == 3)
    rows = fields[at].value.split(RS)
    first = rows[0].split(US)[0]
    rows = [first + US + str(len(txn.records)).encode(), *rows[1:], b"98" + US + idc.encode()]
    body = [(each.tag or b"1.%03d" % each.number) + b":" + each.value for each in fields[1:]]
    body[at - 1] = (fields[at].tag or b"1.003") + b":" + RS.join(rows)
    tail = GS + GS.join(body) + FS
    head = (fields[0].tag or b"1.001") + b":"
    length = len(head) + len(tail)
    while length != len(head) + len(tail) + len(str(length)):
        length = len(head) + len(tail) + len(str(length))
    return head + str(length).encode() + tail


def _covered(fields: Sequence[Field]) -> bytes:
    """What is signed: the fields from IDC up to the one before the signature, as they stand in the file."""
    return GS.join((each.tag or b"98.%03d" % each.number) + b":" + each.value for each in fields)


def _stripped(content: bytes, found: TaggedRecord) -> bytes | None:
    header = _decoded(found.text(TYPE_1))
    _, end = header_of(content)
    return None if header is None else header + content[end : len(content) - len(record_bytes(found))]


def _decoded(value: str | None) -> bytes | None:
    """The bytes of base64, None when it is none or could be written otherwise."""
    try:
        content = base64.b64decode(value or "", validate=True)
    except ValueError:
        return None
    return content if content and base64.b64encode(content).decode() == value else None


_TAKE_ANOTHER = "Take another copy; this one was changed after it was made."


def _check_contents(content: bytes, found: TaggedRecord) -> Iterator[_Broken]:
    original = _stripped(content, found)
    submitted = _decoded_submission(original)
    if original is None or submitted is None:
        yield _Broken("assurance.form", "98.203", "the submitted Type-1 is not in it", _TAKE_ANOTHER)
        return
    _, end = header_of(content)
    if _header_with(submitted, found.idc or "") != content[:end]:
        message = "the Type-1 is not the submitted one with one more record"
        yield _Broken("assurance.header", "1.003", message, _TAKE_ANOTHER, 0)
    if _digest(original) != (found.text(WHOLE) or ""):
        yield _Broken(
            "assurance.whole", "98.202", "the submission is not the one that was signed", _TAKE_ANOTHER
        )
    yield from _check_hashes(submitted, found)


def _decoded_submission(original: bytes | None) -> Transaction | None:
    try:
        return None if original is None else decode(original)
    except RecordError:
        return None


def _check_hashes(submitted: Transaction, found: TaggedRecord) -> Iterator[_Broken]:
    listed = found.rows(HASHES)
    if len(listed) != len(submitted.records):
        message = f"{len(listed)} digests are listed for {len(submitted.records)} records"
        yield _Broken("assurance.list", "98.201", message, _TAKE_ANOTHER)
        return
    for position, (row, record) in enumerate(zip(listed, submitted.records, strict=True)):
        if tuple(row) != (str(record.type), _idc(record), _digest(record_bytes(record))):
            message = f"record {position} (type {record.type}) is not the one that was signed"
            yield _Broken("assurance.digest", "98.201", message, _TAKE_ANOTHER, position)


def _check_signature(
    found: TaggedRecord, trusted: bytes | Sequence[bytes], at: dt.datetime | None
) -> Iterator[_Broken]:
    der, when = _decoded(found.text(SIGNATURE)), at or _claimed(found)
    if der is None or when is None or not _well_formed(found):
        yield _Broken(
            "assurance.form", "98.204", "the record, its signature or its time is malformed", _TAKE_ANOTHER
        )
        return
    wrong = assurance_signature.broken(_covered(found.fields[1:-1]), der, trusted, when)
    if wrong is not None:
        yield _Broken("assurance.signature", "98.204", *wrong)


def _well_formed(found: TaggedRecord) -> bool:
    """True when it is written as we write it, the signature last: what is not signed can then hold nothing else."""
    try:
        again = record_bytes(complete(found))
    except RecordError:
        return False
    return found.fields[-1].number == SIGNATURE and again == record_bytes(found)


def _claimed(found: TaggedRecord) -> dt.datetime | None:
    try:
        return dt.datetime.strptime(found.text(6) or "", "%Y%m%d%H%M%SZ").replace(tzinfo=dt.UTC)
    except ValueError:
        return None
