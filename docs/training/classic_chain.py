"""The classic chain as a baseline for decision 0007: contextual filter, binarise, thin, crossing number.

    python docs/training/classic_chain.py DIR…      error rates with the station's matcher, as `station bench fvc`

It shares the first stages (normalising, orientation, the filter along and across the ridge) with the extractor and
differs where the routes differ: minutiae from a skeleton by the crossing number (Rutovitz 1966), thinned by the two
passes of Zhang and Suen (1984), cleaned by the usual rules (rim, breaks, spurs).
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from station.errors import ImageError
from station.friction_ridge import MinutiaKind, MinutiaTemplate
from station.imaging import load_gray, pipeline, spurious
from station.imaging.residues import Residues
from station.matching import match

STEPS = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))
TRACE_PX = 10
BREAK_PX = 10.0
Array = NDArray[Any]


def neighbours(ridge: Array) -> list[Array]:
    """The eight neighbours of every pixel, clockwise from above; the picture must have an empty rim."""
    return [np.roll(ridge, (-dy, -dx), (0, 1)) for dy, dx in STEPS]


def thin(ridge: Array) -> Array:
    """A skeleton one pixel wide."""
    changed = True
    while changed:
        changed = False
        for odd in (0, 1):
            n = neighbours(ridge)
            count = sum(n)
            turns = sum((n[k] == 0) & (n[(k + 1) % 8] == 1) for k in range(8))
            up, right, down, left = n[0], n[2], n[4], n[6]
            free = (up * right * down == 0) & (right * down * left == 0)
            if odd:
                free = (up * right * left == 0) & (up * down * left == 0)
            gone = (ridge == 1) & (count >= 2) & (count <= 6) & (turns == 1) & free
            ridge = np.where(gone, 0, ridge).astype(np.int8)
            changed = changed or bool(gone.any())
    return ridge


def walk(skeleton: Array, start: tuple[int, int], first: tuple[int, int]) -> tuple[int, int]:
    """Where one is after TRACE_PX along the ridge, keeping straight on at a fork, or where it ends."""
    seen, here = {start, first}, first
    for _ in range(TRACE_PX):
        ways = [(here[0] + dy, here[1] + dx) for dy, dx in STEPS if skeleton[here[0] + dy, here[1] + dx]]
        ways = [w for w in ways if w not in seen]
        if not ways:
            break
        seen.update(ways)
        here = max(ways, key=lambda w: (w[0] - start[0]) ** 2 + (w[1] - start[1]) ** 2)
    return here


def direction(skeleton: Array, row: int, column: int) -> float | None:
    """Degrees: into the ridge of an ending, into the valley of a bifurcation; None for a spur."""
    ways = [(row + dy, column + dx) for dy, dx in STEPS if skeleton[row + dy, column + dx]]
    ends = [walk(skeleton, (row, column), way) for way in ways]
    if any(max(abs(y - row), abs(x - column)) < TRACE_PX // 2 for y, x in ends):
        return None
    turns = np.array([np.arctan2(row - y, x - column) for y, x in ends])
    if len(turns) == 1:
        return float(np.degrees(turns[0])) % 360
    gaps = [np.angle(np.exp(1j * (turns[(k + 1) % 3] - turns[k]))) for k in range(3)]
    k = int(np.argmin(np.abs(gaps)))
    return float(np.degrees(turns[k] + gaps[k] / 2)) % 360


def extract(gray: Array, ppi: int) -> MinutiaTemplate:
    seen = pipeline.look(gray, ppi)
    inner = spurious.inner_mask(seen.mask, seen.wave.real.shape)
    ridge = (seen.wave.real > 0).astype(np.int8)
    ridge[:2] = ridge[-2:] = ridge[:, :2] = ridge[:, -2:] = 0
    skeleton = thin(ridge)
    n = neighbours(skeleton)
    crossing = sum(np.abs(n[k] - n[(k + 1) % 8]) for k in range(8)) // 2
    at = np.argwhere((skeleton == 1) & (inner > 0) & ((crossing == 1) | (crossing == 3)))
    rows = [(r, c, direction(skeleton, r, c), crossing[r, c]) for r, c in at]
    kept = [row for row in rows if row[2] is not None]
    x, y, angle = (np.array([row[k] for row in kept], np.float32) for k in (1, 0, 2))
    kind = np.array(
        [MinutiaKind.ENDING if row[3] == 1 else MinutiaKind.BIFURCATION for row in kept], np.uint8
    )
    strength = seen.strength[(y / 4).astype(int), (x / 4).astype(int)]
    found = Residues(x, y, angle, kind, strength)
    found = found.keep(np.argsort(-strength, kind="stable"))
    return pipeline.as_template(seen, unbroken(found.keep(found.strength > 0.12)), gray.shape, ppi)


def unbroken(found: Residues) -> Residues:
    """Without pairs that face each other over a break, and without the weaker of two in one place."""
    distance = np.hypot(found.x[:, None] - found.x, found.y[:, None] - found.y) + np.eye(len(found)) * 1e6
    facing = np.cos(np.radians(found.angle[:, None] - found.angle)) < -0.5
    pair = (distance < BREAK_PX) & facing
    crowd = np.tril(distance < 5.0, -1)
    alone = np.flatnonzero(~pair.any(axis=1) & ~crowd.any(axis=1))
    return found.keep(alone[:200])


def main() -> None:
    import itertools

    from station.bench import statistics

    for folder in map(Path, sys.argv[1:]):
        files = sorted(folder.glob("*_*.png"))
        started, templates = time.process_time(), []
        for file in files:
            try:
                templates.append(extract(load_gray(file), 569 if "2002_db2" in folder.name else 500))
            except ImageError:
                templates.append(None)
        cost = (time.process_time() - started) / len(files) * 1e3
        scores: dict[bool, list[float]] = {True: [], False: []}
        for a, b in itertools.combinations(range(len(files)), 2):
            same = files[a].stem.rpartition("_")[0] == files[b].stem.rpartition("_")[0]
            one, other = templates[a], templates[b]
            if same or (a + b) % 3 == 0:
                scores[same].append(match(one, other) if one and other else 0.0)
        sys.stdout.write(f"{folder.name} {statistics.rates(scores[True], scores[False])} {cost:.0f} ms\n")


if __name__ == "__main__":
    main()
