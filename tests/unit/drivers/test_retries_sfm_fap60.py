"""How often the SFM and FAP 60 drivers try again, and how long they wait: counted at the device.

A profile's `retries` is what may be tried beside the first time: 2 of SFM, 3 of FAP 60.
"""

from __future__ import annotations

import pytest

from drivers.links.memory import MemoryLink
from drivers.models.fap60 import Fap60Reader
from drivers.models.sfm import SfmReader
from drivers.reader import CaptureKind, CaptureRequest
from drivers.sim import rig as rigs
from drivers.sim.clock import VirtualClock
from drivers.sim.peers import fap60 as fap60_peer
from drivers.sim.peers.fap60 import Fap60Device
from drivers.sim.peers.sfm import SfmDevice
from drivers.wires import fap60, sfm
from firmware_profiles.profile import load
from tests.unit.drivers.retry_kit import REQUEST, Mute, code_of, counted

# SFM: 2


def sfm_reader(**more: bool) -> tuple[SfmReader, SfmDevice, VirtualClock]:
    clock = VirtualClock()
    device = SfmDevice(rigs.person(), load("sfm-slim"), 115200, **more)
    return SfmReader(load("sfm-slim"), MemoryLink(device, clock), clock), device, clock


def test_an_sfm_scan_is_asked_for_three_times() -> None:
    reader, _, clock = sfm_reader()
    reader.open()
    reader.link.far = mute = Mute()  # type: ignore[attr-defined]
    began = clock.now
    assert code_of(lambda: reader.capture(REQUEST)) == "reader.no_answer"
    assert bytes(mute.heard).count(bytes.fromhex("40 83 00000000 00400000 00 03 0A")) == 3
    assert 7.5 < clock.now - began < 9.0  # two and a half seconds each, and the cancels


def test_an_sfm_command_is_sent_three_times() -> None:
    reader, device, _ = sfm_reader()
    asked: list[int] = []
    usual = device._obey

    def obey(packet: sfm.Packet, now: float) -> None:
        if packet.command == sfm.Op.READ and packet.flag == sfm.Param.SERIAL:
            asked.append(packet.command)
            device._answer(packet.command, sfm.Code.BUSY, now)  # type: ignore[arg-type]
        else:
            usual(packet, now)

    device._obey = obey  # type: ignore[method-assign]
    assert code_of(reader.open) == "reader.no_answer"
    assert len(asked) == 3


def test_an_sfm_image_in_blocks_is_read_again_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, device, _ = sfm_reader()
    reader.open()
    seen = counted(device, "_obey", lambda packet, now: packet.command)
    monkeypatch.setattr(sfm, "block_sum", lambda data: b"\0\0\0\1" if len(data) else b"")
    good = sfm.pack_blocks
    monkeypatch.setattr(sfm, "pack_blocks", lambda *of: [block[:-1] + b"\xee" for block in good(*of)])
    assert code_of(lambda: reader.capture(REQUEST)) == "reader.image_damaged"
    assert (seen[sfm.Op.SCAN_BLOCKS], seen[sfm.Op.READ_BLOCKS]) == (1, 2)


def test_an_sfm_image_without_sums_is_read_four_times_until_two_are_alike() -> None:
    reader, device, _ = sfm_reader(blocks=False)
    reader.open()
    seen = counted(device, "_obey", lambda packet, now: packet.command)
    usual, number = device._send_image, iter(range(1, 100))

    def differs(packet: sfm.Packet, now: float) -> None:
        assert device._image is not None
        device._image = device._image[:-1] + bytes((next(number),))
        usual(packet, now)

    device._send_image = differs  # type: ignore[method-assign]
    assert code_of(lambda: reader.capture(REQUEST)) == "reader.image_damaged"
    assert (seen[sfm.Op.SCAN], seen[sfm.Op.READ_IMAGE]) == (1, 3)


def test_an_sfm_module_has_its_time() -> None:
    reader, _, _ = sfm_reader()
    assert reader._line.baud == 115200
    reader.open()
    line = reader._line
    assert (line.command_s, line.idle_s) == (1.0, 1.0)
    assert line.image_s() == pytest.approx((272 * 320 + 28) * 10 / 115200 * 1.5 + 1.0)


# FAP 60: 3


def fap60_reader() -> tuple[Fap60Reader, Fap60Device, VirtualClock]:
    clock = VirtualClock()
    device = Fap60Device(rigs.person(), load("fap60-simulated"))
    return Fap60Reader(load("fap60-simulated"), MemoryLink(device, clock), clock), device, clock


ROLL = CaptureRequest(CaptureKind.ROLL, (2, 10), finger_s=60.0)


def fap60_messages(heard: bytes) -> list[fap60.Message]:
    return [one for one in fap60.Parser().feed(heard) if isinstance(one, fap60.Message)]


def test_a_fap60_command_is_sent_four_times_each_with_its_own_number() -> None:
    reader, _, _ = fap60_reader()
    reader.open()
    reader.link.far = mute = Mute()  # type: ignore[attr-defined]
    assert code_of(lambda: reader.capture(ROLL)) == "reader.no_answer"
    heard = fap60_messages(bytes(mute.heard))
    assert [one.type for one in heard] == [fap60.Type.LAMPS] * 4
    assert len({one.sequence for one in heard}) == 4
    assert {one.payload for one in heard} == {bytes.fromhex("0404")}  # lamps 2 and 10


def test_a_fap60_image_is_asked_for_again_three_times(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, device, _ = fap60_reader()
    reader.open()
    seen = counted(device, "hear", lambda data, now: data[4])
    good = fap60.pack

    def hurt(message: fap60.Message) -> bytes:
        raw = good(message)
        return raw[:-1] + bytes((raw[-1] ^ 1,)) if message.type == fap60.Type.FINAL else raw

    monkeypatch.setattr(fap60_peer.wire, "pack", hurt)
    assert code_of(lambda: reader.capture(ROLL)) == "reader.image_damaged"
    assert seen[fap60.Type.RESEND] == 3


def test_a_fap60_reader_has_its_time() -> None:
    reader, _, _ = fap60_reader()
    assert (reader._command_s, reader._idle_s) == (2.0, 0.5)


def test_the_number_of_a_fap60_command_goes_round_and_is_never_0() -> None:
    reader, _, _ = fap60_reader()
    reader.open()
    reader._command_number = 0xFFFE
    numbers = []
    for _ in range(3):
        reader._command(fap60.Type.CANCEL)
        numbers.append(reader._command_number)
    assert numbers == [0xFFFF, 1, 2]
