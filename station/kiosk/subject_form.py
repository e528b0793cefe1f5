"""The demographics form: what it asks, with which code tables, and form values to Type-2 values and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from station.friction_ridge import AMP, FGP
from station.records import codes


@dataclass(frozen=True)
class Question:
    """One input. kind: text, date, number or choice; size: width in sixths of the form."""

    name: str
    label: str
    kind: str = "text"
    size: int = 2
    required: bool = True
    choices: tuple[tuple[str, str], ...] = ()
    hint: str = ""
    length: int = 60
    field: str = ""


def _choices(table: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Code table as options, `unknown` first so that nobody guesses."""
    rows = [(code, f"{code}  {text}") for code, text in table.items()]
    return tuple(sorted(rows, key=lambda row: "unknown" not in row[1]))


QUESTIONS: tuple[Question, ...] = (
    Question("surname", "Surname", size=3, field="NAM", length=30),
    Question("given", "Given names", size=3, field="NAM", length=30),
    Question("DOB", "Date of birth", "date", field="DOB", hint="or empty", required=False),
    Question("SEX", "Sex", "choice", choices=_choices(codes.SEX), field="SEX"),
    Question("RAC", "Race code", "choice", choices=_choices(codes.RAC), field="RAC"),
    Question("POB", "Place of birth", field="POB", hint="code", length=2),
    Question("EYE", "Eyes", "choice", choices=_choices(codes.EYE), field="EYE"),
    Question("HAI", "Hair", "choice", choices=_choices(codes.HAI), field="HAI"),
    Question("feet", "Height", "number", 1, field="HGT", length=1, hint="ft"),
    Question("inches", "and", "number", 1, field="HGT", length=2, hint="inches"),
    Question("WGT", "Weight", "number", 2, field="WGT", length=3, hint="pounds"),
    Question("OCA", "Case number", field="OCA", required=False, length=20),
    Question("DOA", "Date of arrest", "date", field="DOA"),
    Question("charge", "Charge", size=4, field="ASL", length=300),
)
"""What the form asks, required first; `field` is the Type-2 mnemonic an error belongs to."""


def subject_of(form: Mapping[str, str]) -> dict[str, Any]:
    """Type-2 values from the form. Unknown date of birth and height are written as the standard says."""
    value = {name: str(form.get(name, "")).strip() for name in (one.name for one in QUESTIONS)}
    given = f",{value['given']}" if value["given"] else ""
    subject: dict[str, Any] = {
        "NAM": f"{value['surname']}{given}" if value["surname"] else "",
        "DOB": value["DOB"].replace("-", "") or "00000000",
        "DOA": value["DOA"].replace("-", ""),
        "HGT": _height(value["feet"], value["inches"]),
        "WGT": value["WGT"].zfill(3) if value["WGT"] else "",
        "ASL": {"AOL": value["charge"]} if value["charge"] else "",
    }
    return {**{name: value[name] for name in ("SEX", "RAC", "POB", "EYE", "HAI", "OCA")}, **subject}


def form_of(subject: Mapping[str, Any]) -> dict[str, str]:
    """The form's values of a subject, for editing it."""
    surname, _, given = str(subject.get("NAM", "")).partition(",")
    height, charge = str(subject.get("HGT", "")), subject.get("ASL", "")
    first = charge[0] if isinstance(charge, list) and charge else charge
    return {
        **{name: str(subject.get(name, "")) for name in ("SEX", "RAC", "POB", "EYE", "HAI", "OCA", "WGT")},
        "surname": surname,
        "given": given,
        "DOB": _dashed(str(subject.get("DOB", ""))),
        "DOA": _dashed(str(subject.get("DOA", ""))),
        "feet": height[:1],
        "inches": height[1:].lstrip("0") or ("0" if height else ""),
        "charge": str(first.get("AOL", "") if isinstance(first, Mapping) else first),
    }


def missing_of(form: Mapping[str, str]) -> dict[FGP, AMP]:
    """Fingers marked on the drawing: inputs missing_1 … missing_10 with XX, UP or nothing."""
    marks = {FGP(number): str(form.get(f"missing_{number}", "")) for number in range(1, 11)}
    return {
        finger: AMP(code) for finger, code in marks.items() if code in (AMP.AMPUTATED, AMP.UNABLE_TO_PRINT)
    }


def _height(feet: str, inches: str) -> str:
    return f"{feet}{inches.zfill(2)}" if feet else ""


def _dashed(date: str) -> str:
    if len(date) != 8 or date == "00000000":
        return ""
    return f"{date[:4]}-{date[4:6]}-{date[6:]}"
