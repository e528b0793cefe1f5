"""The value of one check: ok, warn or fail, a fact, and what to do."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Status(enum.StrEnum):
    """fail: the station cannot do its work; warn: it can, but someone should look."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Check:
    """name: stable; fact: what was found; advice: what to do (empty when ok)."""

    name: str
    status: Status
    fact: str
    advice: str = ""


def ok(name: str, fact: str) -> Check:
    return Check(name, Status.OK, fact)


def warn(name: str, fact: str, advice: str) -> Check:
    return Check(name, Status.WARN, fact, advice)


def fail(name: str, fact: str, advice: str) -> Check:
    return Check(name, Status.FAIL, fact, advice)
