"""Kill processes and cut the network at random moments of whole bookings: is each submitted exactly once?

In: a number of runs and a seed. Each run books one synthetic person on the simulated station while something is broken
at a random moment, one or more times. Out: a row a run, with what was done to it and what the gateway holds.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sqlite3
import tempfile
import threading
import time
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from station.demo.story import STORY, tell
from station.demo.world import World
from station.progress import Progress

VICTIMS = ("web", "sync", "gateway", "capture-service", "cable")
CUT_S = 0.8


@dataclass
class Row:
    """One run. done_to: (seconds after the start, victim); held: submissions of the booking at the gateway."""

    seed: int
    done_to: list[tuple[float, str]]
    held: int
    state: str
    answers: int
    seconds: float
    error: str = ""

    @property
    def good(self) -> bool:
        """Submitted exactly once, custody known at the station, nothing raised."""
        return self.held == 1 and self.state in ("custody", "answered") and not self.error


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--blows", type=int, default=3, help="how often something is broken in each run")
    parser.add_argument("--victims", default=",".join(VICTIMS), help=f"comma list of {', '.join(VICTIMS)}")
    parser.add_argument("--json", action="store_true")


def run(args: argparse.Namespace) -> int:
    """0 when every booking was submitted exactly once."""
    victims = args.victims.split(",")
    rows = []
    for number in range(args.runs):
        row = one_run(args.seed + number, args.blows, victims)
        rows.append(row)
        if not args.json:
            done = ", ".join(f"{what} at {when:.1f} s" for when, what in row.done_to)
            print(
                f"run {number + 1:3}: {'once' if row.good else 'BAD '}  {row.seconds:5.1f} s  {done}  {row.error}"
            )
    good = sum(row.good for row in rows)
    if args.json:
        print(json.dumps({"runs": len(rows), "good": good, "rows": [asdict(row) for row in rows]}))
    else:
        print(f"{good} of {len(rows)} bookings submitted exactly once")
    return 0 if good == len(rows) else 1


def one_run(seed: int, blows: int, victims: list[str]) -> Row:
    """One whole booking with `blows` interruptions at random moments."""
    chance = random.Random(seed)
    begin, row, over = time.monotonic(), Row(seed, [], 0, "", 0, 0.0), threading.Event()
    with (
        tempfile.TemporaryDirectory() as folder,
        Path(os.devnull).open("w") as nowhere,
        World(Path(folder), seed, STORY, speed=4.0) as world,
    ):
        begin = time.monotonic()
        hand = threading.Thread(target=_break_things, args=(world, chance, blows, victims, row, over, begin))
        hand.start()
        try:
            told = tell(world, Progress(1, nowhere))
            row.state, row.answers = told.entry["state"], len(told.responses)
        except Exception as error:
            row.error = f"{type(error).__name__}: {error}"
        finally:
            over.set()
            hand.join()
            row.seconds = time.monotonic() - begin
        row.held = held_by_gateway(Path(folder) / "gateway")
    return row


def _break_things(
    world: World,
    chance: random.Random,
    blows: int,
    victims: list[str],
    row: Row,
    over: threading.Event,
    begin: float,
) -> None:
    for _ in range(blows):
        if over.wait(chance.uniform(0.2, 6.0)):
            return
        victim = chance.choice(victims)
        row.done_to.append((time.monotonic() - begin, victim))
        if victim == "cable":
            if not world.cable.is_cut:
                world.cable.cut()
                over.wait(CUT_S)
                world.cable.mend()
        else:
            world.processes.kill(victim)


def held_by_gateway(folder: Path) -> int:
    """How many submissions the simulated bureau holds, read from its own file."""
    with closing(sqlite3.connect(folder / "gateway.sqlite")) as base:
        return int(base.execute("SELECT count(*) FROM submissions").fetchone()[0])
