"""The true resolution of one unit, as a file: in go what a ruled target showed, out comes a Reader whose frames say it.

One TOML per unit in a state folder, named by the unit's id (profile and serial number). An unknown key or an
impossible value is refused. Pixels are never changed, only what is said of them.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import os
import re
from dataclasses import replace
from pathlib import Path

import msgspec

from drivers.errors import ReaderFault
from drivers.reader import Cancelled, CaptureRequest, Frame, Preview, Reader, ReaderInfo, ReaderState
from firmware_profiles import fit

SCHEMA = 1
SQUARE = 0.01  # widest relative difference of the two axes that still counts as square pixels
_ADVICE = "Calibrate the unit again: station readers calibrate."


class UnitCalibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """ppi_x, ppi_y: pixels per inch; error_ppi: standard error of the fit; pitch_mm: of the target's lines;
    rms_px: how far lines lie from where even spacing puts them."""

    schema: int
    reader: str
    profile: str
    serial: str
    firmware: str
    ppi_x: float
    ppi_y: float
    error_ppi: float
    rms_px: float
    pitch_mm: float
    target: str
    made: dt.datetime
    expires: dt.datetime

    @property
    def ppi(self) -> int:
        """One number for both axes: their geometric mean, rounded."""
        return round(math.sqrt(self.ppi_x * self.ppi_y))

    @property
    def square(self) -> bool:
        return abs(self.ppi_x / self.ppi_y - 1) <= SQUARE

    def expired(self, now: dt.datetime) -> bool:
        return now >= self.expires


def default_folder() -> Path:
    """Where calibrations live: the service's own state folder (systemd's STATE_DIRECTORY), or that of the service."""
    state = os.environ.get("STATE_DIRECTORY", "/var/lib/livescan-capture").split(":")[0]
    return Path(state) / "calibration"


def path_of(folder: Path, reader_id: str) -> Path:
    """The file of one unit. What a device answers as its serial number never leaves the folder."""
    return folder / (re.sub(r"[^A-Za-z0-9_-]", "_", reader_id)[:120] + ".toml")


def load(folder: Path, info: ReaderInfo) -> UnitCalibration | None:
    """The unit's calibration, None without. Raises ReaderFault reader.calibration for a file that is wrong."""
    path = path_of(folder, info.id)
    try:
        found = msgspec.toml.decode(path.read_bytes(), type=UnitCalibration)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError, ValueError) as error:
        raise ReaderFault("reader.calibration", f"{path}: {error}", _ADVICE) from error
    wrong = _contradiction(found, info)
    if wrong:
        raise ReaderFault("reader.calibration", f"{path}: {wrong}", _ADVICE)
    return found


def _contradiction(found: UnitCalibration, info: ReaderInfo) -> str:
    if found.schema != SCHEMA:
        return f"schema is {found.schema}, this program reads {SCHEMA}"
    if found.reader != info.id:
        return f"it is of {found.reader}, not of {info.id}"
    if not all(50 <= ppi <= 5000 for ppi in (found.ppi_x, found.ppi_y)):
        return "no reader has such a resolution"
    if found.made.tzinfo is None or found.expires.tzinfo is None:
        return "its dates have no zone"
    return ""


def save(folder: Path, calibration: UnitCalibration) -> Path:
    """Write it in one step; the path. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    path = path_of(folder, calibration.reader)
    fresh = path.with_suffix(".new")
    fresh.write_text(_toml(calibration), encoding="utf-8")
    fresh.replace(path)
    return path


def _toml(calibration: UnitCalibration) -> str:
    """One line a key; a JSON string is a TOML string."""
    lines = ["# Made by `station readers calibrate`: the true resolution of one unit."]
    for name in calibration.__struct_fields__:
        value = getattr(calibration, name)
        lines.append(f"{name} = {value.isoformat() if isinstance(value, dt.datetime) else json.dumps(value)}")
    return "\n".join(lines) + "\n"


class CalibratedReader:
    """A reader whose info and frames say the unit's true ppi, where a calibration of it lies in folder."""

    def __init__(self, reader: Reader, folder: Path) -> None:
        self.reader = reader
        self._folder = folder
        self._found: UnitCalibration | None = None

    @property
    def info(self) -> ReaderInfo:
        info = self.reader.info
        found = self._found
        if found is None:
            return info
        measured = found.square and not found.expired(dt.datetime.now(dt.UTC))
        limits = fit.once_measured(info.limits, found.ppi) if measured else info.limits
        return replace(info, ppi=found.ppi, limits=limits)

    @property
    def state(self) -> ReaderState:
        return self.reader.state

    @property
    def calibration(self) -> UnitCalibration | None:
        return self._found

    def open(self) -> None:
        """As the reader; raises also ReaderFault reader.calibration, and the reader is closed again."""
        self.reader.open()
        try:
            self._found = load(self._folder, self.reader.info)
        except ReaderFault:
            self.reader.close()
            raise

    def close(self) -> None:
        self.reader.close()

    def capture(
        self, request: CaptureRequest, preview: Preview | None = None, cancelled: Cancelled | None = None
    ) -> Frame:
        shown = None if preview is None else lambda frame: preview(self._corrected(frame))
        return self._corrected(self.reader.capture(request, shown, cancelled))

    def _corrected(self, frame: Frame) -> Frame:
        if self._found is None:
            return frame
        ppi = round(frame.ppi * self._found.ppi / frame.reader.ppi)
        return replace(frame, ppi=ppi, reader=self.info)
