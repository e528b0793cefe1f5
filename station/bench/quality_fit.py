"""Fits our quality score to NFIQ 2, and says how well it does on sets it was not fitted to. The recipe of the tables.

In: folders <finger>_<n>.<suffix> and the library of NFIQ 2. Every print is labelled as it is and in `--rounds` spoiled
versions (degrade.py), with some synthetic touches; from each the features are taken at 500 and at 250 ppi. The score is
three small networks of six bends averaged into one of eighteen, trained by Adam on squared error. Out: Spearman with
each set left out in turn, and with `--out DIR` the tables score_500.csv and score_250.csv. About 150 ms an image.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from station.bench import statistics as stat
from station.bench.degrade import spoiled
from station.bench.fvc_protocol import load, ppi_of
from station.errors import EnvironmentFault
from station.imaging.normalise import resample
from station.imaging.quality import features, measures, nfiq2
from station.imaging.quality import parameters as q
from station.imaging.quality.blocks import look
from station.imaging.quality.glance import glance
from station.imaging.quality.score import Table
from station.progress import Progress

Array = NDArray[np.float64]
NETWORKS, BENDS, EPOCHS, BATCH = 3, 6, 40, 64
DECAY, RATE = 3e-3, 4e-3
"""weight decay and Adam's first step. chosen: the middle of a flat optimum with sets left out."""
SYNTHETIC = "synthetic"


@dataclass(frozen=True, eq=False)
class Labelled:
    """One picture: set, whether it is as it was taken, features at 500 and 250 ppi, NFIQ 2."""

    name: str
    plain: bool
    fine: Array
    coarse: Array
    label: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `station bench quality_fit`."""
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR", help="folders of images")
    parser.add_argument("--rounds", type=int, default=5, help="spoiled versions of each print (default 5)")
    parser.add_argument("--synthetic", type=int, default=500, help="synthetic touches (default 500)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, metavar="DIR", help="write the tables into this folder")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")


def run(args: argparse.Namespace) -> int:
    """Label, validate, fit. Exit 3 without the library of NFIQ 2."""
    cv2.setNumThreads(1)
    if not nfiq2.library().works:
        raise EnvironmentFault("environment.no_nfiq2", nfiq2.library().why, "Install the extra `nbis`.")
    seen = labelled(args)
    result = {"images": len(seen), "left_out": left_out(seen)}
    if args.out is not None:
        label = np.array([one.label for one in seen], float)
        for name in ("fine", "coarse"):
            numbers = np.stack([getattr(one, name) for one in seen])
            write(args.out / f"score_{500 if name == 'fine' else 250}.csv", fit(numbers, label))
    text = "\n".join(f"{name:16} {value:.3f}" for name, value in result["left_out"].items())  # type: ignore[attr-defined]
    print(
        json.dumps(result, indent=1)
        if args.json
        else f"{len(seen)} pictures; Spearman, set left out:\n{text}"
    )
    return 0


def labelled(args: argparse.Namespace) -> list[Labelled]:
    """All pictures that show ridges and that NFIQ 2 scores."""
    found = []
    with_progress = Progress(len(args.folders) + 1, sys.stderr)
    for folder in args.folders:
        for name, plain, gray in _real(folder, args.rounds, args.seed):
            found += _label(name, plain, gray)
        with_progress.step(folder.name)
    for gray in _synthetic(args.synthetic, args.seed):
        found += _label(SYNTHETIC, False, gray)
    with_progress.step(SYNTHETIC)
    with_progress.close()
    return found


def _real(folder: Path, rounds: int, seed: int) -> Iterator[tuple[str, bool, NDArray[np.uint8]]]:
    ppi = ppi_of(folder)
    for number, one in enumerate(load(folder)):
        gray = resample(one.gray, ppi)
        yield folder.name, True, gray
        for turn in range(rounds):
            yield folder.name, False, spoiled(gray, np.random.default_rng([seed, turn, number]))[0]


def _synthetic(count: int, seed: int) -> Iterator[NDArray[np.uint8]]:
    world = importlib.import_module("drivers.sim.finger")
    for number in range(count):
        chance = np.random.default_rng([seed, 99, number])
        rolled = chance.random() < 0.25
        touch = world.Touch(
            seed=number,
            moisture=float(chance.uniform(0, 1)) if chance.random() < 0.5 else 0.5,
            pressure=float(chance.uniform(0.05, 1)) if chance.random() < 0.5 else 0.5,
            smear=float(chance.uniform(0, 1)) if chance.random() < 0.2 else 0.0,
        )
        platen = world.Platen(800, 750, 500) if rolled else world.Platen(500, 500, 500)
        finger = world.subject_finger(100 + number // 5, 1 + int(chance.integers(0, 10)))
        gray = world.render(finger, platen, "rolled" if rolled else "plain", touch).pixels
        yield spoiled(gray, chance)[0] if chance.random() < 0.4 else gray


def _label(name: str, plain: bool, gray: NDArray[np.uint8]) -> list[Labelled]:
    half = np.asarray(cv2.resize(gray, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    fine, coarse = numbers_of(gray, 500), numbers_of(half, 250)
    if fine is None or coarse is None:
        return []
    score = nfiq2.score(gray, 500)
    return [Labelled(name, plain, fine, coarse, score)] if score <= 100 else []


def numbers_of(gray: NDArray[np.uint8], ppi: int) -> Array | None:
    """The features of a picture, None where the score is 0 by rule."""
    seen, _ = measures.measure(glance(gray, ppi))
    blocks = look(resample(gray, ppi))
    return features.of(blocks, seen) if len(blocks) and seen.area >= q.AREA_NOTHING else None


def left_out(seen: Sequence[Labelled]) -> dict[str, float]:
    """Spearman with NFIQ 2 on the prints as taken, each set scored by a fit without it; and over all of them."""
    numbers, label = np.stack([one.fine for one in seen]), np.array([one.label for one in seen], float)
    name, plain = np.array([one.name for one in seen]), np.array([one.plain for one in seen])
    scored, found = np.zeros(len(seen)), {}
    for each in sorted(set(name[plain])):
        mine = name == each
        if not (~mine).any():
            continue
        scored[mine] = fit(numbers[~mine], label[~mine]).value(numbers[mine])
        found[str(each)] = stat.spearman(scored[mine & plain], label[mine & plain])
    return {**found, "all": stat.spearman(scored[plain], label[plain])}


def fit(numbers: Array, label: Array) -> Table:
    """The average of NETWORKS networks as one table. numbers [n, f], label [n]."""
    mean, spread = numbers.mean(axis=0), numbers.std(axis=0) + 1e-9
    far = np.clip((numbers - mean) / spread, -q.FAR, q.FAR)
    middle, unit = float(label.mean()), float(label.std()) + 1e-9
    nets = [_train(far, (label - middle) / unit, seed) for seed in range(NETWORKS)]
    return Table(
        mean=mean,
        spread=spread,
        straight=np.mean([net[3] for net in nets], axis=0) * unit,
        bias=float(np.mean([net[4][0] for net in nets])) * unit + middle,
        hidden=np.hstack([net[0] for net in nets]),
        start=np.hstack([net[1] for net in nets]),
        out=np.hstack([net[2] for net in nets]) * unit / NETWORKS,
    )


def _train(far: Array, wanted: Array, seed: int) -> list[Array]:
    """One network: hidden [f, BENDS], start, out, straight [f], bias [1]; the step falls along a cosine."""
    chance, count = np.random.default_rng(seed), far.shape[1]
    net = [
        chance.standard_normal((count, BENDS)) / np.sqrt(count),
        np.zeros(BENDS),
        chance.standard_normal(BENDS) / np.sqrt(BENDS),
        np.zeros(count),
        np.zeros(1),
    ]
    first, second = [np.zeros_like(part) for part in net], [np.zeros_like(part) for part in net]
    batch = min(BATCH, len(far))
    total, step = EPOCHS * (len(far) // batch), 0
    for _ in range(EPOCHS):
        order = chance.permutation(len(far))
        for start in range(0, len(far) - batch + 1, batch):
            some = order[start : start + batch]
            step += 1
            rate = RATE * (0.5 + 0.5 * np.cos(np.pi * step / total))
            for k, slope in enumerate(_slopes(net, far[some], wanted[some])):
                first[k] = 0.9 * first[k] + 0.1 * slope
                second[k] = 0.999 * second[k] + 0.001 * slope**2
                moved = first[k] / (1 - 0.9**step) / (np.sqrt(second[k] / (1 - 0.999**step)) + 1e-8)
                net[k] = net[k] - rate * moved
    return net


def _slopes(net: Sequence[Array], far: Array, wanted: Array) -> list[Array]:
    """Of the mean squared error (halved) with decay of all weights but the biases."""
    hidden, start, out, straight, bias = net
    bent = np.tanh(far @ hidden + start)
    wrong = (bent @ out + far @ straight + bias[0] - wanted) / len(wanted)
    back = np.outer(wrong, out) * (1.0 - bent * bent)
    return [
        far.T @ back + DECAY * hidden,
        back.sum(axis=0),
        bent.T @ wrong + DECAY * out,
        far.T @ wrong + DECAY * straight,
        np.array([wrong.sum()]),
    ]


def write(path: Path, table: Table) -> None:
    """A table as `score.read` reads it, four figures a number."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["name", "mean", "spread", "straight", *(f"hidden{k}" for k in range(len(table.out)))])
        columns = np.column_stack([table.mean, table.spread, table.straight, table.hidden])
        for name, row in zip(features.NAMES, columns, strict=True):
            out.writerow([name, *(f"{value:.4g}" for value in row)])
        out.writerow(["bias", 0, 1, f"{table.bias:.4g}", *(f"{value:.4g}" for value in table.start)])
        out.writerow(["out", 0, 1, 0, *(f"{value:.4g}" for value in table.out)])
