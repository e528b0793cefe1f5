"""`station readers`: what is attached, and one impression taken straight from a reader into a PNG with its facts.

list prints candidates; capture writes FILE.png and FILE.json beside it. Exit codes: 0 done, 1 the person has to try
again, 2 usage, 3 no usable reader.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2

from drivers import registry
from drivers.clock import SystemClock
from drivers.reader import CaptureKind, CaptureRequest, Frame, Reader
from firmware_profiles.profile import load


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The two verbs and their options."""
    verbs = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = verbs.add_parser("list", help="what is attached and may be a reader")
    listing.add_argument("--json", action="store_true", help="for scripts")
    capture = verbs.add_parser("capture", help="take one impression and write it as PNG, its facts as JSON")
    which = capture.add_mutually_exclusive_group(required=True)
    which.add_argument("--reader", metavar="ID", help="an id or address that `readers list` shows, or usb:vid:pid")
    which.add_argument("--driver", help=f"one of {', '.join(registry.drivers())}")
    capture.add_argument("--address", help="serial:/dev/ttyUSB0, usb:05ba:000a[@bus-port] or unix:SOCKET")
    capture.add_argument(
        "--profile", default="", help="a file of firmware_profiles/; default: the driver's first"
    )
    capture.add_argument("--option", action="append", default=[], metavar="K=V", help="option of the driver")
    capture.add_argument("--kind", choices=[str(kind) for kind in CaptureKind], default="plain")
    capture.add_argument("--lamps", default="", help="finger lamps to light, e.g. 2,3,4,5")
    capture.add_argument("--finger-s", type=float, default=30.0, help="seconds to wait for the finger")
    capture.add_argument("--out", type=Path, required=True, help="PNG to write")
    capture.add_argument("--json", action="store_true", help="print the facts as JSON")


def run(args: argparse.Namespace) -> int:
    """Do the verb; a DriverError is reported by the caller, wrong usage here."""
    try:
        return _list(args) if args.action == "list" else _capture(args)
    except ValueError as error:
        print(f"usage: {error}", file=sys.stderr)
        return 2


def _list(args: argparse.Namespace) -> int:
    found = registry.discover()
    if args.json:
        print(json.dumps([asdict(one) for one in found], indent=2))
        return 0
    for one in found:
        mark = " SIMULATED" if one.simulated else ""
        print(f"{one.id}\t{one.address}\t{one.description}{mark}")
    if not found:
        print("no reader found; a simulated one is opened by its address", file=sys.stderr)
    return 0


def _capture(args: argparse.Namespace) -> int:
    if not args.out.parent.is_dir():
        raise ValueError(f"no folder {args.out.parent}")
    lamps = tuple(int(lamp) for lamp in args.lamps.split(",") if lamp)
    request = CaptureRequest(CaptureKind(args.kind), lamps, finger_s=args.finger_s)
    reader = _reader(args)
    try:
        say = (lambda _: None) if args.json or not sys.stderr.isatty() else _progress
        frame = reader.capture(request, preview=say)
    finally:
        reader.close()
    facts = sidecar(frame, request)
    _write(args.out, frame, facts)
    simulated = " SIMULATED" if frame.reader.simulated else ""
    print(json.dumps(facts) if args.json else f"{args.out}: {facts['width']} x {facts['height']}{simulated}")
    return 0


def _progress(frame: Frame) -> None:
    print(f"\rpreview {frame.sequence}", end="", file=sys.stderr, flush=True)


def _reader(args: argparse.Namespace) -> Reader:
    if args.reader:
        one = registry.find(args.reader)
        driver, profile, address = one.driver, one.profile, one.address
    elif args.address:
        driver, profile, address = args.driver, args.profile, args.address
    else:
        raise ValueError("--driver needs --address")
    options = dict(_option(text) for text in args.option)
    return registry.open_reader(driver, profile, address, options, SystemClock())


def _option(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ValueError(f"--option looks like NAME=VALUE, not {text!r}")
    return name, value


def sidecar(frame: Frame, request: CaptureRequest) -> dict[str, Any]:
    """What is known of a frame, as JSON: size, resolution and how far to trust it, time, reader, SIMULATED or not."""
    reader = frame.reader
    profile = load(reader.profile)
    height, width = frame.pixels.shape
    return {
        "width": width,
        "height": height,
        "ppi": frame.ppi,
        "ppi_calibrated": profile.ppi.calibrated,
        "ppi_source": profile.ppi.nominal_source,
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
