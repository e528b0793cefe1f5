"""What one bureau asks beyond the standard, as data: TOML in, a frozen Profile and findings out.

A profile never relaxes the tables of the standard; it only adds. Every rule carries the place it is from. Unknown
keys stop the reading, so that a misspelt rule is not a rule that silently does nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from station.errors import EnvironmentFault, RecordError
from station.records.fields import CGA_BY_NUMBER
from station.records.findings import Finding
from station.records.locate import locate
from station.records.transaction import BinaryRecord, Record, TaggedRecord, Transaction, type_four


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A TOML table in which an unknown key is an error."""


class HeaderRules(_Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What 1.002, 1.007, 1.009 and 1.013 must be; tcn: a regular expression; tcn_prefix: how it must begin, and how
    `record build` begins the ones it makes."""

    citation: str
    dai: str | None = None
    ver: str | None = None
    dom: tuple[str, str] | None = None
    tcn: str | None = None
    tcn_prefix: str = ""


class PrintRules(_Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which record types (the preferred one first) and compressions are taken, and how large: bytes of a record,
    bytes of the whole file."""

    citation: str
    record_types: Annotated[tuple[Literal[4, 14], ...], Meta(min_length=1)] = (14, 4)
    cga: tuple[str, ...] = ("WSQ20",)
    max_record_bytes: int | None = None
    max_bytes: int | None = None


class Rule(_Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One rule for one field (`2.009`), of some types (all when empty). value: the pattern, the length or the value."""

    field: Annotated[str, Meta(pattern=r"^[0-9]{1,2}\.[0-9]{3,4}$")]
    rule: Literal["mandatory", "forbidden", "pattern", "max_length", "value"]
    citation: str
    value: str = ""
    tots: tuple[str, ...] = ()


class Profile(_Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A bureau's rules. fictional: nothing real behind it; source: the document they are from."""

    schema: Literal[1]
    id: str
    name: str
    source: str
    header: HeaderRules
    prints: PrintRules
    fictional: bool = False
    rule: tuple[Rule, ...] = ()


def names() -> tuple[str, ...]:
    """The profiles that ship."""
    folder = resources.files(__package__) / "profiles"
    return tuple(
        sorted(each.name.removesuffix(".toml") for each in folder.iterdir() if each.name.endswith(".toml"))
    )


def load(name: str) -> Profile:
    """A profile by its name or by the path of its file. Raises RecordError record.profile, EnvironmentFault."""
    path = Path(name)
    if name in names():
        content = (resources.files(__package__) / "profiles" / f"{name}.toml").read_bytes()
    elif path.suffix == ".toml":
        try:
            content = path.read_bytes()
        except OSError as failure:
            raise EnvironmentFault(
                "environment.file", f"{name}: {failure.strerror}", "check the path"
            ) from failure
    else:
        raise RecordError(
            "record.profile",
            f"there is no profile {name!r}",
            f"give a .toml file or one of: {', '.join(names())}",
        )
    try:
        profile = msgspec.toml.decode(content, type=Profile)
        for pattern in (profile.header.tcn, *(each.value for each in profile.rule if each.rule == "pattern")):
            re.compile(pattern or "")
    except (msgspec.MsgspecError, UnicodeDecodeError, re.error) as error:
        raise RecordError("record.profile", f"{name}: {error}", "see docs/records.md, Profiles") from error
    return profile


def check(txn: Transaction, profile: Profile) -> tuple[Finding, ...]:
    """What the bureau would refuse although the standard allows it. Findings carry the citation as advice."""
    found = [*_check_header(txn, profile.header), *_check_prints(txn, profile.prints)]
    for rule in profile.rule:
        if not rule.tots or txn.tot in rule.tots:
            found += _check_rule(txn, rule)
    return locate(txn, found)


def _check_header(txn: Transaction, rules: HeaderRules) -> Iterator[Finding]:
    wanted = {2: rules.ver, 7: rules.dai, 13: None if rules.dom is None else "\x1f".join(rules.dom)}
    for number, value in wanted.items():
        if value is not None and txn.header.text(number) != value:
            shown = value.replace("\x1f", ", ")
            yield _finding(
                "profile.header", f"1.{number:03d}", f"this bureau takes {shown}", 0, rules.citation
            )
    if rules.tcn is not None and not re.fullmatch(rules.tcn, txn.tcn):
        yield _finding("profile.tcn", "1.009", f"the control number is not {rules.tcn}", 0, rules.citation)
    if not txn.tcn.startswith(rules.tcn_prefix):
        message = f"the control number does not begin with {rules.tcn_prefix}"
        yield _finding("profile.tcn_prefix", "1.009", message, 0, rules.citation)


def _check_prints(txn: Transaction, rules: PrintRules) -> Iterator[Finding]:
    total = 0
    for position, record in enumerate(txn.records):
        size = len(record.content) if isinstance(record, BinaryRecord) else int(record.text(1) or 0)
        total += size
        if record.type not in (4, 14):
            continue
        if record.type not in rules.record_types:
            message = f"this bureau takes prints as Type-{' or '.join(map(str, rules.record_types))}"
            yield _finding("profile.record_type", "1.003", message, position, rules.citation)
        if _cga(record) not in rules.cga:
            tag = "4.008" if record.type == 4 else "14.011"
            message = f"this bureau takes {', '.join(rules.cga)}"
            yield _finding("profile.compression", tag, message, position, rules.citation)
        if rules.max_record_bytes is not None and size > rules.max_record_bytes:
            message = f"{size} bytes; this bureau takes {rules.max_record_bytes}"
            yield _finding("profile.record_size", f"{record.type}.001", message, position, rules.citation)
    if rules.max_bytes is not None and total > rules.max_bytes:
        message = f"{total} bytes in all; this bureau takes {rules.max_bytes}"
        yield _finding("profile.size", "1.003", message, 0, rules.citation)


def _cga(record: Record) -> str:
    if isinstance(record, BinaryRecord):
        number = type_four(record).cga
        return CGA_BY_NUMBER.get(number, str(number))
    return record.text(11) or ""


def _check_rule(txn: Transaction, rule: Rule) -> Iterator[Finding]:
    kind, _, number = rule.field.partition(".")
    for position, record in enumerate(txn.records):
        if isinstance(record, TaggedRecord) and record.type == int(kind):
            broken = _broken(record, int(number), rule)
            if broken:
                yield _finding(f"profile.{rule.rule}", rule.field, broken, position, rule.citation)


def _broken(record: TaggedRecord, number: int, rule: Rule) -> str:
    """What is wrong with the field, or nothing."""
    items = [item for row in record.rows(number) for item in row]
    match rule.rule:
        case "mandatory":
            return "" if any(items) else "this bureau asks for it"
        case "forbidden":
            return "this bureau does not take it" if any(items) else ""
        case "pattern":
            return next(
                (f"{item!r} is not {rule.value}" for item in items if not re.fullmatch(rule.value, item)), ""
            )
        case "max_length":
            most = int(rule.value)
            return next(
                (f"{len(item)} characters; this bureau takes {most}" for item in items if len(item) > most),
                "",
            )
        case "value":
            return "" if not items or items == [rule.value] else f"this bureau takes {rule.value}"


def _finding(code: str, field: str, message: str, position: int, citation: str) -> Finding:
    return Finding(code, field, message, record=position, advice=citation)
