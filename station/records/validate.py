"""Transaction → findings: what a bureau would refuse, and what no public tool looks at. Pure; never raises.

The framing (LEN, separators, CNT order) is the decoder's: a file that fails there raises RecordError before this.
Here: CNT against the records, every field against its table, conditions between fields, images against their headers,
the set of fingers. Sources are in `fields.py` and beside each check.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Container, Iterator

from station.records import fields, tot
from station.records.check_binary import check_binary
from station.records.check_fields import check_record, parsed_date
from station.records.check_images import Decoders, check_images, check_set
from station.records.check_marks import check_marks
from station.records.check_minutiae import check_minutiae
from station.records.check_subject import check_subject
from station.records.findings import Finding, Severity, errors
from station.records.header import NO_RESOLUTION
from station.records.locate import locate
from station.records.tables import TABLES
from station.records.transaction import TaggedRecord, Transaction, to_number

__all__ = ["Finding", "Severity", "errors", "validate"]

_UPDATE_2013 = "0501"


def validate(
    txn: Transaction,
    *,
    today: dt.date | None = None,
    known_tcns: Container[str] = (),
    decoders: Decoders | None = None,
) -> tuple[Finding, ...]:
    """All findings, in the order of the file.

    today: the date that nothing may lie after, UTC; none means dates are only compared with one another.
    known_tcns: control numbers already used. decoders: CGA → function, to decode every image whole.
    """
    kind = tot.by_tot(txn.tot)
    findings = [*_check_header(txn, kind, today, known_tcns), *_check_contents(txn)]
    if kind is None:
        message = f"{txn.tot!r} is not a transaction type this program knows; its Type-2 is not checked"
        findings.append(Finding("type1.tot", "1.004", message, Severity.WARNING))
    else:
        findings += _check_counts(txn, kind)
    findings += _check_tables(txn, kind)
    findings += check_images(txn, decoders or {})
    findings += check_minutiae(txn)
    if kind is not None and not kind.RESPONSE:
        findings += check_set(txn, whole=kind.PRINTS[0] < 2)
    return locate(txn, findings)


def _check_header(
    txn: Transaction, kind: tot.TransactionType | None, today: dt.date | None, known: Container[str]
) -> Iterator[Finding]:
    header = txn.header
    yield from check_record(header, fields.TYPE_1, 0)
    yield from _check_resolution(txn)
    if txn.tcn in known:
        yield Finding("type1.tcn_reused", "1.009", f"the control number {txn.tcn} was used before")
    if kind is not None and kind.RESPONSE and txn.tcr is None:
        yield Finding("type1.tcr", "1.010", "a response must name the control number it answers")
    if kind is not None and not kind.RESPONSE and txn.tcr is not None:
        yield Finding("type1.tcr", "1.010", "a submission has no TCR")
    version = header.text(2) or ""
    if not header.text(13):
        severity = Severity.ERROR if version >= _UPDATE_2013 else Severity.WARNING
        yield Finding("type1.dom", "1.013", "DOM is missing; EBTS 11 needs it", severity)
    date = parsed_date(header.text(5) or "")
    if date and today and date > today + dt.timedelta(days=1):
        yield Finding("date.future", "1.005", "DAT lies more than a day ahead")
    gmt = header.text(14)
    if gmt is not None and not _is_gmt(gmt):
        yield Finding("field.date", "1.014", "GMT is not CCYYMMDDHHMMSSZ")
    for number, mnemonic in ((7, "DAI"), (8, "ORI")):
        if not re.fullmatch("[A-Za-z0-9]{9}", header.text(number) or ""):
            message = f"{mnemonic} is not nine letters and digits, as EBTS wants"
            yield Finding("type1.agency", f"1.{number:03d}", message, Severity.WARNING)


def _is_gmt(value: str) -> bool:
    if not re.fullmatch("[0-9]{14}Z", value) or parsed_date(value[:8]) is None:
        return False
    return value[8:10] < "24" and value[10:12] < "60" and value[12:14] < "61"


def _check_resolution(txn: Transaction) -> Iterator[Finding]:
    legacy = any(each.type in (3, 4, 5, 6, 7) for each in txn.records)
    for number, mnemonic in ((11, "NSR"), (12, "NTR")):
        value = txn.header.text(number) or ""
        tag = f"1.{number:03d}"
        if not re.fullmatch(r"[0-9]{2}\.[0-9]{2}", value):
            yield Finding("type1.resolution", tag, f"{mnemonic} is not nn.nn")
        elif legacy and value == NO_RESOLUTION:
            yield Finding("type1.resolution", tag, f"{mnemonic} is 00.00 beside Type-4 or Type-7 records")
        elif not legacy and value != NO_RESOLUTION:
            message = f"{mnemonic} must be 00.00 without Type-4 and Type-7 records"
            yield Finding("type1.resolution", tag, message, Severity.WARNING)


def _check_contents(txn: Transaction) -> Iterator[Finding]:
    """CNT's IDC against each record's own, and each IDC used once."""
    listed = [items[1] for items in txn.header.rows(3)[1:] if len(items) == 2]
    for position, (record, stated) in enumerate(zip(txn.records[1:], listed, strict=False), start=1):
        own = record.idc or ""
        if to_number(own) is None or to_number(own) != to_number(stated):
            message = f"CNT says IDC {stated!r}, the Type-{record.type} record says {own!r}"
            yield Finding("cnt.idc", "1.003", message, record=position)
    # minutiae carry the IDC of the image they were found in
    for idc, count in Counter(record.idc for record in txn.records[1:] if record.type != 9).items():
        if count > 1:
            yield Finding("cnt.idc_repeated", "1.003", f"{count} records have IDC {idc}", Severity.WARNING)


def _check_counts(txn: Transaction, kind: tot.TransactionType) -> Iterator[Finding]:
    counts = Counter(record.type for record in txn.records[1:])
    for record_type in sorted(counts.keys() | kind.RECORDS.keys()):
        low, high = kind.RECORDS.get(record_type, (0, 0))
        if not low <= counts[record_type] <= high:
            message = (
                f"{counts[record_type]} records of type {record_type}; {low} to {high} belong in a {kind.TOT}"
            )
            yield Finding("set.record_count", "1.003", message)
    prints, (fewest, most) = counts[4] + counts[14], kind.PRINTS
    if not kind.RESPONSE and not prints:
        yield Finding("set.no_prints", "1.003", "there is no fingerprint record (Type-4 or Type-14)")
    elif not fewest <= prints <= most:
        message = f"{prints} fingerprint records; a {kind.TOT} has {fewest} to {most}"
        yield Finding("set.prints", "1.003", message)
    if counts[4] and counts[14]:
        message = "Type-4 and Type-14 records are mixed"
        yield Finding("set.mixed_prints", "1.003", message, Severity.WARNING)


def _check_tables(txn: Transaction, kind: tot.TransactionType | None) -> Iterator[Finding]:
    submitted = parsed_date(txn.header.text(5) or "")
    for position, record in enumerate(txn.records):
        if not isinstance(record, TaggedRecord):
            yield from check_binary(record, position)
        elif record.type in TABLES and record.type != 1:
            yield from check_record(record, TABLES[record.type], position)
            if record.type == 14:
                yield from check_marks(record, position)
            yield from _check_capture_date(record, submitted, position)
        elif record.type == 2 and kind is not None:
            yield from check_record(record, kind.TYPE_2, position)
            if not kind.RESPONSE:
                yield from check_subject(record, submitted, position)
                yield from _check_reason(record, kind, position)


def _check_reason(record: TaggedRecord, kind: tot.TransactionType, position: int) -> Iterator[Finding]:
    """2.037 RFP must hold one of the type's own reasons, where it names them (EBTS 9.1, MAP)."""
    reasons: tuple[str, ...] = getattr(kind, "REASONS", ())
    given = (record.text(37) or "").upper()
    if reasons and given and not any(reason in given for reason in reasons):
        message = f"RFP of a {kind.TOT} must say {' or '.join(reasons)}"
        yield Finding("field.reason", "2.037", message, record=position)


def _check_capture_date(record: TaggedRecord, submitted: dt.date | None, position: int) -> Iterator[Finding]:
    """Field 5 of types 10 to 15 is the day of capture: not after the submission, one day allowed for time zones."""
    taken = parsed_date(record.text(5) or "") if record.type in (10, 13, 14, 15) else None
    if taken and submitted and taken > submitted + dt.timedelta(days=1):
        message = "the day of capture is later than the submission"
        yield Finding("date.after_submission", f"{record.type}.005", message, record=position)
