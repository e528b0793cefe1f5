"""The SFM driver's own manners: settings in memory, both ways of data, answers of every kind, speeds, geometry."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.clock import SystemClock
from drivers.errors import CaptureRetry, ReaderFault
from drivers.links.memory import MemoryLink
from drivers.models.sfm import SfmReader
from drivers.reader import CaptureKind, CaptureRequest, ReaderState
from drivers.registry import make_reader
from drivers.sim import rig as rigs
from drivers.sim.clock import VirtualClock
from drivers.sim.peers.sfm import SfmDevice
from drivers.wires import sfm as wire
from drivers.wires.sfm import Code, ImageHeader, Op, Packet, Param
from firmware_profiles.profile import load
from tests.kit.helpers import running
from tests.kit.waiting import PATIENCE_S

PROFILE = load("sfm-slim")
REQUEST = CaptureRequest(CaptureKind.PLAIN, finger_s=10.0, lift_s=5.0)


class Bench:
    def __init__(self, baud: int = 115200, script: Path | None = None, **device: bool) -> None:
        self.clock = VirtualClock()
        self.device = SfmDevice(rigs.person(script), PROFILE, baud, **device)
        self.link = MemoryLink(self.device, self.clock)
        self.reader = SfmReader(PROFILE, self.link, self.clock)

    def opened(self) -> Bench:
        self.reader.open()
        return self

    def answers(self, *codes: int) -> None:
        """What the module says to the next scans instead of scanning."""
        left, usual = list(codes), self.device._obey

        def obey(packet: Packet, now: float) -> None:
            if packet.command in (Op.SCAN, Op.SCAN_BLOCKS) and left and packet.flag != Code.DATA_OK:
                self.device._answer(packet.command, left.pop(0), now)  # type: ignore[arg-type]
            else:
                usual(packet, now)

        self.device._obey = obey  # type: ignore[method-assign]


# the wire


def test_the_manuals_packet_is_made_byte_for_byte() -> None:
    assert wire.pack(Packet(0x05, 0x9929)).hex() == "40052999000000000000" + "00070a"


@given(st.binary(max_size=60), st.integers(0, 255), st.integers(0, 0xFFFFFFFF), st.integers(0, 255))
def test_a_packet_is_found_behind_anything(noise: bytes, command: int, size: int, flag: int) -> None:
    packet = Packet(command, 7, size, flag)
    stream = wire.Stream()
    stream.feed(noise + wire.pack(packet) + bytes(13))
    found = []
    while (one := stream.packet()) is not None:
        found.append(one)
    assert packet in found


@given(st.integers(0, 103), st.integers(0, 255))
def test_a_packet_with_a_bit_flipped_is_never_taken_for_it(where: int, flag: int) -> None:
    packet = Packet(Op.SCAN, 1, 2, flag)
    raw = bytearray(wire.pack(packet))
    raw[where // 8] ^= 1 << where % 8
    stream = wire.Stream()
    stream.feed(bytes(raw) + bytes(13))
    assert stream.packet() != packet


@given(st.binary(max_size=3000), st.integers(1, 700))
def test_blocks_join_to_the_data_and_carry_its_sum(data: bytes, block_bytes: int) -> None:
    blocks = wire.pack_blocks(Op.SCAN_BLOCKS, data, block_bytes)
    joined = b""
    for number, block in enumerate(blocks):
        stream = wire.Stream()
        stream.feed(block)
        head = stream.packet()
        assert head is not None
        assert (head.param >> 16, head.param & 0xFFFF) == (number, len(blocks))
        piece = stream.take(head.size)
        assert piece is not None
        assert stream.take(wire.SUM_BYTES) == sum(piece).to_bytes(4, "little")
        joined += piece
    assert joined == data


@given(st.binary(max_size=80))
def test_any_image_data_is_pixels_or_unknown_or_refused(data: bytes) -> None:
    try:
        found = wire.pixels(data, {48: (8, 6)})
    except wire.ImageError:
        return
    assert found is None or found.size in (len(data), len(data) - wire.HEADER_BYTES)


def test_image_data_are_understood_with_and_without_their_header() -> None:
    gray = np.arange(48, dtype=np.uint8).reshape(6, 8)
    for data in (gray.tobytes(), ImageHeader(8, 6).pack() + gray.tobytes()):
        np.testing.assert_array_equal(wire.pixels(data, {48: (8, 6)}), gray)
    assert wire.pixels(bytes(47), {48: (8, 6)}) is None
    assert wire.pixels(ImageHeader(8, 7, image_bytes=48).pack() + bytes(48), {}) is None
    with pytest.raises(wire.ImageError):
        wire.pixels(ImageHeader(8, 6, encrypted=1).pack() + bytes(48), {})
    with pytest.raises(ValueError, match="27 bytes"):
        ImageHeader.unpack(bytes(27))


# the driver


@pytest.mark.parametrize("blocks", [True, False])
@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("tell_scan", [True, False])
def test_old_and_new_modules_deliver_the_same_picture(blocks: bool, header: bool, tell_scan: bool) -> None:
    bench = Bench(blocks=blocks, header=header, tell_scan=tell_scan).opened()
    frame = bench.reader.capture(REQUEST)
    np.testing.assert_array_equal(frame.pixels, rigs.watched(bench.device.person)[-1].pixels)


def test_gray_and_a_short_timeout_are_set_in_memory_and_nothing_is_saved() -> None:
    bench = Bench()
    heard: list[int] = []
    obey = bench.device._obey
    bench.device._obey = lambda packet, now: (heard.append(packet.command), obey(packet, now))[1]  # type: ignore
    bench.opened().reader.capture(REQUEST)
    assert bench.device.parameters[Param.IMAGE_FORMAT] == wire.GRAY
    assert bench.device.parameters[Param.SCAN_TIMEOUT] == wire.TWO_SECONDS
    assert 0x02 not in heard  # SF: save
    assert set(heard) <= {Op.READ, Op.WRITE, Op.SCAN_BLOCKS, Op.CANCEL}


def test_raw_data_is_read_twice_because_it_has_no_checksum() -> None:
    bench = Bench(blocks=False).opened()
    began = bench.clock.now
    bench.reader.capture(REQUEST)
    assert bench.clock.now - began > 2 * 87040 * 10 / 115200


@pytest.mark.parametrize("baud", [9600, 57600, 921600])
def test_a_module_left_at_another_speed_is_found(baud: int) -> None:
    bench = Bench(baud=baud).opened()
    assert bench.reader.baud == baud
    assert bench.reader.info.firmware == "SIM1"


def test_a_module_that_never_answers_is_a_fault_within_seconds() -> None:
    bench = Bench(baud=250_000)
    with pytest.raises(ReaderFault) as caught:
        bench.reader.open()
    assert caught.value.code == "reader.no_answer"
    assert bench.clock.now - 1000 < 12


@pytest.mark.parametrize(
    "code", [Code.TIMED_OUT, Code.SCAN_FAILED, Code.TRY_AGAIN, Code.BUSY, Code.CANCELLED, Code.CONTINUE]
)
def test_a_scan_that_brought_nothing_is_asked_for_again(code: Code) -> None:
    bench = Bench().opened()
    bench.answers(code, code)
    assert bench.reader.capture(REQUEST).final


@pytest.mark.parametrize("code", [Code.FAKE, Code.REJECTED])
def test_a_picture_the_module_refuses_is_for_the_person(code: Code) -> None:
    bench = Bench().opened()
    bench.answers(code)
    with pytest.raises(CaptureRetry) as caught:
        bench.reader.capture(REQUEST)
    assert caught.value.code == "capture.rejected"
    assert bench.reader.state is ReaderState.IDLE
    assert bench.reader.capture(REQUEST).final


@pytest.mark.parametrize(("code", "expected"), [(Code.LOCKED, "reader.locked"), (0x5E, "reader.refused")])
def test_what_nobody_can_mend_by_trying_is_a_fault_that_names_the_code(code: int, expected: str) -> None:
    bench = Bench().opened()
    bench.answers(code)
    with pytest.raises(ReaderFault) as caught:
        bench.reader.capture(REQUEST)
    assert caught.value.code == expected
    assert "locked" in caught.value.message or "0x5e" in caught.value.message


def test_a_finger_that_comes_after_some_scans_is_taken(tmp_path: Path) -> None:
    script = tmp_path / "person.json"
    script.write_bytes(msgspec.json.encode({"placements": [{"nth": 1, "no_finger": True}]}))
    bench = Bench(script=script).opened()
    began = bench.clock.now
    assert bench.reader.capture(REQUEST).final
    assert bench.clock.now - began > 2.0


def test_a_script_nobody_can_read_shows_as_failed_scans(tmp_path: Path) -> None:
    script = tmp_path / "person.json"
    script.write_text("{")
    bench = Bench(script=script).opened()
    with pytest.raises(CaptureRetry):
        bench.reader.capture(CaptureRequest(CaptureKind.PLAIN, finger_s=2.0))


def test_an_image_of_unknown_size_is_a_fault_not_a_guess() -> None:
    bench = Bench(header=False).opened()
    bench.device._coded = lambda pixels: bytes(12345)  # type: ignore[method-assign]
    with pytest.raises(ReaderFault) as caught:
        bench.reader.capture(REQUEST)
    assert caught.value.code == "reader.geometry"


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("blocks", [True, False])
def test_a_larger_sensor_than_the_profiles_is_named_as_that_and_not_as_damage(
    blocks: bool, header: bool
) -> None:
    bench = Bench(header=header, blocks=blocks).opened()
    whole = bench.device._coded
    bench.device._coded = lambda pixels: whole(np.hstack([pixels, pixels]))  # type: ignore[method-assign]
    with pytest.raises(ReaderFault) as caught:
        bench.reader.capture(REQUEST)
    assert caught.value.code == "reader.geometry"


@pytest.mark.parametrize("blocks", [True, False])
def test_an_image_larger_than_any_is_not_read_to_its_end(blocks: bool) -> None:
    bench = Bench(header=False, blocks=blocks).opened()
    bench.device._coded = lambda pixels: bytes(1 << 22)  # type: ignore[method-assign]
    with pytest.raises(ReaderFault) as caught:
        bench.reader.capture(REQUEST)
    assert caught.value.code in {"reader.geometry", "reader.image_damaged", "reader.noise"}


def test_an_image_in_another_format_than_gray_is_refused() -> None:
    bench = Bench().opened()
    bench.device.parameters[Param.IMAGE_FORMAT] = 0x31  # it forgot, after a dip of its supply
    with pytest.raises(ReaderFault) as caught:
        bench.reader.capture(REQUEST)
    assert caught.value.code == "reader.refused"


def test_a_module_of_another_family_is_refused() -> None:
    bench = Bench()
    del bench.device.parameters[Param.SERIAL]
    with pytest.raises(ReaderFault) as caught:
        bench.reader.open()
    assert caught.value.code == "reader.refused"


def test_a_line_that_never_falls_silent_is_a_fault() -> None:
    bench = Bench().opened()
    bench.device._outbox.send(bytes(1 << 20), bench.clock.now)
    with pytest.raises(ReaderFault) as caught:
        bench.reader.capture(REQUEST)
    assert caught.value.code == "reader.noise"


def test_a_cancel_during_a_slow_image_is_heard_soon() -> None:
    bench = Bench().opened()
    began = bench.clock.now
    with pytest.raises(CaptureRetry) as caught:
        bench.reader.capture(REQUEST, cancelled=lambda: bench.clock.now > began + 2.0)
    assert caught.value.code == "capture.cancelled"
    assert bench.clock.now - began < 4.0
    assert bench.reader.capture(REQUEST).final


def test_the_peer_knows_what_a_module_knows() -> None:
    bench = Bench()
    bench.link.open()

    def ask(packet: Packet) -> Packet | None:
        bench.link.write(wire.pack(packet), 1.0)
        stream = wire.Stream()
        stream.feed(bench.link.read(100, 1.0))
        return stream.packet()

    def flag(packet: Packet) -> Any:
        answer = ask(packet)
        return answer and answer.flag

    assert flag(Packet(0x77)) == Code.UNSUPPORTED
    assert flag(Packet(Op.READ, flag=0x01)) == Code.NOT_FOUND
    assert flag(Packet(Op.WRITE, flag=Param.SERIAL)) == Code.NOT_FOUND
    assert flag(Packet(Op.READ_BLOCKS)) == Code.NOT_FOUND
    assert flag(Packet(Op.CANCEL)) == Code.OK


def test_an_option_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ReaderFault) as caught:
        make_reader("sfm", "", "serial:/dev/x", {"baud": "fast"}, SystemClock())
    assert caught.value.code == "reader.option"
    assert make_reader("sfm", "", "serial:/dev/x", {"baud": "9600"}, SystemClock()).baud == 9600  # type: ignore


def test_the_peer_as_a_process_speaks_over_its_tty(tmp_path: Path, patient: None) -> None:
    tty = tmp_path / "tty"
    command = [sys.executable, "-m", "drivers.sim.peers.sfm", "--tty", str(tty), "--baud", "921600"]
    with running([*command, "--speed", "20"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"ready {tty}\n"
        for _ in range(2):  # it survives a host that comes back
            reader = make_reader("sfm", "", f"serial:{tty}", {"baud": "921600"}, SystemClock())
            reader.open()
            assert reader.info.serial == "SIM-0001"
            reader.close()
        process.terminate()
        assert process.wait(PATIENCE_S) == 0
    assert not tty.exists()
