"""Planted swaps in synthetic sets: how many the whole-set check catches, and how many clean sets it stops.

In: how many sets, people and a seed. Out: for each kind of mistake and each kind of touch the share caught with the
right position named, and the share of clean sets stopped, each with its Wilson interval (90 %); a table or JSON. People
are grown once; sets are put together from their impressions, so sets share impressions and the intervals, which do
not know that, are a little too narrow. Exit 1 when a wanted figure is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from station.bench.sequence_plant import KINDS, Draw, planted
from station.bench.sequence_pool import Key, Pool, grow
from station.bench.statistics import wilson
from station.friction_ridge import MinutiaTemplate
from station.matching.matcher import match
from station.matching.sequence_set import check_set
from station.matching.sequence_types import SequenceFinding
from station.progress import Progress

CAUGHT, STOPPED = 0.99, 0.005
POOR_SHARE = 1 / 3
"""of the contacts of a set with poor touches."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `station bench sequence`."""
    parser.add_argument(
        "--sets", type=int, default=2000, help="clean sets of each kind of touch (default 2000)"
    )
    parser.add_argument(
        "--planted", type=int, default=400, help="sets for each kind of mistake (default 400)"
    )
    parser.add_argument("--people", type=int, default=20, help="synthetic people grown (default 20)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pool", type=Path, help="templates: read when the file is there, else written")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")


def run(args: argparse.Namespace) -> int:
    """Measure and print. Returns the exit code."""
    result = measure(_pool(args), sets=args.sets, plants=args.planted, seed=args.seed)
    print(json.dumps(result, indent=1) if args.json else table(result))
    return 0 if result["met"] else 1


def _pool(args: argparse.Namespace) -> Pool:
    if args.pool and args.pool.exists():
        return Pool.load(args.pool)
    progress = Progress(args.people, sys.stderr)
    pool = grow(args.people, 3, args.seed, progress.step)
    progress.close()
    if args.pool:
        pool.save(args.pool)
    return pool


class ScoreBook:
    """Scores of the pool's templates, each pair compared once."""

    def __init__(self, pool: Pool) -> None:
        self._key = {id(held.template): key for key, held in pool.held.items()}
        self._known: dict[tuple[Key, Key], float] = {}

    def __call__(
        self, probes: Sequence[MinutiaTemplate], gallery: Sequence[MinutiaTemplate]
    ) -> NDArray[np.float32]:
        return np.array([[self._score(a, b) for b in gallery] for a in probes], np.float32)

    def _score(self, a: MinutiaTemplate, b: MinutiaTemplate) -> float:
        if a is b:
            return 0.0
        one, other = self._key[id(a)], self._key[id(b)]
        if (known := self._known.get((one, other))) is None:
            known = match(a, b)
            self._known[one, other] = self._known[other, one] = known
        return known


@dataclass(frozen=True)
class Tally:
    """caught: an alarm that names a planted position; whole: alarms that name them all; other: an alarm that names
    none of them; noted: no alarm, but `cannot tell` said of a planted finger."""

    sets: int = 0
    caught: int = 0
    whole: int = 0
    other: int = 0
    noted: int = 0


def measure(pool: Pool, *, sets: int, plants: int, seed: int) -> dict[str, Any]:
    """All figures as a dictionary."""
    book, began = ScoreBook(pool), time.process_time()
    result: dict[str, Any] = {
        "people": pool.people,
        "unsegmented": pool.unsegmented,
        "touches": {
            touches: _touches(pool, book, share, sets, plants, seed)
            for touches, share in (("ordinary", 0.0), ("poor", POOR_SHARE))
        },
    }
    result["cpu_s"] = round(time.process_time() - began, 1)
    usual = result["touches"]["ordinary"]
    result["met"] = usual["clean"]["stopped"] <= STOPPED and all(
        one["caught"] >= CAUGHT for one in usual["kinds"].values()
    )
    return result


def _touches(pool: Pool, book: ScoreBook, poor: float, sets: int, plants: int, seed: int) -> dict[str, Any]:
    clean = _tally(book, "clean", sets, Draw(pool, poor, seed))
    stopped = wilson(clean.other, clean.sets)
    kinds = {}
    for number, kind in enumerate(KINDS):
        one = _tally(book, kind, plants, Draw(pool, poor, seed + 1 + number))
        caught = wilson(one.caught, one.sets)
        kinds[kind] = {
            "sets": one.sets,
            "caught": round(one.caught / one.sets, 4),
            "interval": [round(caught.low, 4), round(caught.high, 4)],
            "all_named": round(one.whole / one.sets, 4),
            "wrongly_named": one.other,
            "only_noted": one.noted,
        }
    return {
        "clean": {
            "sets": clean.sets,
            "stopped": round(clean.other / clean.sets, 4),
            "interval": [round(stopped.low, 4), round(stopped.high, 4)],
            "noted": clean.noted,
        },
        "kinds": kinds,
    }


def _tally(book: ScoreBook, kind: str, sets: int, draw: Draw) -> Tally:
    caught = whole = other = noted = 0
    for _ in range(sets):
        plant = planted(draw, kind)
        findings = check_set(plant.impressions, plant.others, identify=book)
        alarms = [one for one in findings if one.alarm]
        named = any(_names(one, plant.wrong) for one in alarms)
        caught += named
        whole += named and plant.wrong <= {int(source) for one in alarms for source in one.sources}
        other += bool(alarms) and not named
        noted += not alarms and any(_tells(one, plant.wrong) for one in findings)
    return Tally(sets, caught, whole, other, noted)


def _names(finding: SequenceFinding, wrong: frozenset[int]) -> bool:
    return any(int(source) in wrong for source in finding.sources)


def _tells(finding: SequenceFinding, wrong: frozenset[int]) -> bool:
    return not wrong or _names(finding, wrong)


def table(result: dict[str, Any]) -> str:
    """The figures for people."""
    lines = [f"{result['people']} synthetic people; percent, 90 % interval (Wilson)"]
    for touches, found in result["touches"].items():
        clean = found["clean"]
        lines.append(
            f"{touches:9} clean sets stopped {_percent(clean['stopped'], clean['interval'])} of {clean['sets']}"
            f"; cannot tell noted in {clean['noted']}"
        )
        lines += [
            f"{touches:9} {kind:26} caught {_percent(one['caught'], one['interval'])} of {one['sets']}"
            f", all named {100 * one['all_named']:.2f}; other position named {one['wrongly_named']}"
            f", cannot tell {one['only_noted']}"
            for kind, one in found["kinds"].items()
        ]
    lines.append(
        "wanted (ordinary touches): every kind caught in 99 %, at most 0.5 % of clean sets stopped: "
        + ("met" if result["met"] else "MISSED")
    )
    return "\n".join(lines)


def _percent(share: float, interval: Sequence[float]) -> str:
    return f"{100 * share:6.2f} ({100 * interval[0]:.2f} to {100 * interval[1]:.2f})"
