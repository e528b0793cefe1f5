"""`station record show|check|copy`: look at an ANSI/NIST-ITL file, check it, or write it again byte for byte.

Exit codes: 0 done and nothing wrong, 1 the file is malformed or has errors, 2 usage, 3 the file cannot be read.
"""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from station import responses
from station.cli import record_archive, record_build, record_look
from station.errors import EnvironmentFault, RecordError
from station.records import fields, tot
from station.records import profile as profiles
from station.records.check_images import Decoders
from station.records.decode import decode
from station.records.encode import encode
from station.records.findings import Finding, Severity, errors
from station.records.profile import Profile
from station.records.profile import check as profile_check
from station.records.reading import read
from station.records.tables import TABLES
from station.records.transaction import DATA, BinaryRecord, Record, TaggedRecord, Transaction, type_four
from station.records.validate import validate

SHOWN_CHARACTERS = 200


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, line in (
        ("show", "print the records and fields"),
        ("check", "list what a bureau would refuse"),
    ):
        sub = actions.add_parser(name, help=line)
        sub.add_argument("file", type=Path)
        sub.add_argument("--json", action="store_true", help="for a program")
        if name == "check":
            sub.add_argument(
                "--no-images", action="store_true", help="do not decode the images, only their headers"
            )
            sub.add_argument("--tot", help="the type of transaction it should be")
            sub.add_argument("--profile", help="the bureau's rules: a name or a .toml file")
        else:
            sub.add_argument("--html", type=Path, metavar="FILE", help="write a page with the pictures")
    record_build.add_arguments(actions)
    record_look.add_arguments(actions)
    record_archive.add_arguments(actions)
    copy = actions.add_parser("copy", help="read and write again; refuses unless the bytes are the same")
    copy.add_argument("input", type=Path)
    copy.add_argument("output", type=Path)
    copy.add_argument("--json", action="store_true", help="for a program")


def run(args: argparse.Namespace) -> int:
    """Run one action."""
    if args.action == "build":
        return record_build.run(args)
    if args.action in record_archive.ACTIONS:
        return record_archive.run(args)
    if args.action == "diff":
        return record_look.run_diff(args, _read(args.a), _read(args.b))
    if args.action == "extract":
        return record_look.run_extract(args, _read(args.file))
    if args.action == "copy":
        return _copy(args.input, args.output, args.json)
    content = _read(args.file)
    if args.action == "show":
        return _show(content, args.json, args.html)
    return _check(args, content)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as failure:
        raise EnvironmentFault(
            "environment.file",
            f"{path} cannot be read: {failure.strerror}",
            "check the name and the permission",
        ) from failure


def _copy(source: Path, target: Path, as_json: bool) -> int:
    content = _read(source)
    again = encode(decode(content))
    if again != content:
        raise RecordError(
            "record.not_identical", f"{source} would not come out as it is; nothing was written"
        )
    try:
        target.write_bytes(again)
    except OSError as failure:
        raise EnvironmentFault(
            "environment.file", f"{target} cannot be written: {failure.strerror}"
        ) from failure
    digest = hashlib.sha256(again).hexdigest()
    print(
        json.dumps({"output": str(target), "size": len(again), "sha256": digest})
        if as_json
        else f"{target}: {len(again)} bytes, identical, sha256 {digest}"
    )
    return 0


def _check(args: argparse.Namespace, content: bytes) -> int:
    findings = check(
        content,
        {} if args.no_images else _decoders(),
        args.tot,
        profiles.load(args.profile) if args.profile else None,
    )
    wrong = len(errors(findings))
    if args.json:
        shown = [_finding(each) for each in findings]
        print(json.dumps({"file": str(args.file), "ok": wrong == 0, "findings": shown}))
        return 1 if wrong else 0
    for each in findings:
        place = "" if each.offset is None else f" (byte {each.offset})"
        print(
            f"{each.severity:7}  record {each.record:<2}  {each.field or '-':7}  {each.code}: {each.message}{place}"
        )
        if each.advice:
            print(f"{'':20}{each.advice}")
    print(f"{args.file}: {wrong} errors, {len(findings) - wrong} warnings")
    return 1 if wrong else 0


def check(
    content: bytes, decoders: Decoders, wanted: str | None = None, profile: Profile | None = None
) -> tuple[Finding, ...]:
    """Everything wrong with a file: its framing, the standard's tables, the type asked for, the bureau's rules."""
    reading = read(content)
    txn = reading.transaction
    if txn is None:
        return reading.findings
    today = dt.datetime.now(dt.UTC).date()
    findings = [*reading.findings, *validate(txn, today=today, decoders=decoders)]
    if wanted and txn.tot != wanted:
        findings.append(
            Finding("type1.tot_wanted", "1.004", f"the file is {txn.tot or 'nameless'}, not {wanted}")
        )
    if profile is not None:
        findings += profile_check(txn, profile)
    return tuple(sorted(findings, key=lambda each: each.record))


def _finding(each: Finding) -> dict[str, Any]:
    severity = Severity(each.severity).value
    return {
        "code": each.code,
        "field": each.field,
        "message": each.message,
        "severity": severity,
        "record": each.record,
        "offset": each.offset,
        "advice": each.advice,
    }


def _decoders() -> Decoders:
    """The image codecs, imported only here: a check without images needs none."""
    from station.imaging import codecs

    return {name: codecs.by_name(name).decode for name in ("WSQ20", "PNG", "JP2")}


def _show(content: bytes, as_json: bool, page: Path | None) -> int:
    """Show what can be read; what is damaged is said on standard error, and the exit code is 1."""
    reading = read(content)
    txn = reading.transaction
    for each in reading.findings:
        print(f"{each.code}: {each.message} (byte {each.offset})", file=sys.stderr)
    if txn is None:
        return 1
    if page is not None:
        _write(page, record_look.page(txn, [line for record in txn.records for line in _lines(txn, record)]))
    if as_json:
        print(json.dumps(_as_json(txn), ensure_ascii=False))
    else:
        _print(txn, content, reading.whole)
    return 0 if reading.whole else 1


def _print(txn: Transaction, content: bytes, whole: bool) -> None:
    for record in txn.records:
        for line in _lines(txn, record):
            print(line)
    kind = tot.by_tot(txn.tot)
    if whole and kind is not None and kind.RESPONSE:
        for line in responses.plain(responses.read(content)):
            print(f"  {line}")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as failure:
        raise EnvironmentFault(
            "environment.file", f"{path} cannot be written: {failure.strerror}"
        ) from failure


def _as_json(txn: Transaction) -> dict[str, Any]:
    return {
        "tot": txn.tot,
        "tcn": txn.tcn,
        "tcr": txn.tcr,
        "records": [_record_json(txn, record) for record in txn.records],
    }


def _record_json(txn: Transaction, record: Record) -> dict[str, Any]:
    if isinstance(record, BinaryRecord):
        return {
            "type": record.type,
            "idc": record.idc,
            "size": len(record.content),
            "image": _type_four(record),
        }
    names = _names(txn, record.type)
    entries: list[dict[str, Any]] = []
    for each in record.fields:
        entry: dict[str, Any] = {
            "tag": f"{record.type}.{each.number:03d}",
            "mnemonic": names.get(each.number),
        }
        entries.append(entry | (_digest(each.value) if each.number == DATA else {"value": each.rows}))
    return {"type": record.type, "idc": record.idc, "fields": entries}


def _digest(content: bytes) -> dict[str, Any]:
    return {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _type_four(record: BinaryRecord) -> dict[str, Any] | None:
    if record.type != 4:
        return None
    four = type_four(record)
    shown = {"imp": four.imp, "fgp": four.fgp, "isr": four.isr, "hll": four.width, "vll": four.height}
    return shown | {"cga": fields.CGA_BY_NUMBER.get(four.cga, str(four.cga)), **_digest(four.data)}


def _names(txn: Transaction, record_type: int) -> dict[int, str]:
    kind = tot.by_tot(txn.tot)
    tables: dict[int, Sequence[fields.FieldRule]] = dict(TABLES)
    if kind is not None:
        tables[2] = kind.TYPE_2
    return {rule.number: rule.mnemonic for rule in tables.get(record_type, ())} | {DATA: "DATA"}


def _lines(txn: Transaction, record: Record) -> list[str]:
    shown = _record_json(txn, record)
    lines = [f"Type-{record.type}" + ("" if record.idc is None else f"  IDC {record.idc}")]
    if isinstance(record, TaggedRecord):
        return lines + [
            f"  {each['tag']:8} {each['mnemonic'] or '':5} {_value(each)}" for each in shown["fields"]
        ]
    described = shown["image"] or {"size": shown["size"]}
    return lines + [f"  {name:6} {value}" for name, value in described.items()]


def _value(entry: dict[str, Any]) -> str:
    if "value" not in entry:
        return f"{entry['size']} bytes, sha256 {entry['sha256']}"
    text = " | ".join(" , ".join(items) for items in entry["value"])
    safe = "".join(each if each.isprintable() else " " for each in text)
    return safe if len(safe) <= SHOWN_CHARACTERS else f"{safe[:SHOWN_CHARACTERS]} … ({len(safe)} characters)"
