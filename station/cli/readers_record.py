"""`station readers record`: one capture from a real unit written down, so that it can be replayed without the unit.

Serial: our own lines of JSON (docs/readers/readers-verb.md). USB: umockdev-record, where it is installed, runs
`station readers capture` under its ioctl tracer. A recording holds the picture: it must not be of a real person.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from drivers import registry
from drivers.clock import Clock
from drivers.errors import ReaderFault
from drivers.links import address as addresses
from drivers.links.tap import TapLink, header
from drivers.reader import CaptureRequest, Reader
from station.cli import readers_survey as survey

BANNER = """\
************************************************************************
*  A recording holds the picture of what lies on the platen, for ever. *
*  NEVER record a real person's finger. Use a target, a rubber print   *
*  or a made-up one. What is recorded may be shared and published.     *
************************************************************************"""
CONFIRM = "--no-real-finger"
_RECORDER = "umockdev-record"
Run = Callable[[Sequence[str]], subprocess.CompletedProcess[bytes]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, help="recording to write")
    parser.add_argument(
        CONFIRM,
        action="store_true",
        dest="confirmed",
        help="confirm that no real person's finger is recorded",
    )


def require_confirmation(args: argparse.Namespace) -> None:
    """Show the banner. Raises ValueError without the flag, or for a file that is there or a folder that is not."""
    print(BANNER, file=sys.stderr)
    if not args.confirmed:
        raise ValueError(f"nothing is recorded without {CONFIRM}")
    if args.out.exists() or not args.out.parent.is_dir():
        raise ValueError(f"{args.out} exists, or its folder does not")


def serial(
    args: argparse.Namespace,
    open_reader: Callable[[], Reader],
    request: CaptureRequest,
    clock: Clock,
    about: str,
) -> int:
    """Record opening, one capture and closing of a serial reader. What came before an error is kept, and useful."""
    with args.out.open("x", encoding="utf-8") as file:
        file.write(header({"about": about, "began": clock.utcnow().isoformat(), "real_person": False}))
        with addresses.wrapped(lambda link: TapLink(link, clock, file.write)):
            reader = open_reader()
        try:
            frame = reader.capture(request)
        finally:
            reader.close()
    height, width = frame.pixels.shape
    print(f"{args.out}: {frame.reader.id}, {width} x {height}, {args.out.stat().st_size} bytes")
    return 0


def usb(
    args: argparse.Namespace, one: registry.Candidate, options: Sequence[str], run: Run | None = None
) -> int:
    """Record a USB reader: OUT.umockdev (the device), OUT (its ioctls), OUT.png and OUT.json (what came of it)."""
    recorder = shutil.which(_RECORDER)
    node = survey.node_of(one.address)
    if recorder is None or node is None:
        what = f"{_RECORDER} is not installed" if recorder is None else f"{one.address} has no device node"
        raise ReaderFault("reader.record", what, "Install the package umockdev; plug the reader in.")
    run = run or _run
    described = run([recorder, str(node)])
    if described.returncode != 0:
        raise ReaderFault(
            "reader.record", f"{_RECORDER} ended with {described.returncode}", "Try it as root."
        )
    args.out.with_suffix(".umockdev").write_bytes(described.stdout)
    capture = [sys.executable, "-m", "station", "readers", "capture", "--driver", one.driver]
    capture += [
        "--profile",
        one.profile,
        "--address",
        one.address,
        "--out",
        str(args.out.with_suffix(".png")),
    ]
    capture += [word for option in options for word in ("--option", option)]
    done = run([recorder, f"--ioctl={node}={args.out}", "--", *capture])
    sys.stdout.write(done.stdout.decode("utf-8", "replace"))
    return done.returncode


def _run(words: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(words, stdout=subprocess.PIPE, check=False, timeout=300)
