"""The TouchChip wire, its driver's own manners with area and strip sensors, and its peer."""

from __future__ import annotations

import errno
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.clock import SystemClock
from drivers.errors import CaptureRetry, LinkError, ReaderFault
from drivers.links.usb import UsbLink, bus_error
from drivers.models.upektc import UpektcReader
from drivers.reader import CaptureKind, CaptureRequest, ReaderState
from drivers.registry import make_reader
from drivers.sim import rig as rigs
from drivers.sim.clock import VirtualClock
from drivers.sim.faults import Fault, Kind
from drivers.sim.peers import upektc as peer
from drivers.sim.peers.upektc import UpektcDevice
from drivers.sim.usb_bus import SimBus
from drivers.wires import upektc as wire
from drivers.wires.upektc import Message
from firmware_profiles.profile import load

REQUEST = CaptureRequest(CaptureKind.PLAIN, finger_s=8.0, lift_s=3.0)
STRIP = wire.SENSORS[3]
MESSAGES = st.builds(Message, st.integers(0, 255), st.integers(0, 15), st.binary(max_size=4095))


class Bench:
    def __init__(self, sensor: wire.Sensor = wire.SENSORS[0], script: Path | None = None) -> None:
        self.clock = VirtualClock()
        self.device = UpektcDevice(rigs.person(script), sensor, self.clock)
        self.reader = UpektcReader(
            load("upek-area"), UsbLink(0x147E, 0x2016, backend=SimBus(self.device)), self.clock
        )


# the wire


@pytest.mark.parametrize(
    ("message", "recorded"),
    [
        (Message(wire.POWER, 0, wire.POWER_LOW), "4369616f04000d01004600000000000101000000dac1"),
        (Message(wire.POWER, 0, wire.POWER_HIGH), "4369616f04000d0100bc02000000000101000000552f"),
        (Message(wire.COMMAND, 0, wire.ASK_INFO), "4369616f00000728040000000604c0d6"),
        (Message(wire.COMMAND, 1, wire.capture(STRIP)), "4369616f00100e280b0000000e02feffffff0200022f8a"),
        (Message(wire.COMMAND, 2, wire.GO_ON), "4369616f00200828050000000030015319"),
        (Message(wire.ALIVE_TOO, 0, b""), "4369616f090000919e"),
        (Message(wire.RESET, 15, wire.RESET_IT), "4369616f07f001016f91"),
    ],
)
def test_the_recorded_messages_are_made_byte_for_byte(message: Message, recorded: str) -> None:
    assert wire.pack(message).hex() == recorded
    assert wire.unpack(bytes.fromhex(recorded)) == message


@given(MESSAGES, st.binary(max_size=60))
def test_a_message_comes_back_whatever_fills_up_the_transfer(message: Message, filling: bytes) -> None:
    assert wire.unpack(wire.pack(message) + filling) == message


@given(MESSAGES, st.integers(0), st.integers(0, 7))
def test_a_message_with_any_bit_flipped_is_refused(message: Message, where: int, bit: int) -> None:
    raw = bytearray(wire.pack(message))
    raw[where % len(raw)] ^= 1 << bit
    with pytest.raises(wire.WireError):
        wire.unpack(bytes(raw))


@given(st.binary(max_size=100))
def test_any_bytes_are_a_message_a_sensor_a_status_and_pixels_or_refused(data: bytes) -> None:
    for parse in (
        wire.unpack,
        wire.sensor,
        wire.status,
        lambda raw: wire.unpack(wire.MAGIC + raw),
        lambda raw: wire.pixels(Message(0, 0, raw)),
        lambda raw: wire.sensor(wire.info(STRIP)[:40] + raw),
    ):
        try:
            parse(data)
        except wire.WireError:
            continue


@given(st.binary(min_size=1, max_size=9), st.integers(1, 20_000))
def test_an_image_in_parts_comes_back_whole(pattern: bytes, size: int) -> None:
    image = (pattern * size)[:size]
    assert b"".join(wire.pixels(Message(0, 0, part)) for part in wire.parts(image)) == image


@pytest.mark.parametrize("sensor", wire.SENSORS, ids=lambda one: one.name)
def test_every_sensor_is_known_by_kind_and_size_and_has_a_profile(sensor: wire.Sensor) -> None:
    assert wire.sensor(wire.info(sensor)) == sensor
    profile = load("upek-area" if sensor.area else "upek-strip")
    width, height = sensor.size
    assert profile.size_of_bytes(width * height) == (width, height)
    assert profile.ppi.nominal == 381
    assert not profile.cert.valid_for_submission


# the driver


@pytest.mark.parametrize("sensor", wire.SENSORS, ids=lambda one: one.name)
def test_each_sensor_gives_its_picture_and_its_own_profile(sensor: wire.Sensor) -> None:
    bench = Bench(sensor)
    bench.reader.open()
    assert bench.reader.info.profile == ("upek-area" if sensor.area else "upek-strip")
    assert bench.reader.info.firmware == "10.5"
    for _ in range(2):
        frame = bench.reader.capture(REQUEST)
        np.testing.assert_array_equal(frame.pixels, rigs.watched(bench.device.touching.person)[-1].pixels)
        assert frame.pixels.shape == sensor.size[::-1]
        assert frame.ppi == 381


@pytest.mark.parametrize(
    ("code", "retry"), [(0x1E, "capture.too_short"), (0x1D, "capture.moved"), (0x77, "capture.refused")]
)
def test_a_finger_the_reader_refuses_is_for_the_person(code: int, retry: str) -> None:
    bench = Bench(STRIP)
    bench.reader.open()
    bench.device.statuses = [code]
    with pytest.raises(CaptureRetry) as caught:
        bench.reader.capture(REQUEST)
    assert caught.value.code == retry
    assert caught.value.advice
    assert bench.reader.state is ReaderState.IDLE
    assert bench.reader.capture(REQUEST).final


def test_keep_and_lifted_are_waited_out() -> None:
    bench = Bench()
    bench.reader.open()
    bench.device.statuses = [wire.KEEP_FINGER, wire.LIFTED, wire.NO_FINGER]
    assert bench.reader.capture(REQUEST).final


def test_a_sensor_that_is_not_known_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(wire.Sensor("TCS9", 100, 100, area=True))
    with pytest.raises(ReaderFault, match="100 x 100") as caught:
        bench.reader.open()
    assert caught.value.code == "reader.geometry"


def test_what_an_interrupted_session_left_behind_is_read_away() -> None:
    bench = Bench()
    for part in wire.parts(bytes(20_000)):
        bench.device._say(wire.COMMAND, 3, part)
    bench.device._said.popleft()
    bench.reader.open()
    assert bench.reader.capture(REQUEST).final


def test_a_device_that_says_other_things_for_ever_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    monkeypatch.setattr(bench.device, "read", lambda *_: wire.pack(Message(0x55, 0, b"")).ljust(64, b"\0"))
    with pytest.raises(ReaderFault) as caught:
        bench.reader.open()
    assert caught.value.code == "reader.protocol"


def test_an_image_of_another_size_is_never_delivered(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    bench.reader.open()
    parts = wire.parts
    monkeypatch.setattr(wire, "parts", lambda image: parts(image[:-1]))
    with pytest.raises(ReaderFault, match="51839 pixels") as caught:
        bench.reader.capture(REQUEST)
    assert caught.value.code == "reader.image_damaged"


@pytest.mark.parametrize("change", ["lost", "doubled", "last alone"])
def test_an_image_with_a_part_too_few_or_too_many_is_taken_again(
    monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    bench = Bench()
    bench.reader.open()
    parts, hurt = wire.parts, iter([True])

    def some(image: bytes) -> list[bytes]:
        made = parts(image)
        if not next(hurt, False):
            return made
        return {
            "lost": made[:3] + made[4:],
            "doubled": made[:1] + made,
            "last alone": made[-1:],
        }[change]

    monkeypatch.setattr(wire, "parts", some)
    frame = bench.reader.capture(REQUEST)
    placed = rigs.watched(bench.device.touching.person)
    assert any(np.array_equal(frame.pixels, one.pixels) for one in placed)


@pytest.mark.parametrize("kind", [Kind.TRUNCATE, Kind.SHORT, Kind.DELAY])
@pytest.mark.parametrize("at", [0, 5, 70, 200, 600, 700, 5000, 40_000])
def test_a_transfer_cut_short_or_late_heals(kind: Kind, at: int) -> None:
    rig = peer.rig(rigs.person(), Fault(kind, at, seconds=0.3))
    frame = None
    with suppress(ReaderFault):
        rig.reader.open()
        frame = rig.reader.capture(REQUEST)
    if frame is None:
        assert rig.reader.state is ReaderState.FAULT
        rig.reader.open()
        frame = rig.reader.capture(REQUEST)
    assert any(np.array_equal(frame.pixels, one.pixels) for one in rig.placed)
    assert rig.fired()


def test_an_image_without_a_status_before_it_is_taken() -> None:
    bench = Bench()
    bench.reader.open()
    found = bench.device._found

    def at_once(pixels: object, now: float) -> None:
        found(pixels, now)  # type: ignore[arg-type]
        sequence = bench.device._said.pop()[5] >> 4
        bench.device._begin(sequence)

    bench.device._found = at_once  # type: ignore[method-assign]
    assert bench.reader.capture(REQUEST).pixels.shape == (270, 192)


def test_a_status_between_the_parts_is_acknowledged(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    bench.reader.open()
    begin = bench.device._begin

    def keep(sequence: int) -> None:
        bench.device._say(wire.COMMAND, sequence, wire.say_status(wire.KEEP_FINGER))
        bench.device._on_go = begin

    monkeypatch.setattr(bench.device, "_begin", keep)
    assert bench.reader.capture(REQUEST).final


def test_a_message_with_the_wrong_number_begins_the_capture_again(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    bench.reader.open()
    say, numbers = bench.device._say, iter([9])
    monkeypatch.setattr(
        bench.device,
        "_say",
        lambda kind, number, payload: say(
            kind, next(numbers, number) if payload[11:12] == b"\0" else number, payload
        ),
    )
    assert bench.reader.capture(REQUEST).final
    assert next(numbers, None) is None


@pytest.mark.parametrize(("number", "retries"), [(errno.ENODEV, 1), (errno.ETIMEDOUT, 2)])
def test_a_device_that_does_not_wake_is_a_fault_at_once_or_after_two_tries(
    monkeypatch: pytest.MonkeyPatch, number: int, retries: int
) -> None:
    bench = Bench()
    asked: list[int] = []

    def dead(endpoint: int, size: int, timeout_s: float) -> bytes:
        asked.append(endpoint)
        raise bus_error(number)

    monkeypatch.setattr(bench.device, "read", dead)
    with pytest.raises(LinkError):
        bench.reader.open()
    assert len(asked) == retries


def test_a_device_that_is_silent_at_the_end_is_woken_for_the_next_capture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Bench()
    bench.reader.open()
    obey = bench.device._obey
    deaf = iter([True])

    def half_deaf(said: Message) -> None:
        if said.type != wire.RESET or not next(deaf, False):
            obey(said)

    monkeypatch.setattr(bench.device, "_obey", half_deaf)
    assert bench.reader.capture(REQUEST).final
    assert bench.reader.state is ReaderState.IDLE
    assert bench.reader.capture(REQUEST).final


@pytest.mark.parametrize("kind", [Kind.STALL, Kind.UNPLUG])
@pytest.mark.parametrize("at", [3, 500, 30_000])
def test_a_dead_endpoint_is_a_fault(kind: Kind, at: int) -> None:
    rig = peer.rig(rigs.person(), Fault(kind, at))

    def use() -> None:
        rig.reader.open()
        rig.reader.capture(REQUEST)

    with pytest.raises(LinkError) as caught:
        use()
    assert caught.value.code == {"stall": "link.stall", "unplug": "link.disconnected"}[kind]
    assert rig.reader.state is ReaderState.FAULT


def test_an_image_that_stops_coming_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    bench.reader.open()
    monkeypatch.setattr(wire, "parts", lambda image: [bytes((wire.FIRST_PART,)) + bytes(500)])
    began = bench.clock.now
    with pytest.raises(ReaderFault, match="did not come to its end") as caught:
        bench.reader.capture(CaptureRequest(CaptureKind.PLAIN, finger_s=60.0))
    assert caught.value.code == "reader.image_damaged"
    assert bench.clock.now - began < 60


def test_a_cancel_while_waiting_is_heard() -> None:
    bench = Bench()
    bench.reader.open()
    with pytest.raises(CaptureRetry) as caught:
        bench.reader.capture(REQUEST, cancelled=lambda: bench.clock.now > 1000.2)
    assert caught.value.code == "capture.cancelled"
    assert bench.reader.capture(REQUEST).final


def test_an_unreadable_script_stalls_the_simulated_reader(tmp_path: Path) -> None:
    script = tmp_path / "s.json"
    bench = Bench(script=script)
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
        lambda: device.write(9, b"x", 1.0),
    ):
        with pytest.raises(Exception, match=r"no such|no request"):
            use()
    device.write(2, b"rubbish", 1.0)
    with pytest.raises(Exception, match="timed out"):
        device.read(0x81, 64, 0.1)


def test_a_usb_address_makes_a_reader() -> None:
    assert isinstance(make_reader("upektc", "", "usb:147e:2020", {}, SystemClock()), UpektcReader)
