"""`station record build`: demographics and a folder of prints become a transaction, without the kiosk.

In: subject.toml ([header], [subject], [reader], [missing]) and PNG files named by position and impression, such as
`02-rolled.png` or `13-plain.png`. Out: an ANSI/NIST-ITL file, written only when it has no errors (or with --force).
"""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import json
import re
import secrets
from pathlib import Path
from typing import Any

import msgspec

from station.errors import EnvironmentFault, ImageError, RecordError
from station.friction_ridge import AMP, FGP, IMP, SLAP_FINGERS
from station.imaging import codecs, load_gray, segment
from station.imaging.quality import nfiq2
from station.records import profile as profiles
from station.records import tot
from station.records.encode import encode
from station.records.fields_type_2 import RULES
from station.records.findings import Finding, Severity, errors
from station.records.header import Header
from station.records.prints import Nfiq2, Segment, TenprintImage
from station.records.profile import Profile
from station.records.validate import validate

_NAME = re.compile(r"(\d{1,2})-(rolled|plain)\.png", re.I)
_IMP = {"rolled": IMP.LIVESCAN_ROLLED, "plain": IMP.LIVESCAN_PLAIN}
WSQ_PPI = range(495, 506)


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of subject.toml in which an unknown key is an error."""


class HeaderSection(_Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Type-1 values; dai comes from the profile and tcn is made when they are absent."""

    ori: str
    dai: str | None = None
    tcn: str | None = None
    pry: int | None = None


class ReaderSection(_Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the prints were taken with."""

    make: str = ""
    model: str = ""
    serial: str = ""
    simulated: bool = False
    fap: int | None = None
    dmm: str | None = None


class SubjectFile(_Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole subject.toml. missing: finger number → XX or UP."""

    header: HeaderSection
    subject: dict[str, Any]
    reader: ReaderSection = ReaderSection()
    missing: dict[str, str] = {}


def add_arguments(actions: Any) -> None:
    """The sub-command's arguments."""
    sub: argparse.ArgumentParser = actions.add_parser(
        "build", help="make a transaction from demographics and a folder of prints"
    )
    sub.add_argument(
        "--example", type=Path, metavar="DIR", help="write a synthetic subject and prints to start from"
    )
    sub.add_argument("--tot", default="CAR", help="type of transaction (default CAR)")
    sub.add_argument("--profile", help="the bureau's rules: a name or a .toml file")
    sub.add_argument("--subject", type=Path, help="subject.toml")
    sub.add_argument("--prints", type=Path, metavar="DIR", help="folder of NN-rolled.png and NN-plain.png")
    sub.add_argument("--ppi", type=int, default=500, help="resolution of the prints (default 500)")
    sub.add_argument(
        "--type", choices=["4", "14"], help="record type of the prints (default: the profile's, else 14)"
    )
    sub.add_argument(
        "--cga", choices=["WSQ20", "JP2", "PNG", "NONE"], help="compression (default WSQ20, JP2 at 1000 ppi)"
    )
    sub.add_argument("--nfiq2", action="store_true", help="add real NFIQ 2 scores (0.1 s a finger)")
    sub.add_argument("--force", action="store_true", help="write it although it has errors")
    sub.add_argument("--out", type=Path, help="the file to write")
    sub.add_argument("--json", action="store_true", help="for a program")


def run(args: argparse.Namespace) -> int:
    """0 written, 1 not written because of errors."""
    if args.example is not None:
        return _example(args.example, args.json)
    missing = [name for name in ("subject", "prints", "out") if getattr(args, name) is None]
    if missing:
        raise RecordError(
            "record.build_usage",
            f"--{', --'.join(missing)} missing",
            "or begin with: station record build --example DIR",
        )
    profile = profiles.load(args.profile) if args.profile else None
    content, findings = build(args, profile)
    wrong = len(errors(findings))
    written = not wrong or args.force
    if written:
        _write(args.out, content)
    _report(args, content, findings, written)
    return 0 if not wrong else 1


def build(args: argparse.Namespace, profile: Profile | None) -> tuple[bytes, tuple[Finding, ...]]:
    """The file's bytes and what is wrong with them. Raises RecordError, ImageError, EnvironmentFault."""
    given = read_subject(args.subject)
    kind = tot.by_tot(args.tot)
    maker = getattr(kind, "build", None)
    if kind is None or kind.RESPONSE or maker is None:
        known = ", ".join(sorted(t.upper() for t in tot.names() if not tot.load(t).RESPONSE))
        raise RecordError("record.unknown_tot", f"no submission is called {args.tot}", f"one of: {known}")
    missing = _missing(given.missing)
    form = args.type or (str(profile.prints.record_types[0]) if profile else "14")
    subject, notes = fitting(given.subject, kind)
    paths = _prints(args.prints, kind.PRINTS[1], notes)
    images = [_image(path, args, given.reader, missing) for path in paths]
    now = dt.datetime.now(dt.UTC)
    header = Header(
        tcn=given.header.tcn or _control_number(profile, given.header.ori, now),
        dai=given.header.dai or (profile.header.dai if profile else None) or given.header.ori,
        ori=given.header.ori,
        dat=now.astimezone().date(),
        gmt=now,
        pry=given.header.pry,
    )
    txn = maker(header, subject, images, missing, form=form)
    findings = validate(txn, today=header.dat)
    return encode(txn), (*notes, *findings, *(profiles.check(txn, profile) if profile else ()))


def fitting(subject: dict[str, Any], kind: tot.TransactionType) -> tuple[dict[str, Any], list[Finding]]:
    """The values this type of transaction has fields for, and a warning for each known field it has not: one
    subject.toml serves several types. A key that is no field at all stays, and is refused later."""
    own = {name for rule in kind.TYPE_2 for name in (rule.mnemonic, f"2.{rule.number:03d}")}
    known = {name for rule in RULES for name in (rule.mnemonic, f"2.{rule.number:03d}")}
    left = [key for key in subject if key.strip().upper() in known - own]
    notes = [
        Finding(
            "build.left_out",
            f"2.{_number(key):03d}",
            f"{key}: a {kind.TOT} has no such field",
            Severity.WARNING,
        )
        for key in left
    ]
    return {key: value for key, value in subject.items() if key not in left}, notes


def _number(key: str) -> int:
    wanted = key.strip().upper()
    return next(rule.number for rule in RULES if wanted in (rule.mnemonic, f"2.{rule.number:03d}"))


def _control_number(profile: Profile | None, ori: str, now: dt.datetime) -> str:
    """A new control number: the bureau's prefix, the agency, the day, and 48 random bits."""
    prefix = profile.header.tcn_prefix if profile else ""
    return f"{prefix}{ori}-{now:%y%m%d}-{secrets.token_hex(6).upper()}"[:40]


def read_subject(path: Path) -> SubjectFile:
    """subject.toml. Raises RecordError record.subject_file, EnvironmentFault environment.file."""
    try:
        return msgspec.toml.decode(path.read_bytes(), type=SubjectFile)
    except OSError as failure:
        raise EnvironmentFault(
            "environment.file", f"{path}: {failure.strerror}", "check the path"
        ) from failure
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise RecordError(
            "record.subject_file", f"{path}: {error}", "compare with: station record build --example DIR"
        ) from error


def _missing(given: dict[str, str]) -> dict[FGP, AMP]:
    try:
        return {
            FGP(int(finger)): AMP(code)
            for finger, code in given.items()
            if 1 <= int(finger) <= 10 or _refuse(finger)
        }
    except ValueError as error:
        raise RecordError(
            "record.subject_file",
            f"[missing]: {error}",
            "finger 1 to 10 = XX (amputated) or UP (unable to print)",
        ) from error


def _refuse(finger: str) -> bool:
    raise ValueError(f"{finger} is not a finger")


def _prints(folder: Path, most: int, notes: list[Finding]) -> list[Path]:
    found = sorted(path for path in folder.glob("*") if _NAME.fullmatch(path.name))
    if not found:
        raise EnvironmentFault(
            "environment.no_images",
            f"{folder} has no prints",
            "name them like 02-rolled.png and 13-plain.png",
        )
    if len(found) > most:
        message = f"{len(found)} prints; the first {most} were taken"
        notes.append(Finding("build.left_out", "1.003", message, Severity.WARNING))
    return found[:most]


def _image(
    path: Path, args: argparse.Namespace, reader: ReaderSection, missing: dict[FGP, AMP]
) -> TenprintImage:
    named = _NAME.fullmatch(path.name)
    assert named is not None
    number = int(named[1])
    if not 1 <= number <= 15:
        raise RecordError(
            "record.position", f"{path.name}: there is no position {number}", "1 to 15 (docs/records.md)"
        )
    fgp, gray = FGP(number), load_gray(path)
    cga = args.cga or ("WSQ20" if args.ppi in WSQ_PPI else "JP2")
    segments = _segments(gray, args.ppi, fgp, missing)
    return TenprintImage(
        fgp=fgp,
        imp=_IMP[named[2].lower()],
        width=gray.shape[1],
        height=gray.shape[0],
        ppi=args.ppi,
        cga=cga,
        data=codecs.by_name(cga).encode(gray, args.ppi),
        make=reader.make,
        model=reader.model,
        serial=reader.serial,
        simulated=reader.simulated,
        nfiq2=_nfiq2(gray, args.ppi, fgp, segments) if args.nfiq2 else (),
        segments=segments,
        fap=reader.fap,
        dmm=reader.dmm,
    )


def _segments(gray: Any, ppi: int, fgp: FGP, missing: dict[FGP, AMP]) -> tuple[Segment, ...]:
    """The fingers of a slap; none when they cannot be told apart, for a wrong box is worse than no box."""
    if len(SLAP_FINGERS.get(fgp, ())) < 2:
        return ()
    try:
        found = segment(gray, ppi, fgp, missing)
    except ImageError:
        return ()
    if not found.usable or len(found.fingers) != found.expected:
        return ()
    return tuple(
        Segment(each.fgp, each.left, each.right, each.top, each.bottom, each.polygon)
        for each in found.fingers
    )


def _nfiq2(gray: Any, ppi: int, fgp: FGP, segments: tuple[Segment, ...]) -> tuple[Nfiq2, ...]:
    if not nfiq2.library().works:
        raise EnvironmentFault(
            "environment.nfiq2", nfiq2.library().why, "install nbis-python, or leave --nfiq2 out"
        )
    if not segments:
        own = SLAP_FINGERS.get(fgp, (fgp,))
        return (Nfiq2(own[0], nfiq2.score(gray, ppi)),) if len(own) == 1 else ()
    cut = ((each, gray[each.top : each.bottom + 1, each.left : each.right + 1]) for each in segments)
    return tuple(Nfiq2(each.fgp, nfiq2.score(pixels, ppi)) for each, pixels in cut)


def _example(folder: Path, as_json: bool) -> int:
    from station.demo import record_example

    try:
        made = record_example.write(folder)
    except OSError as failure:
        raise EnvironmentFault(
            "environment.file", f"{folder}: {failure.strerror or failure}", "check the path"
        ) from failure
    if as_json:
        print(json.dumps({"written": [str(path) for path in made]}))
        return 0
    print(f"{len(made)} files in {folder}; now:")
    print(
        f"  station record build --tot CAR --profile example_sib --subject {made[0]} --prints {folder} --out car.an2"
    )
    return 0


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as failure:
        raise EnvironmentFault(
            "environment.file", f"{path}: {failure.strerror}", "check the path"
        ) from failure


def _report(args: argparse.Namespace, content: bytes, findings: tuple[Finding, ...], written: bool) -> None:
    digest = hashlib.sha256(content).hexdigest()
    if args.json:
        shown = [{**msgspec.to_builtins(each), "severity": each.severity.value} for each in findings]
        told = {"output": str(args.out) if written else None, "size": len(content), "sha256": digest}
        print(json.dumps(told | {"findings": shown}))
        return
    for each in findings:
        print(
            f"{each.severity:7}  record {each.record:<2}  {each.field:7}  {each.code}: {each.message}. {each.advice}"
        )
    if written:
        print(f"{args.out}: {args.tot}, {len(content)} bytes, sha256 {digest}")
    else:
        print(f"not written: {len(errors(findings))} errors (--force writes it all the same)")
