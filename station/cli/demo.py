"""`station demo`: book one synthetic person whole on simulated hardware, and leave the evidence to look at."""

from __future__ import annotations

import argparse
import shutil
import time
from pathlib import Path

from station.__main__ import main as station
from station.demo.officer import Officer
from station.demo.report import VERIFY, write_report
from station.demo.story import STORY, Told, save_pictures, steps_total, tell
from station.demo.world import OFFICER, OFFICER_PIN, World
from station.errors import EnvironmentFault
from station.progress import Progress

SPEED = 2.0  # the simulated person is brisk, so that the demonstration stays short
MARK = ".livescan-demo"
KEPT = (
    "transaction.an2",
    "manifest.json",
    "manifest.p7s",
    "custody-receipt.json",
    "response.an2",
    "report.html",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out", type=Path, default=Path("demo-out"), help="folder to write (default: demo-out)"
    )
    parser.add_argument("--seed", type=int, default=7, help="which synthetic person (default: 7)")


def run(args: argparse.Namespace) -> int:
    """0: the booking went through and every check of it passed."""
    out: Path = args.out
    _fresh(out)
    print(
        "SIMULATED: a synthetic person, a simulated reader, a simulated bureau. Nothing leaves this machine."
    )
    begin = time.monotonic()
    progress = Progress(steps_total())
    progress.wait("starting reader, gateway, capture, web and sync")
    try:
        with World(out / "run", args.seed, STORY, speed=SPEED) as world:
            progress.say(f"        kiosk at {world.url} while this runs")
            told = tell(world, progress)
            _collect(world, told, out)
    finally:
        progress.close()
    if station(["record", "check", str(out / "transaction.an2")]) != 0:
        raise EnvironmentFault(
            "environment.record_invalid", "transaction.an2 does not validate", "report this"
        )
    page = write_report(told, out, seed=args.seed, took_s=time.monotonic() - begin)
    print(f"done in {time.monotonic() - begin:.0f} s; everything is in {out.resolve()}:")
    for name in (*KEPT, "impressions/"):
        print(f"  {out / name}")
    print(f"check the signature:  cd {out} && {VERIFY}")
    print(f"look at:  {page.resolve()}")
    return 0


def _fresh(out: Path) -> None:
    """Empty the folder of the last demonstration; refuse a folder that is somebody else's."""
    if out.exists() and any(out.iterdir()) and not (out / MARK).exists():
        raise EnvironmentFault(
            "environment.folder_in_use",
            f"{out} is not empty and not a demonstration's",
            "choose another --out",
        )
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    (out / MARK).touch()


def _collect(world: World, told: Told, out: Path) -> None:
    """Pictures by the kiosk's interface, evidence by the command line's own export."""
    officer = Officer(world.url, OFFICER, OFFICER_PIN)
    officer.sign_in()
    save_pictures(officer, told, out / "impressions")
    config = str(world.config)
    if station(["queue", "export", told.tcn, "--out", str(out), "--config", config, "--quiet"]) != 0:
        raise EnvironmentFault("environment.export_failed", "queue export failed", "read what it said above")


__all__ = ["add_arguments", "run"]
