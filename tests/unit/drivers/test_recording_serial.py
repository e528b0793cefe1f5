"""A serial conversation written down, and replayed as the device."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.links import address
from drivers.links.memory import MemoryLink
from drivers.links.tap import TapLink, header
from drivers.models.zfm import ZfmReader
from drivers.reader import CaptureKind, CaptureRequest, Frame
from drivers.sim import rig as rigs
from drivers.sim.clock import VirtualClock
from drivers.sim.peers.zfm import ZfmDevice
from drivers.sim.replay import RecordingError
from drivers.sim.replay_serial import SerialRecording, steps
from firmware_profiles.profile import load

REQUEST = CaptureRequest(CaptureKind.PLAIN, finger_s=5.0, lift_s=5.0)


def captured(link: object, clock: VirtualClock) -> Frame:
    reader = ZfmReader(load("zfm20"), link, clock)  # type: ignore[arg-type]
    reader.open()
    frame = reader.capture(REQUEST)
    reader.close()
    return frame


@pytest.fixture(scope="module")
def recorded() -> tuple[str, Frame]:
    lines = [header({"driver": "zfm"})]
    clock = VirtualClock()
    module = ZfmDevice(rigs.person(), load("zfm20"), 57600)
    frame = captured(TapLink(MemoryLink(module, clock), clock, lines.append), clock)
    return "".join(lines), frame


def test_a_recording_answers_pixel_for_pixel(recorded: tuple[str, Frame]) -> None:
    text, frame = recorded
    clock = VirtualClock()
    device = SerialRecording(steps(text))
    again = captured(MemoryLink(device, clock), clock)
    np.testing.assert_array_equal(again.pixels, frame.pixels)
    assert device.finished
    assert not device.mismatches


def test_a_recording_keeps_time(recorded: tuple[str, Frame]) -> None:
    device = SerialRecording(steps(header({}) + _line(0.0, "out", "01") + _line(0.5, "in", "02")))
    assert device.speak(100.0) == b""
    device.hear(b"\x01", 100.0)
    assert device.speak(100.4) == b""
    assert device.wakes_at() == 100.5
    assert device.speak(100.5) == b"\x02"
    assert device.finished


def test_another_command_than_recorded_is_noted_and_silence(recorded: tuple[str, Frame]) -> None:
    device = SerialRecording(steps(header({}) + _line(0.0, "out", "0102") + _line(0.5, "in", "02")))
    device.hear(b"\x01", 0.0)
    assert not device.mismatches
    device.hear(b"\x09", 0.0)
    assert device.mismatches == ["0109"]
    assert device.speak(1e9) == b""


def test_answers_nobody_waited_for_are_passed_over() -> None:
    text = (
        header({})
        + _line(0, "out", "01")
        + _line(1, "in", "aa")
        + _line(2, "out", "02")
        + _line(3, "in", "bb")
    )
    device = SerialRecording(steps(text))
    device.hear(b"\x01\x02", 0.0)
    assert device.speak(1.0) == b"\xbb"
    device.hear(b"\x03", 1.0)
    assert device.mismatches == ["03"]


def _line(t: float, do: str, data: str) -> str:
    return json.dumps({"t": t, "do": do, "hex": data}) + "\n"


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", '{"format": "livescan-serial-recording", "version": 2}', header({}) + "x",
     header({}) + '{"t": 0, "do": "in"}', header({}) + '{"t": "soon", "do": "in", "hex": "00"}',
     header({}) + '{"t": 0, "do": "out", "hex": "zz"}', header({}) + "7"],
)  # fmt: skip
def test_what_is_no_recording_is_refused(text: str) -> None:
    with pytest.raises(RecordingError):
        list(steps(text))


@given(st.text(max_size=200))
def test_any_text_is_steps_or_a_recording_error(text: str) -> None:
    for whole in (text, header({}) + text):
        with contextlib.suppress(RecordingError):
            assert all(isinstance(one.data, bytes) for one in steps(whole))


def test_every_operation_of_the_link_is_written_down() -> None:
    lines: list[str] = []
    clock = VirtualClock()
    link = TapLink(MemoryLink(SerialRecording([]), clock), clock, lines.append)
    link.open()
    link.set_baud(9600)
    link.discard()
    clock.sleep(0.25)
    link.close()
    assert [json.loads(one)["do"] for one in lines] == ["open", "baud", "discard", "close"]
    assert json.loads(lines[1])["baud"] == 9600
    assert json.loads(lines[-1])["t"] == 0.25


def test_links_made_in_a_wrapped_block_go_through_it(tmp_path: Path) -> None:
    plain = address.byte_link("serial:/dev/x", 9600)
    with address.wrapped(lambda link: TapLink(link, VirtualClock(), print)):
        assert isinstance(address.byte_link("serial:/dev/x", 9600), TapLink)
    assert type(address.byte_link("serial:/dev/x", 9600)) is type(plain)
