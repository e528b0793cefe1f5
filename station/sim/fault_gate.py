"""Between a station and its gateway on loopback: a TLS peer that spoils exchanges the way networks and gateways do.

In: where the gateway listens, and for each request the name of a fault (or none). Out: what the station sees. It ends
TLS on both sides, so it can spoil bytes of HTTP. One connection at a time: a silent one ends when the station gives up.
"""

from __future__ import annotations

import base64
import contextlib
import email.utils
import http.client
import json
import socket
import ssl
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from station.sim.pki import PkiPaths

DRIP_S = 0.02
PATIENCE_S = 20.0
PORTAL = b"<!doctype html><title>Sign in</title><p>Please accept the terms of use."


@dataclass(frozen=True)
class Request:
    """One request as it came from the station."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What the gateway said."""

    status: int
    body: bytes


class FaultGate:
    """A context manager that listens while it lives. `fault`: what befalls the next requests, "" for nothing.

    `puts` counts uploads that reached the gateway, by submission id and who caused them ("station" or "gate").
    """

    def __init__(self, pki: PkiPaths, gateway_url: str) -> None:
        self.fault = ""
        self.struck: Counter[str] = Counter()
        self.puts: Counter[tuple[str, str]] = Counter()
        self._upstream = urlsplit(gateway_url).port or 443
        self._server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._server.load_cert_chain(pki.gateway_server_cert, pki.gateway_server_key)
        self._server.load_verify_locations(pki.station_ca)
        self._server.verify_mode = ssl.CERT_REQUIRED
        self._client = ssl.create_default_context(cafile=str(pki.gateway_ca))
        self._client.load_cert_chain(pki.station_client_cert, pki.station_client_key)
        self._earlier: Answer | None = None

    def __enter__(self) -> FaultGate:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://localhost:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, name="fault-gate", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(PATIENCE_S)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError, ValueError, http.client.HTTPException), connection:
                connection.settimeout(PATIENCE_S)
                self._serve(connection)

    def _serve(self, connection: socket.socket) -> None:
        if self.fault == "half_open":
            self.struck[self.fault] += 1
            _until_gone(connection)
            return
        with self._server.wrap_socket(connection, server_side=True) as tls:
            if self.fault == "reset_mid_body":
                self.struck[self.fault] += 1
                tls.recv(200)
                _reset(tls)
                return
            request = read_request(tls)
            spoil = SPOILERS.get(self.fault)
            if spoil is None:
                send(tls, self.forward(request))
            else:
                self.struck[self.fault] += 1
                spoil(self, tls, request)

    def forward(self, request: Request, cause: str = "station") -> Answer:
        """Give the request to the gateway as it came; remember a good receipt for `another_ack`."""
        if request.method == "PUT":
            self.puts[request.path.rpartition("/")[2], cause] += 1
        upstream = http.client.HTTPSConnection(
            "localhost", self._upstream, context=self._client, timeout=PATIENCE_S
        )
        kept = {
            n: v for n, v in request.headers.items() if n in ("content-type", "idempotency-key", "accept")
        }
        with contextlib.closing(upstream):
            upstream.request(request.method, request.path, request.body, kept)
            reply = upstream.getresponse()
            return Answer(reply.status, reply.read())

    def earlier(self, answer: Answer) -> Answer:
        """A genuine receipt for another submission, or none at all for the very first."""
        before, self._earlier = self._earlier, answer
        return before or Answer(200, b"{}")


def read_request(tls: ssl.SSLSocket) -> Request:
    """The whole request. ValueError when the peer stops in the middle."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _some(tls)
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    parts, size, whole = [body], len(body), int(headers.get("content-length", "0"))
    while size < whole:
        parts.append(_some(tls))
        size += len(parts[-1])
    return Request(method, path, headers, b"".join(parts))


def send(tls: ssl.SSLSocket, answer: Answer, **headers: str) -> None:
    """An ordinary HTTP reply. Header names with _ for -."""
    tls.sendall(_head(answer, **headers) + answer.body)
    with contextlib.suppress(OSError):
        tls.unwrap()


def _head(answer: Answer, **headers: str) -> bytes:
    given = {"Content-Type": "application/json", "Content-Length": str(len(answer.body))}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"HTTP/1.1 {answer.status} x", *(f"{name}: {value}" for name, value in given.items()), "", ""]
    return "\r\n".join(lines).encode()


def _some(tls: ssl.SSLSocket) -> bytes:
    chunk = tls.recv(65536)
    if not chunk:
        raise ValueError("the peer stopped in the middle")
    return chunk


def _until_gone(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


def _reset(tls: ssl.SSLSocket) -> None:
    tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    tls.close()


def _slow_loris(gate: FaultGate, tls: ssl.SSLSocket, request: Request) -> None:
    answer = gate.forward(request)
    waiter = threading.Event()
    for byte in _head(answer) + answer.body:
        tls.sendall(bytes([byte]))
        waiter.wait(DRIP_S)


def _server_error(gate: FaultGate, tls: ssl.SSLSocket, _: Request) -> None:
    send(tls, Answer((500, 502, 504)[gate.struck["server_error"] % 3], b'{"code":"oops","message":""}'))


def _busy(retry_after: Callable[[], str]) -> Callable[[FaultGate, ssl.SSLSocket, Request], None]:
    def act(_: FaultGate, tls: ssl.SSLSocket, __: Request) -> None:
        now = email.utils.formatdate(usegmt=True)
        send(tls, Answer(429, b"{}"), Retry_After=retry_after(), Date=now)

    return act


def _in_half_a_minute() -> str:
    return email.utils.formatdate(time.time() + 30, usegmt=True)


def _portal_page(_: FaultGate, tls: ssl.SSLSocket, __: Request) -> None:
    send(tls, Answer(200, PORTAL), Content_Type="text/html")


def _portal_redirect(_: FaultGate, tls: ssl.SSLSocket, __: Request) -> None:
    send(tls, Answer(302, PORTAL), Content_Type="text/html", Location="https://portal.invalid/login")


def _truncated(gate: FaultGate, tls: ssl.SSLSocket, request: Request) -> None:
    answer = gate.forward(request)
    cut = answer.body[: len(answer.body) // 2]
    if gate.struck["truncated_json"] % 2:
        send(tls, Answer(answer.status, cut))
    else:
        tls.sendall(_head(answer) + cut)


def _duplicate(gate: FaultGate, tls: ssl.SSLSocket, request: Request) -> None:
    """The request arrives twice, and so do its acknowledgements; the second comes after the end of the exchange."""
    first, second = gate.forward(request), gate.forward(request, "gate")
    tls.sendall(_head(first) + first.body)
    with contextlib.suppress(OSError):
        tls.sendall(_head(second) + second.body)


def _another(gate: FaultGate, tls: ssl.SSLSocket, request: Request) -> None:
    send(tls, gate.earlier(gate.forward(request)))


def _lost(gate: FaultGate, tls: ssl.SSLSocket, request: Request) -> None:
    gate.forward(request)
    _reset(tls)


def _bad_signature(gate: FaultGate, tls: ssl.SSLSocket, request: Request) -> None:
    """The gateway's own signature with its last bit flipped; of anything else, nothing that can be believed."""
    answer = gate.forward(request)
    try:
        value = json.loads(answer.body)
        signature = bytearray(base64.b64decode(value["signature"]))
    except (ValueError, KeyError):
        value, signature = {}, bytearray(1)
    signature[-1] ^= 1
    value["signature"] = base64.b64encode(signature).decode()
    send(tls, Answer(200, json.dumps(value).encode()))


SPOILERS: dict[str, Callable[[FaultGate, ssl.SSLSocket, Request], None]] = {
    "slow_loris": _slow_loris,
    "server_error": _server_error,
    "busy_seconds": _busy(lambda: "7"),
    "busy_date": _busy(_in_half_a_minute),
    "portal_page": _portal_page,
    "portal_redirect": _portal_redirect,
    "truncated_json": _truncated,
    "duplicate_ack": _duplicate,
    "another_ack": _another,
    "lost_ack": _lost,
    "bad_receipt_signature": _bad_signature,
}
AT_THE_GATE = ("half_open", "reset_mid_body", *SPOILERS)
"""The faults this gate can make; a refused connection and an unknown name need no peer at all."""
