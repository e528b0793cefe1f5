"""The standard as this folder's CSV files say it (standard/README.md): rows in, what our tables should hold out."""

from __future__ import annotations

import csv
import functools
import re
import string
from collections.abc import Mapping
from pathlib import Path

from station.records.fields import Item

FOLDER = Path(__file__).parent / "standard"

Row = Mapping[str, str]

_WORDS = {
    "digits": string.digits,
    "letters": string.ascii_letters,
    "upper": string.ascii_uppercase,
    "hex": string.hexdigits,
    "printable": "".join(map(chr, range(32, 127))),
    "layout": "\t\r\n",
    "zero": "0",
    "blank": " ",
    "comma": ",",
    "hyphen": "-",
    "period": ".",
    "slash": "/",
    "ampersand": "&",
    "hash": "#",
}
CELLS = ("form", "min", "max", "need", "item_need", "low", "high", "kind", "codes", "soft")


@functools.cache
def rows(name: str) -> tuple[Row, ...]:
    """The rows of one file."""
    with (FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


def characters(form: str) -> str:
    """The characters that a form in words allows, sorted: `digits letter-N`, `printable without period`."""
    base, _, less = form.partition(" without ")
    allowed = {character for word in base.split() for character in _meant(word)}
    return "".join(sorted(allowed - {character for word in less.split() for character in _meant(word)}))


def _meant(word: str) -> str:
    return word.removeprefix("letter-") if word.startswith("letter-") else _WORDS[word]


def accepted(chars: str) -> str:
    """The single characters that a regular expression of our tables takes, sorted."""
    return "".join(each for each in map(chr, range(256)) if re.fullmatch(chars, each))


def numbers(text: str) -> frozenset[int]:
    """`0-8 20-29 255` as numbers."""
    found: set[int] = set()
    for part in text.split():
        low, _, high = part.partition("-")
        found.update(range(int(low), int(high or low) + 1))
    return frozenset(found)


@functools.cache
def code_list(name: str) -> frozenset[str]:
    """The values of one list of codes.csv."""
    return frozenset(row["value"] for row in rows("codes") if row["list"] == name)


@functools.cache
def expected() -> Mapping[tuple[str, str], Row]:
    """Tag and item → the cells our tables should have: those of the standard with our deviations put in."""
    cells = {(row["tag"], row["item"]): dict(row) for row in rows("fields")}
    for row in rows("deviations"):
        tag, _, item = row["tag"].rpartition(".")
        if row["column"] == "row":
            del cells[tag, item]
        else:
            cells[tag, item][row["column"]] = row["ours"]
    return cells


def legal(row: Row, length: int | None = None) -> str:
    """A value that the standard allows for an item: of its list, a date, or characters of its form."""
    if row["codes"]:
        return sorted(code_list(row["codes"]))[0]
    if row["kind"]:
        return "20260102"
    character = next(each for each in "A10.N" if each in characters(row["form"]))
    return character * (max(int(row["min"]), 1) if length is None else length)


def shown(item: Item) -> Mapping[str, str]:
    """The cells of one of our items which it has of its own, as expected() has them."""
    return {
        "name": item.mnemonic,
        "min": str(item.low),
        "max": str(item.high),
        "item_need": item.need,
        "kind": item.kind,
        "soft": "soft" if item.soft else "",
    }
