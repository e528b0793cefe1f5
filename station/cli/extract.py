"""`station extract IMAGE --ppi 500 --format F --out FILE`: minutiae of one image as a template file."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from station import templates
from station.errors import EnvironmentFault
from station.friction_ridge import IMP, MinutiaKind
from station.imaging import load_gray, pipeline, quality
from station.imaging.trace import Folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", type=Path, metavar="IMAGE", help="PNG, BMP, TIFF, WSQ or JP2, grey")
    parser.add_argument("--ppi", type=int, default=500, help="resolution of the image (default 500)")
    parser.add_argument("--format", choices=sorted(templates.CODECS), default="json")
    parser.add_argument("--out", type=Path, help="file to write; without it JSON goes to standard output")
    parser.add_argument(
        "--fgp", type=int, default=0, choices=range(11), metavar="0-10", help="finger position"
    )
    parser.add_argument(
        "--imp", type=int, default=0, choices=[imp.value for imp in IMP], help="0 plain, 1 rolled"
    )
    parser.add_argument(
        "--trace", type=Path, metavar="DIR", help="write what each stage saw into this folder"
    )
    parser.add_argument("--json", action="store_true", help="a summary for a program")


def run(args: argparse.Namespace) -> int:
    """Extract, encode, write."""
    gray = load_gray(args.image)
    trace = None if args.trace is None else Folder(args.trace)
    seen = pipeline.look(gray, args.ppi, trace)
    template = pipeline.from_seen(gray, args.ppi, seen, trace)
    report = quality.assess(gray, args.ppi)
    data = templates.encode(args.format, template, fgp=args.fgp, imp=args.imp, quality=report.score)
    if args.out is None:
        return _to_stdout(args.format, data)
    write(args.out, data)
    summary = {
        "image": str(args.image),
        "out": str(args.out),
        "format": args.format,
        "bytes": len(data),
        "minutiae": len(template),
        "endings": int((template.kind == MinutiaKind.ENDING).sum()),
        "bifurcations": int((template.kind == MinutiaKind.BIFURCATION).sum()),
        "cores": sum(point.kind == "core" for point in template.singular),
        "deltas": sum(point.kind == "delta" for point in template.singular),
        "pattern": template.pattern,
        "quality": report.score,
    }
    line = f"{args.out}: {len(template)} minutiae, {len(data)} bytes of {args.format}, quality {report.score}"
    print(json.dumps(summary) if args.json else line)
    return 0


def _to_stdout(form: str, data: bytes) -> int:
    if form != "json":
        print(f"station: {form} is a file for programs: say where it goes with --out", file=sys.stderr)
        return 2
    sys.stdout.write(data.decode())
    return 0


def write(path: Path, data: bytes) -> None:
    """Write a file. Raises EnvironmentFault environment.cannot_write."""
    try:
        path.write_bytes(data)
    except OSError as error:
        raise EnvironmentFault(
            "environment.cannot_write", f"{path} cannot be written: {error.strerror}", "Choose another place."
        ) from error
