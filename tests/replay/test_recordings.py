"""Recordings of readers, pixel for pixel: through the in-process backend, and through umockdev with the real USB
library and the command line as it is. Real ones where the shared data is there; simulated readers' in any case."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from drivers.clock import SystemClock
from drivers.links.usb import UsbLink
from drivers.models.libfprint import PYTHON
from drivers.models.nb1010 import Nb1010Reader
from drivers.models.upektc import UpektcReader
from drivers.models.uru4500 import Uru4500Reader
from drivers.reader import BaseReader, CaptureKind, CaptureRequest
from drivers.sim import rig as rigs
from drivers.sim.clock import VirtualClock
from drivers.sim.peers.nb1010 import Nb1010Device
from drivers.sim.peers.upektc import UpektcDevice
from drivers.sim.peers.uru4500 import Uru4500Device
from drivers.sim.recorder import SYSFS, Recorder
from drivers.sim.replay import Recording
from drivers.sim.replay_ioctl import IoctlRecording
from drivers.sim.usb_bus import SimBus, UsbFunction
from drivers.wires.upektc import SENSORS
from firmware_profiles.profile import load
from tests.replay.umockdev_kit import needs_umockdev, picture, sysfs_of, under_umockdev

REQUEST = CaptureRequest(CaptureKind.PLAIN, finger_s=3.0, lift_s=3.0)
SEED = 0x51EA2124  # of the host, in the recording of the 4500 and in those made here


@dataclass(frozen=True)
class Recorded:
    """A recording: its folder's name, the reader's USB id, and the profile that its driver ends up with."""

    name: str
    ids: str
    profile: str

    def __str__(self) -> str:
        return self.name


REAL = (
    Recorded("uru4000-4500", "05ba:000a", "uru4500"),
    Recorded("upektc_img", "147e:2016", "upek-strip"),
    Recorded("nb1010", "298d:1010", "nb1010"),
)
SIMULATED = (
    Recorded("simulated-challenge", "045e:00ca", "ms-reader-v2"),
    Recorded("simulated-keyboard", "045e:00bb", "ms-keyboard"),
    Recorded("simulated-nb1010", "298d:1010", "nb1010"),
    Recorded("simulated-TCS1", "147e:2016", "upek-area"),
    Recorded("simulated-TCS5", "147e:2016", "upek-strip"),
)


def reader_on(function: UsbFunction, profile: str) -> BaseReader:
    chosen = load(profile)
    ids = (int(part, 16) for part in chosen.match.usb[0].split(":"))
    link = UsbLink(*ids, backend=SimBus(function), interface_class=chosen.match.interface_class or 0)
    if chosen.driver == "nb1010":
        return Nb1010Reader(chosen, link, VirtualClock())
    if chosen.driver == "upektc":
        return UpektcReader(chosen, link, VirtualClock())
    return Uru4500Reader(chosen, link, SystemClock(), host_seed=SEED)


def simulate(recorded: Recorded, folder: Path) -> None:
    """A folder as libfprint's tests have them, from a simulated reader."""
    profile = load(recorded.profile)
    if profile.driver == "uru4500":
        clock, interrupts = SystemClock(), (0x81,)
        device: UsbFunction = Uru4500Device(rigs.person(), profile, clock, speed=50.0)
    elif profile.driver == "nb1010":
        clock, interrupts = VirtualClock(), (0x81,)  # type: ignore[assignment]
        device = Nb1010Device(rigs.person(), profile, clock)
    else:
        clock, interrupts = VirtualClock(), (0x83,)  # type: ignore[assignment]
        sensor = next(one for one in SENSORS if recorded.name.endswith(one.name))
        device = UpektcDevice(rigs.person(), sensor, clock)
    recorder = Recorder(device, clock, interrupts)
    reader = reader_on(recorder, recorded.profile)
    reader.clock = getattr(device, "clock")  # noqa: B009  one clock for both
    reader.open()
    frame = reader.capture(REQUEST)
    reader.close()
    (folder / "device").write_text(recorder.description())
    (folder / "capture.pcapng").write_bytes(recorder.pcapng())
    cv2.imwrite(str(folder / "capture.png"), frame.pixels)


@pytest.fixture(params=[*REAL, *SIMULATED], ids=str)
def recorded(request: pytest.FixtureRequest) -> Recorded:
    one: Recorded = request.param
    return one


@pytest.fixture
def folder(recorded: Recorded, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if recorded in SIMULATED:
        simulate(recorded, tmp_path)
        return tmp_path
    data: Path = request.getfixturevalue("shared_data")
    found = data / "recordings" / recorded.name
    if not (found / "device").is_file():
        pytest.skip(f"no recording at {found}: set BOOKING_SHARED to its folder")
    return found


def test_a_recording_replays_in_process(recorded: Recorded, folder: Path) -> None:
    ioctl, pcapng = folder / "capture.ioctl", folder / "capture.pcapng"
    recording = IoctlRecording.load(ioctl) if ioctl.is_file() else Recording.load(pcapng)
    reader = reader_on(recording, recorded.profile)
    reader.open()
    frame = reader.capture(REQUEST)
    reader.close()
    np.testing.assert_array_equal(frame.pixels, picture(folder / "capture.png"))
    assert recording.mismatches == []
    assert frame.reader.profile == recorded.profile
    if isinstance(recording, Recording):
        assert recording.finished
    if recorded in REAL:
        assert frame.reader.firmware in load(recorded.profile).firmware.known_good


@needs_umockdev
def test_a_recording_replays_under_umockdev_with_the_real_usb_library(
    recorded: Recorded, folder: Path, tmp_path: Path, repo: Path
) -> None:
    out = tmp_path / "out.png"
    words = ["readers", "capture", "--reader", f"usb:{recorded.ids}", "--out", str(out)]
    if load(recorded.profile).driver == "uru4500":
        words += ["--option", f"host_seed={SEED:#x}"]
    done = under_umockdev(folder, words, repo)
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(picture(out), picture(folder / "capture.png"))
    facts = json.loads(out.with_suffix(".json").read_text())
    assert facts["reader"]["profile"] == recorded.profile
    assert facts["valid_for_submission"] is False


@needs_umockdev
@pytest.mark.parametrize("recorded", REAL, ids=str, indirect=True)
def test_a_recording_replays_through_libfprint(
    recorded: Recorded, folder: Path, tmp_path: Path, repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_libfprint():
        pytest.skip("libfprint cannot be loaded (Debian: gir1.2-fprint-2.0 python3-gi)")
    monkeypatch.setenv("FP_DEVICE_EMULATION", "1")  # libfprint then takes the seeds of its own test suite
    out = tmp_path / "out.png"
    words = ["readers", "capture", "--reader", "libfprint:any", "--out", str(out)]
    done = under_umockdev(folder, words, repo)
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(picture(out), picture(folder / "capture.png"))


def has_libfprint() -> bool:
    code = "import gi; gi.require_version('FPrint', '2.0'); from gi.repository import FPrint"
    try:
        return subprocess.run([PYTHON, "-c", code], capture_output=True, timeout=30).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def test_the_simulated_recordings_are_of_this_place(tmp_path: Path) -> None:
    simulate(SIMULATED[0], tmp_path)
    assert sysfs_of((tmp_path / "device").read_text()) == SYSFS
