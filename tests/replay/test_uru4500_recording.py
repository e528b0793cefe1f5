"""The U.are.U 4500 driver on a recorded conversation with a real unit, pixel for pixel."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from drivers.clock import SystemClock
from drivers.errors import LinkError
from drivers.links.usb import UsbLink
from drivers.models.uru4500 import Uru4500Reader
from drivers.reader import CaptureKind, CaptureRequest
from drivers.sim.replay import Recording
from drivers.sim.usb_bus import SimBus
from firmware_profiles.profile import load

REQUEST = CaptureRequest(CaptureKind.PLAIN, finger_s=3.0, lift_s=3.0)
RECORDED_SEED = 0x51EA2124


@pytest.fixture
def folder(shared_data: Path) -> Path:
    found = shared_data / "recordings" / "uru4000-4500"
    if not (found / "capture.pcapng").is_file():
        pytest.skip(f"no recording at {found}: set BOOKING_SHARED to its folder")
    return found


def on(recording: Recording, seed: int) -> Uru4500Reader:
    link = UsbLink(0x05BA, 0x000A, backend=SimBus(recording))
    return Uru4500Reader(load("uru4500"), link, SystemClock(), host_seed=seed)


def test_the_recording_gives_the_recorded_picture(folder: Path) -> None:
    recording = Recording.load(folder / "capture.pcapng")
    reader = on(recording, RECORDED_SEED)
    reader.open()
    frame = reader.capture(REQUEST)
    reader.close()
    expected = cv2.imread(str(folder / "capture.png"), cv2.IMREAD_GRAYSCALE)
    assert expected is not None
    np.testing.assert_array_equal(frame.pixels, expected)
    assert frame.reader.firmware in load("uru4500").firmware.known_good
    assert recording.finished
    assert recording.mismatches == []


def test_another_host_seed_is_not_in_the_recording(folder: Path) -> None:
    recording = Recording.load(folder / "capture.pcapng")
    reader = on(recording, 1)
    reader.open()
    with pytest.raises(LinkError) as caught:
        reader.capture(REQUEST)
    assert caught.value.code == "link.stall"
    assert "0001000000 instead of" in recording.mismatches[0]
