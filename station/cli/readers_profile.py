"""`station readers profile check [FILE…]`: firmware profiles in, what is wrong with them out.

Without a file, those that are shipped. Exit codes: 0 all right, 1 found wrong, 2 usage.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from drivers import registry
from firmware_profiles.check import check, remarks, shipped


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb and its options."""
    verbs = parser.add_subparsers(dest="profile_verb", metavar="check", required=True)
    parser = verbs.add_parser("check", help="look for mistakes")
    parser.add_argument(
        "files", nargs="*", type=Path, metavar="FILE", help="profiles; default: the shipped ones"
    )
    parser.add_argument("--json", action="store_true", help="for scripts")


def run(args: argparse.Namespace) -> int:
    """Check each file."""
    names = registry.drivers()
    found = {str(path): check(path, names) for path in args.files or shipped()}
    wrong = [words for problems in found.values() for words in problems]
    if args.json:
        told = [
            {"file": path, "problems": problems, "remarks": [] if problems else remarks(Path(path))}
            for path, problems in found.items()
        ]
        print(json.dumps(told, indent=2))
        return int(bool(wrong))
    for path, problems in found.items():
        for words in problems:
            print(f"WRONG {words}")
        if not problems:
            print(f"right {Path(path).name}: {'; '.join(remarks(Path(path)))}")
    print(f"{len(found)} profiles, {len(wrong)} mistakes")
    return int(bool(wrong))
