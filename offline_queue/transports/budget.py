"""A total deadline for one exchange, kept at every single read and write of the socket.

`requests` and `urllib3` only know a timeout per read: a peer that sends one byte a second holds them for
ever. Here
every connect, handshake, send and receive gets what is left of one budget. It also knows whether any byte
of the
request left, which is what separates "not sent" from "outcome unknown".
"""

from __future__ import annotations

import hashlib
import queue
import re
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPSConnectionPool

from offline_queue.clock import Clock


class Budget:
    """Seconds for one exchange; start it anew for the next."""

    def __init__(self, clock: Clock, total_s: float) -> None:
        self._clock = clock
        self.total_s = total_s
        self.sent = False
        self._end = 0.0

    def start(self) -> None:
        self.sent = False
        self._end = self._clock.monotonic() + self.total_s

    def left(self) -> float:
        """Seconds left; TimeoutError when there are none."""
        left = self._end - self._clock.monotonic()
        if left <= 0:
            raise TimeoutError(f"the exchange took longer than {self.total_s:g} s")
        return left


class PinMismatch(ssl.SSLError):
    """The peer's key is none of those that policy names."""


class RevokedPeer(ssl.SSLError):
    """The peer's certificate is on its authority's revocation list."""


def pins_of(text: str) -> frozenset[str]:
    """`pin_sha256`: SHA-256 of a SubjectPublicKeyInfo in 64 hexadecimal digits, several separated by commas (the next
    key is named before it is used). ValueError for anything else; empty for an empty text."""
    pins = frozenset(part.strip().lower().replace(":", "") for part in text.split(",") if part.strip())
    if not all(re.fullmatch(r"[0-9a-f]{64}", pin) for pin in pins):
        raise ValueError("a pin is 64 hexadecimal digits")
    return pins


def key_pin(certificate: bytes) -> str:
    """The pin of a DER certificate: of its key, so that a renewal with the same key changes nothing (RFC 7469, 2.4)."""
    key = x509.load_der_x509_certificate(certificate).public_key()
    spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(spki).hexdigest()


def socket_class(
    budget: Budget,
    pins: frozenset[str] = frozenset(),
    revoked: Callable[[Sequence[bytes]], object | None] = lambda _: None,
) -> type[ssl.SSLSocket]:
    """An SSLSocket whose every wait is cut at the budget; for `SSLContext.sslsocket_class`. pins: keys of which the
    peer must show one, beside all that the context checks; none named: no pinning. revoked: what a revocation list says
    of the peer's certificates (DER, leaf first), None when nothing."""

    class BudgetSocket(ssl.SSLSocket):
        def do_handshake(self, block: bool = False) -> None:
            self.settimeout(budget.left())
            super().do_handshake(block)
            if pins and key_pin(self.getpeercert(binary_form=True) or b"") not in pins:
                raise PinMismatch("the peer's key is not pinned")
            entry = revoked(_shown(self))
            if entry is not None:
                raise RevokedPeer(f"the peer's certificate is revoked: {entry}")

        def send(self, data: Any, flags: int = 0) -> int:
            self.settimeout(budget.left())
            budget.sent = True
            return super().send(data, flags)

        def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
            self.settimeout(budget.left())
            return super().recv_into(buffer, nbytes, flags)

    return BudgetSocket


def _shown(line: ssl.SSLSocket) -> list[bytes]:
    """DER of the peer's certificate and of those above it that were verified. Python has a public name for the latter
    from 3.13 on; without any, the peer's alone."""
    public = getattr(line, "get_verified_chain", None)
    inner = getattr(getattr(line, "_sslobj", None), "get_verified_chain", None)
    if public is not None:
        return list(public())
    if inner is not None:
        return [ssl.PEM_cert_to_DER_cert(each.public_bytes()) for each in inner()]
    return [line.getpeercert(binary_form=True) or b""]


def plain_socket(line: socket.socket, budget: Budget) -> socket.socket:
    """The same connection with every read and write cut at the budget: what is spoken before STARTTLS."""

    class BudgetPlain(socket.socket):
        def sendall(self, data: Any, flags: int = 0) -> None:
            self.settimeout(budget.left())
            super().sendall(data, flags)

        def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
            self.settimeout(budget.left())
            return super().recv_into(buffer, nbytes, flags)

    return BudgetPlain(fileno=line.detach())


def pool_class(budget: Budget) -> type[HTTPSConnectionPool]:
    """A urllib3 pool whose connections look up and connect within the budget."""

    class BudgetConnection(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return connect(self.host, self.port or 443, budget)

    class BudgetPool(HTTPSConnectionPool):
        ConnectionCls = BudgetConnection

    return BudgetPool


def connect(host: str, port: int, budget: Budget) -> socket.socket:
    """TCP to the first address of `host` that answers; each gets its share of what is left. OSError
    otherwise."""
    addresses = _look_up(host.strip("[]"), port, budget)
    last: OSError = OSError(f"{host} has no address")
    for n, (family, kind, protocol, _, address) in enumerate(addresses):
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(budget.left() / (len(addresses) - n))
            connection.connect(address)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            connection.close()
            last = error
        else:
            return connection
    raise last


def _look_up(host: str, port: int, budget: Budget) -> list[Any]:
    """The resolver cannot be interrupted, so it runs beside us and is left behind when the budget ends."""
    answer: queue.SimpleQueue[list[Any] | OSError | UnicodeError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answer.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            answer.put(error)

    threading.Thread(target=ask, name="look-up", daemon=True).start()
    try:
        found = answer.get(timeout=budget.left())
    except queue.Empty:
        raise socket.gaierror(socket.EAI_AGAIN, "the name server does not answer") from None
    if isinstance(found, list):
        return found
    raise found if isinstance(found, OSError) else socket.gaierror(socket.EAI_NONAME, str(found))
