"""The FVC protocol: which images are compared with which, and what comes of it. In: a folder, a program; out: Scored.

Genuine: every unordered pair of impressions of one finger. Impostors: every unordered pair of images of different
fingers ("all"), and the first impressions of every two fingers ("fvc"; Maio et al., FVC2000, IEEE PAMI 24(3)). An
image that cannot be enrolled scores -inf with everything.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from station.bench.statistics import PairScores
from station.errors import EnvironmentFault, ImageError
from station.imaging import load_gray

SUFFIXES = {".png", ".bmp", ".tif", ".tiff", ".pgm", ".wsq", ".jp2"}
SET_PPI = {"fvc2002_db2b": 569, "fvc2002_db2a": 569, "fvc2004_db3b": 512, "fvc2004_db3a": 512}
"""Resolutions of the FVC sets that are not 500 ppi (Maio et al., FVC2002 and FVC2004)."""
PPI_FILE = "ppi.txt"
USUAL_PPI = 500
SEED = 1
Image = NDArray[np.uint8]
Pair = tuple[int, int]


@dataclass(frozen=True)
class Impression:
    """One image of a set."""

    finger: str
    number: int
    gray: Image


@dataclass(frozen=True)
class Program:
    """An extractor and its matcher. extract(gray, ppi) -> template or None; threshold: its own, where it has one."""

    name: str
    extract: Callable[[Image, int], Any]
    match: Callable[[Any, Any], float]
    threshold: float | None = None


@dataclass(frozen=True)
class Pairs:
    """Indices of images to compare; fvc is part of `every` unless there are no such pairs."""

    genuine: tuple[Pair, ...]
    fvc: tuple[Pair, ...]
    every: tuple[Pair, ...]


@dataclass(frozen=True, eq=False)
class Scored:
    """What a program made of a set. all, fvc: scores with their fingers; failed: images that gave no template;
    extract_ms, match_ms: CPU milliseconds of each call."""

    program: str
    images: int
    failed: int
    all: PairScores
    fvc: PairScores
    extract_ms: NDArray[np.float64]
    match_ms: NDArray[np.float64]


def load(folder: Path) -> list[Impression]:
    """The images <finger>_<number>.<suffix> of a folder, by finger and number. Raises EnvironmentFault
    environment.no_images for fewer than two, and ImageError."""
    found = []
    for file in folder.glob("*_*") if folder.is_dir() else ():
        finger, _, number = file.stem.rpartition("_")
        if file.suffix.lower() in SUFFIXES and finger and number.isdigit():
            found.append((finger, int(number), file))
    if len(found) < 2:
        raise EnvironmentFault(
            "environment.no_images", f"{folder} has no images <finger>_<n>.png", "Check the path."
        )
    return [Impression(finger, number, load_gray(file)) for finger, number, file in sorted(found)]


def ppi_of(folder: Path, asked: int | None = None) -> int:
    """What was asked for, else what `ppi.txt` in the folder says, else what is known of a set of that name, else 500.
    Raises EnvironmentFault environment.bad_ppi for a file without a whole number."""
    if asked is not None:
        return asked
    file = folder / PPI_FILE
    if not file.is_file():
        return SET_PPI.get(folder.name.lower(), USUAL_PPI)
    said = file.read_text(errors="replace").strip()
    if not said.isascii() or not said.isdigit():
        raise EnvironmentFault(
            "environment.bad_ppi", f"{file} holds no whole number", "Write the ppi into it."
        )
    return int(said)


def pairs(fingers: Sequence[str], most: int | None = None) -> Pairs:
    """The comparisons of a set; of more than `most` impostor pairs a seeded sample that keeps all of fvc."""
    both = list(itertools.combinations(range(len(fingers)), 2))
    first = [k for k, finger in enumerate(fingers) if finger not in fingers[:k]]
    fvc = list(itertools.combinations(first, 2))
    every = [(a, b) for a, b in both if fingers[a] != fingers[b]]
    if most is not None and len(every) > most:
        kept = set(fvc)
        rest = [pair for pair in every if pair not in kept]
        every = sorted(fvc + random.Random(SEED).sample(rest, max(0, most - len(fvc))))
    return Pairs(tuple((a, b) for a, b in both if fingers[a] == fingers[b]), tuple(fvc), tuple(every))


def score(images: Sequence[Impression], program: Program, ppi: int, most: int | None = None) -> Scored:
    """Extract every image once, after one call that is not counted, and compare every pair once."""
    _enrol(program, images[0].gray, ppi)
    templates, extract_ms = [], []
    for image in images:
        template, ms = _timed(_enrol, program, image.gray.copy(), ppi)
        templates.append(template)
        extract_ms.append(ms)
    fingers = [image.finger for image in images]
    wanted = pairs(fingers, most)
    scores: dict[Pair, float] = {}
    match_ms = []
    for a, b in dict.fromkeys(wanted.genuine + wanted.fvc + wanted.every):
        if templates[a] is None or templates[b] is None:
            scores[a, b] = -np.inf
            continue
        scores[a, b], ms = _timed(program.match, templates[a], templates[b])
        match_ms.append(ms)
    return Scored(
        program=program.name,
        images=len(images),
        failed=sum(template is None for template in templates),
        all=_scores(fingers, wanted.genuine, wanted.every, scores),
        fvc=_scores(fingers, wanted.genuine, wanted.fvc, scores),
        extract_ms=np.array(extract_ms),
        match_ms=np.array(match_ms),
    )


def _enrol(program: Program, gray: Image, ppi: int) -> Any:
    try:
        return program.extract(gray, ppi)
    except ImageError:
        return None


def _timed(job: Callable[..., Any], *given: Any) -> tuple[Any, float]:
    start = time.process_time()
    result = job(*given)
    return result, (time.process_time() - start) * 1e3


def _scores(
    fingers: Sequence[str], genuine: Sequence[Pair], impostor: Sequence[Pair], scores: dict[Pair, float]
) -> PairScores:
    index = {finger: k for k, finger in enumerate(dict.fromkeys(fingers))}
    of = np.array([index[finger] for finger in fingers])
    return PairScores(
        np.array([float(scores[pair]) for pair in genuine]),
        np.array([of[a] for a, _ in genuine], np.int64),
        np.array([float(scores[pair]) for pair in impostor]),
        np.array([(of[a], of[b]) for a, b in impostor], np.int64).reshape(-1, 2),
    )


def joined(parts: Sequence[PairScores]) -> PairScores:
    """The scores of several sets as one, every set's fingers being different ones."""
    offsets = np.cumsum([0, *(part.fingers for part in parts[:-1])])
    return PairScores(
        np.concatenate([part.genuine for part in parts]),
        np.concatenate([part.genuine_finger + k for part, k in zip(parts, offsets, strict=True)]),
        np.concatenate([part.impostor for part in parts]),
        np.concatenate([part.impostor_fingers + k for part, k in zip(parts, offsets, strict=True)]),
    )
