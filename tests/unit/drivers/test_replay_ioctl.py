"""Recordings in umockdev's ioctl form, and recordings of simulated readers, on conversations made here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.sim import rig as rigs
from drivers.sim.clock import VirtualClock
from drivers.sim.peers.nb1010 import Nb1010Device
from drivers.sim.recorder import Recorder
from drivers.sim.replay import Recording, RecordingError
from drivers.sim.replay_ioctl import IoctlRecording, Transfer, transfers
from drivers.wires import nb1010 as wire
from firmware_profiles.profile import load

DEVICE = "12010002000000408D29101001000102000109021200010100A0320904000000FF000000"
DESCRIPTION = f"P: /devices/usb1/1-7\nN: bus/usb/001/003={DEVICE}\nE: DEVTYPE=usb_device\n"
DUMP = """@DEV /dev/bus/usb/001/003
USBDEVFS_GET_CAPABILITIES 0 FD010000
USBDEVFS_REAPURBNDELAY 0 3 2 0 0 2 2 0 8038
 USBDEVFS_REAPURBNDELAY 0 3 131 0 0 4 3 0 010203FF
USBDEVFS_REAPURB 0 3 2 0 0 2 2 0 8012
  USBDEVFS_REAPURBNDELAY 0 3 131 -32 0 8 0 0
USBDEVFS_REAPURBNDELAY 0 2 0 0 0 9 1 0 4004070000000100AA
USBDEVFS_REAPURBNDELAY 0 2 0 0 0 9 1 0 C00407000000010001
 USBDEVFS_REAPURBNDELAY 0 3 129 0 0 64 2 0 56AA
USBDEVFS_REAPURBNDELAY 0 2 0 0 0 9 1 0 C00407000000010081
USBDEVFS_REAPURBNDELAY 0 2 0 -32 0 9 0 0 400408000004010001
 USBDEVFS_REAPURBNDELAY 0 3 129 -2 0 64 0 0
"""


def test_transfers_are_read_line_by_line() -> None:
    assert list(transfers(DUMP))[:2] == [Transfer(3, 2, 0, 2, b"\x80\x38"), Transfer(3, 131, 0, 4, b"\1\2\3")]


def test_what_is_asked_again_is_answered_again() -> None:
    recording = IoctlRecording(DUMP, DESCRIPTION)
    for _ in range(3):
        recording.write(2, b"\x80\x38", 1.0)
        assert recording.read(131, 4, 1.0) == b"\1\2\3"
    assert recording.mismatches == []
    assert (recording.device[0], recording.configuration[:2]) == (18, b"\x09\x02")


def test_what_was_not_recorded_is_refused_and_noted() -> None:
    recording = IoctlRecording(DUMP, DESCRIPTION)
    for use in (
        lambda: recording.write(2, b"\x99", 1.0),
        lambda: recording.control_in(4, 9, 1),
        lambda: recording.control_in(4, 7, 2),
        lambda: recording.control_out(4, 7, b"\1"),
    ):
        with pytest.raises(Exception, match="not in the recording"):
            use()
    assert recording.mismatches == [
        "02 99",
        "control c00409000100",
        "control c00407000200",
        "control 400407000100 01",
    ]
    with pytest.raises(Exception, match="nothing recorded"):
        recording.read(131, 5, 0.0)
    recording.write(2, b"\x80\x12", 1.0)
    with pytest.raises(Exception, match="recorded error"):
        recording.read(131, 8, 1.0)


def test_a_control_request_gets_its_recorded_answers_in_turn_and_then_again() -> None:
    recording = IoctlRecording(DUMP, DESCRIPTION)
    recording.control_out(4, 7, b"\xaa")
    assert [recording.control_in(4, 7, 1) for _ in range(3)] == [b"\1", b"\x81", b"\1"]
    assert recording.mismatches == []


def test_an_interrupt_comes_after_the_request_that_it_was_recorded_behind() -> None:
    recording = IoctlRecording(DUMP, DESCRIPTION)
    with pytest.raises(Exception, match="nothing recorded"):
        recording.read(129, 64, 0.0)
    recording.control_in(4, 7, 1)
    assert recording.read(129, 64, 0.0) == b"\x56\xaa"


def test_a_read_that_the_host_withdrew_is_no_answer_and_a_refused_request_is_refused_again() -> None:
    recording = IoctlRecording(DUMP, DESCRIPTION)
    with pytest.raises(Exception, match="recorded error"):
        recording.control_out(4, 8, b"\1")  # its wIndex is not passed on here
    with pytest.raises(Exception, match="nothing recorded"):
        recording.read(129, 64, 0.0)


@pytest.mark.parametrize(
    ("dump", "description", "why"),
    [
        ("USBDEVFS_REAPURB 0 2 0 0 0 4 4 0 40040700", DESCRIPTION, "line 1: a control transfer without"),
        ("USBDEVFS_REAPURB 0 x 2 0 0 2 2 0 8038", DESCRIPTION, "line 1"),
        ("USBDEVFS_REAPURB 0 3 2 0 0 2 2 0 803", DESCRIPTION, "line 1"),
        ("USBDEVFS_REAPURB 0 3", DESCRIPTION, "line 1"),
        (DUMP, "", "descriptors"),
        (DUMP, "N: bus/usb/001/003=12", "descriptors"),
        (DUMP, "N: bus/usb/001/003=zz", "descriptors"),
    ],
)
def test_what_is_no_recording_is_refused_by_name(dump: str, description: str, why: str) -> None:
    with pytest.raises(RecordingError, match=why):
        IoctlRecording(dump, description)


@given(st.text(max_size=200), st.integers(0, len(DUMP)), st.text(max_size=80))
def test_any_text_is_a_recording_or_refused(text: str, cut: int, description: str) -> None:
    for dump in (text, DUMP[:cut] + text, "USBDEVFS_REAPURB 0 " + text):
        for about in (DESCRIPTION, description, "N: bus/usb/001/003=" + description):
            try:
                IoctlRecording(dump, about)
            except RecordingError:
                continue


def test_a_simulated_reader_is_recorded_so_that_it_answers_again(tmp_path: Path) -> None:
    clock = VirtualClock()
    recorder: Any = Recorder(Nb1010Device(rigs.person(), load("nb1010"), clock), clock)
    recorder.write(2, wire.ASK, 1.0)
    told = recorder.read(0x83, 16, 1.0)
    for use in (lambda: recorder.control_in(4, 7, 1), lambda: recorder.control_out(4, 7, b"\1")):
        with pytest.raises(Exception, match="no request"):
            use()
    replayed = Recording(recorder.pcapng())
    assert (replayed.device, replayed.configuration) == (recorder.device, recorder.configuration)
    replayed.write(2, wire.ASK, 1.0)
    assert replayed.read(0x83, 16, 1.0) == told
    assert replayed.finished
    described = IoctlRecording("", recorder.description())
    assert described.device == recorder.device
    assert "A: idVendor=298d\n" in recorder.description()
    assert f"A: serial={recorder.strings[3]}\n" in recorder.description()
