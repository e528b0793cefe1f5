"""`station readers`: what is attached, one impression straight from a reader, and the tools for one unit.

list, capture (FILE.png and FILE.json), test (live picture), calibrate (true ppi), record, udev. Exit codes: 0 done,
1 the person has to try again, 2 usage, 3 no usable reader.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2

from drivers import calibration, registry
from drivers.calibration import UnitCalibration
from drivers.clock import SystemClock
from drivers.reader import CaptureKind, CaptureRequest, Frame, Reader, ReaderInfo
from firmware_profiles import udev
from firmware_profiles.fit import WORDS
from firmware_profiles.profile import load
from station.cli import readers_calibrate, readers_list, readers_preview, readers_profile, readers_record


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verbs and their options."""
    verbs = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    readers_list.add_arguments(
        verbs.add_parser("list", help="what is attached, who holds it, what is missing")
    )
    capture = verbs.add_parser("capture", help="take one impression and write it as PNG, its facts as JSON")
    _choice(capture)
    capture.add_argument("--out", type=Path, required=True, help="PNG to write")
    capture.add_argument("--json", action="store_true", help="print the facts as JSON")
    for name, words, more in (
        ("test", "live picture in the terminal or a PNG", readers_preview.add_arguments),
        ("calibrate", "true ppi of one unit, from a ruled target", readers_calibrate.add_arguments),
        ("record", "write a recording of one capture, never of a real finger", readers_record.add_arguments),
    ):
        one = verbs.add_parser(name, help=words)
        _choice(one)
        more(one)
    readers_profile.add_arguments(verbs.add_parser("profile", help="look for mistakes in firmware profiles"))
    verbs.add_parser("udev", help="print the udev rules made from the profiles")


def _choice(parser: argparse.ArgumentParser) -> None:
    """Which reader, and what to ask of it."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "--reader",
        metavar="ID",
        help="an id or address that `readers list` shows, usb:vid:pid, unix:SOCKET or libfprint:any",
    )
    which.add_argument("--driver", help=f"one of {', '.join(registry.drivers())}")
    parser.add_argument("--address", help="serial:/dev/ttyUSB0, usb:05ba:000a[@bus-port] or unix:SOCKET")
    parser.add_argument(
        "--profile", default="", help="a file of firmware_profiles/; default: the driver's first"
    )
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="K=V",
        help="option of the driver, host_seed=0x51ea2124",
    )
    parser.add_argument("--kind", choices=[str(kind) for kind in CaptureKind], default="plain")
    parser.add_argument("--lamps", default="", help="finger lamps to light, e.g. 2,3,4,5")
    parser.add_argument("--finger-s", type=float, default=30.0, help="seconds to wait for the finger")


def run(args: argparse.Namespace) -> int:
    """Do the verb; a DriverError is reported by the caller, wrong usage here."""
    try:
        return _VERBS[args.action](args)
    except ValueError as error:
        print(f"usage: {error}", file=sys.stderr)
        return 2


def _udev(args: argparse.Namespace) -> int:  # noqa: ARG001  it has no options
    sys.stdout.write(udev.rules())
    return 0


def _capture(args: argparse.Namespace) -> int:
    if not args.out.parent.is_dir():
        raise ValueError(f"no folder {args.out.parent}")
    request = _request(args)
    reader = _reader(args)
    try:
        say = (lambda _: None) if args.json or not sys.stderr.isatty() else _progress
        frame = reader.capture(request, preview=say)
    finally:
        reader.close()
    facts = sidecar(frame, request, getattr(reader, "calibration", None))
    _write(args.out, frame, facts)
    simulated = " SIMULATED" if frame.reader.simulated else ""
    print(json.dumps(facts) if args.json else f"{args.out}: {facts['width']} x {facts['height']}{simulated}")
    if frame.reader.limits and not args.json:
        print(f"training only: {_limits(frame.reader)}", file=sys.stderr)
    return 0


def _limits(reader: ReaderInfo) -> str:
    """Why nothing that this unit takes may enter a production submission."""
    told = {"firmware.unknown": f" ({reader.firmware})", "firmware.bad": f" ({reader.firmware})"}
    return "; ".join(WORDS[key] + told.get(key, "") for key in reader.limits)


def _test(args: argparse.Namespace) -> int:
    if args.out is not None and not args.out.parent.is_dir():
        raise ValueError(f"no folder {args.out.parent}")
    request = _request(args)
    reader = _reader(args)
    try:
        return readers_preview.run(reader, request, args)
    finally:
        reader.close()


def _calibrate(args: argparse.Namespace) -> int:
    request = _request(args)
    reader = _reader(args, calibrated=False)
    try:
        return readers_calibrate.run(reader, request, args)
    finally:
        reader.close()


def _record(args: argparse.Namespace) -> int:
    readers_record.require_confirmation(args)
    driver, profile, address = _place(args)
    if address.startswith("usb:"):
        one = registry.Candidate(address, driver, profile, address, "", certain=True, simulated=False)
        return readers_record.usb(args, one, args.option)
    return readers_record.serial(
        args,
        lambda: _reader(args, calibrated=False),
        _request(args),
        SystemClock(),
        f"{driver} {profile}".strip(),
    )


_VERBS = {
    "list": readers_list.run, "capture": _capture, "test": _test, "calibrate": _calibrate, "record": _record,
    "udev": _udev, "profile": readers_profile.run,
}  # fmt: skip


def _progress(frame: Frame) -> None:
    print(f"\rpreview {frame.sequence}", end="", file=sys.stderr, flush=True)


def _request(args: argparse.Namespace) -> CaptureRequest:
    lamps = tuple(int(lamp) for lamp in args.lamps.split(",") if lamp)
    return CaptureRequest(CaptureKind(args.kind), lamps, finger_s=args.finger_s)


def _place(args: argparse.Namespace) -> tuple[str, str, str]:
    """Driver, profile and address that the arguments name."""
    if args.reader:
        one = registry.find(args.reader)
        return one.driver, args.profile or one.profile, one.address
    if not args.address:
        raise ValueError("--driver needs --address")
    return args.driver, args.profile, args.address


def _reader(args: argparse.Namespace, *, calibrated: bool = True) -> Reader:
    driver, profile, address = _place(args)
    options = dict(_option(text) for text in args.option)
    folder = calibration.default_folder() if calibrated else None
    return registry.open_reader(driver, profile, address, options, SystemClock(), folder)


def _option(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ValueError(f"--option looks like NAME=VALUE, not {text!r}")
    return name, value


def sidecar(frame: Frame, request: CaptureRequest, own: UnitCalibration | None = None) -> dict[str, Any]:
    """What is known of a frame, as JSON: size, resolution and how far to trust it, time, reader, SIMULATED or not.
    own: the unit's calibration, if it has one."""
    reader = frame.reader
    profile = load(reader.profile)
    height, width = frame.pixels.shape
    return {
        "width": width,
        "height": height,
        "ppi": frame.ppi,
        "ppi_calibrated": profile.ppi.calibrated or (own is not None and not own.expired(frame.wall)),
        "ppi_source": profile.ppi.nominal_source if own is None else f"ruled target, {own.made.date()}",
        "kind": str(request.kind),
        "lamps": list(request.lamps),
        "wall": frame.wall.isoformat(),
        "clock_trusted": frame.clock_trusted,
        "simulated": reader.simulated,
        "valid_for_submission": profile.cert.valid_for_submission,
        "reader": {**asdict(reader), "kinds": sorted(reader.kinds)},
    }


def _write(out: Path, frame: Frame, facts: dict[str, Any]) -> None:
    done, data = cv2.imencode(".png", frame.pixels)
    if not done:
        raise ValueError("the frame cannot be written as PNG")
    out.write_bytes(data.tobytes())
    out.with_suffix(".json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
