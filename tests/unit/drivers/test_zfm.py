"""The ZFM driver's own manners: finding the baud rate, passwords, geometry, budgets."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from drivers.clock import SystemClock
from drivers.errors import CaptureRetry, LinkError, ReaderFault
from drivers.links import link_error
from drivers.links.memory import MemoryLink
from drivers.models import zfm as model
from drivers.models.zfm import ZfmReader
from drivers.reader import CaptureKind, CaptureRequest, ReaderState
from drivers.registry import make_reader
from drivers.sim import rig as rigs
from drivers.sim.clock import VirtualClock
from drivers.sim.peers import zfm as peer
from drivers.sim.peers.zfm import ZfmDevice
from drivers.wires import zfm as wire
from drivers.wires.zfm import Code, Op
from firmware_profiles.profile import load
from tests.kit.helpers import running
from tests.kit.waiting import PATIENCE_S

REQUEST = CaptureRequest(CaptureKind.PLAIN, finger_s=5.0, lift_s=5.0)


def bench(
    profile: str = "zfm20", baud: int = 57600, password: int = 0, told: int = 0, **device: int
) -> tuple[ZfmReader, ZfmDevice, VirtualClock]:
    clock = VirtualClock()
    made = ZfmDevice(rigs.person(), load(profile), baud, password=password, **device)
    reader = ZfmReader(load(profile), MemoryLink(made, clock), clock, password=told)
    return reader, made, clock


@pytest.mark.parametrize("baud", [57600, 115200, 9600, 19200, 105600])
def test_a_module_left_at_another_baud_rate_is_found(baud: int) -> None:
    reader, _, _ = bench(baud=baud)
    reader.open()
    assert reader.baud == baud
    assert reader.capture(REQUEST).final


def test_a_module_that_never_answers_is_a_fault_within_seconds() -> None:
    reader, _, clock = bench(baud=250_000)
    with pytest.raises(ReaderFault) as caught:
        reader.open()
    assert caught.value.code == "reader.no_answer"
    assert clock.now - 1000 < 12


def test_an_adapter_that_cannot_do_a_speed_is_asked_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, _, _ = bench(baud=9600)
    link = reader.link
    set_baud = link.set_baud

    def refuse(baud: int) -> None:
        if baud == 115200:
            raise link_error("link.settings", "no")
        set_baud(baud)

    monkeypatch.setattr(link, "set_baud", refuse)
    reader.open()
    assert reader.baud == 9600


def test_a_port_that_goes_away_while_probing_is_said_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, _, _ = bench()

    def gone(baud: int) -> None:
        raise link_error("link.disconnected", "x")

    monkeypatch.setattr(reader.link, "set_baud", gone)
    with pytest.raises(LinkError) as caught:
        reader.open()
    assert caught.value.code == "link.disconnected"


def test_the_right_password_opens_and_a_wrong_one_is_a_fault() -> None:
    reader, _, _ = bench(password=0x1234, told=0x1234)
    reader.open()
    reader, _, _ = bench(password=0x1234)
    with pytest.raises(ReaderFault) as caught:
        reader.open()
    assert caught.value.code == "reader.password"
    assert "password" in caught.value.advice


def test_a_module_that_forgot_the_password_is_told_again() -> None:
    reader, device, _ = bench(password=7, told=7)
    reader.open()
    device.verified = False  # what a wake fault does
    assert reader.capture(REQUEST).final


@pytest.mark.parametrize("packet_bytes", [32, 64, 128, 256])
def test_every_packet_size_joins_to_the_same_picture(packet_bytes: int) -> None:
    reader, device, _ = bench(packet_bytes=packet_bytes)
    reader.open()
    frame = reader.capture(REQUEST)
    placed = rigs.watched(device.person)[-1].pixels
    np.testing.assert_array_equal(frame.pixels, (placed >> 4) * 17)


def test_the_r503_tells_its_own_size_model_and_serial() -> None:
    reader, _, _ = bench("r503")
    reader.open()
    assert reader.info.serial == "SIM-0001"
    assert reader.info.firmware == "1.0"
    assert reader.capture(REQUEST).pixels.shape == (192, 192)


def test_the_stray_ready_byte_of_an_r503_does_no_harm() -> None:
    reader, device, clock = bench("r503")
    device._outbox.send(b"\x55", clock.now)
    reader.open()
    device._outbox.send(b"\x55", clock.now)
    assert reader.capture(REQUEST).final


def test_an_image_of_unknown_size_is_a_fault_not_a_guess(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, _, _ = bench()
    monkeypatch.setattr(peer, "packed", lambda pixels: bytes(12345))
    reader.open()
    with pytest.raises(ReaderFault) as caught:
        reader.capture(REQUEST)
    assert caught.value.code == "reader.geometry"
    assert reader.state is ReaderState.FAULT


def test_a_size_that_contradicts_the_module_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, _, _ = bench("r503")
    monkeypatch.setattr(peer, "packed", lambda pixels: bytes(9216))
    reader.open()
    with pytest.raises(ReaderFault) as caught:
        reader.capture(REQUEST)
    assert caught.value.code == "reader.geometry"


def test_a_module_of_another_family_is_refused() -> None:
    clock = VirtualClock()
    device = ZfmDevice(rigs.person(), load("zfm20"))
    profile = load("r503")
    reader = ZfmReader(profile, MemoryLink(device, clock), clock)
    with pytest.raises(ReaderFault) as caught:
        reader.open()
    assert caught.value.code in {"reader.refused", "reader.no_answer"}


def test_a_picture_of_the_empty_platen_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, _, _ = bench()
    monkeypatch.setattr(peer, "packed", lambda pixels: bytes(36864))
    reader.open()
    with pytest.raises(CaptureRetry) as caught:
        reader.capture(CaptureRequest(CaptureKind.PLAIN, finger_s=20.0))
    assert caught.value.code == "capture.no_finger"


def test_an_image_takes_little_more_than_its_line_time() -> None:
    reader, _, clock = bench()
    reader.open()
    began = clock.now
    reader.capture(REQUEST)
    line = wire.image_wire_bytes(36864, 128) * 10 / 57600
    person = peer.FINGER_DOWN_S + peer.LIFT_AFTER_S
    assert line < clock.now - began < (line + person) * 1.05 + 0.2


def test_a_cancel_during_a_slow_image_is_heard_at_once() -> None:
    reader, _, clock = bench()
    reader.open()
    began = clock.now
    with pytest.raises(CaptureRetry) as caught:
        reader.capture(REQUEST, cancelled=lambda: clock.now > began + 2.0)
    assert caught.value.code == "capture.cancelled"
    assert clock.now - began < 3.0
    assert reader.capture(REQUEST).final  # what was left of the old image is drained


def test_a_finger_lifted_before_the_image_is_a_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, device, _ = bench()
    reader.open()
    generate = device._generate

    def forget(parameters: bytes, now: float) -> None:
        generate(parameters, now)
        device._image = None

    monkeypatch.setitem(peer._COMMANDS, Op.GEN_IMG, lambda _, parameters, now: forget(parameters, now))
    with pytest.raises(CaptureRetry) as caught:
        reader.capture(REQUEST)
    assert caught.value.code == "capture.lifted_early"


def test_a_script_nobody_can_read_shows_as_failed_captures(tmp_path: Path) -> None:
    clock = VirtualClock()
    script = tmp_path / "s.json"
    script.write_text("{")
    device = ZfmDevice(rigs.person(script), load("zfm20"))
    reader = ZfmReader(load("zfm20"), MemoryLink(device, clock), clock)
    reader.open()
    with pytest.raises(CaptureRetry):
        reader.capture(CaptureRequest(CaptureKind.PLAIN, finger_s=1.0))


def test_the_module_refuses_what_it_does_not_know() -> None:
    clock = VirtualClock()
    device = ZfmDevice(rigs.person(), load("zfm20"), None)
    link = MemoryLink(device, clock)
    link.open()

    def ask(payload: bytes) -> bytes:
        link.write(wire.pack(wire.Packet(wire.Pid.COMMAND, payload)), 1.0)
        (answer,) = wire.Parser().feed(link.read(100, 1.0))
        assert isinstance(answer, wire.Packet)
        return answer.payload

    assert ask(b"\x99") == bytes((Code.PACKET_ERROR,))
    assert ask(bytes((Op.READ_PROD_INFO,))) == bytes((Code.PACKET_ERROR,))
    assert ask(bytes((Op.UP_IMAGE,))) == bytes((Code.CANNOT_SEND_IMAGE,))
    assert ask(bytes((Op.SET_SYS_PARA, 6, 3))) == b"\0"
    assert device.packet_bytes == 256
    assert ask(bytes((Op.SET_SYS_PARA, 9, 3))) == bytes((Code.BAD_REGISTER,))


@pytest.mark.parametrize("options", [{"password": "xyz"}, {"password": "123456789"}, {"baud": "fast"}])
def test_an_option_that_makes_no_sense_is_refused(options: dict[str, str]) -> None:
    with pytest.raises(ReaderFault) as caught:
        make_reader("zfm", "zfm20", "serial:/dev/x", options, SystemClock())
    assert caught.value.code == "reader.option"


def test_options_reach_the_reader() -> None:
    reader = make_reader(
        "zfm", "", "serial:/dev/x", {"password": "DEADBEEF", "baud": "115200"}, SystemClock()
    )
    assert isinstance(reader, model.ZfmReader)
    assert (reader._password, reader.baud) == (0xDEADBEEF, 115200)


def test_the_peer_as_a_process_speaks_over_its_tty(tmp_path: Path, patient: None) -> None:
    tty = tmp_path / "tty"
    command = [
        sys.executable,
        "-m",
        "drivers.sim.peers.zfm",
        "--tty",
        str(tty),
        "--baud",
        "115200",
        "--profile",
        "r503",
    ]
    with running([*command, "--speed", "20"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"ready {tty}\n"
        for _ in range(2):  # it survives a host that comes back
            reader = make_reader("zfm", "r503", f"serial:{tty}", {}, SystemClock())
            reader.open()
            assert reader.info.simulated
            reader.close()
        process.terminate()
        assert process.wait(PATIENCE_S) == 0
    assert not tty.exists()


def test_a_code_nobody_expects_is_a_fault_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, _, _ = bench()
    reader.open()
    answer = lambda device, parameters, now: device._ack(0x5E, now)  # noqa: E731
    monkeypatch.setitem(peer._COMMANDS, Op.GEN_IMG, answer)
    with pytest.raises(ReaderFault, match="0x5e") as caught:
        reader.capture(REQUEST)
    assert caught.value.code == "reader.refused"


@pytest.mark.parametrize("code", [Code.CAPTURE_FAILED, Code.MESSY, Code.FEW_FEATURES])
def test_a_picture_the_module_could_not_take_is_polled_for_again(
    code: Code, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, device, _ = bench()
    reader.open()
    left, generate = [code, code], device._generate

    def sometimes(_: object, parameters: bytes, now: float) -> None:
        if left:
            device._ack(left.pop(), now)
        else:
            generate(parameters, now)

    monkeypatch.setitem(peer._COMMANDS, Op.GEN_IMG, sometimes)
    assert reader.capture(REQUEST).final


def test_a_line_that_never_falls_silent_is_a_fault() -> None:
    reader, device, clock = bench()
    reader.open()
    device._outbox.send(bytes(1 << 20), clock.now)
    with pytest.raises(ReaderFault) as caught:
        reader.capture(REQUEST)
    assert caught.value.code == "reader.noise"


def test_a_module_that_waits_for_the_rest_of_a_long_packet_is_flushed() -> None:
    reader, device, clock = bench()
    device.hear(
        bytes.fromhex("ef01ffffffff010100"), clock.now
    )  # its power-up noise: a packet of 256 bytes begun
    reader.open()
    assert clock.now - 1000 < 1.0


def test_an_r503_whose_power_was_away_greets_and_is_found_again() -> None:
    reader, device, clock = bench("r503", password=7, told=7)
    reader.open()
    assert reader.capture(REQUEST).final
    reader.close()
    device.replugged()
    assert device.speak(clock.now) == b""
    clock.sleep(0.2)
    assert device.speak(clock.now) + device.speak(clock.now + 0.01) == b"\x55"
    reader.open()
    assert reader.capture(REQUEST).final


@pytest.mark.parametrize(
    ("name", "shape"), [("as608", (288, 256)), ("r305", (288, 256)), ("r304a", (288, 208))]
)
def test_relatives_of_the_zfm_deliver_their_own_size(name: str, shape: tuple[int, int]) -> None:
    reader, _, _ = bench(name)
    reader.open()
    assert reader.info.profile == name
    assert reader.capture(REQUEST).pixels.shape == shape
