"""`station convert IN OUT --format F`: a template file in another format. Exit 0 when it was written."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from station import templates
from station.cli import extract, match


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, metavar="IN", help="template of any format, or an image")
    parser.add_argument("target", type=Path, metavar="OUT", help="file to write")
    parser.add_argument("--format", choices=sorted(templates.CODECS), default="json")
    parser.add_argument("--ppi", type=int, default=500, help="resolution of an image (default 500)")
    parser.add_argument(
        "--fgp", type=int, default=0, choices=range(11), metavar="0-10", help="finger position to write"
    )
    parser.add_argument("--json", action="store_true", help="a summary for a program")


def run(args: argparse.Namespace) -> int:
    """Read, encode, write. Of several views the first is taken; position and quality are not carried over."""
    template = match.load(args.source, args.ppi)
    data = templates.encode(args.format, template, fgp=args.fgp)
    extract.write(args.target, data)
    if args.json:
        said = {"out": str(args.target), "format": args.format, "bytes": len(data), "minutiae": len(template)}
        print(json.dumps(said))
    else:
        print(f"{args.target}: {len(template)} minutiae, {len(data)} bytes of {args.format}")
    return 0
