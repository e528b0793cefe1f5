"""The simulated gateway's fault script: a JSON file → which fault befalls this request. Re-read at every request.

A list of rules: {"on": "submit"|"status"|"responses", "nth": [1, 2]|"always", "do": FAULT, "seconds": 2.0,
"retry_after": 5, "certificate": "unknown_authority"|"wrong_name"|"expired"}. Each rule counts the requests it applies
to from the moment it first stands in the file, so a rule added while the gateway runs begins at 1. `wrong_certificate`
strikes before a request is known: its rule counts TLS handshakes and takes no notice of `on`.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from station.errors import SettingsError

ON = frozenset({"submit", "status", "responses"})
DO = frozenset(
    {
        "slow",
        "drop_after_accept",
        "drop_before_accept",
        "duplicate_response",
        "503",
        "html",
        "wrong_receipt_id",
        "wrong_receipt_digest",
        "bad_receipt_signature",
        "wrong_certificate",
        "truncate",
    }
)
CERTIFICATES = frozenset({"unknown_authority", "wrong_name", "expired"})
_KEYS = frozenset({"on", "nth", "do", "seconds", "retry_after", "certificate"})


@dataclass(frozen=True)
class Fault:
    """One rule. nth: empty means always; seconds: for `slow`; retry_after: seconds, for `503`."""

    on: str
    nth: frozenset[int]
    do: str
    seconds: float = 1.0
    retry_after: int = 1
    certificate: str = "unknown_authority"


def parse(document: object) -> tuple[Fault, ...]:
    """The rules of a parsed JSON document. Raises SettingsError naming the rule that is wrong."""
    if not isinstance(document, list):
        raise _wrong("the fault script is not a list")
    return tuple(_fault(position, rule) for position, rule in enumerate(document, start=1))


def _fault(position: int, rule: object) -> Fault:
    if not isinstance(rule, dict) or not set(rule) <= _KEYS:
        raise _wrong(f"rule {position} is not an object of {', '.join(sorted(_KEYS))}")
    nth: Any = rule.get("nth", "always")
    counts = isinstance(nth, list) and all(type(each) is int and each > 0 for each in nth)
    do, on = str(rule.get("do")), str(rule.get("on", "submit"))
    certificate = str(rule.get("certificate", "unknown_authority"))
    known = do in DO and on in ON and certificate in CERTIFICATES
    times = rule.get("seconds", 1.0), rule.get("retry_after", 1)
    if not (counts or nth == "always") or not known or not all(_is_time(each) for each in times):
        raise _wrong(f"rule {position} has an unknown word or a wrong number")
    numbers = frozenset(nth) if counts else frozenset()
    return Fault(on, numbers, do, float(times[0]), int(times[1]), certificate)


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 3600


def _wrong(message: str) -> SettingsError:
    return SettingsError("settings.fault_script", message, "see docs/records.md, the simulated gateway")


class FaultScript:
    """The script of one running gateway. path: the JSON file, or None for no faults."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._rules: tuple[Fault, ...] = ()
        self._counts: Counter[Fault] = Counter()
        if path is not None and path.exists():
            self._rules = parse(_load(path))

    def request(self, on: str) -> tuple[Fault, ...]:
        """Count one request and return the faults that befall it."""
        return self._strike(lambda rule: rule.do != "wrong_certificate" and rule.on == on)

    def handshake(self) -> Fault | None:
        """Count one TLS handshake and return the certificate fault that befalls it, if any."""
        return next(iter(self._strike(lambda rule: rule.do == "wrong_certificate")), None)

    def _strike(self, applies: Any) -> tuple[Fault, ...]:
        self._refresh()
        struck = []
        for rule in filter(applies, self._rules):
            self._counts[rule] += 1
            if not rule.nth or self._counts[rule] in rule.nth:
                struck.append(rule)
        return tuple(struck)

    def _refresh(self) -> None:
        """Read the file again; while it is being edited and makes no sense, the last good rules hold."""
        if self._path is None:
            return
        try:
            self._rules = parse(_load(self._path)) if self._path.exists() else ()
        except SettingsError as failure:
            print(f"fault script: {failure}", file=sys.stderr, flush=True)  # noqa: T201 - a process for tests
        self._counts = Counter({rule: count for rule, count in self._counts.items() if rule in self._rules})


def _load(path: Path) -> object:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as failure:
        raise _wrong(f"{path} is not readable JSON") from failure
