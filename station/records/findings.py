"""What a check says: one finding per fault, with the field named. No logic."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Severity(enum.StrEnum):
    """ERROR: a bureau would refuse it, or it contradicts itself. WARNING: allowed, and worth a look."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Finding:
    """code: stable key; field: tag such as `14.013`; message: what is wrong, in plain words; record: its position
    in the file, 0 is the Type-1; offset: byte of the file where it is seen, None when it is nowhere (something
    is missing); advice: what to do about it."""

    code: str
    field: str
    message: str
    severity: Severity = Severity.ERROR
    record: int = 0
    offset: int | None = None
    advice: str = ""


def errors(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Only the errors."""
    return tuple(each for each in findings if each.severity is Severity.ERROR)
