"""Links: bytes across a pty and memory, and every way to fail with its code and advice."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import serial as pyserial
import usb.core

from drivers.errors import LinkError
from drivers.links import ADVICE, address, link_error
from drivers.links import serial as serial_links
from drivers.links import usb as usb_links
from drivers.links.memory import MemoryLink
from drivers.links.pty import PtyEnd
from drivers.links.serial import SerialLink
from drivers.links.usb import UsbLink, bus_error
from drivers.links.usb_threads import Pending
from drivers.sim.clock import FasterClock, VirtualClock
from drivers.sim.outbox import Outbox
from drivers.sim.usb_bus import SimBus

DEVICE = bytes.fromhex("1201000200000040ba050a00030101020301")
CONFIGURATION = bytes.fromhex("0902200001010080640904000002ffffff000705810340000807058202400000")


def code_of(caught: pytest.ExceptionInfo[LinkError]) -> str:
    assert caught.value.advice == ADVICE[caught.value.code]
    return caught.value.code


# addresses


def test_the_three_forms_of_address_are_understood() -> None:
    assert address.parse("serial:/dev/ttyUSB0").path == "/dev/ttyUSB0"
    assert address.parse("unix:/run/x.sock").scheme == "unix"
    usb_address = address.parse("usb:05BA:000a@1-2.3")
    assert (usb_address.vendor, usb_address.product, usb_address.where) == (0x05BA, 0x000A, "1-2.3")


@pytest.mark.parametrize("text", ["", "serial:", "usb:5ba:a", "usb:05ba:000a@x", "tcp:1", "/dev/ttyUSB0"])
def test_anything_else_is_no_address(text: str) -> None:
    with pytest.raises(LinkError) as caught:
        address.parse(text)
    assert code_of(caught) == "link.address"


def test_a_stream_driver_refuses_a_usb_address() -> None:
    with pytest.raises(LinkError) as caught:
        address.byte_link("usb:05ba:000a", 9600)
    assert code_of(caught) == "link.address"
    assert isinstance(address.byte_link("serial:/dev/x", 9600), SerialLink)


# serial over a pty


@pytest.fixture
def end(tmp_path: Path) -> Any:
    made = PtyEnd(tmp_path / "tty")
    yield made
    made.unplug()


@pytest.fixture
def port(end: PtyEnd) -> Any:
    made = SerialLink(str(end.link), 57600)
    made.open()
    yield made
    made.close()


def test_bytes_go_both_ways_over_a_pty(end: PtyEnd, port: SerialLink) -> None:
    port.write(b"question", 1.0)
    assert end.receive(1.0) == b"question"
    assert end.send(b"answer") == 6
    assert port.read(100, 1.0) == b"answer"


def test_a_silent_port_is_a_timeout(port: SerialLink) -> None:
    with pytest.raises(LinkError) as caught:
        port.read(1, 0.01)
    assert code_of(caught) == "link.timeout"


def test_discard_drops_what_has_arrived(end: PtyEnd, port: SerialLink) -> None:
    end.send(b"old")
    end.wait(0.01, to_send=True)
    port.discard()
    end.send(b"new")
    assert port.read(10, 1.0) == b"new"


def test_the_far_end_sees_the_baud_rate(end: PtyEnd, port: SerialLink) -> None:
    assert end.baud() == 57600
    port.set_baud(115200)
    assert (end.baud(), port.baud) == (115200, 115200)


def test_a_pulled_port_is_disconnected(end: PtyEnd, port: SerialLink) -> None:
    end.unplug()
    end.unplug()
    for use in (lambda: port.read(1, 0.1), lambda: port.write(b"x", 0.1), port.discard):
        with pytest.raises(LinkError) as caught:
            use()
        assert code_of(caught) == "link.disconnected"


def test_a_port_held_by_another_is_busy(end: PtyEnd, port: SerialLink) -> None:
    with pytest.raises(LinkError) as caught:
        SerialLink(str(end.link), 57600).open()
    assert code_of(caught) == "link.busy"


def test_a_port_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(LinkError) as caught:
        SerialLink(str(tmp_path / "none"), 57600).open()
    assert code_of(caught) == "link.not_found"


def test_a_closed_port_is_disconnected(end: PtyEnd) -> None:
    port = SerialLink(str(end.link), 57600)
    port.close()
    with pytest.raises(LinkError) as caught:
        port.read(1, 0.1)
    assert code_of(caught) == "link.disconnected"


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.EACCES, "link.permission"), (errno.EBUSY, "link.busy"), (errno.ENODEV, "link.not_found"),
     (errno.ENOTTY, "link.settings"), (errno.EIO, "link.io")],
)  # fmt: skip
def test_what_the_system_says_at_opening_becomes_a_code(
    monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise pyserial.SerialException(number, os.strerror(number))

    monkeypatch.setattr(serial_links.serial, "Serial", refuse)
    with pytest.raises(LinkError) as caught:
        SerialLink("/dev/x", 57600).open()
    assert code_of(caught) == code


def test_a_baud_rate_the_port_cannot_do_is_a_setting(
    monkeypatch: pytest.MonkeyPatch, port: SerialLink
) -> None:
    with pytest.raises(LinkError) as caught:
        port.set_baud(-5)
    assert code_of(caught) == "link.settings"


def test_a_port_that_takes_no_bytes_is_a_timeout(monkeypatch: pytest.MonkeyPatch, port: SerialLink) -> None:
    def refuse(_: bytes) -> None:
        raise pyserial.SerialTimeoutException("full")

    monkeypatch.setattr(port._port, "write", refuse)
    with pytest.raises(LinkError) as caught:
        port.write(b"x", 0.5)
    assert code_of(caught) == "link.timeout"


def test_ports_with_an_adapter_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    ports = [
        SimpleNamespace(device="/dev/ttyUSB1", vid=0x0403, description="FT232R"),
        SimpleNamespace(device="/dev/ttyS0", vid=None, description="n/a"),
        SimpleNamespace(device="/dev/ttyAMA0", vid=None, description="ttyAMA0"),
    ]
    monkeypatch.setattr(serial_links.list_ports, "comports", lambda: ports)
    assert [one.path for one in serial_links.attached()] == ["/dev/ttyAMA0", "/dev/ttyUSB1"]


def test_a_peers_symlink_never_replaces_a_real_file(tmp_path: Path) -> None:
    (tmp_path / "tty").write_text("mine")
    with pytest.raises(FileExistsError):
        PtyEnd(tmp_path / "tty")


def test_a_stale_symlink_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "tty").symlink_to("/nowhere")
    end = PtyEnd(tmp_path / "tty")
    assert str((tmp_path / "tty").readlink()) == end.tty
    end.unplug()


def test_a_full_pty_takes_no_more_and_does_not_block(end: PtyEnd) -> None:
    while end.send(bytes(65536)):
        pass
    assert end.receive(0.0) == b""


# memory and pace


class Echo:
    """A far end that repeats what it hears at 100 bytes a second."""

    def __init__(self) -> None:
        self.outbox = Outbox(100.0)

    def hear(self, data: bytes, now: float) -> None:
        self.outbox.send(data, now)

    def speak(self, now: float) -> bytes:
        return self.outbox.take(now)

    def wakes_at(self) -> float | None:
        return self.outbox.wakes_at()

    def set_baud(self, baud: int) -> None:
        self.outbox.bytes_per_s = baud / 10


def test_a_paced_answer_takes_the_time_of_its_bytes() -> None:
    clock = VirtualClock()
    link = MemoryLink(Echo(), clock)
    link.open()
    link.write(bytes(50), 1.0)
    got = b""
    while len(got) < 50:
        got += link.read(100, 1.0)
    assert clock.now - 1000.0 == pytest.approx(0.5, abs=0.03)


def test_memory_that_stays_silent_times_out_at_its_deadline() -> None:
    clock = VirtualClock()
    link = MemoryLink(Echo(), clock)
    link.open()
    with pytest.raises(LinkError) as caught:
        link.read(1, 2.0)
    assert code_of(caught) == "link.timeout"
    assert clock.now == pytest.approx(1002.0)


def test_discarded_bytes_of_memory_do_not_come() -> None:
    clock = VirtualClock()
    link = MemoryLink(Echo(), clock)
    link.open()
    link.set_baud(100_000)
    link.write(bytes(50), 1.0)
    clock.sleep(1.0)
    link.discard()
    with pytest.raises(LinkError):
        link.read(1, 0.1)


def test_a_faster_clock_runs_faster_and_waits_shorter() -> None:
    inner = VirtualClock()
    clock = FasterClock(inner, 10.0)
    before = clock.monotonic()
    clock.sleep(5.0)
    assert clock.monotonic() - before == pytest.approx(5.0)
    assert inner.now == pytest.approx(1000.5)
    assert clock.utcnow() == inner.utcnow()


def test_a_closed_memory_link_is_disconnected() -> None:
    link = MemoryLink(Echo(), VirtualClock())
    with pytest.raises(LinkError) as caught:
        link.read(1, 1.0)
    assert code_of(caught) == "link.disconnected"


# USB


class Function:
    """A device that answers what the test tells it to."""

    device, configuration = DEVICE, CONFIGURATION

    def __init__(self) -> None:
        self.strings = {3: "SIM-7"}
        self.answer: Any = b"\x01"

    def _say(self) -> bytes:
        if isinstance(self.answer, Exception):
            raise self.answer
        return bytes(self.answer)

    def control_in(self, request: int, value: int, length: int) -> bytes:
        return self._say()

    def control_out(self, request: int, value: int, data: bytes) -> None:
        self._say()

    def read(self, endpoint: int, size: int, timeout_s: float) -> bytes:
        return self._say()

    def write(self, endpoint: int, data: bytes, timeout_s: float) -> None:
        self._say()


@pytest.fixture
def function() -> Function:
    return Function()


@pytest.fixture
def usb_link(function: Function) -> Any:
    link = UsbLink(0x05BA, 0x000A, backend=SimBus(function))
    link.open()
    yield link
    link.close()


def test_a_usb_device_tells_its_release_and_serial(usb_link: UsbLink) -> None:
    assert (usb_link.bcd, usb_link.serial) == (0x0103, "SIM-7")


def test_a_usb_device_without_that_string_has_no_serial(usb_link: UsbLink, function: Function) -> None:
    function.device = DEVICE[:16] + b"\0" + DEVICE[17:]
    usb_link.close()
    usb_link.open()
    assert usb_link.serial == ""


def test_usb_devices_are_listed_with_their_place(function: Function) -> None:
    assert usb_links.attached(SimBus(function)) == [usb_links.Attached("05ba:000a", "1-10", 0x0103)]


def test_the_place_chooses_among_devices(function: Function) -> None:
    link = UsbLink(0x05BA, 0x000A, "1-9", backend=SimBus(function))
    with pytest.raises(LinkError) as caught:
        link.open()
    assert code_of(caught) == "link.not_found"


def test_a_second_opener_of_a_usb_device_is_told_busy(usb_link: UsbLink, function: Function) -> None:
    other = UsbLink(0x05BA, 0x000A, backend=usb_link._backend)
    with pytest.raises(LinkError) as caught:
        other.open()
    assert code_of(caught) == "link.busy"


def test_a_device_without_the_vendor_interface_is_not_ours(function: Function) -> None:
    link = UsbLink(0x05BA, 0x000A, backend=SimBus(function), interface_class=3)
    with pytest.raises(LinkError) as caught:
        link.open()
    assert code_of(caught) == "link.not_found"


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.EACCES, "link.permission"), (errno.EBUSY, "link.busy"), (errno.ENODEV, "link.disconnected"),
     (errno.ETIMEDOUT, "link.timeout"), (errno.EPIPE, "link.stall"), (errno.EPROTO, "link.io"), (999, "link.io")],
)  # fmt: skip
def test_what_the_bus_says_becomes_a_code(
    usb_link: UsbLink, function: Function, number: int, code: str
) -> None:
    function.answer = bus_error(number)
    for use in (
        lambda: usb_link.control_in(4, 7, 1, 1.0),
        lambda: usb_link.control_out(4, 7, b"x", 1.0),
        lambda: usb_link.bulk_in(0x82, 64, 1.0),
    ):
        with pytest.raises(LinkError) as caught:
            use()
        assert code_of(caught) == code


def test_too_short_an_answer_of_a_register_is_an_io_fault(usb_link: UsbLink, function: Function) -> None:
    function.answer = b""
    with pytest.raises(LinkError) as caught:
        usb_link.control_in(4, 7, 2, 1.0)
    assert code_of(caught) == "link.io"


def test_a_closed_usb_link_is_disconnected(usb_link: UsbLink) -> None:
    usb_link.close()
    with pytest.raises(LinkError) as caught:
        usb_link.control_in(4, 7, 1, 1.0)
    assert code_of(caught) == "link.disconnected"


def test_a_pending_read_keeps_its_error_until_it_is_collected(usb_link: UsbLink, function: Function) -> None:
    function.answer = bus_error(errno.EPIPE)
    with Pending(usb_link, 0x82, 64, 1.0) as pending:
        assert pending.done(5.0)
    with pytest.raises(LinkError) as caught:
        pending.result()
    assert code_of(caught) == "link.stall"


def test_the_error_that_ended_the_interrupts_is_told_again_and_again(
    usb_link: UsbLink, function: Function
) -> None:
    function.answer = bus_error(errno.ENODEV)
    interrupts = usb_link.listen(0x81, 64)
    for _ in range(2):
        with pytest.raises(LinkError) as caught:
            interrupts.next(5.0)
        assert code_of(caught) == "link.disconnected"
    interrupts.stop()


def test_a_machine_without_a_usb_library_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(**_: object) -> None:
        raise usb.core.NoBackendError("No backend available")

    monkeypatch.setattr(usb.core, "find", none)
    with pytest.raises(LinkError) as caught:
        usb_links.attached()
    assert code_of(caught) == "link.no_backend"


def test_an_error_while_looking_for_devices_is_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise bus_error(errno.EACCES)

    monkeypatch.setattr(usb.core, "find", refuse)
    with pytest.raises(LinkError) as caught:
        usb_links.attached()
    assert code_of(caught) == "link.permission"


def test_a_bus_without_the_device_finds_none(function: Function) -> None:
    bus = SimBus(function)
    bus.unplugged = True
    assert usb_links.attached(bus) == []


def test_every_code_has_advice() -> None:
    for code in ADVICE:
        assert link_error(code, "x").advice
