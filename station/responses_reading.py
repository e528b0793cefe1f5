"""The words of one rejection → what it is about: the code, the fields, the fingers, and the advice of the tables.

A message is free text with an optional code in front (EBTS 9.1, 2.060). Whatever it says, an Explanation comes out;
nothing is raised.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from station import responses_texts as texts
from station.friction_ridge import FGP
from station.records import fields, fields_type_2

MAX_TEXT = 2000
"""Characters of a message that are looked at; EBTS allows 300."""

_CODE = re.compile(r"\s*([A-Z]\d{4})\b")
_TAG = re.compile(r"(?<![\d.])(\d{1,2})\.(\d{2,4})(?![\d.])")
_WORD = re.compile(r"[A-Z][A-Z0-9]{1,6}")
_NUMBER = re.compile(
    r"\b(?:FGP|FINGERS?|FINGER POSITIONS?|POSITIONS?|IMPRESSIONS?)(?: (?:NO|NUMBER|NR))?[ :#.=]{0,3}"
    r"(\d{1,2}(?:\s*(?:,|AND|&|/)\s*\d{1,2}){0,13})\b"
)
_NAMES = re.compile(r"\b(RIGHT|LEFT|R|L)\b[ .-]{0,2}(THUMB|INDEX|MIDDLE|RING|LITTLE|FOUR|SLAP)")
_MEANINGLESS = frozenset({"NOT", "FBI", "CAN", "IDC", "LEN"})
"""Mnemonics that are words too, or stand in every record: without a tag they name no field."""


@dataclass(frozen=True)
class Explanation:
    """happened, move, fix: for the officer; fields: `2.022 DOB (date of birth)`; fingers: positions; family: how it was
    recognised; verified: False when the meaning is from memory."""

    happened: str
    move: texts.Move
    fix: str
    fields: tuple[str, ...]
    fingers: tuple[FGP, ...]
    family: str
    verified: bool


def code_of(text: str) -> str | None:
    """The code a message begins with, such as E0002, or None."""
    found = _CODE.match(text)
    return found[1] if found else None


def explain(code: str | None, text: str) -> Explanation:
    """What a rejection with this message means."""
    words = " ".join(text[:MAX_TEXT].upper().split())
    family, advice = _advice(code, words)
    named, fingers = fields_in(words), fingers_in(words)
    fix = advice.fix.replace("{fields}", " and ".join(named) or texts.NOT_NAMED)
    fix = fix.replace("{fingers}", ", ".join(finger_name(each) for each in fingers) or texts.NO_FINGER_NAMED)
    return Explanation(advice.happened, advice.move, fix, named, fingers, family, advice.verified)


def _advice(code: str | None, words: str) -> tuple[str, texts.Advice]:
    if code in texts.ERRORS:
        return code, texts.ERRORS[code]
    if code and code[0] in texts.CLASSES:
        return f"class {code[0]}", texts.CLASSES[code[0]]
    for each in texts.FAMILIES:
        if each.pattern.search(words):
            return each.name, each.advice
    return "unknown", texts.UNKNOWN_MESSAGE


def fields_in(words: str) -> tuple[str, ...]:
    """Fields a message in capitals names, by tag (2.022) or else by mnemonic (DOB); each once, at most four."""
    tags = [(int(kind), int(number)) for kind, number in _TAG.findall(words)]
    found = [field_name(*tag) for tag in tags if tag[0] in (1, 2, 4, 9, 10, 13, 14, 15)]
    if not found:
        found = [
            _mnemonics()[word]
            for word in _WORD.findall(words)
            if word in _mnemonics() and word not in _MEANINGLESS
        ]
    return tuple(dict.fromkeys(found))[:4]


def field_name(record_type: int, number: int) -> str:
    """`2.022 DOB (date of birth)`; the tag alone when no table has it."""
    tag = f"{record_type}.{number:03d}"
    known = _names().get((record_type, number))
    return f"{tag} {known}" if known else tag


@functools.cache
def _names() -> dict[tuple[int, int], str]:
    tables = {1: fields.TYPE_1, 2: fields_type_2.RULES, 14: fields.TYPE_14}
    return {
        (kind, rule.number): f"{rule.mnemonic} ({rule.name})"
        for kind, table in tables.items()
        for rule in table
    }


@functools.cache
def _mnemonics() -> dict[str, str]:
    """Of the person's data and the header; those of images repeat in every record type."""
    found: dict[str, str] = {}
    for kind, table in ((2, fields_type_2.RULES), (1, fields.TYPE_1)):
        for rule in table:
            found.setdefault(rule.mnemonic, f"{kind}.{rule.number:03d} {rule.mnemonic} ({rule.name})")
    return found


def fingers_in(words: str) -> tuple[FGP, ...]:
    """Positions a message in capitals names, by number or by hand and finger; each once, in the order named."""
    found: list[FGP] = []
    for run in _NUMBER.findall(words):
        found += [FGP(int(each)) for each in re.findall(r"\d+", run) if 1 <= int(each) <= len(FGP)]
    for hand, finger in _NAMES.findall(words):
        side = "RIGHT" if hand[0] == "R" else "LEFT"
        found.append(FGP[f"PLAIN_{side}_FOUR"] if finger in ("FOUR", "SLAP") else FGP[f"{side}_{finger}"])
    return tuple(dict.fromkeys(found))


def finger_name(position: FGP) -> str:
    """`right index (2)`."""
    return f"{position.name.lower().replace('_', ' ')} ({int(position)})"
