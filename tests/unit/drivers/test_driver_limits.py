"""Limits of a reader at their edge: calibrations of a unit, frames, deadlines of a capture."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drivers import calibration
from drivers.calibration import CalibratedReader
from drivers.errors import CaptureRetry, ReaderFault
from drivers.frame import CaptureKind, CaptureRequest, Frame, ReaderInfo
from firmware_profiles.profile import load
from tests.unit.drivers.test_calibration import INFO, NOW, made
from tests.unit.drivers.test_reader import Scripted

# calibrations


@pytest.mark.parametrize(("ppi", "good"), [(49.9, False), (50.0, True), (5000.0, True), (5000.1, False)])
def test_a_calibration_is_between_50_and_5000_ppi(tmp_path: Path, ppi: float, good: bool) -> None:
    for axis in ("ppi_x", "ppi_y"):
        calibration.save(tmp_path, made(**{axis: ppi}))
        if good:
            assert calibration.load(tmp_path, INFO) is not None
        else:
            with pytest.raises(ReaderFault, match="no reader has such a resolution"):
                calibration.load(tmp_path, INFO)


def test_pixels_are_square_when_both_axes_agree_within_a_hundredth() -> None:
    assert made(ppi_x=504.9, ppi_y=500.0).square
    assert made(ppi_x=495.1, ppi_y=500.0).square
    assert not made(ppi_x=505.1, ppi_y=500.0).square
    assert not made(ppi_x=494.9, ppi_y=500.0).square


def test_a_calibration_ends_at_its_very_moment() -> None:
    one = made()
    assert not one.expired(one.expires - dt.timedelta(microseconds=1))
    assert one.expired(one.expires)


@pytest.mark.parametrize("name", ["made", "expires"])
def test_a_date_without_a_zone_is_refused(tmp_path: Path, name: str) -> None:
    calibration.save(tmp_path, made(**{name: NOW.replace(tzinfo=None)}))
    with pytest.raises(ReaderFault, match="no zone"):
        calibration.load(tmp_path, INFO)


def test_the_file_of_a_unit_has_a_plain_name_of_120_letters_at_most() -> None:
    assert calibration.path_of(Path("/x"), "a/../b c-1_Z") == Path("/x/a____b_c-1_Z.toml")
    assert calibration.path_of(Path("/x"), "a" * 121).name == "a" * 120 + ".toml"


class Fixed:
    """A reader with an info."""

    def __init__(self, limits: tuple[str, ...]) -> None:
        self.info = replace(INFO, limits=limits)

    def open(self) -> None: ...


@pytest.mark.parametrize(
    ("changes", "left"),
    [
        ({"ppi_x": 500.0, "ppi_y": 500.0}, ()),
        ({"ppi_x": 510.0, "ppi_y": 510.0}, ("ppi.not_500",)),
        ({"ppi_x": 520.0, "ppi_y": 480.0}, ("ppi.uncalibrated",)),  # its pixels are not square
        ({"ppi_x": 500.0, "ppi_y": 500.0, "expires": NOW}, ("ppi.uncalibrated",)),
    ],
)
def test_a_measured_unit_has_no_limit_left_but_its_resolution(
    tmp_path: Path, changes: dict[str, object], left: tuple[str, ...]
) -> None:
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    calibration.save(tmp_path, made(**({"expires": later} | changes)))
    reader = CalibratedReader(Fixed(("ppi.uncalibrated",)), tmp_path)  # type: ignore[arg-type]
    reader.open()
    assert reader.info.limits == left


# frames and readers


@pytest.mark.parametrize(
    "pixels", [np.zeros((2, 2), np.uint16), np.zeros(4, np.uint8), np.zeros((1, 2, 2), np.uint8)]
)
def test_a_frame_is_rows_of_bytes(pixels: np.ndarray) -> None:  # type: ignore[type-arg]
    with pytest.raises(ValueError, match="a frame is uint8"):
        Frame(pixels, 500, INFO, 0.0, NOW, True, True, 1)


def test_the_pixels_of_a_frame_cannot_be_changed() -> None:
    frame = Frame(np.zeros((2, 2), np.uint8), 500, INFO, 0.0, NOW, True, True, 1)
    with pytest.raises(ValueError, match="read-only"):
        frame.pixels[0, 0] = 1


def test_a_request_waits_half_a_minute_for_a_finger_and_10_seconds_for_its_lifting() -> None:
    request = CaptureRequest(CaptureKind.PLAIN)
    assert (request.finger_s, request.lift_s, request.lamps) == (30.0, 10.0, ())


@pytest.mark.parametrize(
    ("serial", "make", "shown", "simulated"),
    [
        ("SIM-1", "SIMULATED", "SIM-1", True),
        ("ASIM", "ADH-Tech", "ASIM", False),
        ("", "ADH-Tech", "unknown", False),
    ],
)
def test_a_unit_whose_serial_begins_with_sim_is_a_peer(
    serial: str, make: str, shown: str, simulated: bool
) -> None:
    profile = load("gt521")
    found = ReaderInfo.of(profile, serial, "1")
    assert (found.serial, found.simulated, found.id) == (shown, simulated, f"gt521-{shown}")
    assert found.make == (make if simulated else profile.vendor)
    assert found.kinds == frozenset(CaptureKind(kind) for kind in profile.kinds)


@pytest.fixture
def reader() -> Scripted:
    opened = Scripted()
    opened.open()
    return opened


def waits_of(reader: Scripted, finger_s: float) -> list[float]:
    """How long the driver is let wait at once, until there is no time left."""
    waits: list[float] = []
    usual = reader._finger

    def finger(wait_s: float) -> bool:
        waits.append(round(wait_s, 6))
        return usual(wait_s)

    reader._finger = finger  # type: ignore[method-assign]
    reader.fingers = lambda: False
    with pytest.raises(CaptureRetry) as caught:
        reader.capture(CaptureRequest(CaptureKind.PLAIN, finger_s=finger_s))
    assert caught.value.code == "capture.no_finger"
    return waits


def test_a_wait_is_cut_into_tenths_of_a_second_up_to_its_deadline(reader: Scripted) -> None:
    waits = waits_of(reader, 0.25)
    assert waits[:2] == [0.1, 0.1]
    assert sum(waits) == pytest.approx(0.25)
    assert all(0 <= wait <= 0.1 for wait in waits)


def test_without_any_time_the_platen_is_looked_at_once(reader: Scripted) -> None:
    assert waits_of(reader, 0.0) == [0.0]


@pytest.mark.parametrize(("took_s", "again"), [(0.4, True), (1.0, False)])
def test_nothing_taken_is_tried_again_while_there_is_time(
    reader: Scripted, took_s: float, again: bool
) -> None:
    takes: list[float] = []

    def take(*_: object) -> None:
        takes.append(reader.virtual.now)
        reader.virtual.sleep(took_s)

    reader.takes = take
    with pytest.raises(CaptureRetry):
        reader.capture(CaptureRequest(CaptureKind.PLAIN, finger_s=1.0))
    assert (len(takes) > 1) == again


def test_frames_are_numbered_anew_when_the_reader_is_opened(reader: Scripted) -> None:
    first = reader.capture(CaptureRequest(CaptureKind.PLAIN))
    second = reader.capture(CaptureRequest(CaptureKind.PLAIN))
    reader.close()
    reader.open()
    third = reader.capture(CaptureRequest(CaptureKind.PLAIN))
    assert [frame.sequence for frame in (first, second, third)] == [1, 2, 1]


@pytest.mark.parametrize(("scale", "ppi"), [(1.0, 500), (0.5, 250), (0.75, 375)])
def test_a_preview_says_its_own_resolution(reader: Scripted, scale: float, ppi: int) -> None:
    reader._preview_scale = scale

    def take(show: Callable[[np.ndarray], None], check: Callable[[], None]) -> np.ndarray:  # type: ignore[type-arg]
        show(np.zeros((2, 2), np.uint8))
        return np.zeros((4, 4), np.uint8)

    reader.takes = take
    shown: list[Frame] = []
    final = reader.capture(CaptureRequest(CaptureKind.PLAIN), shown.append)
    assert ([frame.ppi for frame in shown], final.ppi) == ([ppi], 500)
    assert ([frame.final for frame in shown], final.final) == ([False], True)
