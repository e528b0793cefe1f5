"""`station segment IMAGE`: the fingers of a plain impression. Exit 1 when the slap should be taken again.

In: an image and the position asked for. Out: a table or one JSON object; with --picture a PNG with all of it drawn on.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2

from station.errors import ImageError
from station.imaging import load_gray, segment
from station.imaging.slap_draw import draw_slap
from station.imaging.slap_types import SegmentedFinger, SlapFinding, SlapSegmentation


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", type=Path, metavar="IMAGE", help="PNG, BMP, TIFF, WSQ or JP2, 8-bit grey")
    parser.add_argument("--ppi", type=int, default=500, help="resolution of the image (default 500)")
    parser.add_argument(
        "--fgp",
        type=int,
        required=True,
        choices=range(1, 16),
        metavar="FGP",
        help="what was asked for: 13 right four, 14 left four, 15 both thumbs, 11 or 12 one thumb, 1 to 10 one finger",
    )
    parser.add_argument(
        "--missing",
        type=_positions,
        default=(),
        metavar="N,N",
        help="positions 1 to 10 that cannot be printed",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object for a program")
    parser.add_argument("--picture", type=Path, metavar="PNG", help="write the image with boxes and outlines")


def _positions(words: str) -> tuple[int, ...]:
    try:
        found = tuple(sorted({int(word) for word in words.split(",") if word.strip()}))
    except ValueError as error:
        raise argparse.ArgumentTypeError("positions are numbers with commas, e.g. 8,9") from error
    if any(not 1 <= position <= 10 for position in found):
        raise argparse.ArgumentTypeError("a missing finger is one of 1 to 10")
    return found


def run(args: argparse.Namespace) -> int:
    """Segment, print, draw; 1 when a finding asks for a retake."""
    gray = load_gray(args.image)
    found = segment(gray, args.ppi, args.fgp, args.missing)
    if args.picture is not None:
        _write(args.picture, draw_slap(gray, found))
    if args.json:
        print(
            json.dumps(
                {"image": str(args.image), "width": gray.shape[1], "height": gray.shape[0], **as_dict(found)}
            )
        )
    else:
        print("\n".join(_lines(found)))
    return 0 if found.usable else 1


def _write(target: Path, picture: Any) -> None:
    try:
        target.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    except OSError as error:
        raise ImageError(
            "image.cannot_write",
            f"{target} cannot be written: {error.strerror}",
            "Check the folder and the disk.",
        ) from error


def as_dict(found: SlapSegmentation) -> dict[str, Any]:
    """A segmentation as JSON takes it; every key always stands there."""
    return {
        "fgp": int(found.fgp),
        "expected": found.expected,
        "found": len(found.fingers),
        "hand": found.hand,
        "hand_certainty": found.hand_certainty,
        "tilt_deg": found.tilt_deg,
        "usable": found.usable,
        "fingers": [_finger(finger) for finger in found.fingers],
        "findings": [_finding(finding) for finding in found.findings],
    }


def _finger(finger: SegmentedFinger) -> dict[str, Any]:
    x, y, width, height = finger.box
    return {
        "fgp": int(finger.fgp),
        "box": {"x": x, "y": y, "width": width, "height": height},
        "left": finger.left,
        "right": finger.right,
        "top": finger.top,
        "bottom": finger.bottom,
        "polygon": [list(point) for point in finger.polygon],
        "angle_deg": finger.angle_deg,
        "confidence": finger.confidence,
    }


def _finding(finding: SlapFinding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "message": finding.message,
        "advice": finding.advice,
        "stops": finding.stops,
        "box": None
        if finding.box is None
        else dict(zip(("x", "y", "width", "height"), finding.box, strict=True)),
    }


def _lines(found: SlapSegmentation) -> Iterator[str]:
    hand = "" if found.hand == "unknown" else f", {found.hand} hand ({found.hand_certainty:.2f})"
    yield f"{len(found.fingers)} of {found.expected} fingers{hand}, leaning {found.tilt_deg:.0f} degrees"
    for finger in found.fingers:
        x, y, width, height = finger.box
        yield (
            f"  {finger.fgp:2d}  {width}×{height} at {x},{y}  {finger.angle_deg:6.1f} degrees  "
            f"confidence {finger.confidence:.2f}"
        )
    for each in found.findings:
        yield f"  {'!' if each.stops else '-'} {each.code}: {each.message} -> {each.advice}"
