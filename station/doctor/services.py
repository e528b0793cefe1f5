"""Checks of what the station talks to: the reader behind its socket, the queue's database, the gateway, officers."""

from __future__ import annotations

import socket
import ssl
from urllib.parse import urlsplit

from drivers.remote import RemoteReader
from offline_queue.store import Queue
from offline_queue.vault import Vault
from station.access import Role, load_officers
from station.clock import SystemClock
from station.doctor.check import Check, fail, ok, warn
from station.settings import Settings

CONNECT_S = 5.0
OLD_ENTRY_HOURS = 24


def check_reader(settings: Settings) -> Check:
    """The capture service answers, and its reader does."""
    reader = RemoteReader(settings.reader.socket)
    try:
        if reader.status().get("busy"):
            return ok("reader", "capturing just now")
        reader.open()
    except Exception as error:
        return fail("reader", str(error), getattr(error, "advice", "") or "start livescan-capture")
    info = reader.info
    words = f"{info.make} {info.model} {info.serial}, {info.ppi} ppi"
    if info.simulated:
        return warn("reader", f"{words}: SIMULATED", "for training and tests only: no real person")
    if info.certification == "none":
        return warn(
            "reader", f"{words}, not certified", "training only; a booking needs an Appendix F device"
        )
    return ok("reader", words)


def check_queue(settings: Settings) -> Check:
    """The queue's database opens, is whole, and its audit chain verifies."""
    database = settings.queue.database
    if not database.exists():
        return warn(
            "queue", f"{database} does not exist yet", "it is made by the first start of livescan-web"
        )
    try:
        queue = Queue.open(
            database, Vault.load(settings.queue.station_key), SystemClock(), station_id=settings.station.id
        )
        try:
            whole = queue.check()
            audit = queue.verify_audit()
            counts = queue.counts()
        finally:
            queue.close()
    except Exception as error:
        return fail("queue", str(error), getattr(error, "advice", "") or "see docs/queue.md on repair")
    if not whole.ok:
        return fail(
            "queue", "; ".join(whole.problems[:3]), "stop and copy the file; see docs/queue.md on repair"
        )
    if not audit.ok:
        return fail("queue", f"audit chain broken: {audit.reason}", "stop and keep the file: it is evidence")
    words = ", ".join(f"{number} {state}" for state, number in counts.items() if number) or "empty"
    if counts.get("quarantined"):
        return warn("queue", words, "look at `station queue list`: something needs a person")
    return ok("queue", words)


def check_gateway(settings: Settings) -> Check:
    """A TLS handshake with the gateway, with our certificate; nothing is sent."""
    url = urlsplit(settings.gateway.url)
    host, port = url.hostname or "", url.port or 443
    try:
        context = ssl.create_default_context(cafile=str(settings.gateway.ca))
        context.load_cert_chain(settings.gateway.client_cert, settings.gateway.client_key)
        with (
            socket.create_connection((host, port), timeout=CONNECT_S) as raw,
            context.wrap_socket(raw, server_hostname=host) as tls,
        ):
            version = tls.version()
    except ssl.SSLCertVerificationError as error:
        return fail(
            "gateway", f"{host}: certificate refused: {error.verify_message}", "check the clock, then the CA"
        )
    except (OSError, ssl.SSLError) as error:
        return fail(
            "gateway", f"{host}:{port}: {error}", "network down? bookings go on, the queue keeps them"
        )
    if settings.gateway.kind == "simulated":
        return warn("gateway", f"{host}:{port} {version}: SIMULATED", "nothing reaches a real agency")
    return ok("gateway", f"{host}:{port} {version}")


def check_officers(settings: Settings) -> Check:
    """At least one officer and one supervisor can sign in."""
    path = settings.access.officers
    try:
        officers = load_officers(path)
    except Exception as error:
        return fail("officers", f"{path}: {error}", "see docs/kiosk.md on officers.toml")
    if not any(officer.role is Role.SUPERVISOR for officer, _pin in officers.values()):
        return warn("officers", f"{len(officers)} officers, no supervisor", "overrides need a supervisor")
    return ok("officers", f"{len(officers)} officers")
