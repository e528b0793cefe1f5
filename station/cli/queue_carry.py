"""`station queue export|import`: one entry as files for openssl, or many in a sealed bundle on a stick, and back."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path

from offline_queue import carry
from offline_queue.errors import BundleError
from offline_queue.export import export
from offline_queue.outward import Opener, Recipient
from offline_queue.signers import load_signer
from offline_queue.store import Queue
from station.cli.queue_look import CLOSED, NewAction
from station.errors import EnvironmentFault
from station.settings import Settings


def add_actions(action: NewAction) -> None:
    exporting = action("export", "write one entry as files (--out), or entries as a sealed bundle (--bundle)")
    exporting.add_argument(
        "entry", nargs="*", help="TCN or submission id; a bundle without any takes all that wait"
    )
    where = exporting.add_mutually_exclusive_group(required=True)
    where.add_argument("--out", type=Path, help="folder to write to; nothing is overwritten")
    where.add_argument("--bundle", type=Path, metavar="FILE.lsb", help="a new file, on the medium")
    exporting.add_argument(
        "--to", type=Path, metavar="CERT.pem", help="the receiving site's sealing certificate"
    )
    exporting.add_argument("--quiet", action="store_true", help="say nothing when it went well")
    importing = action("import", "take in what another station put into a bundle")
    importing.add_argument("bundle", type=Path, metavar="FILE.lsb")
    importing.add_argument("--key", type=Path, required=True, help="this site's private sealing key, PEM")
    importing.add_argument(
        "--trust", type=Path, required=True, metavar="CA.pem", help="the authority under which stations sign"
    )


def _export(queue: Queue, settings: Settings, args: argparse.Namespace) -> int:
    if args.bundle is not None:
        return _bundle(queue, settings, args)
    if len(args.entry) != 1:
        raise BundleError("export.one_entry", "--out takes one entry", "name one, or use --bundle")
    entry = queue.find(args.entry[0])
    written, sealed_to = export(queue, entry, args.out), queue.sealed_to(entry.submission_id)
    if args.json:
        print(json.dumps({"files": [str(path) for path in written], "sealed_to": sealed_to}))
    elif not args.quiet:
        for path in written:
            print(path)
        print(
            f"check: cd {args.out} && openssl cms -verify -binary -inform DER -in manifest.p7s"
            " -content manifest.json -CAfile issuing-ca.pem -out /dev/null"
        )
        if sealed_to:
            print(CLOSED.format(sealed_to))
    return 0


def _bundle(queue: Queue, settings: Settings, args: argparse.Namespace) -> int:
    """0 everything is in it; 1 an entry had to be left out."""
    if args.to is None:
        raise BundleError(
            "bundle.no_recipient", "for whom is it?", "give --to the site's sealing certificate"
        )
    entries = [queue.find(name) for name in args.entry] or carry.waiting(queue)
    signer = load_signer(settings.signing.uri)
    done = carry.export(queue, entries, args.bundle, Recipient.load(args.to), signer)
    if args.json:
        print(json.dumps(dataclasses.asdict(done), default=str))
    elif not args.quiet:
        print(
            f"{done.path}: {len(done.entries)} entries, bundle {done.bundle_id}; they are still sent from here"
        )
    for name, reason in () if args.json else done.skipped:
        print(f"LEFT OUT {name}: {reason}")
    return 1 if done.skipped else 0


def _import(queue: Queue, _: Settings, args: argparse.Namespace) -> int:
    """0 everything is here now; 1 something in it could not be used."""
    opener = Opener.load(args.key)
    try:
        anchors = args.trust.read_bytes()
        with args.bundle.open("rb") as file:
            done = carry.import_bundle(queue, file, opener, anchors)
    except OSError as error:
        raise EnvironmentFault(
            "environment.unreadable", f"{error.filename}: {error.strerror}", "check the path and the medium"
        ) from error
    if args.json:
        print(json.dumps(dataclasses.asdict(done)))
    else:
        print(f"bundle {done.bundle_id} of {done.station_id}, signed by {done.signer}")
        print(f"{len(done.new)} new, {len(done.known)} known already, {len(done.failed)} not usable")
        for number, code, message in done.failed:
            print(f"WRONG entry {number}: {code}: {message}")
    return 1 if done.failed else 0


ACTIONS = {"export": _export, "import": _import}
