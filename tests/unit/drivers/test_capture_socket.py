"""Messages on the capture socket at their limits, and the socket's own file."""

from __future__ import annotations

import socket
import stat
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from drivers.capture_socket import Ask, FrameHead, Say, listen, pack, receive
from drivers.errors import LinkError
from drivers.frame import Frame
from drivers.reader import ReaderState
from tests.unit.drivers.test_calibration import INFO, NOW

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    one, other = socket.socketpair()
    with one, other:
        other.settimeout(0.02)
        yield one, other


def code_of(sock: socket.socket) -> str:
    with pytest.raises(LinkError) as caught:
        receive(sock, Ask)
    return caught.value.code


def test_a_message_begins_with_the_sizes_of_its_head_and_body() -> None:
    raw = pack(Ask("status"), b"body")
    head, body = struct.unpack(">II", raw[:8])
    assert (len(raw), body, raw[-4:]) == (8 + head + 4, 4, b"body")


@pytest.mark.parametrize(
    ("head", "body", "code"),
    [
        (64 * 1024, 32 * 1024 * 1024, "link.timeout"),  # it is waited for
        (64 * 1024 + 1, 0, "link.io"),
        (0, 32 * 1024 * 1024 + 1, "link.io"),
        (0xFFFFFFFF, 0xFFFFFFFF, "link.io"),
    ],
)
def test_a_message_has_at_most_64_kib_of_head_and_32_mib_of_body(
    pair: Pair, head: int, body: int, code: str
) -> None:
    pair[0].sendall(struct.pack(">II", head, body))
    assert code_of(pair[1]) == code


def test_an_end_between_messages_is_in_order_and_within_one_is_not(pair: Pair) -> None:
    raw = pack(Ask("status"))
    pair[0].sendall(raw)
    pair[0].close()
    assert receive(pair[1], Ask) == (Ask("status"), b"")
    assert receive(pair[1], Ask) is None
    for cut in (1, 7, 8, len(raw) - 1):
        one, other = socket.socketpair()
        with other:
            one.sendall(raw[:cut])
            one.close()
            assert code_of(other) == "link.disconnected"


def test_a_message_of_another_release_is_damage(pair: Pair) -> None:
    pair[0].sendall(pack(Say("status", ReaderState.IDLE)))
    assert code_of(pair[1]) == "link.io"


@pytest.mark.parametrize("size", [5, 7])
def test_a_body_of_another_size_than_its_head_says_is_damage(size: int) -> None:
    frame = Frame(np.arange(6, dtype=np.uint8).reshape(2, 3), 500, INFO, 1.0, NOW, True, True, 4)
    head = FrameHead.of(frame)
    assert (head.width, head.height) == (3, 2)
    again = head.frame(bytes(range(6)))
    assert again.pixels.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert (again.ppi, again.sequence, again.final, again.clock_trusted) == (500, 4, True, True)
    with pytest.raises(LinkError) as caught:
        head.frame(bytes(size))
    assert caught.value.code == "link.io"


def test_the_socket_is_for_its_owner_and_its_group(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with listen(path, 0.5) as listener:
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert listener.gettimeout() == 0.5
        with pytest.raises(LinkError) as caught:
            listen(path, 0.5)
        assert caught.value.code == "link.busy"
    with listen(path, 0.5):  # nobody answers on the file that was left over
        pass


def test_a_file_in_the_way_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_text("something else")
    with pytest.raises(LinkError) as caught:
        listen(path, 0.5)
    assert caught.value.code == "link.permission"
    assert path.read_text() == "something else"
