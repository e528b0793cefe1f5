"""`station stitch FRAMES… --ppi 500 --out F.png`: one roll from the frames of one roll. Exit 1 when it is faulty."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import cv2

from station.errors import ImageError
from station.imaging import load_gray
from station.imaging.roll import RollResult, RollStitcher


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "frames", nargs="+", type=Path, metavar="FRAME", help="pictures in the order they were taken"
    )
    parser.add_argument("--ppi", type=int, required=True, help="resolution of the frames")
    parser.add_argument("--out", type=Path, required=True, help="where the stitched roll is written (PNG)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of sentences")


def run(args: argparse.Namespace) -> int:
    """Stitch, write, tell what is wrong. Exit 1 when something is, so that a faulty roll is not used unseen."""
    stitcher = RollStitcher(args.ppi)
    for path in args.frames:
        stitcher.feed(load_gray(path))
    result = stitcher.finish()
    _write(result, args.out)
    if args.json:
        told = {
            "out": str(args.out),
            "measures": result.measures,
            "findings": [asdict(f) for f in result.findings],
        }
        print(json.dumps(told, indent=1))
    else:
        print(f"{args.out}: {result.measures['width_mm']} mm wide, from {len(args.frames)} frames")
        for finding in result.findings:
            print(f"{finding.code}: {finding.message}. {finding.advice}")
    return 1 if result.findings else 0


def _write(result: RollResult, path: Path) -> None:
    try:
        written = cv2.imwrite(str(path), result.image)
    except cv2.error:
        written = False
    if not written:
        raise ImageError(
            "image.cannot_write", f"{path} cannot be written", "Name a .png file in a folder that exists."
        )
