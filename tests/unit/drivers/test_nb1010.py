"""The NB-1010 wire, its driver's own manners, and its peer."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.clock import SystemClock
from drivers.errors import CaptureRetry, DriverError, LinkError, ReaderFault
from drivers.links.usb import UsbLink, bus_error
from drivers.models.nb1010 import Nb1010Reader
from drivers.reader import CaptureKind, CaptureRequest, ReaderState
from drivers.registry import make_reader
from drivers.sim import rig as rigs
from drivers.sim.clock import VirtualClock
from drivers.sim.faults import Fault, Kind
from drivers.sim.peers import nb1010 as peer
from drivers.sim.peers.nb1010 import Nb1010Device
from drivers.sim.usb_bus import SimBus
from drivers.wires import nb1010 as wire
from firmware_profiles.profile import load

REQUEST = CaptureRequest(CaptureKind.PLAIN, finger_s=8.0, lift_s=3.0)
PIXELS = (
    np.arange(wire.HEIGHT * wire.WIDTH, dtype=np.uint32).astype(np.uint8).reshape(wire.HEIGHT, wire.WIDTH)
)


class Bench:
    def __init__(self, script: Path | None = None, speed: float = 1.0) -> None:
        self.clock = VirtualClock()
        self.profile = load("nb1010")
        self.device = Nb1010Device(rigs.person(script), self.profile, self.clock, speed)
        link = UsbLink(0x298D, 0x1010, backend=SimBus(self.device), interface_class=0)
        self.reader = Nb1010Reader(self.profile, link, self.clock)


def test_the_recorded_bytes_are_made_byte_for_byte() -> None:
    assert wire.answer(wire.ASK, 0xF7).hex() == "803701001000000000000000f7000000"
    assert wire.piece(PIXELS, 0)[:25].hex() == "802100001c0200000000000001000000010000000001000001"
    assert wire.piece(PIXELS, 89)[:25].hex() == "802100001c0200000000000000000000b30000000001000001"
    assert wire.TAKE.hex() == "8012040020000000020000000000000000000000000000000000000020000000"


@given(st.integers(0, wire.PIECES - 1), st.integers(0, wire.PIECES - 1))
def test_a_piece_is_taken_at_its_own_place_only(sent: int, due: int) -> None:
    piece = wire.piece(PIXELS, sent)
    if sent == due:
        np.testing.assert_array_equal(wire.rows(piece, due), PIXELS[2 * due : 2 * due + 2])
        return
    with pytest.raises(wire.WireError, match="was due"):
        wire.rows(piece, due)


@given(st.binary(max_size=600), st.integers(0, wire.PIECES))
def test_any_bytes_are_two_rows_and_an_answer_or_refused(data: bytes, index: int) -> None:
    for raw in (data, data.ljust(wire.PIECE_BYTES, b"\0")[: wire.PIECE_BYTES]):
        try:
            assert wire.rows(raw, index).shape == (2, 256)
        except wire.WireError:
            continue
    try:
        assert 0 <= wire.finger_level(data) <= 255
    except wire.WireError:
        assert data[:8] != wire.answer(wire.ASK)[:8] or len(data) != 16


@pytest.mark.parametrize("place", [0, 1, 4, 5, 16, 20, 21])
def test_a_hurt_header_is_no_piece(place: int) -> None:
    piece = bytearray(wire.piece(PIXELS, 3))
    piece[place] ^= 0x40
    with pytest.raises(wire.WireError):
        wire.rows(bytes(piece), 3)


def test_an_answer_to_another_command_is_refused() -> None:
    with pytest.raises(wire.WireError, match="does not answer"):
        wire.check_answer(wire.answer(wire.PREPARE), wire.TAKE)


def test_what_an_interrupted_session_left_behind_is_read_away() -> None:
    bench = Bench()
    bench.device._said.extend(wire.piece(PIXELS, index) for index in range(40, 90))
    bench.reader.open()
    assert bench.reader.state is ReaderState.IDLE
    assert bench.reader.capture(REQUEST).final


def test_a_device_that_answers_something_else_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    monkeypatch.setattr(wire, "answer", lambda *_: bytes(16))
    with pytest.raises(ReaderFault) as caught:
        bench.reader.open()
    assert caught.value.code == "reader.protocol"
    assert caught.value.advice


def test_a_device_that_never_answers_is_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    monkeypatch.setattr(bench.device, "write", lambda *_: None)
    with pytest.raises(LinkError) as caught:
        bench.reader.open()
    assert caught.value.code == "link.timeout"
    assert bench.clock.now - 1000 < 3


def test_a_finger_that_stays_is_no_second_impression() -> None:
    bench = Bench(speed=0.1)
    bench.reader.open()
    bench.reader.capture(REQUEST)
    bench.device.touching.taken = lambda now: None  # type: ignore[method-assign]
    bench.device.touching._up_at += 1000
    with pytest.raises(CaptureRetry) as caught:
        bench.reader.capture(CaptureRequest(CaptureKind.PLAIN, finger_s=60.0, lift_s=1.0))
    assert caught.value.code == "capture.not_lifted"
    assert bench.reader.state is ReaderState.IDLE


def test_nobody_there_ends_at_the_deadline() -> None:
    bench = Bench(speed=0.01)
    bench.reader.open()
    with pytest.raises(CaptureRetry) as caught:
        bench.reader.capture(CaptureRequest(CaptureKind.PLAIN, finger_s=2.0))
    assert caught.value.code == "capture.no_finger"


@pytest.mark.parametrize("kind", [Kind.TRUNCATE, Kind.SHORT, Kind.DELAY])
@pytest.mark.parametrize("at", [60, 100, 5000, 40_000])
def test_an_image_cut_short_or_late_is_taken_again(kind: Kind, at: int) -> None:
    rig = peer.rig(rigs.person(), Fault(kind, at, seconds=0.7))
    rig.reader.open()
    frame = rig.reader.capture(REQUEST)
    np.testing.assert_array_equal(frame.pixels, rig.placed[-1].pixels)
    assert rig.fired()


@pytest.mark.parametrize("kind", [Kind.STALL, Kind.UNPLUG])
def test_a_dead_endpoint_is_a_fault(kind: Kind) -> None:
    rig = peer.rig(rigs.person(), Fault(kind, 5000))
    rig.reader.open()
    with pytest.raises(LinkError) as caught:
        rig.reader.capture(REQUEST)
    assert caught.value.code == {"stall": "link.stall", "unplug": "link.disconnected"}[kind]
    assert rig.reader.state is ReaderState.FAULT


def test_images_that_stay_damaged_are_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    bench.reader.open()
    good = wire.piece
    monkeypatch.setattr(wire, "piece", lambda pixels, index: good(pixels, min(index + 1, 89)))
    with pytest.raises(ReaderFault) as caught:
        bench.reader.capture(REQUEST)
    assert caught.value.code == "reader.image_damaged"


def test_a_device_that_goes_while_it_is_drained_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    bench.reader.open()
    monkeypatch.setattr(wire, "piece", lambda *_: b"short")

    def read(endpoint: int, size: int, timeout_s: float) -> bytes:
        if timeout_s < 0.1:
            raise bus_error(errno.ENODEV)
        return Nb1010Device.read(bench.device, endpoint, size, timeout_s)

    monkeypatch.setattr(bench.device, "read", read)
    with pytest.raises(DriverError) as caught:
        bench.reader.capture(REQUEST)
    assert caught.value.code == "link.disconnected"


def test_an_unreadable_script_stalls_the_simulated_reader(tmp_path: Path) -> None:
    script = tmp_path / "s.json"
    bench = Bench(script)
    bench.reader.open()
    script.write_text("{")
    with pytest.raises(LinkError) as caught:
        bench.reader.capture(REQUEST)
    assert caught.value.code == "link.stall"


def test_the_peer_knows_no_other_requests() -> None:
    device = Bench().device
    for use in (
        lambda: device.control_in(4, 7, 1),
        lambda: device.control_out(4, 7, b""),
        lambda: device.write(2, b"x", 1.0),
    ):
        with pytest.raises(Exception, match=r"no such|no request"):
            use()


def test_only_usb_addresses_make_a_reader() -> None:
    with pytest.raises(LinkError) as caught:
        make_reader("nb1010", "", "serial:/dev/x", {}, SystemClock())
    assert caught.value.code == "link.address"
    assert isinstance(make_reader("nb1010", "", "usb:298d:1010@1-7", {}, SystemClock()), Nb1010Reader)
