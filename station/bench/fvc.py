"""Accuracy by the FVC protocol on folders of images <finger>_<impression>.<ext>; NBIS beside where installed.

In: folders. Out: for each the equal error rate and the false non-match rates at false match rates of 1/100, 1/1000
and 0, in percent, over all genuine pairs and all pairs of different fingers; a table or JSON.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import itertools
import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from station.errors import EnvironmentFault, ImageError
from station.imaging import extract, load_gray
from station.matching import SAME, match

SUFFIXES = {".png", ".bmp", ".tif", ".tiff", ".wsq"}
Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Result:
    """Rates in percent; fmr_at_same, fnmr_at_same: at the matcher's threshold SAME (ours only); *_ms: mean CPU."""

    folder: str
    who: str
    images: int
    genuine: int
    impostor: int
    eer: float
    fmr100: float
    fmr1000: float
    zerofmr: float
    fmr_at_same: float | None
    fnmr_at_same: float | None
    extract_ms: float
    match_ms: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    parser.add_argument("--ppi", type=int, default=500)
    parser.add_argument(
        "--max-impostors", type=int, default=4000, help="a seeded sample of so many (default 4000)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")


def run(args: argparse.Namespace) -> int:
    """Measure ours, and NBIS where it loads, on each folder."""
    results = []
    for folder in args.folders:
        images = load(folder)
        for who, extractor, matcher in _programs():
            results.append(
                measure(folder.name, who, images, args.ppi, extractor, matcher, args.max_impostors)
            )
            if not args.json:
                print(_line(results[-1]), flush=True)
    if args.json:
        print(json.dumps([asdict(result) for result in results], indent=1))
    return 0


def load(folder: Path) -> list[tuple[str, Image]]:
    """(finger, image) of a folder, in order. Raises EnvironmentFault environment.no_images for fewer than two."""
    files = sorted(f for f in folder.glob("*_*") if f.suffix.lower() in SUFFIXES)
    if len(files) < 2:
        raise EnvironmentFault(
            "environment.no_images", f"{folder} has no images <finger>_<n>.png", "Check the path."
        )
    return [(file.stem.rpartition("_")[0], load_gray(file)) for file in files]


def pairs(fingers: Sequence[str], most: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Genuine and impostor index pairs; impostors a seeded sample of at most `most`."""
    both = list(itertools.combinations(range(len(fingers)), 2))
    genuine = [(a, b) for a, b in both if fingers[a] == fingers[b]]
    impostor = [(a, b) for a, b in both if fingers[a] != fingers[b]]
    if len(impostor) > most:
        impostor = sorted(random.Random(1).sample(impostor, most))
    return genuine, impostor


def rates(genuine: Sequence[float], impostor: Sequence[float]) -> dict[str, float]:
    """eer, fmr100, fmr1000, zerofmr in percent; a pair is accepted when its score reaches the threshold."""
    g, i = np.sort(np.asarray(genuine, float)), np.sort(np.asarray(impostor, float))
    steps = np.append(np.unique(np.concatenate([g, i])), np.inf)
    fnmr = np.searchsorted(g, steps, "left") / g.size
    fmr = 1.0 - np.searchsorted(i, steps, "left") / i.size
    cross = int(np.argmax(fnmr >= fmr))
    eer = fnmr[0] if cross == 0 else _crossing(fnmr[cross - 1 : cross + 1], fmr[cross - 1 : cross + 1])
    at = {"fmr100": 0.01, "fmr1000": 0.001, "zerofmr": 0.0}
    return {
        "eer": round(100 * float(eer), 3),
        **{name: round(100 * float(fnmr[fmr <= limit].min()), 3) for name, limit in at.items()},
    }


def _crossing(fnmr: NDArray[np.float64], fmr: NDArray[np.float64]) -> float:
    """Where the two straight pieces meet."""
    before, after = fmr[0] - fnmr[0], fnmr[1] - fmr[1]
    share = before / (before + after) if before + after > 0 else 0.0
    return float(fnmr[0] + share * (fnmr[1] - fnmr[0]))


def measure(
    name: str,
    who: str,
    images: Sequence[tuple[str, Image]],
    ppi: int,
    extractor: Callable[[Image, int], Any],
    matcher: Callable[[Any, Any], float],
    most: int,
) -> Result:
    """Extract each image once, score each pair once; an image that cannot be enrolled scores 0 with all."""
    templates, extract_ms = _timed([lambda g=g: _enrol(extractor, g, ppi) for _, g in images])  # type: ignore[misc]
    genuine, impostor = pairs([finger for finger, _ in images], most)

    def score(a: int, b: int) -> float:
        first, second = templates[a], templates[b]
        return 0.0 if first is None or second is None else float(matcher(first, second))

    scores, match_ms = _timed([lambda a=a, b=b: score(a, b) for a, b in genuine + impostor])  # type: ignore[misc]
    g, i = scores[: len(genuine)], scores[len(genuine) :]
    ours = who == "station"
    return Result(
        folder=name,
        who=who,
        images=len(images),
        genuine=len(g),
        impostor=len(i),
        **rates(g, i),
        fmr_at_same=round(100 * float(np.mean(np.array(i) >= SAME)), 3) if ours else None,
        fnmr_at_same=round(100 * float(np.mean(np.array(g) < SAME)), 3) if ours else None,
        extract_ms=extract_ms,
        match_ms=match_ms,
    )


def _enrol(extractor: Callable[[Image, int], Any], gray: Image, ppi: int) -> Any:
    try:
        return extractor(gray, ppi)
    except ImageError:
        return None


def _timed(jobs: Sequence[Callable[[], Any]]) -> tuple[list[Any], float]:
    """Results and mean CPU milliseconds."""
    start = time.process_time()
    results = [job() for job in jobs]
    return results, round((time.process_time() - start) * 1e3 / max(len(jobs), 1), 3)


def _programs() -> list[tuple[str, Callable[[Image, int], Any], Callable[[Any, Any], float]]]:
    """Ours, and mindtct with bozorth3 where nbis-python loads."""
    programs: list[tuple[str, Callable[[Image, int], Any], Callable[[Any, Any], float]]] = [
        ("station", extract, match)
    ]
    try:
        nbis: Any = importlib.import_module("nbis")
    except ImportError:
        return programs

    @functools.cache
    def extractor(ppi: int) -> Any:
        return nbis.new_nbis_extractor(
            nbis.NbisExtractorSettings(
                min_quality=0.0,
                get_center=False,
                check_fingerprint=False,
                compute_nfiq2=False,
                ppi=float(ppi),
            )
        )

    def peer(gray: Image, ppi: int) -> Any:
        return extractor(ppi).extract_minutiae(cv2.imencode(".bmp", gray)[1].tobytes())

    return [*programs, ("nbis", peer, lambda a, b: float(a.compare(b)))]


def _line(r: Result) -> str:
    at = (
        "" if r.fmr_at_same is None else f"  at {SAME:.0f}: FMR {r.fmr_at_same:.3f} FNMR {r.fnmr_at_same:.2f}"
    )
    return (
        f"{r.folder:14} {r.who:8} {r.images:4} images  EER {r.eer:6.2f}  FMR100 {r.fmr100:6.2f}  "
        f"FMR1000 {r.fmr1000:6.2f}  ZeroFMR {r.zerofmr:6.2f}  extract {r.extract_ms:6.1f} ms  "
        f"match {r.match_ms:6.2f} ms{at}"
    )
