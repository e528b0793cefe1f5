"""The weights of the score (parameters.WEIGHTS), and how much they owe to the sets they were fitted on.

    python docs/training/evidence.py DIR [DIR ...]

Folders of prints <finger>_<number>.<suffix>. Fits the logistic regression of one finger against two on all of them
(equal weight to both classes and to every set), and for each set on the others alone; prints the weights, and EER and
FMR1000 of every set by the matcher as it is and by weights that never saw the set.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from station.bench import fvc_protocol, statistics
from station.errors import ImageError
from station.friction_ridge import MinutiaTemplate
from station.imaging import extract
from station.matching.alignment import overlay
from station.matching.consistency import relax
from station.matching.evidence import Evidence, evidence, weigh
from station.matching.matcher import FEWEST, hopeful
from station.matching.prepared import prepare

Array = NDArray[Any]
MOST = 4000
STEPS = 40
RIDGE = 1e-3
NOT_ALIGNED = -1e3
"""score of a pair without hope, under all others."""


def seen(a: MinutiaTemplate, b: MinutiaTemplate) -> Evidence | None:
    """The evidence of a pair; None where the matcher does not align it."""
    first, second = sorted((prepare(a), prepare(b)), key=lambda one: one.key)
    if min(len(first), len(second)) < FEWEST:
        return None
    alike = first.looks.dot(second.columns)
    pairs = relax(first, second, alike)
    if not hopeful(pairs.support, min(first.total, second.total)):
        return None
    laid = overlay(first, second, pairs, alike)
    return evidence(first, second, laid, alike) if laid.a.size >= FEWEST else None


def of_folder(folder: Path) -> tuple[Array, Array, Array]:
    """Evidence [n, 4], zeros where not aligned; aligned bool [n]; genuine bool [n]."""
    images, ppi = fvc_protocol.load(folder), fvc_protocol.ppi_of(folder)
    templates = []
    for image in images:
        try:
            templates.append(extract(image.gray, ppi))
        except ImageError:
            templates.append(None)
    wanted = fvc_protocol.pairs([image.finger for image in images], MOST)
    rows, genuine = [], []
    for kind, both in ((True, wanted.genuine), (False, wanted.every)):
        for i, j in both:
            a, b = templates[i], templates[j]
            rows.append(None if a is None or b is None else seen(a, b))
            genuine.append(kind)
    values = np.array([row if row is not None else (0.0,) * 4 for row in rows])
    return values, np.array([row is not None for row in rows]), np.array(genuine)


def fit(sets: Iterable[tuple[Array, Array, Array]]) -> Array:
    """Four weights and a constant, per log-odd."""
    values, kinds, counts = [], [], []
    for evidences, aligned, genuine in sets:
        kept, kind = evidences[aligned], genuine[aligned]
        values.append(kept)
        kinds.append(kind)
        counts.append(np.where(kind, 1 / max(kind.sum(), 1), 1 / max((~kind).sum(), 1)))
    x, y, weight = np.concatenate(values), np.concatenate(kinds), np.concatenate(counts)
    mean, spread = x.mean(0), x.std(0) + 1e-9
    z = np.c_[(x - mean) / spread, np.ones(len(x))]
    beta = np.zeros(z.shape[1])
    for _ in range(STEPS):
        probability = 1 / (1 + np.exp(-np.clip(z @ beta, -30, 30)))
        slope = z.T @ (weight * (probability - y)) + RIDGE * np.r_[beta[:-1], 0]
        curve = (z * (weight * probability * (1 - probability))[:, None]).T @ z
        step = np.linalg.solve(curve + RIDGE * np.diag(np.r_[np.ones(len(beta) - 1), 1e-6]), slope)
        beta -= step
        if np.abs(step).max() < 1e-8:
            break
    return np.r_[beta[:-1] / spread, beta[-1] - (beta[:-1] / spread) @ mean]


def errors(score: Array, genuine: Array) -> tuple[float, float]:
    """EER and FMR1000 in per cent."""
    found = statistics.rates(score[genuine], score[~genuine])
    return 100 * found.eer, 100 * found.fmr1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+", metavar="DIR")
    folders = parser.parse_args().folders
    sets = {folder.name: of_folder(folder) for folder in folders}
    print("weights (5 points a log-odd):", np.round(5 * fit(sets.values()), 1))
    print(f"{'set':16} {'as it is':>16} {'set left out':>16}   EER %, FMR1000 %")
    total = []
    for name, (values, aligned, genuine) in sets.items():
        beta = fit(other for key, other in sets.items() if key != name)
        blind = np.where(aligned, values @ beta[:-1] + beta[-1], NOT_ALIGNED)
        now = np.array(
            [weigh(Evidence(*row)) if ok else NOT_ALIGNED for row, ok in zip(values, aligned, strict=True)]
        )
        both = (*errors(now, genuine), *errors(blind, genuine))
        total.append(both)
        print(f"{name:16} {both[0]:7.2f} {both[1]:8.2f} {both[2]:7.2f} {both[3]:8.2f}")
    mean = np.mean(total, axis=0)
    print(f"{'mean':16} {mean[0]:7.2f} {mean[1]:8.2f} {mean[2]:7.2f} {mean[3]:8.2f}")


if __name__ == "__main__":
    main()
