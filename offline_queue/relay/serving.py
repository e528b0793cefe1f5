"""The relay's sockets: mutual TLS for stations, plain loopback HTTP for the status page.

They are served until `stop` is set. The client certificate goes into the scope's state as `certificate` (DER), its
common name as `client`; a connection without a certificate under the stations' authority ends in the handshake.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from offline_queue.errors import QueueError
from offline_queue.relay.intake import common_name
from offline_queue.relay.settings import Listen

BACKLOG = 512


class StationProtocol(HttpToolsProtocol):
    """HTTP/1.1 that tells the application whose certificate the connection has."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        tls = transport.get_extra_info("ssl_object")
        der = (tls.getpeercert(binary_form=True) if tls is not None else None) or b""
        self.app_state = {**self.app_state, "client": common_name(der) if der else "", "certificate": der}


class _Server(uvicorn.Server):
    """A server that looks at `stop` with every tick and says that it lives."""

    def __init__(self, config: uvicorn.Config, stop: threading.Event, alive: Callable[[], None]) -> None:
        super().__init__(config)
        self._stop = stop
        self._alive = alive

    async def on_tick(self, counter: int) -> bool:
        if counter % 10 == 0:
            self._alive()
        if self._stop.is_set():
            self.should_exit = True
        return await super().on_tick(counter)

    def install_signal_handlers(self) -> None:
        """The process has its own."""


def server_context(listen: Listen) -> ssl.SSLContext:
    """TLS 1.2 or later; a client certificate is required. QueueError `relay.tls` when a file is unfit."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(listen.cert, listen.key, password=_no_password)
        context.load_verify_locations(listen.station_ca)
    except (OSError, ssl.SSLError) as error:
        raise QueueError("relay.tls", f"{listen.cert}, {listen.key}, {listen.station_ca}: {error}",
                         "check [listen] in relay.toml") from error  # fmt: skip
    context.verify_mode = ssl.CERT_REQUIRED
    # a station resumes no session: two tickets that nobody uses are two fifths of a handshake
    context.num_tickets = 0
    return context


def listener(host: str, port: int) -> socket.socket:
    """A listening socket that child processes may share. QueueError `relay.port`."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise QueueError(
            "relay.port", f"{host}:{port}: {error.strerror}", "another process has it?"
        ) from error


def serve(
    application: Any,
    sock: socket.socket,
    stop: threading.Event,
    alive: Callable[[], None],
    context: ssl.SSLContext | None = None,
) -> None:
    """Answer on a socket until `stop` is set; what is under way then is still answered."""
    config = uvicorn.Config(
        application,
        http=StationProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=5,
        backlog=BACKLOG,
        ssl_context_factory=None if context is None else lambda *_: context,
    )
    _Server(config, stop, alive).run(sockets=[sock])


def _no_password() -> str:
    """An encrypted key must fail, not ask on the terminal."""
    return ""
