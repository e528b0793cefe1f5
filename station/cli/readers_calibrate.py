"""`station readers calibrate`: pictures of a ruled target in, the unit's true ppi in a file of its own out.

A wizard: it says what to lay on the platen, takes a picture, draws what it found into a PNG to look at, and asks.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers import calibration
from drivers.calibration import UnitCalibration
from drivers.errors import ReaderFault
from drivers.reader import CaptureRequest, Frame, Reader
from firmware_profiles.profile import load
from station.cli.readers_ruler import RulerError, Spacing, measure

Ask = Callable[[str], str]

WIZARD = """\
True resolution of one unit, from a ruled target: {pitch} mm from line to line.

      platen                grid                 lines: two pictures
   +-----------+        +-----------+        +-----------+   +-----------+
   |           |        |  |  |  |  |        |  |  |  |  |   |___________|
   |  target   |        |--+--+--+--|        |  |  |  |  |   |___________|
   | face down |        |  |  |  |  |        |  |  |  |  |   |___________|
   +-----------+        +-----------+        +-----------+   +-----------+

 1. Clean the platen. No finger on it, now or later.
 2. Lay the target on it, face down, its lines along the edges (under 8 degrees off).
 3. Press it flat; a drop of water helps an optical reader to see it.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--pitch-mm", type=float, required=True, help="distance of the target's lines")
    parser.add_argument(
        "--target", choices=["grid", "lines"], default="grid", help="lines both ways, or one way"
    )
    parser.add_argument(
        "--state", type=Path, default=calibration.default_folder(), help="folder of calibrations"
    )
    parser.add_argument("--look", type=Path, default=Path("calibration.png"), help="PNG of what was found")
    parser.add_argument("--yes", action="store_true", help="do not ask whether the picture is right")
    parser.add_argument(
        "--no-serial",
        action="store_true",
        help="the unit tells no serial number and is the only one of its model",
    )
    parser.add_argument("--json", action="store_true", help="for scripts")


def on_the_terminal(question: str) -> str:
    """The answer. Raises ValueError when nobody can give one."""
    try:
        return input(question)
    except EOFError as error:
        raise ValueError(
            "nobody answers: run this in a terminal, or say --yes with the target laid out"
        ) from error


def run(reader: Reader, request: CaptureRequest, args: argparse.Namespace, ask: Ask = on_the_terminal) -> int:
    """Exit code 0 written, 1 the picture shows no even lines or was not agreed to. Raises ValueError, DriverError."""
    _require_serial(reader, args)
    print(WIZARD.format(pitch=f"{args.pitch_mm:g}"), file=sys.stderr)
    frames = [_picture(reader, request, args, ask, "")]
    if args.target == "lines":
        frames.append(_picture(reader, request, args, ask, "Now turn the target by 90 degrees. "))
    try:
        along_x, along_y = measure(frames[0].pixels, "x"), measure(frames[-1].pixels, "y")
    except RulerError as error:
        print(f"reader.calibration: {error}", file=sys.stderr)
        return 1
    _look(args.look, frames, (along_x, along_y))
    made = _calibration(frames[-1], along_x, along_y, args)
    if not args.yes and ask(f"{_words(made)}\nLook at {args.look}: red on every line? [y/N] ") != "y":
        print("nothing was written", file=sys.stderr)
        return 1
    path = calibration.save(args.state, made)
    facts = {"file": str(path), "look": str(args.look), **_facts(made)}
    print(json.dumps(facts) if args.json else f"{path}: {_words(made)}")
    return 0


def _require_serial(reader: Reader, args: argparse.Namespace) -> None:
    if args.pitch_mm <= 0:
        raise ValueError("--pitch-mm is more than nothing")
    if reader.info.serial == "unknown" and not args.no_serial:
        raise ReaderFault(
            "reader.calibration",
            f"{reader.info.model} tells no serial number, so a calibration would fit any unit of its model",
            "With one such reader only, say --no-serial; calibrate again whenever it is exchanged.",
        )


def _picture(
    reader: Reader, request: CaptureRequest, args: argparse.Namespace, ask: Ask, words: str
) -> Frame:
    if not args.yes:
        ask(f"{words}Press Enter when the target lies there. ")
    return reader.capture(request)


def _look(path: Path, frames: list[Frame], spacings: tuple[Spacing, Spacing]) -> None:
    """Every centre found as a red point on the picture it was found in; two pictures stand side by side."""
    sheets: list[NDArray[np.uint8]] = []
    for frame in frames:
        own = spacings if len(frames) == 1 else (spacings[len(sheets)],)
        sheets.append(_marked(frame.pixels, own))
    done, data = cv2.imencode(".png", np.hstack(sheets))
    assert done  # uint8 with three channels always is
    path.write_bytes(data.tobytes())


def _marked(pixels: NDArray[np.uint8], spacings: tuple[Spacing, ...]) -> NDArray[np.uint8]:
    sheet = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR), dtype=np.uint8)
    for spacing in spacings:
        for x, y in np.rint(spacing.centres).astype(int):
            cv2.circle(sheet, (int(x), int(y)), 1, (0, 0, 255), -1)
    return sheet


def _calibration(
    frame: Frame, along_x: Spacing, along_y: Spacing, args: argparse.Namespace
) -> UnitCalibration:
    reader = frame.reader
    days = load(reader.profile).calibration.expires_days
    return UnitCalibration(
        schema=calibration.SCHEMA,
        reader=reader.id,
        profile=reader.profile,
        serial=reader.serial,
        firmware=reader.firmware,
        ppi_x=round(along_x.ppi(args.pitch_mm), 3),
        ppi_y=round(along_y.ppi(args.pitch_mm), 3),
        error_ppi=round(max(one.error_ppi(args.pitch_mm) for one in (along_x, along_y)), 4),
        rms_px=round(max(along_x.rms_px, along_y.rms_px), 4),
        pitch_mm=args.pitch_mm,
        target=args.target,
        made=frame.wall,
        expires=frame.wall + dt.timedelta(days=days),
    )


def _facts(made: UnitCalibration) -> dict[str, Any]:
    return {
        "reader": made.reader, "ppi": made.ppi, "ppi_x": made.ppi_x, "ppi_y": made.ppi_y,
        "error_ppi": made.error_ppi, "rms_px": made.rms_px, "square": made.square,
        "expires": made.expires.isoformat(),
    }  # fmt: skip


def _words(made: UnitCalibration) -> str:
    shape = "" if made.square else "; PIXELS ARE NOT SQUARE (over 1 %): not for booking"
    return f"{made.ppi} ppi ({made.ppi_x:.1f} x {made.ppi_y:.1f}, ± {made.error_ppi:.2f}){shape}"
