"""`station keys enrol|renew`: a first certificate for a key, or the next one, from an EST server (RFC 7030).

The key stays where its URI says and is made there if there is none. The certificate becomes current at once; the old
one is kept beside it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cryptography import x509

from offline_queue import certificates, est, keypair
from offline_queue.clock import SystemClock, stamp
from offline_queue.errors import EstError, SignerError
from offline_queue.est import Access, EstClient
from offline_queue.keyfile import read_secret
from offline_queue.keypair import SigningKey
from offline_queue.signers import certificate_path, create_key, load_key
from station.settings import Settings

LINES = {
    "enrol": "a first certificate for a key, with a password or a bootstrap certificate",
    "renew": "the next certificate for the same key, shown to be ours by the TLS client certificate",
}


def add_actions(actions: Any) -> None:
    for name, line in LINES.items():
        made = actions.add_parser(name, help=line, description=line)
        made.add_argument("--config", type=Path, required=True, help="station.toml")
        made.add_argument("--purpose", choices=("signing", "client"), required=True)
        made.add_argument("--server", required=True, help="https://host:port of the EST server")
        made.add_argument(
            "--ca", type=Path, required=True, help="PEM: authority of the server's TLS certificate"
        )
        made.add_argument(
            "--under", type=Path, required=True, help="PEM: authority the new certificate must be under"
        )
        made.add_argument("--json", action="store_true", help="machine-readable")
        if name == "enrol":
            made.add_argument("--user", default="", help="name for the password")
            made.add_argument("--password-file", type=Path, help="mode 0600")
            made.add_argument("--bootstrap-cert", type=Path)
            made.add_argument("--bootstrap-key", type=Path)


def run(settings: Settings, args: argparse.Namespace) -> int:
    """0 done. EstError, SignerError: nothing was changed but, perhaps, a key made where there was none."""
    gateway, clock = settings.gateway, SystemClock()
    uri = settings.signing.uri
    if args.purpose == "client":
        uri = f"file:{quote(str(gateway.client_key))}?cert={quote(str(gateway.client_cert))}"
    key = _key(uri, make=args.action == "enrol")
    path, client = certificate_path(uri), EstClient(_access(settings, args), clock)
    try:
        if args.action == "enrol":
            found = client.enrol(keypair.request(key, settings.station.id, args.purpose))
        else:
            found = _renewed(client, key, path, args.purpose)
    finally:
        client.close()
    anchors = certificates.from_pem(args.under.read_bytes())
    chain = est.ours(found, key, args.purpose, anchors, clock.utcnow())
    kept = est.install(path, chain)
    facts = {"certificate": str(path), "valid_until": stamp(chain[0].not_valid_after_utc)}
    facts |= {"serial": f"{chain[0].serial_number:x}", "old": str(kept) if kept else ""}
    print(json.dumps(facts) if args.json else "\n".join(f"{name}: {value}" for name, value in facts.items()))
    return 0


def _key(uri: str, *, make: bool) -> SigningKey:
    try:
        return load_key(uri)
    except SignerError as error:
        if not make or error.code != "signer.key_missing":
            raise
    return create_key(uri)


def _access(settings: Settings, args: argparse.Namespace) -> Access:
    if args.action == "renew":
        return Access(args.server, args.ca, settings.gateway.client_cert, settings.gateway.client_key)
    password = ""
    if args.password_file is not None:
        password = read_secret(args.password_file, EstError, "est").decode(errors="replace").strip()
    return Access(args.server, args.ca, args.bootstrap_cert, args.bootstrap_key, args.user, password)


def _renewed(client: EstClient, key: SigningKey, path: Path, purpose: str) -> tuple[x509.Certificate, ...]:
    """The TLS certificate is renewed as RFC 7030 says; the signing certificate, another one than TLS shows, is asked
    for like a first one, under its own subject."""
    subject = keypair.read_certificates(path)[0].subject.public_bytes()
    request = keypair.request(key, "", purpose, subject)
    return client.renew(request) if purpose == "client" else client.enrol(request)
