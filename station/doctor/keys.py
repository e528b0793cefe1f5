"""Checks of keys and certificates: present, private, matching, days left."""

from __future__ import annotations

import datetime as dt
import stat
from pathlib import Path

from cryptography import x509

from offline_queue.outward import Recipient
from offline_queue.signers import load_signer
from offline_queue.vault import Vault
from station.doctor.check import Check, Status, fail, ok, warn
from station.settings import Settings

WARN_DAYS = 30


def check_station_key(settings: Settings) -> Check:
    """The key that seals the queue and the drafts."""
    path = settings.queue.station_key
    try:
        Vault.load(path)
    except Exception as error:
        return fail(
            "station-key",
            f"{path}: {error}",
            "restore the key file (mode 0600); without it the queue is shut",
        )
    return ok("station-key", f"{path} loads")


def check_sealing(settings: Settings) -> Check:
    """Whose key the submissions are sealed to."""
    path = settings.queue.seal_to
    if path is None:
        return ok(
            "sealing", "submissions are sealed under the station's own key: whoever has it reads the queue"
        )
    try:
        recipient = Recipient.load(path)
    except Exception as error:
        return fail("sealing", str(error), "put the gateway's sealing certificate where station.toml says")
    if b"BEGIN CERTIFICATE" in path.read_bytes():
        left = _certificate_file("sealing", path)
        if left.status is not Status.OK:
            return left
    return ok("sealing", f"submissions are sealed to the gateway's key {recipient.key_id.hex()}")


def check_signing(settings: Settings) -> Check:
    """The signer loads, and its certificate is good for some time yet."""
    try:
        signer = load_signer(settings.signing.uri)
        certificate = x509.load_der_x509_certificate(signer.certificate)
    except Exception as error:
        return fail("signing-key", str(error), "check [signing] uri in station.toml")
    return _days_left("signing-certificate", certificate)


def check_client_certificate(settings: Settings) -> Check:
    """The certificate this station shows to the gateway."""
    return _certificate_file("client-certificate", settings.gateway.client_cert)


def check_gateway_ca(settings: Settings) -> Check:
    """The authority that vouches for the gateway."""
    return _certificate_file("gateway-ca", settings.gateway.ca)


def check_private_files(settings: Settings) -> Check:
    """Nobody but the owner may read a private key."""
    loose = [
        str(path)
        for path in (settings.gateway.client_key, settings.queue.station_key)
        if path.exists() and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    ]
    if loose:
        return fail("key-permissions", f"readable by others: {', '.join(loose)}", "chmod 600")
    return ok("key-permissions", "private keys are private")


def _certificate_file(name: str, path: Path) -> Check:
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        return fail(name, f"{path}: {error}", "put the PEM file where station.toml says")
    return _days_left(name, certificate)


def _days_left(name: str, certificate: x509.Certificate, now: dt.datetime | None = None) -> Check:
    now = now or dt.datetime.now(dt.UTC)
    until = certificate.not_valid_after_utc
    days = (until - now).days
    if now < certificate.not_valid_before_utc:
        return fail(
            name, f"not valid before {certificate.not_valid_before_utc:%Y-%m-%d}", "check the clock first"
        )
    if now > until:
        return fail(name, f"expired on {until:%Y-%m-%d}", "enrol again; capture goes on, sending waits")
    if days < WARN_DAYS:
        return Check(name, Status.WARN, f"{days} days left (until {until:%Y-%m-%d})", "renew it now")
    return ok(name, f"{days} days left")


__all__ = [
    "check_client_certificate",
    "check_gateway_ca",
    "check_private_files",
    "check_sealing",
    "check_signing",
    "check_station_key",
    "warn",
]
