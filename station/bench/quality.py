"""Does our quality score follow NFIQ 2, and does it say which prints will not match? On folders <finger>_<n>.<suffix>.

In: folders, and NFIQ 2 from its library where it loads, else from a CSV (set,file,…,nfiq2). Out: rank correlation with
NFIQ 2, the area under the error-versus-discard curve of both scores with intervals over fingers, and CPU times; a table
or JSON, plots as PNG. The curve: FNMR at the matcher's SAME among the genuine pairs left when the given share of the
pairs with the lowest quality (the lower of the two images') is left out. Lower is better.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from station.bench import plot
from station.bench import statistics as stat
from station.bench.fvc_protocol import SUFFIXES, ppi_of
from station.errors import EnvironmentFault, ImageError
from station.friction_ridge import MinutiaTemplate
from station.imaging import assess, extract, load_gray
from station.imaging.normalise import resample
from station.imaging.quality import nfiq2
from station.matching import SAME, match
from station.progress import Progress

OURS, PEER = "ours", "nfiq2"
DEEP = 0.5
"""share of the pairs left out at the end of the plotted curve."""
WIDTHS = (0.2, DEEP)
"""shares up to which the area is taken."""
STEPS = 51
RESAMPLES = 400


@dataclass(eq=False)
class Prints:
    """One folder: names, fingers; scores by who; pairs of genuine indices [n, 2] with their match scores."""

    name: str
    ppi: int
    files: list[str] = field(default_factory=list)
    fingers: list[str] = field(default_factory=list)
    scores: dict[str, list[float]] = field(default_factory=dict)
    cpu_ms: dict[str, list[float]] = field(default_factory=dict)
    pairs: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 2), np.int64))
    matches: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `station bench quality`."""
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR", help="folders of images")
    parser.add_argument(
        "--reference", type=Path, metavar="CSV", help="NFIQ 2 by set and file, where it cannot be computed"
    )
    parser.add_argument("--no-peer", action="store_true", help="do not compute NFIQ 2, read the CSV")
    parser.add_argument(
        "--ppi", type=int, help="of all folders; else ppi.txt in the folder, else the set's own, 500"
    )
    parser.add_argument("--threshold", type=float, default=SAME, help=f"of a match (default {SAME:g})")
    parser.add_argument(
        "--resamples", type=int, default=RESAMPLES, help=f"of the intervals (default {RESAMPLES})"
    )
    parser.add_argument("--plot", type=Path, metavar="DIR", help="write plots into this folder")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")


def run(args: argparse.Namespace) -> int:
    """Measure every folder, then all of them pooled."""
    cv2.setNumThreads(1)
    known = {} if args.reference is None else reference(args.reference)
    peer = not args.no_peer and nfiq2.library().works
    progress = Progress(len(args.folders), sys.stderr)
    sets = []
    for folder in args.folders:
        sets.append(measure(folder, ppi_of(folder, args.ppi), peer, known))
        progress.step(f"{folder.name}: {len(sets[-1].files)} images at {sets[-1].ppi} ppi")
    progress.close()
    result = {
        "algorithm": assess(np.full((200, 200), 250, np.uint8), 500).algorithm,
        "nfiq2": "computed" if peer else "reference" if known else "absent",
        "threshold": args.threshold,
        "sets": [said([one], args.threshold, args.resamples) for one in sets],
        "pooled": said(sets, args.threshold, args.resamples),
    }
    if args.plot is not None:
        draw(args.plot, sets, args.threshold)
    print(json.dumps(result, indent=1) if args.json else table(result))
    return 0


def reference(path: Path) -> dict[tuple[str, str], int]:
    """NFIQ 2 by set and file name. Raises EnvironmentFault environment.unreadable."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return {(r["set"], r["file"]): int(r["nfiq2"]) for r in rows if r["nfiq2"].isdigit()}
    except (OSError, KeyError, UnicodeDecodeError) as error:
        raise EnvironmentFault(
            "environment.unreadable", f"{path} is no table of set, file, nfiq2: {error!r}", "Check the path."
        ) from error


def measure(folder: Path, ppi: int, peer: bool, known: dict[tuple[str, str], int]) -> Prints:
    """Score every image, match every genuine pair; an image that cannot be enrolled matches nothing."""
    files = sorted(f for f in folder.glob("*_*") if f.suffix.lower() in SUFFIXES)
    if len(files) < 2:
        raise EnvironmentFault(
            "environment.no_images", f"{folder} has no images <finger>_<n>.png", "Check the path."
        )
    made = Prints(folder.name, ppi, [f.name for f in files], [f.stem.rpartition("_")[0] for f in files])
    templates: list[MinutiaTemplate | None] = []
    for who in (OURS, PEER):
        made.scores[who], made.cpu_ms[who] = [], []
    for file in files:
        gray = load_gray(file)
        _timed(made, OURS, lambda g=gray: assess(g, ppi).score)  # type: ignore[misc]
        if peer:
            at_500 = resample(gray, ppi)
            _timed(made, PEER, lambda g=at_500: _or_nan(nfiq2.score(g, 500)))  # type: ignore[misc]
        else:
            made.scores[PEER].append(float(known.get((folder.name, file.name), np.nan)))
        templates.append(_enrol(gray, ppi))
    _match(made, templates)
    return made


def _timed(made: Prints, who: str, job: Callable[[], float]) -> None:
    start = time.process_time()
    value = job()
    made.cpu_ms[who].append((time.process_time() - start) * 1e3)
    made.scores[who].append(float(value))


def _or_nan(score: int) -> float:
    return float(score) if score <= 100 else float("nan")


def _enrol(gray: NDArray[np.uint8], ppi: int) -> MinutiaTemplate | None:
    try:
        return extract(gray, ppi)
    except ImageError:
        return None


def _match(made: Prints, templates: Sequence[MinutiaTemplate | None]) -> None:
    both = itertools.combinations(range(len(made.fingers)), 2)
    genuine = [(a, b) for a, b in both if made.fingers[a] == made.fingers[b]]
    made.pairs = np.array(genuine, np.int64).reshape(-1, 2)
    made.matches = np.array([_score(templates[a], templates[b]) for a, b in genuine], float)


def _score(a: MinutiaTemplate | None, b: MinutiaTemplate | None) -> float:
    return 0.0 if a is None or b is None else float(match(a, b))


@dataclass(frozen=True, eq=False)
class Pairs:
    """Genuine pairs of one or several folders: match score, quality by who (the lower of the two), finger."""

    matches: NDArray[np.float64]
    quality: dict[str, NDArray[np.float64]]
    finger: NDArray[np.str_]


def pairs_of(sets: Sequence[Prints]) -> Pairs:
    """Pairs whose images both have both scores; of NFIQ 2 a failure counts as the lowest."""
    matches, finger = [], []
    quality: dict[str, list[NDArray[np.float64]]] = {OURS: [], PEER: []}
    for one in sets:
        matches.append(one.matches)
        finger += [f"{one.name}/{one.fingers[a]}" for a, _ in one.pairs]
        for who, values in quality.items():
            seen = np.nan_to_num(np.array(one.scores[who], float), nan=-1.0)
            values.append(np.minimum(seen[one.pairs[:, 0]], seen[one.pairs[:, 1]]))
    return Pairs(
        np.concatenate(matches),
        {who: np.concatenate(values) for who, values in quality.items()},
        np.array(finger),
    )


def said(sets: Sequence[Prints], threshold: float, resamples: int) -> dict[str, Any]:
    """All figures of one folder, or of several pooled. Errors in percent."""
    ours, peer = (np.concatenate([np.array(one.scores[who]) for one in sets]) for who in (OURS, PEER))
    both = ~np.isnan(peer)
    fingers = np.array([f"{one.name}/{finger}" for one in sets for finger in one.fingers])
    result: dict[str, Any] = {
        "set": sets[0].name if len(sets) == 1 else "pooled",
        "ppi": sets[0].ppi if len(sets) == 1 else None,
        "images": len(ours),
        "with_nfiq2": int(both.sum()),
        **_times(sets),
    }
    if both.sum() > 2:
        first, second = ours[both], peer[both]
        interval = stat.bootstrap(
            lambda k: stat.spearman(first[k], second[k]), fingers[both], resamples=resamples
        )
        result["spearman"] = _round(interval, 1.0, 3)
    pairs = pairs_of(sets)
    result["genuine"] = len(pairs.matches)
    if len(pairs.matches):
        result["fnmr"] = round(100 * float(np.mean(pairs.matches < threshold)), 3)
        result["discard"] = _areas(pairs, threshold, resamples, bool(both.any()))
    return result


def _areas(pairs: Pairs, threshold: float, resamples: int, peer: bool) -> dict[str, Any]:
    """Areas of both scores and of their difference (ours less NFIQ 2, below 0: ours is better), in percent."""
    found: dict[str, Any] = {}
    for width in WIDTHS:
        share = np.linspace(0.0, width, STEPS)

        def area(who: str, k: NDArray[np.int64], share: NDArray[np.float64] = share) -> float:
            curve = stat.error_versus_discard(pairs.quality[who][k], pairs.matches[k], threshold, share)
            return stat.area_under(share, curve)

        jobs: dict[str, Callable[[NDArray[np.int64]], float]] = {OURS: lambda k, a=area: a(OURS, k)}  # type: ignore[misc]
        if peer:
            jobs[PEER] = lambda k, a=area: a(PEER, k)  # type: ignore[misc]
            jobs["difference"] = lambda k, a=area: a(OURS, k) - a(PEER, k)  # type: ignore[misc]
        found[f"to_{round(100 * width)}"] = {
            name: _round(stat.bootstrap(job, pairs.finger, resamples=resamples), 100.0, 3)
            for name, job in jobs.items()
        }
    return found


def _round(interval: stat.Interval, factor: float, digits: int) -> dict[str, float]:
    return {name: round(factor * value, digits) for name, value in asdict(interval).items()}


def _times(sets: Sequence[Prints]) -> dict[str, Any]:
    """Median CPU milliseconds and their ratio, where both were computed here."""
    ours, peer = ([ms for one in sets for ms in one.cpu_ms[who]] for who in (OURS, PEER))
    times: dict[str, Any] = {"ours_ms": round(float(np.median(ours)), 3)}
    if peer:
        times["nfiq2_ms"] = round(float(np.median(peer)), 3)
        times["cpu_ratio"] = round(times["ours_ms"] / times["nfiq2_ms"], 4)
    return times


def draw(folder: Path, sets: Sequence[Prints], threshold: float) -> None:
    """One error-versus-discard plot for all sets pooled and one a set, and our score against NFIQ 2."""
    for name, some in [("pooled", list(sets)), *((one.name, [one]) for one in sets)]:
        pairs = pairs_of(some)
        if not len(pairs.matches):
            continue
        share = np.linspace(0.0, DEEP, 101)
        lines = [
            plot.Series(
                label, 100 * share, 100 * stat.error_versus_discard(q, pairs.matches, threshold, share)
            )
            for label, q in ((OURS, pairs.quality[OURS]), ("NFIQ 2", pairs.quality[PEER]))
            if q.max() >= 0
        ]
        highest = plot.axis_for("FNMR %", np.concatenate([np.asarray(line.y) for line in lines]))
        across = plot.Axis("% of pairs left out", 0.0, 100 * DEEP)
        plot.save(
            folder / f"discard-{name}.png",
            plot.line_plot(lines, across, highest, f"{name}: error versus discard"),
        )
    points = [plot.Series(one.name, one.scores[PEER], one.scores[OURS], dots=True) for one in sets]
    known = [
        plot.Series(p.name, np.asarray(p.x)[~np.isnan(p.x)], np.asarray(p.y)[~np.isnan(p.x)], dots=True)
        for p in points
    ]
    axes = [plot.Axis(label, 0.0, 100.0) for label in ("NFIQ 2", "our score")]
    plot.save(folder / "scores.png", plot.line_plot(known, axes[0], axes[1], "our score against NFIQ 2"))


def table(result: dict[str, Any]) -> str:
    """The figures as lines for the eye."""
    lines = [
        f"{result['algorithm']} against NFIQ 2 ({result['nfiq2']}); matches below {result['threshold']:g} are errors",
        f"{'set':14} {'images':>6} {'Spearman (90 % interval)':>25} {'FNMR %':>7} "
        f"{'area to 20 %: ours':>18} {'NFIQ 2':>7} {'area to 50 %: ours':>18} {'NFIQ 2':>7} {'ms':>6} {'NFIQ 2':>7}",
    ]
    lines += [_line(one) for one in (*result["sets"], result["pooled"])]
    if "cpu_ratio" in result["pooled"]:
        lines.append(f"CPU of our score over NFIQ 2's: {result['pooled']['cpu_ratio']:.3f}")
    return "\n".join(lines)


def _line(one: dict[str, Any]) -> str:
    seen = one.get("spearman")
    follows = f"{seen['value']:.3f} ({seen['low']:.2f} to {seen['high']:.2f})" if seen else "-"
    areas = one.get("discard", {})

    def area(width: str, who: str) -> str:
        return f"{areas[width][who]['value']:.3f}" if who in areas.get(width, {}) else "-"

    return (
        f"{one['set']:14} {one['images']:6} {follows:>25} {one.get('fnmr', float('nan')):7.2f} "
        f"{area('to_20', OURS):>18} {area('to_20', PEER):>7} {area('to_50', OURS):>18} {area('to_50', PEER):>7} "
        f"{one['ours_ms']:6.1f} {one.get('nfiq2_ms', float('nan')):7.1f}"
    )
