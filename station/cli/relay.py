"""`station relay`: many stations to one site, one site to the bureau, on PostgreSQL (docs/relay.md).

Without --part it keeps a family of processes: intake (TLS for stations), senders, the status page. It opens no device.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import functools
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from offline_queue import certificates
from offline_queue.clock import SystemClock
from offline_queue.errors import BundleError, QueueError
from offline_queue.outward import Opener, Openers
from offline_queue.relay import chain, heads, status
from offline_queue.relay.carried import import_bundle
from offline_queue.relay.database import Database
from offline_queue.relay.intake import Intake
from offline_queue.relay.processes import Child, Family, heart
from offline_queue.relay.queue import RelayQueue, restored
from offline_queue.relay.sending import Sender, make_sync, open_transport
from offline_queue.relay.serving import listener, serve, server_context
from offline_queue.relay.settings import Settings, load
from offline_queue.relay.stations import register
from offline_queue.relay.web import Desk
from offline_queue.revocation import Lists, Revocation
from offline_queue.signers import load_signer
from offline_queue.states import Event
from offline_queue.sync import StepReport
from offline_queue.vault import Vault
from station.records.reading import read
from station.sdnotify import notify

STEPS = {"hold": Event.HOLD, "release": Event.RELEASE, "retry": Event.RETRY}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, required=True, help="relay.toml")
    one = parser.add_mutually_exclusive_group()
    one.add_argument("--part", choices=sorted(PARTS), help=argparse.SUPPRESS)
    one.add_argument("--status", action="store_true", help="print how it stands, as JSON")
    one.add_argument("--check", action="store_true", help="walk the audit chains: 0 whole, 1 not")
    one.add_argument(
        "--restored", action="store_true", help="after a restore: the bureau is asked before anything is sent"
    )
    one.add_argument("--take-in", type=Path, metavar="FILE.lsb", help="a bundle that a station exported")
    for name in STEPS:
        one.add_argument(
            f"--{name}", nargs=2, metavar=("STATION", "ID"), help=f"{name} one submission of a station"
        )
    parser.add_argument(
        "--reason", default="", help="with --hold, --release, --retry: why, for the audit chain"
    )
    parser.add_argument("--json", action="store_true", help="with --check: print JSON")
    parser.add_argument("--key", type=Path, help="with --take-in: this site's private sealing key, PEM")
    parser.add_argument("--fd", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--name", default="", help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """0 after SIGTERM; 1 when --check found a break; 3 when it cannot start."""
    settings = load(args.config)
    if args.part:
        PARTS[args.part](settings, args, _stopped_by_signal())
        return 0
    with _database(settings) as database:
        if args.status:
            print(json.dumps(dataclasses.asdict(status.read(database)), default=str))
            return 0
        if args.check:
            return _check(database, as_json=args.json)
        if args.take_in:
            return _take_in(settings, database, args)
        if args.restored:
            print(f"{restored(database)} will be asked for before they are sent")
            return 0
        for name, event in STEPS.items():
            if getattr(args, name):
                queue = RelayQueue(database, Vault.load(settings.custody.vault_key))
                station_id, submission_id = getattr(args, name)
                entry = queue.step(station_id, submission_id, event, args.reason)
                print(f"{entry.station_id} {entry.submission_id}: {entry.state}")
                return 0
        register(database, settings.station)
    _keep(settings, args.config, _stopped_by_signal())
    return 0


def _database(settings: Settings) -> contextlib.closing[Database]:
    return contextlib.closing(Database.open(settings.database, SystemClock()))


def _check(database: Database, *, as_json: bool) -> int:
    report = chain.verify(database)
    if as_json:
        print(json.dumps(dataclasses.asdict(report)))
    else:
        print(f"{report.rows} rows in {len(report.heads)} chains" if report.ok else report.problem)
    return 0 if report.ok else 1


def _stopped_by_signal() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _keep(settings: Settings, config: Path, stop: threading.Event) -> None:
    """Run the family under a supervisor: READY when every child has been heard, then WATCHDOG with every tick."""
    server_context(settings.listen)  # what is wrong with keys refuses the start, here and not in a child
    load_signer(settings.custody.signer)
    Vault.load(settings.custody.vault_key)
    Openers.load(settings.custody.sealing_keys)
    open_transport(settings.bureau, SystemClock()).close()
    with (
        listener(settings.listen.host, settings.listen.port) as gate,
        listener(settings.page.host, settings.page.port) as window,
    ):
        family = Family(_children(settings, config, gate, window), SystemClock(), _say)
        ready = False

        def tick() -> None:
            nonlocal ready
            if not ready and family.all_run():
                ready = True
                notify("READY=1")
                print(f"ready {gate.getsockname()[1]} {window.getsockname()[1]}", flush=True)
            if ready:
                notify("WATCHDOG=1")

        family.run(stop, tick)
    notify("STOPPING=1")


def _children(settings: Settings, config: Path, gate: socket.socket, window: socket.socket) -> list[Child]:
    command = [sys.executable, "-m", "station", "relay", "--config", str(config), "--part"]
    host = socket.gethostname()

    def child(part: str, n: int, sock: socket.socket | None, silent_s: float) -> Child:
        name = f"{part}-{n}"
        more = [] if sock is None else ["--fd", str(sock.fileno())]
        fds = () if sock is None else (sock.fileno(),)
        return Child(name, [*command, part, "--name", f"{host}-{name}", *more], fds, silent_s)

    exchange_s = settings.bureau.total_deadline_s + 60.0
    return [
        *(child("intake", n, gate, 60.0) for n in range(1, settings.listen.processes + 1)),
        *(child("sender", n, None, exchange_s) for n in range(1, settings.bureau.workers + 1)),
        child("page", 1, window, 120.0),
    ]


def _taker(settings: Settings, database: Database, vault: Vault) -> Intake:
    custody, anchors = settings.custody, settings.listen.station_ca.read_bytes()
    openers, folder = Openers.load(custody.sealing_keys), settings.listen.crl_folder
    lists = None if folder is None else Revocation(Lists(folder), certificates.from_pem(anchors))
    signer = load_signer(custody.signer)
    return Intake(database, vault, signer, custody.name, anchors, SystemClock(), openers, lists)


def _take_in(settings: Settings, database: Database, args: argparse.Namespace) -> int:
    """0 everything is here now; 1 something in the bundle could not be used."""
    if args.key is None:
        raise BundleError("bundle.no_key", "which key opens it?", "give --key the site's private sealing key")
    register(database, settings.station)
    taker = _taker(settings, database, Vault.load(settings.custody.vault_key))
    anchors, now = settings.listen.station_ca.read_bytes(), SystemClock().utcnow()
    try:
        with args.take_in.open("rb") as file:
            done = import_bundle(taker, file, Opener.load(args.key), anchors, now)
    except OSError as error:
        raise BundleError(
            "bundle.cannot_read", f"{args.take_in}: {error.strerror}", "check the medium"
        ) from error
    print(json.dumps(dataclasses.asdict(done)))
    return 1 if done.failed else 0


def _intake(settings: Settings, args: argparse.Namespace, stop: threading.Event) -> None:
    with _database(settings) as database:
        vault = Vault.load(settings.custody.vault_key)
        intake = _taker(settings, database, vault)
        desk = Desk(intake, vault, upload_s=settings.listen.upload_s)
        with socket.socket(fileno=args.fd) as gate:
            serve(desk.application(), gate, stop, heart(), server_context(settings.listen))
        desk.close()


def _sender(settings: Settings, args: argparse.Namespace, stop: threading.Event) -> None:
    bureau, first = settings.bureau, args.name.endswith("-1")
    with _database(settings) as database:
        transport = open_transport(bureau, SystemClock())
        vault = Vault.load(settings.custody.vault_key)
        sync = make_sync(database, vault, bureau, args.name, addressed_to, transport)
        keep_days = settings.custody.keep_days if first else None
        signer = load_signer(settings.custody.signer)
        sign = functools.partial(heads.sign, database, signer, settings.custody.name) if first else None
        sender = Sender(
            database, sync, poll_s=bureau.poll_s, pulls=first, keep_days=keep_days, sign_heads=sign
        )
        sender.run(stop, heart(), functools.partial(_report, args.name))
        transport.close()


def _page(settings: Settings, args: argparse.Namespace, stop: threading.Event) -> None:
    with _database(settings) as database, socket.socket(fileno=args.fd) as window:
        serve(status.application(database), window, stop, heart())


PARTS: dict[str, Callable[[Settings, argparse.Namespace, threading.Event], None]] = {
    "intake": _intake,
    "sender": _sender,
    "page": _page,
}


def addressed_to(content: bytes) -> Sequence[str]:
    """The agency a response is addressed to (1.007 DAI), nothing when it cannot be read."""
    transaction = read(content).transaction
    name = None if transaction is None else transaction.header.text(7)
    return [name] if name else []


def _report(name: str, report: StepReport) -> None:
    """One line a pass in which something happened: counts and codes, never content."""
    words = [f"{value} {key}" for key, value in vars(report).items() if type(value) is int and value]
    if isinstance(report.fault, QueueError):
        words.append(str(report.fault))
    if words:
        _say(f"{name}: {'; '.join(words)}")


def _say(line: str) -> None:
    os.write(1, f"{line}\n".encode())
