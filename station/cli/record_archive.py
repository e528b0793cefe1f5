"""`station record archive|verify-archive|strip-archive`: the signed archive copy of a submission. In, out: files."""

from __future__ import annotations

import argparse
import datetime as dt
import json
from pathlib import Path
from typing import Any

from offline_queue import cms
from offline_queue.signers import load_signer
from station.errors import EnvironmentFault
from station.records import assurance

ACTIONS = ("archive", "verify-archive", "strip-archive")


def add_arguments(actions: Any) -> None:
    """The three sub-commands' arguments."""
    make = actions.add_parser("archive", help="write a copy with a signed Type-98 for the local archive")
    make.add_argument("input", type=Path)
    make.add_argument("output", type=Path)
    make.add_argument("--key", required=True, metavar="URI", help="file:/path/key.pem?cert=/path/cert.pem")
    make.add_argument("--source", help="the agency of 98.004; else 1.008 of the submission")
    make.add_argument("--json", action="store_true", help="for a program")
    look = actions.add_parser("verify-archive", help="check digests and signature of an archive copy")
    look.add_argument("file", type=Path)
    look.add_argument("--trust", required=True, type=Path, metavar="PEM", help="the authorities to trust")
    look.add_argument(
        "--at", metavar="TIME", help="when the certificate must be valid; else the time claimed in it"
    )
    look.add_argument("--json", action="store_true", help="for a program")
    back = actions.add_parser("strip-archive", help="write the submission of an archive copy, byte for byte")
    back.add_argument("input", type=Path)
    back.add_argument("output", type=Path)
    back.add_argument("--json", action="store_true", help="for a program")


def run(args: argparse.Namespace) -> int:
    """Run one of ACTIONS: 0 done and nothing wrong, 1 findings."""
    if args.action == "archive":
        return _archive(args)
    if args.action == "strip-archive":
        return _written(args, assurance.strip(_read(args.input)))
    return _verify(args)


def _archive(args: argparse.Namespace) -> int:
    signer, now = load_signer(args.key), dt.datetime.now(dt.UTC)
    copy = assurance.archive_copy(
        _read(args.input), lambda content: cms.sign_detached(content, signer, now), now, args.source
    )
    return _written(args, copy)


def _verify(args: argparse.Namespace) -> int:
    found = assurance.verify(_read(args.file), _read(args.trust), _time(args.at))
    if args.json:
        listed = [{"code": each.code, "field": each.field, "message": each.message} for each in found]
        print(json.dumps({"whole": not found, "findings": listed}))
    else:
        for each in found:
            print(f"error  {each.code}  {each.field}  {each.message}  {each.advice}".rstrip())
        print("nothing wrong: digests and signature hold" if not found else f"{len(found)} findings")
    return 1 if found else 0


def _time(value: str | None) -> dt.datetime | None:
    if value is None:
        return None
    try:
        moment = dt.datetime.fromisoformat(value)
    except ValueError as error:
        raise EnvironmentFault(
            "environment.time", f"{value!r} is no time", "write 2026-11-23T18:00Z"
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as failure:
        raise EnvironmentFault(
            "environment.file",
            f"{path} cannot be read: {failure.strerror}",
            "check the name and the permission",
        ) from failure


def _written(args: argparse.Namespace, content: bytes) -> int:
    try:
        args.output.write_bytes(content)
    except OSError as failure:
        raise EnvironmentFault(
            "environment.file", f"{args.output} cannot be written: {failure.strerror}"
        ) from failure
    said = {"output": str(args.output), "size": len(content)}
    print(json.dumps(said) if args.json else f"{args.output}: {len(content)} bytes")
    return 0
