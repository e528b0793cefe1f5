"""How the synthetic fingers look to programs that were not written here: NIST's NFIQ 2, mindtct and bozorth3.

In: how many fingers, which contact, a seed. Out: a table on stdout, or JSON; exit 0 when the wanted figures are met, 1
when not, 3 when the package nbis-python is absent. What is measured and why: docs/synthetic-finger.md.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from station.bench.finger_report import judge, table
from station.bench.minutia_agreement import Points, agreement
from station.bench.nbis_peer import Nbis
from station.progress import Progress

PLATENS = {"plain": (500, 600, 500), "rolled": (800, 750, 500)}
DEGRADATIONS: dict[str, tuple[tuple[str, float], ...]] = {
    # name: (parameter, value) from mild to strong; the good rendering goes before them
    "dryness": (("moisture", 0.3), ("moisture", 0.15), ("moisture", 0.0)),
    "wetness": (("moisture", 0.7), ("moisture", 0.85), ("moisture", 1.0)),
    "low pressure": (("pressure", 0.3), ("pressure", 0.15), ("pressure", 0.0)),
    "high pressure": (("pressure", 0.7), ("pressure", 0.85), ("pressure", 1.0)),
    "wear": (("wear", 0.35), ("wear", 0.7), ("wear", 1.0)),
    "scars": (("scars", 3), ("scars", 6), ("scars", 12)),
    "noise": (("noise", 0.35), ("noise", 0.7), ("noise", 1.0)),
    "background": (("background", 0.35), ("background", 0.7), ("background", 1.0)),
    "smear": (("smear", 0.35), ("smear", 0.7), ("smear", 1.0)),
    "distortion": (("distortion", 0.8), ("distortion", 1.4), ("distortion", 2.0)),
}
_IMPOSTORS = 5000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `station bench finger`."""
    parser.add_argument("--fingers", type=int, default=100, help="how many fingers, each rendered twice")
    parser.add_argument("--contact", choices=("plain", "rolled", "both"), default="both")
    parser.add_argument(
        "--degrade", type=int, default=30, metavar="N", help="fingers in the degradation sweep"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")


def run(args: argparse.Namespace) -> int:
    """Measure and print. Returns the exit code."""
    try:
        nbis = Nbis()
    except ImportError as error:
        print(f"nbis-python is not installed ({error}): pip install nbis-python", file=sys.stderr)
        return 3
    contacts = ("plain", "rolled") if args.contact == "both" else (args.contact,)
    progress = Progress(len(contacts) + 1 + (len(DEGRADATIONS) if args.degrade else 0), sys.stderr)
    result: dict[str, Any] = {"fingers": args.fingers, "seed": args.seed, "speed_ms": speed(args.seed)}
    progress.step("speed")
    for contact in contacts:
        result[contact] = measure(nbis, contact, args.fingers, args.seed)
        progress.step(f"{args.fingers} fingers, {contact}, twice each")
    if args.degrade:
        result["degradation"] = degradations(nbis, args.degrade, args.seed, progress)
    progress.close()
    result["problems"] = judge(result)
    print(json.dumps(result, indent=1) if args.json else table(result))
    return 1 if result["problems"] else 0


@dataclass(frozen=True)
class Seen:
    """One rendering as the programs saw it."""

    finger: int
    minutiae: Any
    nfiq2: int
    found: int
    true: int
    truth_found: float
    found_true: float
    kind_agrees: float


def _world() -> Any:
    """The simulator, reached by name: nothing imports it."""
    return importlib.import_module("drivers.sim.finger")


def usual_touch(seed: int, index: int, nth: int, **changes: float) -> Any:
    """A good touch as an ordinary person gives it: a little turned, shifted, pressed differently each time."""
    rng = np.random.Generator(np.random.PCG64([seed, index, nth, 99]))
    values: dict[str, Any] = {
        "rotation_deg": float(rng.normal(0.0, 5.0)),
        "dx_mm": float(rng.normal(0.0, 0.8)),
        "dy_mm": float(rng.normal(0.0, 0.8)),
        "pressure": float(np.clip(rng.normal(0.5, 0.04), 0.4, 0.6)),
        "moisture": float(np.clip(rng.normal(0.5, 0.04), 0.4, 0.6)),
        "seed": int(rng.integers(0, 2**31)),
    }
    return _world().Touch(**(values | changes))


def _finger(seed: int, index: int) -> Any:
    return _world().subject_finger(seed * 1000 + index // 10, index % 10 + 1)


def look(nbis: Nbis, contact: str, seed: int, index: int, nth: int, **changes: float) -> Seen:
    """Render finger `index` once and show it to the programs."""
    world = _world()
    rendering = world.render(
        _finger(seed, index),
        world.Platen(*PLATENS[contact]),
        contact,
        usual_touch(seed, index, nth, **changes),
    )
    minutiae, score = nbis.extract(rendering.pixels)
    found = nbis.points(minutiae)
    true = Points.of(rendering.minutiae)
    same = agreement(true, found)
    return Seen(
        finger=index,
        minutiae=minutiae,
        nfiq2=score,
        found=len(found),
        true=len(true),
        truth_found=same.of_first,
        found_true=same.of_second,
        kind_agrees=same.kind,
    )


def measure(nbis: Nbis, contact: str, fingers: int, seed: int) -> dict[str, Any]:
    """Quality, minutiae and scores of `fingers` fingers rendered twice."""
    pairs = [(look(nbis, contact, seed, i, 0), look(nbis, contact, seed, i, 1)) for i in range(fingers)]
    seen = [one for pair in pairs for one in pair]
    genuine = np.array([a.minutiae.compare(b.minutiae) for a, b in pairs], float)
    impostor = _impostors(pairs, seed)
    ratio = np.array([one.found / max(1, one.true) for one in seen])
    return {
        "nfiq2_median": float(np.median([one.nfiq2 for one in seen])),
        "nfiq2_p10_p90": _span([one.nfiq2 for one in seen]),
        "true_median": float(np.median([one.true for one in seen])),
        "count_ratio_median": float(np.median(ratio)),
        "count_ratio_p10_p90": _span(ratio),
        "count_ratio_pooled": sum(one.found for one in seen) / sum(one.true for one in seen),
        "truth_found": _weighted([(one.truth_found, one.true) for one in seen]),
        "found_true": _weighted([(one.found_true, one.found) for one in seen]),
        "kind_agrees": float(np.mean([one.kind_agrees for one in seen])),
        "genuine_median": float(np.median(genuine)),
        "genuine_p5": float(np.percentile(genuine, 5)),
        "impostor_p99": float(np.percentile(impostor, 99)),
        "impostor_max": float(impostor.max()),
        "impostors": int(impostor.size),
    }


def _impostors(pairs: Sequence[tuple[Seen, Seen]], seed: int) -> NDArray[np.float64]:
    """bozorth3 scores of different fingers: all ordered pairs, sampled down to 5000."""
    every = [(i, j) for i in range(len(pairs)) for j in range(len(pairs)) if i != j]
    rng = np.random.Generator(np.random.PCG64([seed, 7]))
    chosen = rng.permutation(len(every))[:_IMPOSTORS]
    scores = [pairs[every[k][0]][0].minutiae.compare(pairs[every[k][1]][1].minutiae) for k in chosen]
    return np.array(scores or [0.0], float)


def speed(seed: int) -> dict[str, float]:
    """CPU milliseconds of one thread: growing a finger, rendering a roll, its half-size preview, a slap."""
    world = _world()
    touch = world.Touch(seed=seed)
    hand = [_finger(seed, i) for i in range(1, 5)]
    fresh = iter(range(10**6 + seed, 10**6 + seed + 4))
    jobs: dict[str, Callable[[], Any]] = {
        "grow": lambda: world.grow(next(fresh), 2),
        "roll 800x750": lambda: world.render(hand[0], world.Platen(800, 750, 500), "rolled", touch),
        "roll preview 400x375": lambda: world.render(hand[0], world.Platen(400, 375, 250), "rolled", touch),
        "slap 1600x1500": lambda: world.render_slap(hand, world.Platen(1600, 1500, 500), touch),
        "slap preview 800x750": lambda: world.render_slap(hand, world.Platen(800, 750, 250), touch),
    }
    return {name: _cpu_ms(job) for name, job in jobs.items()}


def _cpu_ms(job: Callable[[], Any], times: int = 3) -> float:
    job()
    begin = time.process_time()
    for _ in range(times):
        job()
    return 1000.0 * (time.process_time() - begin) / times


def degradations(
    nbis: Nbis, fingers: int, seed: int, progress: Progress
) -> dict[str, list[dict[str, float]]]:
    """NFIQ 2 median of plain renderings as each parameter gets worse; the first row is the good rendering."""
    good = [look(nbis, "plain", seed, i, 0).nfiq2 for i in range(fingers)]
    base = {"value": float("nan"), "nfiq2_median": float(np.median(good)), "nfiq2_mean": float(np.mean(good))}
    sweep: dict[str, list[dict[str, float]]] = {}
    for name, steps in DEGRADATIONS.items():
        rows = [dict(base, value=0.0)]
        for parameter, value in steps:
            scores = [look(nbis, "plain", seed, i, 0, **{parameter: value}).nfiq2 for i in range(fingers)]
            rows.append(
                {
                    "value": float(value),
                    "nfiq2_median": float(np.median(scores)),
                    "nfiq2_mean": float(np.mean(scores)),
                }
            )
        sweep[name] = rows
        progress.step(f"{fingers} fingers, {name}")
    return sweep


def _span(values: Sequence[float] | NDArray[np.float64]) -> list[float]:
    return [float(np.percentile(values, 10)), float(np.percentile(values, 90))]


def _weighted(pairs: Sequence[tuple[float, int]]) -> float:
    return float(sum(v * n for v, n in pairs) / max(1, sum(n for _, n in pairs)))


if __name__ == "__main__":
    _parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(_parser)
    sys.exit(run(_parser.parse_args()))
