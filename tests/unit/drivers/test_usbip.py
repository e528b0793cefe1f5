"""A simulated device over USB/IP, spoken to as a kernel does: import, enumeration, transfers, unlink, and nonsense."""

from __future__ import annotations

import contextlib
import errno
import socket
import struct
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.links.usb import BusTimeout, bus_error
from drivers.sim import usbip
from drivers.sim.usbip import UsbIpDevice, UsbIpError
from tests.kit.helpers import background
from tests.kit.waiting import PATIENCE_S


class Toy:
    """A device with one register, an echo on endpoint 2 and a queue on 0x81."""

    device = bytes.fromhex("1201000200000040ba050a00030101020301")
    configuration = bytes.fromhex("0902200001010080640904000002ffffff000705810340000807058202400000")

    def __init__(self) -> None:
        self.strings = {1: "SIMULATED", 2: "Toy"}
        self.register = b"\0"
        self.ready = threading.Condition()
        self.bytes: list[bytes] = []

    def control_in(self, request: int, value: int, length: int) -> bytes:
        if request != 4:
            raise bus_error(errno.EPIPE, "stall")
        return self.register[:length]

    def control_out(self, request: int, value: int, data: bytes) -> None:
        self.register = data

    def read(self, endpoint: int, size: int, timeout_s: float) -> bytes:
        with self.ready:
            if not self.bytes:
                self.ready.wait(timeout_s)
            if not self.bytes:
                raise BusTimeout("nothing", errno=errno.ETIMEDOUT)
            return self.bytes.pop(0)

    def write(self, endpoint: int, data: bytes, timeout_s: float) -> None:
        self.give(data)

    def give(self, data: bytes) -> None:
        with self.ready:
            self.bytes.append(data)
            self.ready.notify_all()


class Kernel:
    """The other end."""

    def __init__(self, peer: socket.socket) -> None:
        self.peer = peer
        self.number = 0
        self.inward: set[int] = set()

    def exactly(self, count: int) -> bytes:
        got = b""
        while len(got) < count:
            piece = self.peer.recv(count - len(got))
            assert piece, "the device went away"
            got += piece
        return got

    def submit(self, endpoint: int, length: int, data: bytes = b"", setup: bytes = bytes(8)) -> int:
        self.number += 1
        inward = endpoint >> 7
        head = struct.pack(">IIIII", 1, self.number, usbip.DEVICE_ID, inward, endpoint & 0x7F)
        self.peer.sendall(head + struct.pack(">Iiiii8s", 0, length, 0, 0, 0, setup) + data)
        return self.number

    def answer(self) -> tuple[int, int, int, bytes]:
        """Command, number, status, and what came in."""
        command, number, *_ = struct.unpack(">IIIII", self.exactly(20))
        status, length = struct.unpack(">ii20x", self.exactly(28))
        got = self.exactly(length) if command == 3 and number in self.inward else b""
        return command, number, status, got

    def get(self, endpoint: int, length: int, setup: bytes = bytes(8)) -> tuple[int, bytes]:
        number = self.submit(endpoint | 0x80, length, setup=setup)
        self.inward = {*self.inward, number}
        command, answered, status, got = self.answer()
        assert (command, answered) == (3, number)
        return status, got

    def control(
        self, kind: int, request: int, value: int, length: int, data: bytes = b""
    ) -> tuple[int, bytes]:
        setup = struct.pack("<BBHHH", kind, request, value, 0, length)
        if kind & 0x80:
            return self.get(0, length, setup)
        self.submit(0, length, data, setup)
        return self.answer()[2], b""


@pytest.fixture
def toy() -> Toy:
    return Toy()


@pytest.fixture
def kernel(toy: Toy) -> Iterator[Kernel]:
    ours, theirs = socket.socketpair()
    ours.settimeout(PATIENCE_S)
    with theirs, background(UsbIpDevice(toy).serve, theirs, stop=ours.close, name="a USB/IP device"):
        yield Kernel(ours)


@pytest.fixture
def attached(kernel: Kernel) -> Kernel:
    kernel.peer.sendall(struct.pack(">HHI32s", 0x0111, 0x8003, 0, b"1-1"))
    assert struct.unpack(">HHI", kernel.exactly(8)) == (0x0111, 3, 0)
    said = kernel.exactly(312)
    assert struct.unpack_from(">III", said, 288) == (1, 2, 2)
    assert struct.unpack_from(">HHH", said, 300) == (0x05BA, 0x000A, 0x0103)
    assert said[-3:] == bytes((1, 1, 1))
    return kernel


def test_the_kernel_reads_its_descriptors(attached: Kernel) -> None:
    assert attached.control(0x80, 6, 0x0100, 18) == (0, Toy.device)
    assert attached.control(0x80, 6, 0x0200, 9) == (0, Toy.configuration[:9])
    assert attached.control(0x80, 6, 0x0300, 255) == (0, b"\x04\x03\x09\x04")
    assert attached.control(0x80, 6, 0x0302, 255) == (0, b"\x08\x03" + "Toy".encode("utf-16-le"))
    assert attached.control(0x80, 6, 0x0309, 255) == (-errno.EPIPE, b"")
    assert attached.control(0x80, 0, 0, 2) == (0, b"\0\0")
    assert attached.control(0x00, 9, 1, 0) == (0, b"")


def test_registers_are_written_and_read_and_a_stall_is_a_stall(attached: Kernel) -> None:
    assert attached.control(0x40, 4, 0x07, 1, b"\x2a") == (0, b"")
    assert attached.control(0xC0, 4, 0x07, 1) == (0, b"\x2a")
    assert attached.control(0xC0, 5, 0x07, 1) == (-errno.EPIPE, b"")


def test_a_read_waits_for_its_bytes_and_longer_ones_are_handed_out_in_order(
    attached: Kernel, toy: Toy
) -> None:
    number = attached.submit(0x81, 4)
    attached.inward = {number}
    toy.give(b"abcdef")
    assert attached.answer() == (3, number, 0, b"abcd")
    assert attached.get(1, 4) == (0, b"ef")


def test_what_goes_out_is_counted(attached: Kernel) -> None:
    attached.submit(0x02, 3, b"xyz")
    command, _, status, _ = attached.answer()
    assert (command, status) == (3, 0)
    assert attached.get(1, 8) == (0, b"xyz")


def test_an_unlinked_read_is_given_back_and_loses_no_bytes(attached: Kernel, toy: Toy) -> None:
    number = attached.submit(0x81, 4)
    attached.peer.sendall(struct.pack(">IIIII", 2, 99, usbip.DEVICE_ID, 0, 0) + struct.pack(">I24x", number))
    assert attached.answer()[:3] == (4, 99, -errno.ECONNRESET)
    toy.give(b"late")
    assert attached.get(1, 4) == (0, b"late")
    attached.peer.sendall(struct.pack(">IIIII", 2, 100, usbip.DEVICE_ID, 0, 0) + struct.pack(">I24x", number))
    assert attached.answer()[:3] == (4, 100, 0)


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=120))
def test_nonsense_ends_the_conversation_and_nothing_else(noise: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(noise)
        ours.shutdown(socket.SHUT_WR)
        with contextlib.suppress(UsbIpError):
            UsbIpDevice(Toy()).serve(theirs)
        theirs.setblocking(False)
        with contextlib.suppress(BlockingIOError):  # no more is read than the part that was wrong
            assert len(theirs.recv(1 << 16)) <= max(len(noise) - 8, 0)


@pytest.mark.parametrize(
    "start",
    [struct.pack(">HHI32s", 0x0111, 0x8003, 0, b"9-9"), struct.pack(">HHI32s", 0x0100, 0x8003, 0, b"1-1")],
)
def test_another_device_or_version_is_refused(start: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(start)
        with pytest.raises(UsbIpError):
            UsbIpDevice(Toy()).serve(theirs)


@pytest.mark.parametrize(("command", "length"), [(7, 4), (1, 1 << 30)])
def test_an_unknown_command_or_a_huge_transfer_is_refused(command: int, length: int) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(
            struct.pack(">IIIII", command, 1, 1, 1, 1) + struct.pack(">Iiiii8s", 0, length, 0, 0, 0, b"")
        )
        with pytest.raises(UsbIpError):
            UsbIpDevice(Toy()).answer(theirs)
