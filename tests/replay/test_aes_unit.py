"""The conversation of a real 045e:00ca, as a public recording of a unit has it: every request, answer and block; only
the picture in it is ours, scrambled with the unit's key. In process, and under umockdev with the command line.

umockdev does not replay control requests from its text form: it compares what the host sends with the answer that was
recorded (its issue 82). So the recording goes there as pcapng, which it does replay.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from drivers.clock import SystemClock
from drivers.links.usb import UsbLink
from drivers.models.uru4500 import Uru4500Reader
from drivers.reader import CaptureKind, CaptureRequest, Frame, Pixels
from drivers.sim.finger_types import Platen, Touch
from drivers.sim.peers import uru4500 as peer
from drivers.sim.recorder import Recorder
from drivers.sim.replay import urbs
from drivers.sim.replay_ioctl import IoctlRecording
from drivers.sim.rig import stripes
from drivers.sim.usb_bus import SimBus
from drivers.wires.uru4000 import HEADER_BYTES, WIDTH
from firmware_profiles.profile import load
from tests.replay.umockdev_kit import needs_umockdev, picture, under_umockdev

REQUEST = CaptureRequest(CaptureKind.PLAIN, finger_s=3.0, lift_s=3.0)
SEED = 0x51EA2124
KEY = 0x50C2DB37 ^ SEED  # what register 34 read, without the host's half
BLOCKS = ((2, 67), (0, 1), (2, 49), (1, 1), (0, 1), (2, 49), (0, 1), (2, 121))  # flags, lines
BEGINNING = bytes.fromhex("1040800121010002b17510c0001f01c7")
SERIAL = "{00000000-0000-4000-8000-SIMULATED000}"  # a unit's own is in braces too

DEVICE = bytes.fromhex("12010002000000405e04ca00000101020301")
CONFIGURATION = bytes.fromhex("0902200001010080820904000002ffffff000705810340000807058202400000")
DESCRIPTION = f"N: bus/usb/001/022={(DEVICE + CONFIGURATION).hex()}\n"
READ, WRITE = 0xC0, 0x40
AWAKE, ASLEEP, WAKE = b"\x01", b"\x81", b"\x01"

# (direction, register, data), or an interrupt's word, or None for the image
CONVERSATION: tuple[tuple[int, int, bytes] | int | None, ...] = (
    (READ, 0x07, AWAKE),
    0x56AA,
    (WRITE, 0x07, b"\x81"),
    (WRITE, 0x07, WAKE),
    (READ, 0x07, ASLEEP),
    (READ, 0x2010, bytes.fromhex("f84c843148ded8c003fe759b135e4d1a")),
    (WRITE, 0x2000, bytes.fromhex("3c9b013b71b593a3dbbafdf385351d50")),
    (READ, 0xF0, bytes.fromhex("50255025003400000013005967191800")),
    (WRITE, 0x4E, b"\x10"),
    0x0101,
    (WRITE, 0x4E, b"\x20"),
    None,
    (WRITE, 0x33, bytes.fromhex("002421ea51")),
    (READ, 0x34, bytes.fromhex("37dbc250")),
    (WRITE, 0x4E, b"\x12"),
    0x0200,
    (WRITE, 0x4E, b"\x70"),
)
WITHDRAWN = " USBDEVFS_REAPURBNDELAY 0 3 129 -2 0 64 0 0 "


def placed() -> Pixels:
    return stripes(9, (2,), "plain", Platen(WIDTH, peer.HEIGHT, 512), Touch()).pixels


def block() -> bytes:
    """The image as the unit would send it: its header's beginning, its block table and rubbish behind that."""
    raw = bytearray(peer.image_block(placed(), 0, BLOCKS, 0, lambda number: KEY + number))
    assert raw[4:7] == BEGINNING[4:7]
    raw[: len(BEGINNING)] = BEGINNING
    after = 16 + 2 * len(BLOCKS)
    raw[after:HEADER_BYTES] = b"\0\0" + b"\x02\x40" * ((HEADER_BYTES - after - 2) // 2)
    return bytes(raw)


def setup(kind: int, register: int, data: bytes) -> bytes:
    return bytes((kind, 4)) + register.to_bytes(2, "little") + b"\0\0" + len(data).to_bytes(2, "little")


def line(one: tuple[int, int, bytes] | int | None) -> str:
    """As umockdev writes it."""
    if one is None:
        image = block()
        return f" USBDEVFS_REAPURBNDELAY 0 3 130 0 0 111424 {len(image)} 0 {image.hex().upper()}"
    if isinstance(one, int):
        return f" USBDEVFS_REAPURBNDELAY 0 3 129 0 0 64 64 0 {one:04X}{bytes(62).hex()}"
    said = (setup(*one) + one[2]).hex().upper()
    return f"USBDEVFS_REAPURBNDELAY 0 2 0 0 0 {len(said) // 2} {len(one[2])} 0 {said}"


def dump() -> str:
    lines = ["@DEV /dev/bus/usb/001/022", "USBDEVFS_GET_CAPABILITIES 0 FD010000"]
    return "\n".join([*lines, *(line(one) for one in CONVERSATION), WITHDRAWN]) + "\n"


@dataclass
class Taken:
    frame: Frame
    recording: IoctlRecording
    recorder: Recorder


@pytest.fixture
def taken() -> Taken:
    """The driver on the recording in its text form; written down anew as pcapng."""
    recording = IoctlRecording(dump(), DESCRIPTION, SERIAL)
    recorder = Recorder(recording, SystemClock())
    link = UsbLink(0x045E, 0x00CA, backend=SimBus(recorder))
    reader = Uru4500Reader(load("ms-reader-v2"), link, SystemClock(), host_seed=SEED)
    reader.open()
    frame = reader.capture(REQUEST)
    reader.close()
    return Taken(frame, recording, recorder)


def test_the_unit_s_conversation_gives_the_picture_pixel_for_pixel(taken: Taken) -> None:
    np.testing.assert_array_equal(taken.frame.pixels, peer.as_delivered(placed(), 0, BLOCKS))
    assert taken.recording.mismatches == []
    assert taken.frame.reader.firmware in load("ms-reader-v2").firmware.known_good
    assert taken.frame.reader.serial == SERIAL


def test_the_driver_asks_what_was_recorded_in_that_order_and_nothing_else(taken: Taken) -> None:
    recorded = [(setup(*one), one[2] * (one[0] == WRITE)) for one in CONVERSATION if isinstance(one, tuple)]
    again = [(setup(WRITE, 0x07, WAKE), WAKE), (setup(READ, 0x07, AWAKE), b"")]  # the text form has it once
    asked = [(one.setup, one.data) for one in urbs(taken.recorder.pcapng()) if one.is_request]
    assert asked == recorded[:6] + again + recorded[6:]


@needs_umockdev
def test_the_unit_s_conversation_replays_under_umockdev_with_the_command_line(
    taken: Taken, tmp_path: Path, repo: Path
) -> None:
    (tmp_path / "device").write_text(taken.recorder.description())
    (tmp_path / "capture.pcapng").write_bytes(taken.recorder.pcapng())
    out = tmp_path / "out.png"
    words = ["readers", "capture", "--reader", "usb:045e:00ca", "--option", f"host_seed={SEED:#x}"]
    done = under_umockdev(tmp_path, [*words, "--out", str(out)], repo)
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(picture(out), peer.as_delivered(placed(), 0, BLOCKS))
    facts = json.loads(out.with_suffix(".json").read_text())
    assert (facts["reader"]["profile"], facts["reader"]["serial"]) == ("ms-reader-v2", SERIAL)
    assert cv2.imread(str(out), cv2.IMREAD_UNCHANGED).shape == (peer.HEIGHT, WIDTH)
