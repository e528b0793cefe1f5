"""The cable relays bytes, and nothing at all while it is cut."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from station.demo.network import Cable
from tests.kit.helpers import background
from tests.kit.waiting import PATIENCE_S


@pytest.fixture
def echo_port() -> Iterator[int]:
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                one, _ = listener.accept()
            except OSError:
                return
            with one:
                while chunk := one.recv(1024):
                    one.sendall(chunk)

    with listener, background(serve, stop=lambda: listener.shutdown(socket.SHUT_RDWR), name="an echo"):
        yield listener.getsockname()[1]


def test_bytes_pass_until_the_cut_and_again_after_it(echo_port: int) -> None:
    cable = Cable(echo_port)
    with socket.create_connection(("127.0.0.1", cable.port), timeout=PATIENCE_S) as one:
        one.sendall(b"hello")
        assert one.recv(5) == b"hello"
        cable.cut()
        assert cable.is_cut
        assert one.recv(5) == b""
    with socket.create_connection(("127.0.0.1", cable.port), timeout=PATIENCE_S) as two:
        assert two.recv(1) == b""
    cable.mend()
    with socket.create_connection(("127.0.0.1", cable.port), timeout=PATIENCE_S) as three:
        three.sendall(b"again")
        assert three.recv(5) == b"again"
    cable.close()


def test_a_dead_gateway_closes_the_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    cable = Cable(port)
    with socket.create_connection(("127.0.0.1", cable.port), timeout=PATIENCE_S) as one:
        assert one.recv(1) == b""
    cable.close()
