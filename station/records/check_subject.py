"""Conditions between the fields of a criminal Type-2 (EBTS 9.1 field rules). Record in, findings out."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator

from station.records.check_fields import parsed_date
from station.records.findings import Finding, Severity
from station.records.transaction import TaggedRecord, to_number

_ONE_DAY = dt.timedelta(days=1)
"""EBTS accepts local dates one day ahead, for time zones."""

_NAME = re.compile(r"[A-Za-z][A-Za-z-]*( [A-Za-z][A-Za-z-]*)*,[A-Za-z][A-Za-z-]*( [A-Za-z][A-Za-z-]*)*")
_SID = re.compile(r"[A-Z]{2}[A-Z0-9]+-?", re.I)
_MNU = re.compile(r"[A-Z]{2}-[A-Z0-9]+", re.I)


def check_subject(record: TaggedRecord, submitted: dt.date | None, position: int) -> Iterator[Finding]:
    """Dates in order, heights and weights in range, names and numbers in their form, custody fields together."""

    def finding(code: str, number: int, message: str, severity: Severity = Severity.ERROR) -> Finding:
        return Finding(code, f"2.{number:03d}", message, severity, position)

    for number, mnemonic, limit in (
        (22, "DOB", dt.timedelta(0)),
        (38, "DPR", _ONE_DAY),
        (45, "DOA", _ONE_DAY),
        (54, "SSD", _ONE_DAY),
    ):
        for value in _dates(record, number, 0):
            if submitted and value > submitted + limit:
                yield finding("date.after_submission", number, f"{mnemonic} is later than the submission")
    for value in _dates(record, 47, 0):
        if submitted and value > submitted + _ONE_DAY:
            yield finding("date.after_submission", 47, "DOO is later than the submission")
    arrests = _dates(record, 45, 0)
    if any(born > arrests[0] for born in _dates(record, 22, 0)[:1] if arrests):
        yield finding("date.order", 22, "DOB is later than the arrest")
    if any(start < arrests[0] for start in _dates(record, 54, 0) if arrests):
        yield finding("date.order", 54, "SSD is earlier than the arrest")
    for number, mnemonic, accepted in _FORMS:
        for items in record.rows(number):
            if items[0] and not accepted(items[0]):
                yield finding("field.form", number, f"{mnemonic}: {_FORM_TEXT[number]}")
    for number in (47, 51, 55, 56, 9):
        if any(item.startswith(" ") for items in record.rows(number) for item in items):
            yield finding("field.leading_blank", number, "the first character is a blank")
    if record.text(55) and not record.text(54):
        yield finding("field.missing", 54, "SSD is needed when SLE is given")


def _dates(record: TaggedRecord, number: int, index: int) -> list[dt.date]:
    values = (parsed_date(items[index]) for items in record.rows(number) if len(items) > index)
    return [value for value in values if value is not None]


def _height(value: str) -> bool:
    if value == "000":
        return True
    if re.fullmatch("N[0-9]{2}", value):
        return 48 <= int(value[1:]) <= 95
    return bool(re.fullmatch("[4-7](0[0-9]|1[01])", value))


def _weight(value: str) -> bool:
    return value == "000" or 50 <= (to_number(value) or 0) <= 499


_FORMS = (
    (15, "SID", lambda value: _SID.fullmatch(value) is not None),
    (17, "MNU", lambda value: _MNU.fullmatch(value) is not None),
    (18, "NAM", lambda value: _NAME.fullmatch(value) is not None),
    (27, "HGT", _height),
    (29, "WGT", _weight),
)

_FORM_TEXT = {
    15: "two letters of the state, then the number, no blanks",
    17: "two letters, a hyphen, then the number",
    18: "SURNAME,GIVEN MIDDLE with one comma and no blank beside it",
    27: "feet and inches 400 to 711, N48 to N95, or 000 when unknown",
    29: "050 to 499 pounds, or 000 when unknown",
}
