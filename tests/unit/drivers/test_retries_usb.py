"""How often the NB-1010, UPEK and U.are.U drivers try again, and how long they wait: counted at the device.

A profile's `retries` is what may be tried beside the first time: 2 of NB-1010 and UPEK, 3 of U.are.U.
"""

from __future__ import annotations

import msgspec
import pytest

from drivers.clock import SystemClock
from drivers.errors import LinkError
from drivers.links.usb import UsbLink
from drivers.models.nb1010 import Nb1010Reader
from drivers.models.upektc import UpektcReader
from drivers.models.uru4500 import Uru4500Reader
from drivers.sim import rig as rigs
from drivers.sim.clock import VirtualClock
from drivers.sim.peers.nb1010 import Nb1010Device
from drivers.sim.peers.upektc import UpektcDevice
from drivers.sim.peers.uru4500 import Uru4500Device
from drivers.sim.usb_bus import SimBus
from drivers.wires import nb1010, upektc, uru4000
from firmware_profiles.profile import load
from tests.unit.drivers.retry_kit import REQUEST, code_of, counted

# NB-1010: 2


def nb1010_reader() -> tuple[Nb1010Reader, Nb1010Device, VirtualClock]:
    clock, profile = VirtualClock(), load("nb1010")
    device = Nb1010Device(rigs.person(), profile, clock)
    link = UsbLink(0x298D, 0x1010, backend=SimBus(device), interface_class=0)
    return Nb1010Reader(profile, link, clock), device, clock


def test_an_nb1010_image_is_taken_three_times(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, device, _ = nb1010_reader()
    reader.open()
    seen = counted(device, "write", lambda endpoint, data, timeout_s: bytes(data))
    good = nb1010.piece
    monkeypatch.setattr(nb1010, "piece", lambda pixels, index: good(pixels, min(index + 1, 89)))
    assert code_of(lambda: reader.capture(REQUEST)) == "reader.image_damaged"
    assert seen[nb1010.TAKE] == 3


def test_an_nb1010_question_is_asked_three_times(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, device, _ = nb1010_reader()
    asked: list[float] = []
    monkeypatch.setattr(device, "write", lambda endpoint, data, timeout_s: asked.append(timeout_s))
    with pytest.raises(LinkError):
        reader.open()
    assert asked == [0.5] * 3


@pytest.mark.parametrize(("level", "there"), [(0x00, False), (0x30, False), (0x31, True), (0xFF, True)])
def test_an_nb1010_finger_lies_there_above_level_30(
    monkeypatch: pytest.MonkeyPatch, level: int, there: bool
) -> None:
    reader, _, _ = nb1010_reader()
    monkeypatch.setattr(reader, "_level", lambda: level)
    assert reader._finger(0.0) == there


def test_an_nb1010_finger_counts_as_a_new_one_once_it_was_away(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, _, clock = nb1010_reader()
    reader._taken, reader._lift_by = True, clock.now + 100
    for level, taken, there in ((0xFF, True, False), (0x00, False, False), (0xFF, False, True)):
        monkeypatch.setattr(reader, "_level", lambda level=level: level)
        assert (reader._finger(0.0), reader._taken) == (there, taken)


# UPEK: 2


def upek_reader() -> tuple[UpektcReader, UpektcDevice, VirtualClock]:
    clock = VirtualClock()
    device = UpektcDevice(rigs.person(), upektc.SENSORS[0], clock)
    return (
        UpektcReader(load("upek-area"), UsbLink(0x147E, 0x2016, backend=SimBus(device)), clock),
        device,
        clock,
    )


def test_a_upek_image_is_taken_three_times(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, device, _ = upek_reader()
    reader.open()
    seen = counted(device, "_obey", lambda said: said.payload[:2].hex())
    good = upektc.parts
    monkeypatch.setattr(upektc, "parts", lambda image: good(image[:-1]))
    assert code_of(lambda: reader.capture(REQUEST)) == "reader.image_damaged"
    assert seen["280b"] == 3
    assert reader._command_s == 1.5


# U.are.U: 3


def uru_reader(**timeouts: int) -> tuple[Uru4500Reader, Uru4500Device]:
    profile = load("uru4500")
    profile = msgspec.structs.replace(
        profile,
        timeouts=msgspec.structs.replace(profile.timeouts, **timeouts),
        link=msgspec.structs.replace(profile.link, power_on_ms=20),
    )
    device = Uru4500Device(rigs.person(), profile, SystemClock(), speed=50.0)
    return Uru4500Reader(profile, UsbLink(*device.ids, backend=SimBus(device)), SystemClock()), device


def test_a_uru4500_is_powered_up_three_times(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, device = uru_reader()
    monkeypatch.setattr(device, "_later", lambda *_: None)
    seen = counted(reader, "_power_up", lambda: "power")
    assert code_of(reader.open) == "reader.power"
    assert seen["power"] == 3


def test_a_uru4500_image_is_taken_four_times(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, device = uru_reader()
    reader.open()
    monkeypatch.setattr(device, "_image", lambda: b"short")
    seen = counted(reader, "_scan", lambda check: "scan")
    assert code_of(lambda: reader.capture(REQUEST)) == "reader.image_damaged"
    assert seen["scan"] == 4
    assert reader._command_s == 5.0


@pytest.mark.parametrize(("lines", "good"), [(279, False), (280, True), (289, True)])
def test_a_uru4500_image_has_280_lines_or_more(
    monkeypatch: pytest.MonkeyPatch, lines: int, good: bool
) -> None:
    reader, device = uru_reader()
    reader.open()
    raw = uru4000.Header(lines, 5, ((0, 140), (0, lines - 140))).pack() + bytes(lines * 384)
    monkeypatch.setattr(device, "_image", lambda: raw)
    found = reader._take(lambda _: None, lambda: None)
    assert (found is not None) == good
    reader.close()
