"""A real TLS server on loopback that does to each request what a test says: the other end of the transport contract."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from station.sim.pki import PkiPaths
from tests.kit.waiting import PATIENCE_S


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Behaviour = Callable[["Peer", ssl.SSLSocket, Request], None]


@dataclass
class Peer:
    """behaviours: one per request, the last for all that follow. `released` ends whatever hangs."""

    pki: PkiPaths
    cert: Path | None = None
    key: Path | None = None
    versions: tuple[ssl.TLSVersion, ssl.TLSVersion] = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
    before_tls: Callable[[Peer, socket.socket], None] | None = None
    before_reading: Callable[[Peer, ssl.SSLSocket], None] | None = None
    behaviours: list[Behaviour] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Peer:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version, context.maximum_version = self.versions
        context.load_cert_chain(
            self.cert or self.pki.gateway_server_cert, self.key or self.pki.gateway_server_key
        )
        context.load_verify_locations(self.pki.station_ca)
        context.verify_mode = ssl.CERT_REQUIRED
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"https://127.0.0.1:{self.port}"
        self._threads: list[threading.Thread] = []
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(PATIENCE_S)
            assert not thread.is_alive(), "a connection of the peer did not end"

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), connection:
            if self.before_tls:
                self.before_tls(self, connection)
            connection.settimeout(PATIENCE_S)
            with self._context.wrap_socket(connection, server_side=True) as tls:
                if self.before_reading:
                    self.before_reading(self, tls)
                request = read_request(tls)
                self.requests.append(request)
                behaviour = self.behaviours.pop(0) if len(self.behaviours) > 1 else self.behaviours[0]
                behaviour(self, tls, request)
                with contextlib.suppress(OSError):
                    tls.unwrap()


def read_request(tls: ssl.SSLSocket) -> Request:
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = tls.recv(65536)
        if not chunk:
            raise ValueError("no request")
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        chunk = tls.recv(65536)
        if not chunk:
            raise ValueError("a cut request")
        body += chunk
    return Request(method, path, headers, body)


def reply(status: str, body: bytes = b"", kind: str = "application/json", **headers: str) -> Behaviour:
    """An ordinary HTTP reply. Header names with _ for -."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]

    def act(_: Peer, tls: ssl.SSLSocket, __: Request) -> None:
        tls.sendall("\r\n".join([*lines, "", ""]).encode() + body)

    return act


def raw(data: bytes, *, reset: bool = False) -> Behaviour:
    """These bytes, then the connection ends, hard if `reset`."""

    def act(_: Peer, tls: ssl.SSLSocket, __: Request) -> None:
        tls.sendall(data)
        if reset:
            tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            tls.close()

    return act


def drip(data: bytes, every_s: float = 0.03) -> Behaviour:
    """One byte at a time: each read is quick, the whole never ends."""

    def act(peer: Peer, tls: ssl.SSLSocket, _: Request) -> None:
        for n in range(len(data)):
            tls.sendall(data[n : n + 1])
            if peer.released.wait(every_s):
                return

    return act


def hang(peer: Peer, tls: ssl.SSLSocket, _: Request) -> None:
    """Says nothing at all."""
    peer.released.wait(PATIENCE_S)
