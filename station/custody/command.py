"""The verifier as a program: custody bundles and public certificates in, one report a bundle out.

    python -m station.custody BUNDLE... --ca STATION-CA.pem --gateway-ca GATEWAY-CA.pem [--crl LIST]... [--json]

Exit code: 0 every bundle holds, 1 one does not, 2 wrong arguments, 3 a file of certificates or a list cannot be used.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from station.custody import revoked
from station.custody.proof import Anchors, anchors
from station.custody.revoked import RevocationList
from station.custody.verify import NAME, verify


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, nargs="+", help="a custody.json, or a folder that has one")
    parser.add_argument("--ca", type=Path, required=True, help="PEM of the station's authority")
    parser.add_argument(
        "--gateway-ca", type=Path, required=True, help="PEM of the gateway's receipt authority"
    )
    parser.add_argument(
        "--crl",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a revocation list of one of these authorities (may be repeated)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a bundle")


def run(args: argparse.Namespace) -> int:
    """0 every bundle holds, 1 one does not, 3 a file of certificates or a list cannot be used."""
    try:
        station, gateway = (anchors(path.read_bytes()) for path in (args.ca, args.gateway_ca))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"a certificate file cannot be used: {error}\n")
        return 3
    lists = []
    for path in args.crl:
        try:
            lists.append(revoked.read(path.read_bytes()))
        except (OSError, ValueError) as error:
            sys.stderr.write(f"the revocation list {path} cannot be used: {error}\n")
            return 3
    return max(_one(path, station, gateway, lists, args.json) for path in args.bundle)


def _one(
    path: Path, station: Anchors, gateway: Anchors, lists: Sequence[RevocationList], as_json: bool
) -> int:
    file = path / NAME if path.is_dir() else path
    beside = file.with_name("transaction.an2")
    try:
        content = beside.read_bytes() if path.is_dir() and beside.exists() else None
        report = {"bundle": str(path)} | verify(file.read_bytes(), station, gateway, content, lists)
    except OSError as error:
        broken = {"link": "format", "row": None, "reason": f"cannot be read: {error.strerror}"}
        report = {"bundle": str(path), "ok": False, "steps": [], "first_broken": broken}
    sys.stdout.write((json.dumps(report) if as_json else _text(report)) + "\n")
    return 0 if report["ok"] else 1


def _text(report: Mapping[str, Any]) -> str:
    if not report["ok"]:
        broken = report["first_broken"]
        row = f", audit row {broken['row']}" if broken["row"] is not None else ""
        return f"NOT PROVEN {report['bundle']}: {broken['link']}{row}: {broken['reason']}"
    lines = [f"PROVEN {report['bundle']}: {report['submission_id']}, TCN {report['tcn']}"]
    lines += [f"  {s['row']:6} {s['at']} ({s['trust']}) {s['step']}: {s['who']}" for s in report["steps"]]
    lines += [f"  signed, {name}: {who}" for name, who in report["signers"].items()]
    return "\n".join([*lines, *_revocation(report["revocation"])])


def _revocation(found: Mapping[str, Any] | None) -> list[str]:
    if found is None:
        return ["  revocation was not looked at: no list was given (--crl FILE)"]
    lines = [
        f"  REVOKED since {one['since']}, and signed later: {one['signature']} (certificate {one['serial']})"
        for one in found["revoked"]
    ]
    if found["not_covered"]:
        lines.append(f"  no list speaks of: {', '.join(found['not_covered'])}")
    return lines or [f"  nothing was signed after its certificate was revoked ({found['lists']} lists)"]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="verify", description=(__doc__ or "").splitlines()[0])
    add_arguments(parser)
    return run(parser.parse_args(argv))
