"""How often the ZFM and GT-521 drivers try again, and how long they wait: counted at the device.

A profile's `retries` is what may be tried beside the first time: 2 of both.
"""

from __future__ import annotations

from collections import Counter

import pytest

from drivers.links.memory import MemoryLink
from drivers.models.gt521 import Gt521Reader
from drivers.models.zfm import ZfmReader
from drivers.sim import rig as rigs
from drivers.sim.clock import VirtualClock
from drivers.sim.peers import gt521 as gt521_peer
from drivers.sim.peers import zfm as zfm_peer
from drivers.sim.peers.gt521 import Gt521Device
from drivers.sim.peers.zfm import ZfmDevice
from drivers.wires import gt521, zfm
from firmware_profiles.profile import load
from tests.unit.drivers.retry_kit import REQUEST, Mute, code_of, counted

# ZFM: 2


def zfm_reader() -> tuple[ZfmReader, ZfmDevice, VirtualClock]:
    clock = VirtualClock()
    device = ZfmDevice(rigs.person(), load("zfm20"), 57600)
    return ZfmReader(load("zfm20"), MemoryLink(device, clock), clock), device, clock


def zfm_ops(heard: bytes) -> Counter[int]:
    packets = (one for one in zfm.Parser().feed(heard) if isinstance(one, zfm.Packet))
    return Counter(packet.payload[0] for packet in packets)


def test_a_zfm_command_is_sent_three_times() -> None:
    reader, _, _ = zfm_reader()
    reader.open()
    reader.link.far = mute = Mute()  # type: ignore[attr-defined]
    assert code_of(lambda: reader.capture(REQUEST)) == "reader.no_answer"
    assert zfm_ops(bytes(mute.heard)) == {zfm.Op.GEN_IMG: 3}


def test_a_zfm_image_is_fetched_three_times(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, device, _ = zfm_reader()
    reader.open()
    seen = counted(device, "hear", lambda data, now: data[9] if len(data) > 9 else None)
    monkeypatch.setattr(zfm_peer, "packed", lambda pixels: bytes(12345))
    assert code_of(lambda: reader.capture(REQUEST)) == "reader.geometry"
    assert seen[zfm.Op.UP_IMAGE] == 3


@pytest.mark.parametrize(
    ("sizes", "code"),
    [
        ((12345, 12345, 12345), "reader.geometry"),
        ((12345, 12346, 12345), "reader.image_damaged"),
        ((12345, 12345, 12346), "reader.image_damaged"),
    ],
)
def test_a_zfm_image_is_of_another_sensor_when_its_size_is_the_same_each_time(
    sizes: tuple[int, ...], code: str
) -> None:
    reader, device, _ = zfm_reader()
    reader.open()
    usual, left = device.hear, iter(sizes)

    def hear(data: bytes, now: float) -> None:
        if data[9:10] == bytes((zfm.Op.UP_IMAGE,)):
            device._image = bytes(next(left))
        usual(data, now)

    device.hear = hear  # type: ignore[method-assign]
    assert code_of(lambda: reader.capture(REQUEST)) == code


def test_a_zfm_module_has_its_time() -> None:
    reader, _, _ = zfm_reader()
    assert (reader.baud, reader._password) == (57600, 0)
    reader.open()
    assert reader._command_s == 1.2
    assert reader._image_s() == pytest.approx(
        40044 * 10 / 57600 * 1.5 + 1.0
    )  # bytes on the wire: the manual's sum


@pytest.mark.parametrize(("contrast", "taken"), [(2, False), (3, True)])
def test_a_zfm_image_of_two_grey_levels_is_the_empty_platen(
    monkeypatch: pytest.MonkeyPatch, contrast: int, taken: bool
) -> None:
    reader, _, _ = zfm_reader()
    pixels = bytes((contrast,)) + bytes(36863)  # four bits each
    monkeypatch.setattr(zfm_peer, "packed", lambda _: pixels)
    reader.open()
    reader._finger(1.0)
    while not reader._finger(1.0):
        pass
    found = reader._take(lambda _: None, lambda: None)
    assert (found is not None) == taken


# GT-521: 2


def gt521_reader() -> tuple[Gt521Reader, Gt521Device, VirtualClock]:
    clock = VirtualClock()
    device = Gt521Device(rigs.person(), load("gt521"), 9600)
    return Gt521Reader(load("gt521"), MemoryLink(device, clock), clock), device, clock


def test_a_gt521_command_is_sent_three_times() -> None:
    reader, _, _ = gt521_reader()
    reader.open()
    reader.link.far = mute = Mute()  # type: ignore[attr-defined]
    assert code_of(lambda: reader.capture(REQUEST)) == "reader.no_answer"
    assert bytes(mute.heard) == bytes.fromhex("55AA 0100 01000000 1200 1301") * 3


def test_a_gt521_image_is_fetched_three_times(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, device, _ = gt521_reader()
    reader.open()
    seen = counted(device, "_obey", lambda packet, now: packet.word)
    good = gt521.pack_data
    monkeypatch.setattr(gt521_peer.wire, "pack_data", lambda data: good(data)[:-1] + b"\xff")
    assert code_of(lambda: reader.capture(REQUEST)) == "reader.image_damaged"
    assert seen[gt521.Op.GET_IMAGE] == 3


def test_a_gt521_module_is_asked_three_times_to_change_its_speed() -> None:
    reader, device, _ = gt521_reader()
    asked: list[int] = []
    usual = device._obey

    def obey(packet: gt521.Packet, now: float) -> None:
        if packet.word == gt521.Op.CHANGE_BAUDRATE:
            asked.append(packet.param)
            device._answer(gt521.NACK, now, gt521.Code.BAD_BAUDRATE)
        else:
            usual(packet, now)

    device._obey = obey  # type: ignore[method-assign]
    reader.open()
    assert asked == [115200] * 3


def test_a_gt521_module_has_its_time() -> None:
    reader, _, _ = gt521_reader()
    assert reader.baud == 9600
    reader.open()
    assert (reader._command_s, reader._idle_s) == (1.0, 0.5)
    assert reader._image_s(52116) == pytest.approx(52122 * 10 / 115200 * 1.5 + 0.5)


def test_a_gt521_finger_is_pressed_when_the_parameter_is_0(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, _, _ = gt521_reader()
    for word, param, pressed in (
        (0x30, 0, True),
        (0x30, 1, False),
        (0x30, 0x1012, False),
        (0x31, 0x1012, False),
    ):
        monkeypatch.setattr(reader, "_command", lambda *_, w=word, p=param: gt521.Packet(w, p))
        assert reader._pressed() == pressed
    monkeypatch.setattr(reader, "_command", lambda *_: gt521.Packet(0x31, 0x1001))
    assert code_of(reader._pressed) == "reader.refused"


# how a gt521 module answers to CaptureFinger: the picture is there, the finger is tried again, or it is a fault
CAPTURED = {0x1012: False, 0x100C: False, 0x1001: False, 0x100F: None, 0x100E: None, 0x1006: None}


@pytest.mark.parametrize("reason", CAPTURED)
def test_a_gt521_capture_that_was_refused_is_tried_again_or_a_fault(
    monkeypatch: pytest.MonkeyPatch, reason: int
) -> None:
    reader, _, _ = gt521_reader()
    monkeypatch.setattr(reader, "_command", lambda *_: gt521.Packet(0x31, reason))
    if CAPTURED[reason] is None:
        assert code_of(reader._captured) == "reader.refused"
    else:
        assert reader._captured() is False
