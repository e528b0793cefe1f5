"""The person's Type-2 values as typed by an officer or sent by another system: tidied, then checked before capture.

Rules are the station's record tables (station/records/fields.py, FBI EBTS 9.1 Type-2 of CAR), so that what passes
here is what can be written later. RET and CRI are the station's to fill in; IMA and AMP come from the capture.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from typing import Any

from station.errors import BookingError
from station.records.fields import FieldRule, Item
from station.records.fields_type_2 import type_2_table

NOT_TYPED = frozenset({"LEN", "IDC", "IMA", "AMP"})
"""Fields nobody types: they follow from the record and from the capture."""

FILLED_BY_STATION = frozenset({"RET", "CRI"})
"""Mandatory fields that the station fills in when they are absent."""

_RULES: dict[str, FieldRule] = {
    rule.mnemonic: rule for rule in type_2_table("CAR") if rule.mnemonic not in NOT_TYPED
}
_ALIASES = {"OFFENSE": "ASL", "OFFENCE": "ASL"}
_UPPER = frozenset({"NAM", "AKA", "POB", "CTZ", "SEX", "RAC", "EYE", "HAI", "HGT", "RET"})


class SubjectInvalid(BookingError):
    """Some values of the person cannot be sent. fields: mnemonic → what is wrong, in the officer's words."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        first = "; ".join(f"{name}: {text}" for name, text in list(fields.items())[:3])
        super().__init__("booking.subject_invalid", first, "correct the marked fields before capture")
        self.fields = dict(fields)


def tidy(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Mnemonics in upper case, values stripped, codes and names in upper case, empty values left out."""
    tidied: dict[str, Any] = {}
    for key, value in raw.items():
        name = _ALIASES.get(key.strip().upper(), key.strip().upper())
        clean = _tidy_value(name, value)
        if clean not in (None, "", [], {}):
            tidied[name] = clean
    return tidied


def require_valid(subject: Mapping[str, Any], today: dt.date) -> None:
    """Raises SubjectInvalid with one sentence for each field that could not be written."""
    wrong = problems(subject, today)
    if wrong:
        raise SubjectInvalid(wrong)


def problems(subject: Mapping[str, Any], today: dt.date) -> dict[str, str]:
    """What is wrong with a tidied subject, by mnemonic; empty when nothing is."""
    wrong = {name: "the station does not know this field" for name in subject if name not in _RULES}
    for name, rule in _RULES.items():
        if name not in subject:
            if rule.need == "M" and name not in FILLED_BY_STATION:
                wrong[name] = "is required"
            continue
        text = next((text for each in _rows(subject[name]) if (text := _row_problem(rule, each))), None)
        if text or (text := _own_rules(name, subject[name], today)):
            wrong[name] = text
    return wrong


def _tidy_value(name: str, value: Any) -> Any:
    if isinstance(value, str):
        text = value.strip(" ")
        return text.upper() if name in _UPPER else text
    if isinstance(value, Mapping):
        return {
            str(key).upper(): _tidy_value(name, each) for key, each in value.items() if each not in ("", None)
        }
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [each for each in (_tidy_value(name, one) for one in value) if each not in ("", None, {})]
    return value


def _rows(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]


def _row_problem(rule: FieldRule, row: Any) -> str | None:
    """One subfield: a string is the only mandatory item, a mapping names its items."""
    if isinstance(row, str):
        wanted = [item for item in rule.items if item.need == "M" or not rule.grouped]
        return _item_problem(wanted[0], row) if len(wanted) == 1 else "has several parts"
    if not isinstance(row, Mapping) or not set(row) <= {item.mnemonic for item in rule.items}:
        return "has parts the station does not know"
    for item in rule.items:
        if item.mnemonic in row:
            if problem := _item_problem(item, row[item.mnemonic]):
                return problem
        elif item.need == "M":
            return f"{item.mnemonic} is required"
    return None


def _item_problem(item: Item, value: Any) -> str | None:
    if not isinstance(value, str):
        return "must be text"
    if not re.fullmatch(f"{item.chars}*", value):
        return "has a character that cannot be sent"
    if not item.low <= len(value) <= item.high:
        size = str(item.low) if item.low == item.high else f"{item.low} to {item.high}"
        return f"must have {size} characters"
    if item.kind and not (item.kind == "date0" and value == "00000000"):
        return None if _date(value) else "must be a date, year month day: 19800229"
    if item.values is not None and not item.soft and value not in item.values:
        return "is not one of the codes"
    return None


def _own_rules(name: str, value: Any, today: dt.date) -> str | None:
    """Rules over whole values (EBTS 9.1, 2.027 HGT, 2.029 WGT, dates not in the future)."""
    if name == "HGT" and not _height(str(value)):
        return "feet and inches 400 to 711, or 000 for unknown"
    if name == "WGT" and str(value) != "000" and not 50 <= int(value) <= 499:
        return "pounds 050 to 499, or 000 for unknown"
    if name in ("DOB", "DOA"):
        dates = [_date(each) for each in _rows(value)]
        if any(day and day > today for day in dates):
            return "is in the future"
    return None


def _height(value: str) -> bool:
    if value.startswith("N"):
        return value[1:].isdigit() and 48 <= int(value[1:]) <= 95
    if not value.isdigit():
        return False
    return value == "000" or (4 <= int(value[0]) <= 7 and int(value[1:]) <= 11)


def _date(value: str) -> dt.date | None:
    try:
        return dt.datetime.strptime(value, "%Y%m%d").replace(tzinfo=dt.UTC).date()
    except ValueError:
        return None
