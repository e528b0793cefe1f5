"""`station keys status|rotate|enrol|renew|crl`: keys and certificates, how long they last, new ones, revoked ones.

Only enrol, renew (keys_enrol.py) and crl --fetch (keys_crl.py) reach a network. docs/queue-keys.md is the manual page.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import re
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from cryptography import x509

from offline_queue import certificates, keyring, rotation
from offline_queue.clock import SystemClock, stamp
from offline_queue.errors import StoreFault, VaultError
from offline_queue.rotation import Place, Rotated
from offline_queue.signers import load_signer
from offline_queue.store import Queue
from offline_queue.vault import Vault, key_id, read_key
from station.booking_store import _booking_aad, _frame_aad
from station.cli import keys_crl, keys_enrol
from station.settings import Settings, load_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, line in {
        "status": "keys, certificates, days left",
        "rotate": "a new station key; what is stored is wrapped under it, then the old key is destroyed",
    }.items():
        made = actions.add_parser(name, help=line, description=line)
        made.add_argument("--config", type=Path, required=True, help="station.toml")
        made.add_argument(
            "--keys", type=Path, help="key file or folder, where the settings name a credential"
        )
        made.add_argument("--json", action="store_true", help="machine-readable")
        if name == "rotate":
            made.add_argument(
                "--into", type=Path, help="make this folder of keys first, out of the one key file"
            )
    keys_enrol.add_actions(actions)
    keys_crl.add_action(actions)


def run(args: argparse.Namespace) -> int:
    """0 done; 1 rotate: an old key had to be kept; 3 a key cannot be used."""
    settings = load_settings(args.config)
    if args.action in keys_enrol.LINES:
        return keys_enrol.run(settings, args)
    if args.action == "crl":
        return keys_crl.run(settings, args)
    path: Path = args.keys or settings.queue.station_key
    return status(settings, path, args) if args.action == "status" else rotate(settings, path, args)


def status(settings: Settings, path: Path, args: argparse.Namespace) -> int:
    """Never fails for a key that is unfit: its line says so."""
    now = SystemClock().utcnow()
    found = {
        "sealing": _tried(lambda: _sealing(path)),
        "signing": _tried(lambda: _signing(settings.signing.uri, now)),
        "client": _tried(lambda: _client(settings, now)),
    }
    if args.json:
        print(json.dumps(found))
        return 0
    for name, facts in found.items():
        print(f"{name}:")
        for fact, value in facts.items():
            print(f"  {fact.replace('_', ' ')}: {value}")
    return 0


def _tried(look: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return look()
    except Exception as error:
        if not hasattr(error, "code"):
            raise
        return {"error": str(error)}


def _sealing(path: Path) -> dict[str, Any]:
    """Policy, and the station's keys by their ids, the one that seals first."""
    facts: dict[str, Any] = {"path": str(path), "policy": "sealed to the station's own key"}
    if not keyring.is_keyring(path):
        return facts | {
            "keys": [key_id(read_key(path)).hex()],
            "kind": "one key file: make it a folder to rotate",
        }
    keys = keyring.read(path)
    others = sorted(name.hex() for name in keys.all if name != keys.current)
    return facts | {"keys": [keys.current.hex(), *others], "rotation_unfinished": rotation.unfinished(path)}


def _signing(uri: str, now: dt.datetime) -> dict[str, Any]:
    facts = {"uri": re.sub(r"(pin-value=)[^&;]*", r"\1...", uri)}
    return facts | life(x509.load_der_x509_certificate(load_signer(uri).certificate), now)


def _client(settings: Settings, now: dt.datetime) -> dict[str, Any]:
    path = settings.gateway.client_cert
    facts = {"uri": f"file:{settings.gateway.client_key}?cert={path}"}
    try:
        return facts | life(x509.load_pem_x509_certificate(path.read_bytes()), now)
    except (OSError, ValueError) as error:
        return facts | {"error": str(error)}


def life(certificate: x509.Certificate, now: dt.datetime) -> dict[str, Any]:
    """Subject, serial number, days left, and when two thirds of its life are over."""
    end, due = certificate.not_valid_after_utc, certificates.renewal_due(certificate)
    return {
        "subject": certificate.subject.rfc4514_string(),
        "serial": f"{certificate.serial_number:x}",
        "valid_until": stamp(end),
        "days_left": (end - now).days,
        "renewal_due": stamp(due),
        "renewal_is_due": now >= due,
    }


def rotate(settings: Settings, path: Path, args: argparse.Namespace) -> int:
    """Interrupted at any point, it is run again and goes on."""
    if not settings.queue.database.exists():
        raise StoreFault(
            "queue.absent", f"there is no queue at {settings.queue.database}", "start the station first"
        )
    folder = _folder(path, args.into)
    clock = SystemClock()
    vault = Vault.load(folder)
    with Queue.open(
        settings.queue.database,
        vault,
        clock,
        station_id=settings.station.id,
        time_source=settings.time_source(),
    ) as queue:
        places = (*rotation.of_queue(queue), *of_bookings(settings.booking.database))
        done = rotation.rotate(folder, queue, places, _progress)
    return _said(done, folder, args)


def _folder(path: Path, into: Path | None) -> Path:
    if into is None:
        if keyring.is_keyring(path):
            return path
        raise VaultError(
            "vault.not_a_keyring",
            f"{path} is one key, not a folder of keys",
            "name a new folder: --into FOLDER",
        )
    if not (into / keyring.CURRENT).exists():
        keyring.create(into, read_key(path))
    return into


def _said(done: Rotated, folder: Path, args: argparse.Namespace) -> int:
    if args.json:
        print(json.dumps(vars(done)))
    else:
        print(
            f"key {done.current} seals; {done.items} items wrapped anew; destroyed: {', '.join(done.removed) or '-'}"
        )
        if done.kept:
            print(f"kept, still in use: {', '.join(done.kept)}. Restart the services, then rotate again.")
        if args.into:
            print(f"put into station.toml: [queue] station_key = {str(folder)!r}; destroy the old key file")
    return 1 if done.kept else 0


def _progress(done: int, items: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done} of {items}", end="\n" if done == items else "", file=sys.stderr, flush=True)


def of_bookings(path: Path) -> tuple[Place, ...]:
    """Drafts and frames are sealed by the same key. Nothing when there is no such file yet."""
    if not path.exists():
        return ()

    @contextmanager
    def write() -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA secure_delete=1")
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")

    place = partial(Place, write=write)
    return (
        place(table="booking", rows="SELECT rowid, id FROM booking", aad=_booking_aad),
        place(table="frame", rows="SELECT rowid, booking, fgp, number FROM frame", aad=_frame_aad),
    )
