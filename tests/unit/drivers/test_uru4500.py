"""The U.are.U 4500 driver's own manners, and its peer."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from drivers.clock import SystemClock
from drivers.errors import CaptureRetry, LinkError, ReaderFault
from drivers.links.usb import UsbLink, bus_error
from drivers.models import uru4500 as model
from drivers.models.uru4500 import Uru4500Reader
from drivers.reader import CaptureKind, CaptureRequest, ReaderState
from drivers.registry import make_reader
from drivers.sim import rig as rigs
from drivers.sim.peers import uru4500 as peer
from drivers.sim.peers.uru4500 import Uru4500Device
from drivers.sim.usb_bus import SimBus
from drivers.wires import uru4000
from firmware_profiles.profile import Profile, all_profiles, load

REQUEST = CaptureRequest(CaptureKind.PLAIN, finger_s=3.0, lift_s=3.0)
PROFILE, MS_V2 = load("uru4500"), load("ms-reader-v2")
FAMILY = [one for one in all_profiles() if one.driver == "uru4500"]


class Bench:
    def __init__(self, script: Path | None = None, profile: Any = PROFILE, seed: int | None = None) -> None:
        self.device = Uru4500Device(rigs.person(script), profile, SystemClock(), speed=50.0)
        link = UsbLink(*self.device.ids, backend=SimBus(self.device))
        self.reader = Uru4500Reader(profile, link, SystemClock(), host_seed=seed)


@pytest.mark.parametrize("seed", [0, 1, 0xDEADBEEF, 0xFFFFFFFF, None])
def test_the_picture_is_the_same_for_every_host_seed(seed: int | None) -> None:
    bench = Bench(seed=seed)
    bench.reader.open()
    frame = bench.reader.capture(REQUEST)
    bench.reader.close()
    placed = rigs.watched(bench.device.person)[-1].pixels
    np.testing.assert_array_equal(frame.pixels, peer.as_delivered(placed))


@pytest.mark.parametrize("status", [0x01, 0x81, 0x00, 0x84])
def test_it_wakes_from_every_power_state(status: int) -> None:
    bench = Bench()
    bench.device.registers[0x07] = status
    if status == 0x84:
        heal(bench.device)
    bench.reader.open()
    assert bench.reader.state is ReaderState.IDLE
    bench.reader.close()


def heal(device: Uru4500Device) -> None:
    """The faulty scanner becomes ready after it was told to wake."""
    set_power = device._set_power

    def ready(value: int) -> None:
        set_power(value)
        device.registers[0x07] |= 0x01

    device._set_power = ready  # type: ignore[method-assign]


def test_a_scanner_that_never_reports_power_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    monkeypatch.setattr(bench.device, "_later", lambda *_: None)
    with pytest.raises(ReaderFault) as caught:
        bench.reader.open()
    assert caught.value.code == "reader.power"
    assert bench.reader.state is ReaderState.FAULT


def test_a_scanner_that_stays_asleep_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    monkeypatch.setattr(bench.device, "_set_power", lambda value: bench.device.registers.update({7: 0x80}))
    monkeypatch.setattr(model, "_POLLS", 3)
    monkeypatch.setattr(model, "_POLL_S", 0.0)
    with pytest.raises(ReaderFault) as caught:
        bench.reader.open()
    assert caught.value.code == "reader.power"


@pytest.mark.parametrize("profile", FAMILY, ids=lambda one: one.id)
def test_every_model_of_the_family_wakes_and_delivers_upright(profile: Profile) -> None:
    rig = peer.rig(rigs.person(), profile_id=profile.id)
    rig.reader.open()
    frame = rig.reader.capture(REQUEST)
    rig.reader.close()
    np.testing.assert_array_equal(frame.pixels, rig.delivered(rig.placed[-1].pixels))
    assert frame.reader.profile == profile.id
    turned = peer.as_delivered(rig.placed[-1].pixels, 180 - profile.image.rotate)
    assert not np.array_equal(frame.pixels, turned)


@pytest.mark.parametrize("status", [0x01, 0x81, 0x83, 0x00])
def test_the_aes_variant_sleeps_until_its_challenge_is_answered(status: int) -> None:
    bench = Bench(profile=MS_V2)
    bench.device.registers[0x07] = status
    bench.reader.open()
    assert bench.device._challenges == 1
    assert bench.reader.info.profile == "ms-reader-v2"
    bench.reader.close()


def test_the_wrong_answer_to_a_challenge_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(profile=MS_V2)
    wrong = msgspec.structs.replace(MS_V2.auth, key="00" * 16)
    bench.reader.profile = msgspec.structs.replace(MS_V2, auth=wrong)
    monkeypatch.setattr(model, "_POLLS", 3)
    monkeypatch.setattr(model, "_POLL_S", 0.0)
    with pytest.raises(ReaderFault) as caught:
        bench.reader.open()
    assert caught.value.code == "reader.auth"
    assert caught.value.advice
    assert bench.device._challenges == 3
    assert bench.reader.state is ReaderState.FAULT


def test_a_reader_that_babbles_interrupts_without_end_does_not_hold_up_the_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Bench()
    bench.reader.open()
    assert bench.reader._interrupts is not None
    monkeypatch.setattr(bench.reader, "_forget_interrupts", lambda: None)
    monkeypatch.setattr(bench.reader._interrupts, "next", lambda wait_s: b"\x56\xaa")
    with pytest.raises(CaptureRetry) as caught:
        bench.reader.capture(CaptureRequest(CaptureKind.PLAIN, finger_s=0.2))
    assert caught.value.code == "capture.no_finger"
    bench.reader.close()


def test_a_piece_of_an_image_is_taken_again(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    bench.reader.open()
    images = iter([uru4000.Header(100, 5, ()).pack() + bytes(100 * 384)])
    image = bench.device._image
    monkeypatch.setattr(bench.device, "_image", lambda: next(images, None) or image())
    assert bench.reader.capture(REQUEST).pixels.shape == (290, 384)
    bench.reader.close()


def test_an_empty_scan_is_taken_again(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    bench.reader.open()
    images = iter([uru4000.Header(0, 5, ()).pack(), b"short"])
    image = bench.device._image
    monkeypatch.setattr(bench.device, "_image", lambda: next(images, None) or image())
    assert bench.reader.capture(REQUEST).final
    assert len(rigs.watched(bench.device.person)) == 3
    bench.reader.close()


def test_images_that_stay_unusable_are_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    bench.reader.open()
    monkeypatch.setattr(peer, "device_key", lambda number: 1)
    control_in = bench.device.control_in
    monkeypatch.setattr(
        bench.device, "control_in", lambda r, v, n: b"wrong"[:n] if v == 0x34 else control_in(r, v, n)
    )
    with pytest.raises(ReaderFault, match="noise") as caught:
        bench.reader.capture(REQUEST)
    assert caught.value.code == "reader.image_damaged"


def test_a_scan_that_brings_nothing_is_taken_again_then_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    timeouts = msgspec.structs.replace(PROFILE.timeouts, image_ms=20, retries=1)
    bench = Bench(profile=msgspec.structs.replace(PROFILE, timeouts=timeouts))
    bench.reader.open()
    read = bench.device.read

    def silent(endpoint: int, size: int, timeout_s: float) -> bytes:
        if endpoint == 0x82:
            raise bus_error(errno.ETIMEDOUT)
        return read(endpoint, size, timeout_s)

    monkeypatch.setattr(bench.device, "read", silent)
    with pytest.raises(ReaderFault, match="no image came") as caught:
        bench.reader.capture(REQUEST)
    assert caught.value.code == "reader.image_damaged"


def test_a_cancel_while_scanning_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    bench.reader.open()
    monkeypatch.setattr(peer, "SCAN_S", 10.0)
    with pytest.raises(CaptureRetry) as caught:
        bench.reader.capture(REQUEST, cancelled=lambda: bench.reader.state is ReaderState.CAPTURE)
    assert caught.value.code == "capture.cancelled"
    bench.reader.close()


def test_late_interrupts_of_the_last_finger_are_forgotten() -> None:
    bench = Bench()
    bench.reader.open()
    bench.device._later(0x81, 0.0, b"\x01\x01".ljust(64, b"\0"))
    assert bench.reader.capture(REQUEST).final
    bench.reader.close()


def test_an_unreadable_script_stalls_the_simulated_reader(tmp_path: Path) -> None:
    script = tmp_path / "s.json"
    bench = Bench(script)
    bench.reader.open()
    script.write_text("{")
    with pytest.raises(LinkError) as caught:
        bench.reader.capture(REQUEST)
    assert caught.value.code == "link.stall"


def test_the_peer_stalls_on_requests_it_does_not_know() -> None:
    device = Bench().device
    for use in (lambda: device.control_in(5, 7, 1), lambda: device.control_out(4, 7, b"")):
        with pytest.raises(Exception, match="no such request"):
            use()


def test_only_usb_addresses_and_hex_seeds_make_a_reader() -> None:
    clock = SystemClock()
    with pytest.raises(LinkError):
        make_reader("uru4500", "", "serial:/dev/x", {}, clock)
    with pytest.raises(ReaderFault) as caught:
        make_reader("uru4500", "", "usb:05ba:000a", {"host_seed": "zz"}, clock)
    assert caught.value.code == "reader.option"
    reader = make_reader("uru4500", "", "usb:05ba:000a", {"host_seed": "51ea2124"}, clock)
    assert isinstance(reader, Uru4500Reader)
    assert reader._host_seed == 0x51EA2124
    assert reader.profile.id == "uru4500"
    other = make_reader("uru4500", "", "usb:045e:00ca@1-1", {}, clock)
    assert isinstance(other, Uru4500Reader)
    assert other.profile.id == "ms-reader-v2"
