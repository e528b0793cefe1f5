"""Stitched rolls of synthetic fingers: minutiae, match scores, faults noticed, false alarms, CPU per frame.

In: how many fingers, a seed. Out: what stitching costs against a roll taken in one picture, the share of each fault
that is noticed (Wilson intervals, 90 %), and of clean rolls in which something is; a table or JSON. Exit 1 when a
wanted figure is missed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from station.bench.minutia_agreement import Points, agreement
from station.bench.sequence_pool import PPI, SIZES, touch
from station.bench.statistics import wilson
from station.friction_ridge import FGP, MinutiaKind, MinutiaTemplate
from station.imaging import extract
from station.imaging.roll import plain_as_roll, stitch
from station.matching import match
from station.progress import Progress

NOTICED, ALARMS = 0.9, 0.05
Faulty = Callable[[Any, np.random.Generator], Any]


def _slip(sim: Any, rng: np.random.Generator) -> Any:
    far, way = rng.uniform(0.6, 1.3), rng.uniform(0.0, 2.0 * np.pi)
    slide = sim.Slip(rng.uniform(0.3, 0.7), far * np.cos(way), far * np.sin(way), int(rng.integers(1, 3)))
    return sim.Rolling(slips=(slide,))


def _smear(sim: Any, rng: np.random.Generator) -> Any:
    start = rng.uniform(0.2, 0.5)
    return sim.Rolling(smear=(start, start + rng.uniform(0.25, 0.4), rng.uniform(0.6, 1.0)))


def _gap(sim: Any, rng: np.random.Generator) -> Any:
    middle, half = rng.uniform(0.42, 0.58), rng.uniform(0.03, 0.06)
    return sim.Rolling(gap=(middle - half, middle + half))


def _lift(sim: Any, rng: np.random.Generator) -> Any:
    start = rng.uniform(0.3, 0.6)
    return sim.Rolling(lift=(start, start + rng.uniform(0.08, 0.2)))


def _back(sim: Any, rng: np.random.Generator) -> Any:
    return sim.Rolling(back_mm=rng.uniform(2.2, 5.0))


def _laid(sim: Any, rng: np.random.Generator) -> Any:
    return sim.Rolling(reach=0.0, frames=int(rng.integers(12, 25)))


FAULTS: dict[str, Faulty] = {
    "roll.slip": _slip,
    "roll.smear": _smear,
    "roll.gap": _gap,
    "roll.lifted": _lift,
    "roll.back": _back,
    "roll.too_narrow": _laid,
}
"""Finding wanted for each planted fault."""


@dataclass
class Seen:
    """What is collected. scores: by name; noticed: by fault, hits; alarms: codes on clean rolls."""

    scores: dict[str, list[float]] = field(default_factory=dict)
    noticed: dict[str, list[bool]] = field(default_factory=dict)
    alarms: list[tuple[str, ...]] = field(default_factory=list)
    frame_ms: list[float] = field(default_factory=list)

    def score(self, name: str, value: float) -> None:
        self.scores.setdefault(name, []).append(value)

    def notice(self, name: str, value: bool) -> None:
        self.noticed.setdefault(name, []).append(value)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `station bench roll`."""
    parser.add_argument(
        "--fingers", type=int, default=12, help="fingers, each rolled seven times (default 12)"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")


def run(args: argparse.Namespace) -> int:
    """Measure and print. Returns the exit code."""
    seen, progress = Seen(), Progress(args.fingers, sys.stderr)
    for index in range(args.fingers):
        _one_finger(seen, args.seed, index)
        progress.step(f"finger {index + 1}")
    progress.close()
    result = summary(seen)
    print(json.dumps(result, indent=1) if args.json else table(result))
    return 0 if result["met"] else 1


def _one_finger(seen: Seen, seed: int, index: int) -> None:
    world = importlib.import_module("drivers.sim.finger")  # reached by name: nothing imports the simulators
    sim = importlib.import_module("drivers.sim.rolling")
    rng = np.random.Generator(np.random.PCG64([seed, index, 77]))
    position = index % 10 + 1
    finger, platen = world.subject_finger(seed * 20_000 + index, position), world.Platen(*SIZES["roll"], PPI)
    put_down = touch(rng, poor=False)
    rolled = sim.roll_frames(finger, platen, put_down, sim.Rolling(right_to_left=bool(index % 2)))
    began = time.process_time()
    stitched = stitch(rolled.frames, PPI)
    seen.frame_ms.append((time.process_time() - began) * 1000.0 / len(rolled.frames))
    seen.alarms.append(tuple(one.code for one in stitched.findings))
    again = world.render(finger, platen, "rolled", touch(rng, poor=False)).pixels
    plain = world.render(finger, world.Platen(*SIZES["plain"], PPI), "plain", touch(rng, poor=False)).pixels
    _compare(seen, extract(stitched.image, PPI), rolled.truth, extract(again, PPI), extract(plain, PPI))
    for picture, kind in ((again, "roll"), (stitched.image, "stitched roll"), (plain, "plain")):
        seen.notice(f"finished {kind}", plain_as_roll(picture, PPI, FGP(position)) is not None)
    for code, make in FAULTS.items():
        faulty = sim.roll_frames(finger, platen, touch(rng, poor=False), make(sim, rng))
        seen.notice(code, code in {one.code for one in stitch(faulty.frames, PPI).findings})


def _compare(
    seen: Seen, stitched: MinutiaTemplate, truth: Any, again: MinutiaTemplate, plain: MinutiaTemplate
) -> None:
    at_once = extract(truth.pixels, PPI)
    true = Points.of(truth.minutiae)
    for name, one in (("stitched", stitched), ("at once", at_once)):
        same = agreement(true, _points(one))
        seen.score(f"{name}: true minutiae found", same.of_first)
        seen.score(f"{name}: minutiae that are true", same.of_second)
        seen.score(f"{name} against another roll", match(one, again))
        seen.score(f"{name} against a plain", match(one, plain))
    seen.score("stitched against its truth", match(stitched, at_once))


def _points(template: MinutiaTemplate) -> Points:
    x, y, angle = (a.astype(np.float64) for a in (template.x, template.y, template.angle))
    return Points(x, y, angle, template.kind == MinutiaKind.ENDING)


def summary(seen: Seen) -> dict[str, Any]:
    """All figures."""
    clean = [bool(codes) for codes in seen.alarms]
    shares = {name: _share(hits) for name, hits in {"clean roll": clean, **seen.noticed}.items()}
    return {
        "fingers": len(seen.alarms),
        "frame_ms": round(float(np.median(seen.frame_ms)), 1),
        "scores": {
            name: {"median": round(float(np.median(v)), 3), "lowest": round(min(v), 3)}
            for name, v in seen.scores.items()
        },
        "noticed": shares,
        "alarms": sorted(code for codes in seen.alarms for code in codes),
        "met": shares["clean roll"]["share"] <= ALARMS
        and all(shares[code]["share"] >= NOTICED for code in FAULTS),
    }


def _share(hits: list[bool]) -> dict[str, Any]:
    found = wilson(sum(hits), len(hits))
    return {
        "share": round(sum(hits) / len(hits), 3),
        "of": len(hits),
        "interval": [round(found.low, 3), round(found.high, 3)],
    }


def table(result: dict[str, Any]) -> str:
    """The figures for people."""
    lines = [
        f"{result['fingers']} synthetic fingers; stitching takes {result['frame_ms']} ms CPU a frame",
        "",
    ]
    lines += [
        f"{name:38} median {one['median']:7.2f}  lowest {one['lowest']:7.2f}"
        for name, one in result["scores"].items()
    ]
    lines += ["", "something noticed (percent, 90 % interval)"]
    lines += [
        f"{name:38} {100 * one['share']:6.1f} ({100 * one['interval'][0]:.1f} to {100 * one['interval'][1]:.1f})"
        f" of {one['of']}"
        for name, one in result["noticed"].items()
    ]
    lines += [f"alarms on clean rolls: {', '.join(result['alarms']) or 'none'}"]
    lines += [
        f"wanted, every fault {NOTICED:.0%}, clean rolls at most {ALARMS:.0%}: {'met' if result['met'] else 'MISSED'}"
    ]
    return "\n".join(lines)
