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
from offline_queue.errors import CertificateError, EstError, SignerError
from offline_queue.est import Access, EstClient
from offline_queue.keyfile import read_secret
from offline_queue.keypair import SigningKey
from offline_queue.signers import certificate_path, create_key, load_key
from station.settings import EnrolmentSection, Settings

PURPOSES = ("signing", "client")  # the signing certificate first: it is shown under the TLS one
LINES = {
    "enrol": "a first certificate for a key, with a password or a bootstrap certificate",
    "renew": "the next certificate for the same key, shown to be ours by the TLS client certificate",
}


def add_actions(actions: Any) -> None:
    for name, line in LINES.items():
        made = actions.add_parser(name, help=line, description=line)
        made.add_argument("--config", type=Path, required=True, help="station.toml")
        made.add_argument("--purpose", choices=PURPOSES, required=name == "enrol")
        made.add_argument("--server", help="https://host:port of the EST server; default: [enrolment]")
        made.add_argument("--ca", type=Path, help="PEM: authority of the server's TLS certificate")
        made.add_argument("--under", type=Path, help="PEM: authority the new certificate must be under")
        made.add_argument("--json", action="store_true", help="machine-readable, a line a certificate")
        if name == "renew":
            made.add_argument(
                "--due", action="store_true", help="those of which two thirds of their life are over"
            )
        if name == "enrol":
            made.add_argument("--user", default="", help="name for the password")
            made.add_argument("--password-file", type=Path, help="mode 0600")
            made.add_argument("--bootstrap-cert", type=Path)
            made.add_argument("--bootstrap-key", type=Path)


def run(settings: Settings, args: argparse.Namespace) -> int:
    """0 done; with --due, 1 when one could not be renewed. EstError, SignerError: nothing was changed but, perhaps, a
    key made where there was none."""
    if args.action == "renew" and args.due:
        return _all_due(settings, args)
    if args.purpose is None:
        raise EstError("est.no_purpose", "which certificate?", "give --purpose signing or client, or --due")
    _say(one(settings, args, args.purpose), args)
    return 0


def _all_due(settings: Settings, args: argparse.Namespace) -> int:
    """Both, if it is time; one that fails does not keep the other."""
    if settings.enrolment is None and args.server is None:
        _say({"renewal": "not configured: no [enrolment] in the settings"}, args)
        return 0
    failed = 0
    for purpose in PURPOSES:
        try:
            if _is_due(_uri(settings, purpose)):
                _say({"purpose": purpose} | one(settings, args, purpose), args)
        except (EstError, SignerError, CertificateError) as error:
            failed = 1
            _say({"purpose": purpose, "error": str(error)}, args)
    return failed


def _is_due(uri: str) -> bool:
    leaf = keypair.read_certificates(certificate_path(uri))[0]
    return SystemClock().utcnow() >= certificates.renewal_due(leaf)


def _uri(settings: Settings, purpose: str) -> str:
    if purpose == "signing":
        return settings.signing.uri
    return f"file:{quote(str(settings.gateway.client_key))}?cert={quote(str(settings.gateway.client_cert))}"


def one(settings: Settings, args: argparse.Namespace, purpose: str) -> dict[str, str]:
    """Enrol or renew one; what came of it."""
    uri, clock, place = _uri(settings, purpose), SystemClock(), _place(settings, args)
    key = _key(uri, make=args.action == "enrol")
    path, client = certificate_path(uri), EstClient(_access(settings, args, place), clock)
    try:
        if args.action == "enrol":
            found = client.enrol(keypair.request(key, settings.station.id, purpose))
        else:
            found = _renewed(client, key, path, purpose)
    finally:
        client.close()
    try:
        anchors = certificates.from_pem(place.under.read_bytes())
    except OSError as error:
        raise EstError("est.untrusted", f"{place.under}: {error.strerror}", "correct --under") from error
    chain = est.ours(found, key, purpose, anchors, clock.utcnow())
    kept = est.install(path, chain)
    facts = {"certificate": str(path), "valid_until": stamp(chain[0].not_valid_after_utc)}
    return facts | {"serial": f"{chain[0].serial_number:x}", "old": str(kept) if kept else ""}


def _place(settings: Settings, args: argparse.Namespace) -> EnrolmentSection:
    """The arguments, else the settings. EstError `est.address` when one is in neither."""
    known = settings.enrolment
    server, ca, under = (
        getattr(args, name) or getattr(known, name, None) for name in ("server", "ca", "under")
    )
    if server is None or ca is None or under is None:
        raise EstError(
            "est.address",
            "no server, or no authority of it",
            "give --server, --ca and --under, or [enrolment]",
        )
    return EnrolmentSection(server=server, ca=ca, under=under)


def _say(facts: dict[str, str], args: argparse.Namespace) -> None:
    print(json.dumps(facts) if args.json else "\n".join(f"{name}: {value}" for name, value in facts.items()))


def _key(uri: str, *, make: bool) -> SigningKey:
    try:
        return load_key(uri)
    except SignerError as error:
        if not make or error.code != "signer.key_missing":
            raise
    return create_key(uri)


def _access(settings: Settings, args: argparse.Namespace, place: EnrolmentSection) -> Access:
    if args.action == "renew":
        return Access(place.server, place.ca, settings.gateway.client_cert, settings.gateway.client_key)
    password = ""
    if args.password_file is not None:
        password = read_secret(args.password_file, EstError, "est").decode(errors="replace").strip()
    return Access(place.server, place.ca, args.bootstrap_cert, args.bootstrap_key, args.user, password)


def _renewed(client: EstClient, key: SigningKey, path: Path, purpose: str) -> tuple[x509.Certificate, ...]:
    """The TLS certificate is renewed as RFC 7030 says; the signing certificate, another one than TLS shows, is asked
    for like a first one, under its own subject."""
    subject = keypair.read_certificates(path)[0].subject.public_bytes()
    request = keypair.request(key, "", purpose, subject)
    return client.renew(request) if purpose == "client" else client.enrol(request)
