"""The machine-readable rules of EBTS 9.1 and the EBTS 10.0 templates in the shared data: text in, facts out.

Read to test the CSV files of `standard/`, which were made from them, and by no other code.
"""

from __future__ import annotations

import csv
import functools
import re
from dataclasses import dataclass
from pathlib import Path

_SIGNS = {
    "-": "hyphen",
    ",": "comma",
    " ": "blank",
    "/": "slash",
    ".": "period",
    "&": "ampersand",
    "#": "hash",
}
_BASE = {
    "N": "digits",
    "A": "letters",
    "AN": "letters digits",
    "ANS": "letters digits",
    "AS": "letters",
    "NS": "digits",
}
_DEFINITION = re.compile(
    r"(\d+)\.(\d+)(:?)(?:\.\.\.?(\d+))?\s+(T\d+_\w+)\s+(\S+)(?:\s+(\S+))?(?:\s+([\dx-]+))?\s*(.*)", re.S
)


@dataclass(frozen=True)
class Rule:
    """One definition: a field, or one item of a grouped one. size, occurs: `3-30`; needs: type → M or O."""

    tag: str
    item: str
    name: str
    group: bool
    size: str
    occurs: str
    form: str
    kind: str
    codes: frozenset[str]
    needs: dict[str, str]


def _text(data: Path) -> str:
    return (data / "ebts" / "EBTS9.1_ENUS.txt").read_text(encoding="utf-8-sig", errors="replace")


@functools.cache
def rules(data: Path) -> tuple[Rule, ...]:
    """Every definition of EBTS9.1_ENUS.txt."""
    text = _text(data)
    joined = re.sub(r"\\\n\s*", "", text[text.index("\nFIELDS") :])
    body = "\n".join(line for line in joined.split("\n") if not line.lstrip().startswith("#"))
    found = []
    for block in re.finditer(r"^\[(.*?)\]\s*\n(.*?)(?=^\[|\Z)", body, re.S | re.M):
        flat = re.sub(r'long_desc=".*?"', "", block[2], flags=re.S)
        for part in re.split(r"^\s*(?=\d+\.\d+)", flat, flags=re.M):
            matched = _DEFINITION.match(part)
            if matched:
                found.append(_rule(matched, _needs(block[1])))
    return tuple(found)


def _rule(matched: re.Match[str], needs: dict[str, str]) -> Rule:
    record, number, group, item, name, kind, size, occurs, rest = matched.groups()
    date = re.search(r'date="(Z?CCYYMMDD)"', rest)
    return Rule(
        f"{int(record)}.{int(number):03d}",
        item or "1",
        name.partition("_")[2].rpartition("_")[2],
        bool(group),
        _span(size or ""),
        _span(occurs or "1"),
        _form(kind, rest),
        "" if date is None else "date0" if date[1].startswith("Z") else "date",
        _codes(rest),
        needs,
    )


def _span(text: str) -> str:
    low, _, high = text.partition("-")
    return f"{low}-{high or low}"


def _form(kind: str, rest: str) -> str:
    signs = re.search(r'sca="(.*?)"', rest)
    if signs and signs[1] == "PRINT":
        return "printable without period" if "nregex" in rest else "printable"
    return " ".join([_BASE.get(kind, kind), *sorted(_SIGNS[each] for each in (signs[1] if signs else ""))])


def _codes(rest: str) -> frozenset[str]:
    listed = re.search(r'(?:mmap|omap)="(.*?)"', rest, re.S)
    if listed is None or listed[1].startswith("file:"):
        return frozenset()
    values = (each.partition(":")[0].strip() for each in listed[1].split("|"))
    return frozenset(value for value in values if value)


def _needs(condition: str) -> dict[str, str]:
    base, last, found = condition.strip()[:1], "", {}
    for word in re.findall(r"[A-Z]+", condition.strip()[1:]):
        if word in ("M", "O"):
            found[last] = word
        else:
            found[word], last = base, word
    return found


@functools.cache
def records(data: Path) -> dict[str, dict[str, str]]:
    """Type → record type (`414`: 4 and 14 together) → `1-14`."""
    text = _text(data)
    found: dict[str, dict[str, str]] = {}
    waiting: list[str] = []
    for line in text[: text.index("\nFIELDS")].split("\n"):
        if named := re.match(r'\s+([A-Z]{3,5})\s+"', line):
            waiting.append(named[1])
        if counted := re.match(r"\s+(\d+:[\d-]+(?: \d+:[\d-]+)*);", line):
            counts = dict(each.split(":") for each in counted[1].split())
            found |= {name: {key: _span(value) for key, value in counts.items()} for name in waiting}
            waiting = []
    return found


def code_file(path: Path) -> frozenset[str]:
    """The codes of a T2 list (tabs) or of one of the EBTS 10.0 lists (CSV with a header)."""
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            return frozenset(row["code"] for row in csv.DictReader(file))
    lines = path.read_bytes().decode("latin-1").splitlines()
    return frozenset(line.partition("\t")[0].strip() for line in lines if "\t" in line) - {"--"}


@functools.cache
def templates(data: Path) -> dict[str, tuple[dict[str, str], dict[str, str]]]:
    """Type → Type-2 tag → `O 10`, and record type → `0-14`, from the comments of the EBTS 10.0 templates."""
    found: dict[str, tuple[dict[str, str], dict[str, str]]] = {}
    for path in sorted((data / "ebts-10.0-xml").rglob("Template(*.xml")):
        text = path.read_text(encoding="utf-8", errors="replace")
        named = re.search(r"Template\((\w+)\)", path.name)
        assert named is not None
        fields, counts = found.setdefault(named[1], ({}, {}))
        for tag, rest in re.findall(
            r"<!--\s*[A-Z0-9 ]+?\s+2\.(\d{3,4})\s*,?\s*(.*?)\s*-->", text[text.find("2.001") :]
        ):
            if not re.match(r"[A-Z]\b", rest):
                fields[f"2.{int(tag):03d}"] = _said(rest)
        for kind, low, high in re.findall(r"<!--\s*Type[ -]?(\d+)\s+\((\d+)(?:\.\.|-)(\d+)\)\s*-->", text):
            counts[kind] = f"{low}-{high}"
    return found


def _said(comment: str) -> str:
    occurs = re.search(r"\((\d+)\.\.(\w+)\)", comment)
    if occurs:
        return f"{'O' if occurs[1] == '0' else 'M'} {occurs[2]}"
    return "O 1" if "ptional" in comment or "onditional" in comment else "M 1"
