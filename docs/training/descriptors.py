"""The table station/matching/descriptor.npz: in which directions neighbourhoods of different minutiae differ most.

    python docs/training/descriptors.py OUT.npz [--fingers 240] [--seed 5000]

Every synthetic finger is put down five times, four plain and once rolled, and extracted. Two impressions of a finger
that the matcher lays over one another with a score of SCORE give pairs of minutiae that are the same; of their
cylinders come the scatter within a minutia and between minutiae, and of these the directions (Fisher 1936). The first
table has to come from a matcher: run it twice from any table, and the second run's differs little from the first.
No real print is used. About 8 minutes on one core.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivers.sim.contact import render
from drivers.sim.finger import subject_finger
from drivers.sim.finger_types import Platen, Touch
from station.errors import ImageError
from station.friction_ridge import MinutiaTemplate
from station.imaging import extract
from station.matching import parameters as p
from station.matching.alignment import overlay
from station.matching.consistency import relax
from station.matching.descriptors import cylinders
from station.matching.evidence import evidence, weigh
from station.matching.prepared import Prepared, prepare

Array = NDArray[Any]
SCORE = 45.0
FIRST_PERSON = 30_000
RIDGE = 0.1
"""of the mean within-scatter, added to its diagonal, so that a direction few minutiae use is not trusted."""


def touch(rng: np.random.Generator, seed: int) -> Touch:
    """An ordinary touch, dry to wet, turned and off centre."""
    u = rng.uniform
    return Touch(
        pressure=u(0.25, 0.75),
        moisture=u(0.15, 0.85),
        wear=u(0, 0.5),
        scars=int(u(0, 1.4)),
        rotation_deg=rng.normal() * 12,
        dx_mm=rng.normal() * 2,
        dy_mm=rng.normal() * 2.5,
        distortion=u(0.2, 0.9),
        noise=u(0.05, 0.35),
        background=u(0, 0.15),
        smear=u(0, 0.15),
        seed=seed,
    )


def impressions(number: int, seed: int) -> list[MinutiaTemplate]:
    """Five impressions of finger `number`."""
    rng = np.random.default_rng(seed + number)
    finger = subject_finger(FIRST_PERSON + number, 1 + number % 10)
    found = []
    for i in range(5):
        platen, contact = (Platen(388, 374, 500), "plain") if i < 4 else (Platen(800, 750, 500), "rolled")
        given = touch(rng, 100 * number + i)
        try:
            found.append(extract(render(finger, platen, contact, given).pixels, 500))
        except ImageError:
            continue
    return found


def same(first: Prepared, second: Prepared) -> tuple[Array, Array] | None:
    """Indices of minutiae that are the same, [m] each; None when these two do not say so clearly."""
    if min(len(first), len(second)) < 5:
        return None
    alike = first.looks.dot(second.columns)
    pairs = relax(first, second, alike)
    if pairs.a.size < 2:
        return None
    laid = overlay(first, second, pairs, alike)
    if laid.a.size < 6 or weigh(evidence(first, second, laid, alike)) < SCORE:
        return None
    return laid.a, laid.b


def seen(one: Prepared) -> Array:
    """Its cylinders [n, cells·layers]."""
    angle = np.angle(one.pointing).astype(np.float32)
    return cylinders(one.x, one.y, angle, one.weight)[0]


def table(left: Array, right: Array) -> tuple[Array, Array]:
    """mean [c] and directions [c, DESCRIPTOR] of cylinders [m, c] of the same minutiae in two impressions each."""
    left, right = left.astype(np.float64), right.astype(np.float64)
    mean = (left.mean(0) + right.mean(0)) / 2
    within = np.cov((left - right).T) / 2
    between = (np.cov(left.T) + np.cov(right.T)) / 2 - within
    within += RIDGE * np.trace(within) / len(within) * np.eye(len(within))
    whiten = np.linalg.inv(np.linalg.cholesky(within))
    values, vectors = np.linalg.eigh(whiten @ between @ whiten.T)
    best = np.argsort(-values)[: p.DESCRIPTOR]
    return mean.astype(np.float16), (whiten.T @ vectors[:, best]).astype(np.float16)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--fingers", type=int, default=240)
    parser.add_argument("--seed", type=int, default=5000)
    args = parser.parse_args()
    left, right = [], []
    for number in range(args.fingers):
        prepared = [prepare(one) for one in impressions(number, args.seed)]
        looks = [seen(one) for one in prepared]
        for i, j in itertools.combinations(range(len(prepared)), 2):
            found = same(prepared[i], prepared[j])
            if found is not None:
                left.append(looks[i][found[0]])
                right.append(looks[j][found[1]])
        print(f"{number + 1} of {args.fingers} fingers, {sum(map(len, left))} pairs", end="\r", flush=True)
    mean, directions = table(np.concatenate(left), np.concatenate(right))
    np.savez(args.out, mean=mean, directions=directions)
    print(f"\n{args.out}: {directions.shape[0]} numbers of a cylinder to {directions.shape[1]}")


if __name__ == "__main__":
    main()
