"""Authorities that can still make lists, what they issued, and a server that hands lists out."""

from __future__ import annotations

import datetime as dt
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509

from offline_queue.revocation import Lists, Revocation
from station.sim.pki import LOOPBACK, Authority, PkiPaths, make_pki
from tests.conftest import FrozenClock

NOW = dt.datetime.now(dt.UTC)
HOUR = dt.timedelta(hours=1)
DAY = 24 * HOUR
SUPERSEDED, KEY_LOST = x509.ReasonFlags.superseded, x509.ReasonFlags.key_compromise


@dataclass
class World:
    """A station, a gateway, and the authorities of both, which can still make lists."""

    pki: PkiPaths
    station: Authority
    gateway: Authority
    folder: Path
    now: dt.datetime = NOW
    issued: dict[str, x509.Certificate] = field(default_factory=dict)

    def put(self, name: str, authority: Authority, purpose: Any, names: tuple[str, ...] = ()) -> None:
        """A new certificate with a new key, where the settings name it."""
        made = authority.issue(f"SIMULATED TEST {name}", purpose, self.now - HOUR, self.now + 20 * DAY, names)
        getattr(self.pki, f"{name}_cert").write_bytes(made.cert_pem)
        key = getattr(self.pki, f"{name}_key")
        key.unlink(missing_ok=True)
        key.touch(mode=0o600)
        key.write_bytes(made.key_pem)
        self.issued[name] = made.certificate

    def revoke(
        self, name: str, since: dt.datetime, reason: x509.ReasonFlags = SUPERSEDED, folder: str = "crl"
    ) -> Path:
        """The certificate stands on its authority's list, in this folder."""
        authority = self.station if name.startswith("station") else self.gateway
        place = self.folder / folder
        place.mkdir(exist_ok=True)
        path = place / f"{'station' if authority is self.station else 'gateway'}.crl"
        path.write_bytes(authority.crl(self.now, {self.issued[name].serial_number: (since, reason)}))
        return place

    def judge(self, *authorities: Authority) -> Revocation:
        anchors = [one.issued.certificate for one in authorities or (self.station,)]
        return Revocation(Lists(self.folder / "crl"), anchors)


def make_world(folder: Path, now: dt.datetime = NOW) -> World:
    """Everything new, in this folder."""
    pki = make_pki(folder / "pki", FrozenClock(now))
    station = Authority.new("SIMULATED TEST station authority", now)
    gateway = Authority.new("SIMULATED TEST gateway authority", now)
    pki.station_ca.write_bytes(station.cert_pem)
    pki.gateway_ca.write_bytes(gateway.cert_pem)
    made = World(pki, station, gateway, folder, now)
    made.put("station_client", station, "client")
    made.put("station_signing", station, "signing")
    made.put("gateway_server", gateway, "server", LOOPBACK)
    made.put("gateway_receipt", gateway, "signing")
    return made


class _Handler(BaseHTTPRequestHandler):
    reply: tuple[int, bytes]

    def log_message(self, *_: object) -> None:
        """Silent."""

    def do_GET(self) -> None:
        status, body = self.reply
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serving(status: int, body: bytes, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    handler = type("Handler", (_Handler,), {"reply": (status, body)})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield f"{'https' if tls else 'http'}://localhost:{server.server_address[1]}/station.crl"
        finally:
            server.shutdown()
            thread.join()
