"""A simulated EST server (RFC 7030) with a small authority behind it, over real TLS on loopback. SIMULATED.

In: certificate requests. Out: certificates of its authority, as PKCS #7. simpleenroll takes a name with its password,
or a certificate of the authority; simplereenroll takes a certificate with the same subject as the request.
"""

from __future__ import annotations

import base64
import datetime as dt
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from station.sim.pki import BACKDATE, LOOPBACK, Authority, _usage

LARGEST = 64 * 1024


@dataclass
class SimulatedEst:
    """The server's state. passwords: name → password. life: of what it issues. answer: replaces the next bodies."""

    authority: Authority
    now: Callable[[], dt.datetime]
    passwords: Mapping[str, str] = field(default_factory=dict)
    life: dt.timedelta = dt.timedelta(days=90)
    answer: Callable[[bytes], tuple[int, bytes]] | None = None
    issued: list[x509.Certificate] = field(default_factory=list)
    url: str = ""

    def issue(self, request: x509.CertificateSigningRequest) -> x509.Certificate:
        """A leaf with the subject, the key and the uses that were asked for."""
        now, uses = self.now(), request.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        issuer = self.authority.issued
        builder = (
            x509.CertificateBuilder()
            .subject_name(request.subject)
            .issuer_name(issuer.certificate.subject)
            .public_key(request.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - BACKDATE)
            .not_valid_after(now + self.life)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(digital_signature=True, content_commitment=True), critical=True)
            .add_extension(uses, critical=False)
        )
        self.issued.append(builder.sign(issuer.key, hashes.SHA256()))
        return self.issued[-1]


class _Handler(BaseHTTPRequestHandler):
    est: SimulatedEst

    def log_message(self, *_: object) -> None:
        """Silent."""

    def do_GET(self) -> None:
        if self.path == "/.well-known/est/cacerts":
            self._certificates(self.est.authority.issued.certificate)
        else:
            self._say(404)

    def do_POST(self) -> None:
        body = self.rfile.read(min(int(self.headers.get("content-length") or 0), LARGEST))
        again = self.path == "/.well-known/est/simplereenroll"
        if not again and self.path != "/.well-known/est/simpleenroll":
            return self._say(404)
        try:
            request = x509.load_der_x509_csr(base64.b64decode(body))
        except ValueError:
            return self._say(400)
        if not request.is_signature_valid:
            return self._say(400)
        shown = self._shown()
        known = shown is not None and (not again or shown.subject == request.subject)
        if not known and (again or not self._password()):
            return self._say(401)
        return self._certificates(self.est.issue(request))

    def _shown(self) -> x509.Certificate | None:
        der = self.connection.getpeercert(binary_form=True)
        return x509.load_der_x509_certificate(der) if der else None

    def _password(self) -> bool:
        said = self.headers.get("authorization", "")
        good = [base64.b64encode(f"{n}:{p}".encode()).decode() for n, p in self.est.passwords.items()]
        return any(said == f"Basic {each}" for each in good)

    def _certificates(self, certificate: x509.Certificate) -> None:
        body = base64.encodebytes(pkcs7.serialize_certificates([certificate], Encoding.DER))
        status = 200
        if self.est.answer is not None:
            status, body = self.est.answer(body)
        self._say(status, body)

    def _say(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/pkcs7-mime; smime-type=certs-only")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    """A client that goes away or shows nothing we trust is its own affair."""

    def handle_error(self, *_: Any) -> None:
        """Silent."""


@contextmanager
def running_est(est: SimulatedEst, folder: Path, ca: Path) -> Iterator[SimulatedEst]:
    """Serve on a free port of loopback. ca: where the PEM of its TLS authority (its own) is written."""
    now = est.now()
    tls = est.authority.issue("SIMULATED TEST EST", "server", now - BACKDATE, now + est.life, LOOPBACK)
    ca.write_bytes(est.authority.cert_pem)
    cert, key = folder / "est.pem", folder / "est.key"
    cert.write_bytes(tls.cert_pem)
    key.touch(mode=0o600)
    key.write_bytes(tls.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(cert, key)
    context.load_verify_locations(ca)
    context.verify_mode = ssl.CERT_OPTIONAL
    handler = type("Handler", (_Handler,), {"est": est})
    with _Server(("127.0.0.1", 0), handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        est.url = f"https://localhost:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield est
        finally:
            server.shutdown()
            thread.join()
