"""`station match A B`: the score of two images or template files. Exit 0 whatever the score; it is not a decision."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from station import templates
from station.errors import ImageError, StationError, TemplateError
from station.friction_ridge import MinutiaTemplate
from station.imaging import extract, load_gray
from station.matching import SAME, compare, false_match_rate


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "a",
        type=Path,
        metavar="A",
        help=f"image or template ({', '.join(r.NAME for r in templates.READERS)})",
    )
    parser.add_argument("b", type=Path, metavar="B", help="the other one")
    parser.add_argument("--ppi", type=int, default=500, help="resolution of images (default 500)")
    parser.add_argument("--json", action="store_true", help="for a program")


def run(args: argparse.Namespace) -> int:
    """Print the score and what it rests on."""
    a, b = load(args.a, args.ppi), load(args.b, args.ppi)
    found = compare(a, b)
    candidate = found.score >= SAME
    if args.json:
        print(
            json.dumps(
                {
                    **asdict(found),
                    "threshold": SAME,
                    "candidate": candidate,
                    "false_match_rate": false_match_rate(found.score),
                    "minutiae": [len(a), len(b)],
                }
            )
        )
        return 0
    words = (
        "a candidate for comparison by a trained person" if candidate else "not shown to be the same finger"
    )
    print(f"score {found.score:.1f}: {words} (threshold {SAME:.0f}; {found.matched} minutiae coincide)")
    return 0


def load(path: Path, ppi: int) -> MinutiaTemplate:
    """A template file, or the template of an image. Raises ImageError, TemplateError."""
    try:
        reader = templates.format_of(data := _read(path))
        return reader.decode(data) if reader is not None else extract(load_gray(path), ppi)
    except StationError as error:
        kind = TemplateError if isinstance(error, TemplateError) else ImageError
        raise kind(error.code, f"{path}: {error.message}", error.advice) from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ImageError(
            "image.missing", f"it cannot be read: {error.strerror}", "Check the path."
        ) from error
