"""The GT-511 and GT-521 driver's own manners: speeds, sizes by firmware, refusals, the finger."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.clock import SystemClock
from drivers.errors import CaptureRetry, ReaderFault
from drivers.links.memory import MemoryLink
from drivers.models.gt521 import Gt521Reader
from drivers.reader import CaptureKind, CaptureRequest, ReaderState
from drivers.registry import make_reader
from drivers.sim import rig as rigs
from drivers.sim.clock import VirtualClock
from drivers.sim.peers import gt521 as peer
from drivers.sim.peers.gt521 import Gt521Device
from drivers.wires import gt521 as wire
from drivers.wires.gt521 import ACK, NACK, Code, DeviceInfo, Op, Packet
from firmware_profiles.profile import Profile, load
from tests.kit.helpers import running
from tests.kit.waiting import PATIENCE_S

PROFILE = load("gt521")
REQUEST = CaptureRequest(CaptureKind.PLAIN, finger_s=10.0, lift_s=5.0)


class Bench:
    def __init__(
        self,
        profile: Profile = PROFILE,
        baud: int = 9600,
        module: Profile | None = None,
        script: Path | None = None,
    ) -> None:
        self.clock = VirtualClock()
        self.device = Gt521Device(rigs.person(script), module or profile, baud)
        self.link = MemoryLink(self.device, self.clock)
        self.reader = Gt521Reader(profile, self.link, self.clock)

    def opened(self) -> Bench:
        self.reader.open()
        return self

    def says(self, op: Op, word: int, param: int) -> None:
        """What the module answers to that command from now on."""
        usual = self.device._obey

        def obey(packet: Packet, now: float) -> None:
            if packet.word == op:
                self.device._answer(word, now, param)
            else:
                usual(packet, now)

        self.device._obey = obey  # type: ignore[method-assign]


def with_sizes(*sizes: dict[str, object]) -> Profile:
    image = msgspec.structs.replace(
        PROFILE.image, sizes=tuple(msgspec.structs.replace(PROFILE.image.sizes[0], **size) for size in sizes)
    )
    return msgspec.structs.replace(PROFILE, image=image)


# the wire


@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        (Packet(Op.OPEN), "55aa01000000000001000101"),
        (Packet(ACK), "55aa01000000000030003001"),
        (Packet(Op.CMOS_LED, 1), "55aa01000100000012001301"),
    ],
)
def test_published_packets_are_made_byte_for_byte(packet: Packet, expected: str) -> None:
    raw = wire.pack(packet)
    assert raw.hex() == expected
    stream = wire.Stream()
    stream.feed(raw)
    assert stream.packet() == packet


@given(st.binary(max_size=60), st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF))
def test_an_answer_is_found_behind_anything(noise: bytes, word: int, param: int) -> None:
    stream = wire.Stream()
    stream.feed(noise + wire.pack(Packet(word, param)) + bytes(12))
    found = []
    while (one := stream.packet()) is not None:
        found.append(one)
    assert Packet(word, param) in found


@given(st.integers(0, 95), st.integers(0, 0xFFFFFFFF))
def test_an_answer_with_a_bit_flipped_is_never_taken_for_it(where: int, param: int) -> None:
    raw = bytearray(wire.pack(Packet(ACK, param)))
    raw[where // 8] ^= 1 << where % 8
    stream = wire.Stream()
    stream.feed(bytes(raw) + bytes(12))
    assert stream.packet() is None


@given(st.binary(max_size=300), st.integers(0, 10_000), st.integers(0, 7))
def test_data_come_back_as_sent_and_not_with_a_bit_flipped(data: bytes, where: int, bit: int) -> None:
    raw = wire.pack_data(data)
    stream = wire.Stream()
    stream.feed(b"\x00\x5a" + raw)
    assert stream.data(len(data)) == data
    hurt = bytearray(raw)
    hurt[where % len(raw)] ^= 1 << bit
    stream.reset()
    stream.feed(bytes(hurt))
    assert stream.data(len(data)) is None


@given(st.binary(max_size=60))
def test_any_device_information_is_understood_or_refused(data: bytes) -> None:
    try:
        info = DeviceInfo.unpack(data)
    except ValueError:
        assert len(data) != wire.INFO_BYTES
        return
    assert info.serial.isprintable()


# the driver


@pytest.mark.parametrize("baud", [9600, 19200, 57600, 115200])
def test_a_module_at_any_speed_is_brought_to_the_fast_one(baud: int) -> None:
    bench = Bench(baud=baud).opened()
    assert bench.reader.baud == 115200
    assert bench.device._baud == 115200
    assert bench.reader.capture(REQUEST).pixels.shape == (202, 258)


def test_a_module_that_will_not_change_speed_is_used_as_it_is() -> None:
    bench = Bench()
    bench.says(Op.CHANGE_BAUDRATE, NACK, Code.BAD_BAUDRATE)
    bench.opened()
    assert bench.reader.baud == 9600
    assert bench.reader.capture(REQUEST).final


def test_a_module_that_never_answers_is_a_fault_within_seconds() -> None:
    bench = Bench(baud=250_000)
    with pytest.raises(ReaderFault) as caught:
        bench.reader.open()
    assert caught.value.code == "reader.no_answer"
    assert bench.clock.now - 1000 < 12


def test_the_c1r_is_read_by_its_raw_image() -> None:
    bench = Bench(load("gt511c1r")).opened()
    frame = bench.reader.capture(REQUEST)
    np.testing.assert_array_equal(frame.pixels, rigs.watched(bench.device.person)[-1].pixels)
    assert frame.pixels.shape == (216, 240)


def test_another_size_than_the_profiles_is_a_fault_not_a_guess() -> None:
    for width in (200, 300):
        bench = Bench(module=with_sizes({"width": width})).opened()
        with pytest.raises(ReaderFault) as caught:
            bench.reader.capture(REQUEST)
        assert caught.value.code == "reader.geometry"
        assert str(width * 202) in caught.value.message
        assert bench.reader.state is ReaderState.FAULT


def test_the_size_is_that_of_the_firmware_before_that_of_any() -> None:
    named = {"width": 64, "height": 32, "firmware": f"{peer.FIRMWARE:08x}"}
    profile = with_sizes({}, named)
    bench = Bench(profile, module=with_sizes(named)).opened()
    assert bench.reader.capture(REQUEST).pixels.shape == (32, 64)


def test_a_firmware_whose_size_is_not_known_is_told_at_once() -> None:
    bench = Bench(with_sizes({"firmware": "00000001"}))
    with pytest.raises(ReaderFault) as caught:
        bench.reader.open()
    assert caught.value.code == "reader.firmware"
    assert f"{peer.FIRMWARE:08x}" in caught.value.message


def test_the_light_is_on_only_while_a_finger_is_wanted() -> None:
    bench = Bench().opened()
    assert not bench.device.lit
    bench.reader.capture(REQUEST, cancelled=None)
    assert not bench.device.lit


def test_a_bad_finger_is_tried_again_until_the_deadline() -> None:
    bench = Bench().opened()
    bench.says(Op.CAPTURE_FINGER, NACK, Code.BAD_FINGER)
    with pytest.raises(CaptureRetry) as caught:
        bench.reader.capture(CaptureRequest(CaptureKind.PLAIN, finger_s=3.0))
    assert caught.value.code == "capture.no_finger"


@pytest.mark.parametrize("op", [Op.CMOS_LED, Op.IS_PRESS_FINGER, Op.CAPTURE_FINGER, Op.GET_IMAGE])
def test_a_reason_nobody_expects_is_a_fault_that_names_it(op: Op) -> None:
    bench = Bench().opened()
    bench.says(op, NACK, 0x10AB)
    with pytest.raises(ReaderFault, match="0x10ab") as caught:
        bench.reader.capture(REQUEST)
    assert caught.value.code == "reader.refused"


def test_a_module_that_hears_only_damage_is_given_up() -> None:
    bench = Bench().opened()
    bench.says(Op.CMOS_LED, NACK, Code.COMMUNICATION)
    with pytest.raises(ReaderFault) as caught:
        bench.reader.capture(REQUEST)
    assert caught.value.code == "reader.no_answer"


def test_a_word_that_is_no_answer_is_not_taken_for_one() -> None:
    bench = Bench().opened()
    bench.says(Op.CMOS_LED, 0x55, 0)
    with pytest.raises(ReaderFault) as caught:
        bench.reader.capture(REQUEST)
    assert caught.value.code == "reader.no_answer"


def test_a_line_that_never_falls_silent_is_a_fault() -> None:
    bench = Bench().opened()
    bench.device._outbox.send(bytes(1 << 20), bench.clock.now)
    with pytest.raises(ReaderFault) as caught:
        bench.reader.capture(REQUEST)
    assert caught.value.code == "reader.noise"


def test_a_script_nobody_can_read_shows_as_a_fault_of_the_device(tmp_path: Path) -> None:
    script = tmp_path / "person.json"
    bench = Bench(script=script).opened()
    script.write_text("{")
    with pytest.raises(ReaderFault) as caught:
        bench.reader.capture(REQUEST)
    assert caught.value.code == "reader.refused"


def test_a_serial_that_is_no_text_is_shown_in_hex() -> None:
    raw = bytes(8) + bytes(range(200, 216))
    assert DeviceInfo.unpack(raw).serial == bytes(range(200, 216)).hex()


def test_the_peer_refuses_what_it_does_not_know() -> None:
    bench = Bench(baud=9600)
    bench.link.open()

    def ask(packet: Packet) -> Packet | None:
        bench.link.write(wire.pack(packet), 1.0)
        stream = wire.Stream()
        while (answer := stream.packet()) is None:
            stream.feed(bench.link.read(100, 1.0))
        return answer

    assert ask(Packet(0x99)) == Packet(NACK, Code.UNSUPPORTED)
    assert ask(Packet(Op.CHANGE_BAUDRATE, 12345)) == Packet(NACK, Code.BAD_BAUDRATE)
    assert ask(Packet(Op.GET_IMAGE)) == Packet(NACK, Code.NOT_PRESSED)
    assert ask(Packet(Op.CAPTURE_FINGER)) == Packet(NACK, Code.NOT_PRESSED)
    assert ask(Packet(Op.IS_PRESS_FINGER)) == Packet(ACK, Code.NOT_PRESSED)


def test_an_option_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ReaderFault) as caught:
        make_reader("gt521", "", "serial:/dev/x", {"baud": "fast"}, SystemClock())
    assert caught.value.code == "reader.option"
    assert make_reader("gt521", "", "serial:/dev/x", {"baud": "57600"}, SystemClock()).baud == 57600  # type: ignore


def test_the_peer_as_a_process_speaks_over_its_tty(tmp_path: Path, patient: None) -> None:
    tty = tmp_path / "tty"
    command = [sys.executable, "-m", "drivers.sim.peers.gt521", "--tty", str(tty), "--speed", "20"]
    with running(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"ready {tty}\n"
        for _ in range(2):  # the second time it stands at 115200 already
            reader = make_reader("gt521", "gt521", f"serial:{tty}", {}, SystemClock())
            reader.open()
            assert reader.info.serial == "SIM-0001"
            reader.close()
        process.terminate()
        assert process.wait(PATIENCE_S) == 0
    assert not tty.exists()
