"""`station assess IMAGE…`: the quality of images, with causes and advice. Exit 1 when an image cannot be read."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2

from station.errors import EnvironmentFault, ImageError, StationError
from station.friction_ridge import QualityReport
from station.imaging import assess, draw, extract, load_gray
from station.progress import Progress

BAR_FROM = 4
"""images from which on a progress bar is worth its line."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "images", nargs="+", type=Path, metavar="IMAGE", help="PNG, BMP, TIFF, WSQ or JP2, 8-bit grey"
    )
    parser.add_argument("--ppi", type=int, default=500, help="resolution of the images (default 500)")
    parser.add_argument("--json", action="store_true", help="one JSON array for a program")
    parser.add_argument(
        "--out-dir", type=Path, help="write pictures with minutiae and quality drawn on into it"
    )


def run(args: argparse.Namespace) -> int:
    """Assess each image; print a line each, or a JSON array; 1 when any could not be assessed."""
    if args.out_dir is not None:
        _make(args.out_dir)
    results = []
    with _progress(len(args.images)) as bar:
        for image in args.images:
            if bar is not None:
                bar.wait(image.name)
            result = _one(image, args.ppi, args.out_dir)
            results.append(result)
            if bar is not None:
                bar.step(f"{image.name}: {result.get('score', result.get('error', {}).get('code'))}")
    print(json.dumps(results) if args.json else "\n".join(_lines(results)))
    return 1 if any("error" in result for result in results) else 0


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EnvironmentFault(
            "environment.cannot_write", f"{folder} cannot be made: {error.strerror}", "Choose another folder."
        ) from error


@contextmanager
def _progress(count: int) -> Iterator[Progress | None]:
    """A bar on standard error for many images on a terminal, else nothing."""
    if count < BAR_FROM or not sys.stderr.isatty():
        yield None
        return
    bar = Progress(count, sys.stderr)
    try:
        yield bar
    finally:
        bar.close()


def _one(image: Path, ppi: int, out_dir: Path | None) -> dict[str, Any]:
    try:
        gray = load_gray(image)
        report = assess(gray, ppi)
        result = {"image": str(image), "width": gray.shape[1], "height": gray.shape[0], **as_dict(report)}
        if out_dir is not None:
            template = None if report.score == 0 else extract(gray, ppi)
            result["picture"] = str(_picture(image, out_dir, draw(gray, template, report)))
    except StationError as error:
        return {
            "image": str(image),
            "error": {"code": error.code, "message": error.message, "advice": error.advice},
        }
    return result


def _picture(image: Path, folder: Path, pixels: Any) -> Path:
    """Write next to its kind without overwriting another image's picture of the same name."""
    target, number = folder / f"{image.stem}.png", 1
    while target.exists():
        number += 1
        target = folder / f"{image.stem}-{number}.png"
    if not cv2.imwrite(str(target), pixels):
        raise ImageError(
            "image.cannot_write", f"{target} cannot be written", "Check the folder and the disk."
        )
    return target


def as_dict(report: QualityReport) -> dict[str, Any]:
    """A report as JSON takes it."""
    return {**asdict(report), "causes": [asdict(cause) for cause in report.causes]}


def _lines(results: Sequence[dict[str, Any]]) -> Iterator[str]:
    for result in results:
        if "error" in result:
            error = result["error"]
            yield f"  - {result['image']}: {error['code']}: {error['message']} -> {error['advice']}"
            continue
        yield f"{result['score']:3d} {result['image']}"
        for cause in result["causes"]:
            yield f"      {cause['code']} ({cause['severity']:.2f}): {cause['advice']}"
