"""Accuracy by the FVC protocol on folders of images <finger>_<number>.<suffix>; NBIS beside where installed.

In: folders. Out: for each, for their mean and for all of them pooled, the equal error rate and the false non-match
rates at false match rates of 1/100, 1/1000 and 0, with intervals over fingers, CPU times and their ratio to NBIS; a
table or JSON on stdout, DET plots as PNG. Progress goes to stderr.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from station.bench import nbis_peer, plot
from station.bench import statistics as stat
from station.bench.fvc_protocol import Program, Scored, joined, load, ppi_of, score
from station.imaging import extract
from station.matching import SAME, match
from station.progress import Progress

OURS, PEER = "station", "nbis"
RESAMPLES = 400


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `station bench fvc`."""
    parser.add_argument("folders", nargs="*", type=Path, metavar="DIR", help="folders of images")
    parser.add_argument(
        "--data", action="append", type=Path, default=[], metavar="DIR", help="one more folder"
    )
    parser.add_argument(
        "--ppi", type=int, help="of all folders; else ppi.txt in the folder, else the set's own, 500"
    )
    parser.add_argument(
        "--max-impostors", type=int, metavar="N", help="a seeded sample of so many (default all)"
    )
    parser.add_argument(
        "--resamples", type=int, default=RESAMPLES, help=f"of the intervals (default {RESAMPLES})"
    )
    parser.add_argument("--plot", type=Path, metavar="DIR", help="write DET plots into this folder")
    parser.add_argument("--no-peer", action="store_true", help="leave NBIS out")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")


def run(args: argparse.Namespace) -> int:
    """Measure ours, and NBIS where it loads, on each folder. Exit 0, 2 without a folder."""
    folders = [*args.folders, *args.data]
    if not folders:
        print("station: say which folders of images, with --data DIR", file=sys.stderr)
        return 2
    cv2.setNumThreads(1)
    jobs = programs(peer=not args.no_peer)
    progress = Progress(len(folders) * len(jobs), sys.stderr)
    sets: dict[str, dict[str, Scored]] = {}
    said = []
    for folder in folders:
        images, ppi = load(folder), ppi_of(folder, args.ppi)
        name = _fresh(folder.name, sets)
        sets[name] = {}
        for job in jobs:
            sets[name][job.name] = score(images, job, ppi, args.max_impostors)
            progress.step(f"{name}, {job.name}: {len(images)} images at {ppi} ppi")
        said.append({"set": name, "ppi": ppi, **_compared(sets[name], jobs, args.resamples)})
    progress.close()
    result = {"sets": said, "overall": overall(list(sets.values()), jobs, args.resamples)}
    if args.plot is not None:
        draw(args.plot, sets)
    print(json.dumps(result, indent=1) if args.json else table(result))
    return 0


def programs(peer: bool) -> list[Program]:
    """Ours, and mindtct with bozorth3 where nbis-python loads."""
    ours = Program(OURS, extract, match, SAME)
    if not peer or not nbis_peer.loads():
        return [ours]
    return [ours, Program(PEER, nbis_peer.extract, nbis_peer.match)]


def _fresh(name: str, taken: dict[str, Any]) -> str:
    """A name no other folder of this run has."""
    return next(n for n in (name, *(f"{name}-{k}" for k in range(2, len(taken) + 3))) if n not in taken)


def _compared(scored: dict[str, Scored], jobs: Sequence[Program], resamples: int) -> dict[str, Any]:
    results = {job.name: figures(scored[job.name], job.threshold, resamples) for job in jobs}
    return {"results": results, **_ratios(results)}


def figures(seen: Scored, threshold: float | None, resamples: int) -> dict[str, Any]:
    """The figures of one program on one set: rates in percent with [5 %, 95 %], times in milliseconds."""
    return {
        "images": seen.images,
        "failed": seen.failed,
        "genuine": int(seen.all.genuine.size),
        "all": _percent(stat.bootstrap_rates(seen.all, resamples=resamples)),
        "fvc": _percent(stat.bootstrap_rates(seen.fvc, resamples=resamples)),
        "impostors": {"all": int(seen.all.impostor.size), "fvc": int(seen.fvc.impostor.size)},
        **_at(seen.all, threshold),
        "extract_cpu_ms": _times(seen.extract_ms),
        "match_cpu_ms": _times(seen.match_ms),
    }


def _percent(rates: dict[str, stat.Interval]) -> dict[str, dict[str, float]]:
    return {
        name: {key: round(100 * value, 3) for key, value in asdict(each).items()}
        for name, each in rates.items()
    }


def _at(scores: stat.PairScores, threshold: float | None) -> dict[str, Any]:
    if threshold is None:
        return {}
    accepted = int((scores.impostor >= threshold).sum())
    refused = int((scores.genuine < threshold).sum())
    return {
        "at_threshold": {
            "threshold": threshold,
            **{
                name: {key: round(100 * value, 4) for key, value in asdict(stat.wilson(hits, n)).items()}
                for name, hits, n in (
                    ("fmr", accepted, scores.impostor.size),
                    ("fnmr", refused, scores.genuine.size),
                )
            },
        }
    }


def _times(ms: NDArray[np.float64]) -> dict[str, float]:
    if not ms.size:
        return {"mean": 0.0, "median": 0.0, "p95": 0.0}
    found = {"mean": ms.mean(), "median": np.median(ms), "p95": np.percentile(ms, 95)}
    return {name: round(float(value), 3) for name, value in found.items()}


def _ratios(results: dict[str, Any]) -> dict[str, Any]:
    """Ours divided by NBIS: below 1 is better. None for a division by zero."""
    if PEER not in results:
        return {}
    ours, peer = results[OURS], results[PEER]
    pairs = {name: (ours["all"][name]["value"], peer["all"][name]["value"]) for name in stat.NAMES}
    for name in ("extract_cpu_ms", "match_cpu_ms"):
        pairs[name] = (ours[name]["median"], peer[name]["median"])
    return {"ratios": {name: round(a / b, 3) if b else None for name, (a, b) in pairs.items()}}


def overall(sets: Sequence[dict[str, Scored]], jobs: Sequence[Program], resamples: int) -> dict[str, Any]:
    """Of each program: the mean of the sets' rates (every set counts alike) and the rates of all scores pooled at
    common thresholds, in percent with [5 %, 95 %] over fingers; CPU times over all calls. The interval at the threshold
    is Wilson's and takes the pairs for independent, which they are not."""
    results = {}
    for job in jobs:
        seen = [scored[job.name] for scored in sets]
        pooled = joined([each.all for each in seen])
        results[job.name] = {
            "mean": {
                kind: _percent(_mean([getattr(s, kind) for s in seen], resamples)) for kind in ("all", "fvc")
            },
            "all": _percent(stat.bootstrap_rates(pooled, resamples=resamples)),
            **_at(pooled, job.threshold),
            "failed": sum(each.failed for each in seen),
            "extract_cpu_ms": _times(np.concatenate([each.extract_ms for each in seen])),
            "match_cpu_ms": _times(np.concatenate([each.match_ms for each in seen])),
        }
    return {"results": results, **_ratios(results)}


def _mean(sets: Sequence[stat.PairScores], resamples: int) -> dict[str, stat.Interval]:
    values = [stat.rates_of(stat.curve(each.genuine, each.impostor)) for each in sets]
    drawn = [stat.drawn_rates(each, resamples=resamples, seed=1 + number) for number, each in enumerate(sets)]
    return {
        name: stat.interval(
            float(np.mean([getattr(value, name) for value in values])),
            [float(np.mean([getattr(one, name) for one in draw])) for draw in zip(*drawn, strict=False)],
        )
        for name in stat.NAMES
    }


def draw(folder: Path, sets: dict[str, dict[str, Scored]]) -> None:
    """det-<set>.png of each set and det-pooled.png. Raises EnvironmentFault environment.cannot_write."""
    names = list(next(iter(sets.values())))
    both = {name: joined([scored[name].all for scored in sets.values()]) for name in names}
    pictures = {title: {name: scored[name].all for name in names} for title, scored in sets.items()}
    for title, scores in {**pictures, "pooled": both}.items():
        curves = {name: stat.curve(each.genuine, each.impostor) for name, each in scores.items()}
        plot.save(folder / f"det-{title}.png", plot.det_plot(curves, f"{title}: all impostor pairs"))


def table(result: dict[str, Any]) -> str:
    """The result for a person; intervals under their figures' names in JSON."""
    lines = [
        f"{'set':16} {'program':8} {'images':>6} {'failed':>6} {'EER':>6} {'5-95 %':>14} {'FMR100':>7} {'FMR1000':>8} "
        f"{'ZeroFMR':>8} {'fvc EER':>8} {'extract ms':>11} {'match ms':>9}"
    ]
    for each in result["sets"]:
        lines += [_line(each["set"], name, r, r["fvc"]) for name, r in each["results"].items()]
    whole = result["overall"]["results"]
    for name, r in whole.items():
        lines.append(_line("mean of sets", name, {**r, **r["mean"]}, r["mean"]["fvc"]))
        lines.append(_line("pooled", name, r, None))
    for name, r in whole.items():
        if "at_threshold" in r:
            at = r["at_threshold"]
            lines.append(
                f"{name} at {at['threshold']:g}, pooled: FMR {at['fmr']['value']:.4f} % "
                f"({at['fmr']['low']:.4f} to {at['fmr']['high']:.4f}), FNMR {at['fnmr']['value']:.2f} %"
            )
    if "ratios" in result["overall"]:
        words = ", ".join(f"{name} {value}" for name, value in result["overall"]["ratios"].items())
        lines.append(f"ours divided by NBIS, pooled (below 1 is better): {words}")
    return "\n".join(lines)


def _line(what: str, who: str, r: dict[str, Any], fvc: dict[str, Any] | None) -> str:
    eer = r["all"]["eer"]
    span = f"{eer['low']:.2f} to {eer['high']:.2f}"
    rates = [r["all"][name]["value"] for name in ("fmr100", "fmr1000", "zerofmr")]
    by_fvc = "" if fvc is None else f"{fvc['eer']['value']:.2f}"
    return (
        f"{what[:16]:16} {who:8} {r.get('images', ''):>6} {r['failed']:6} {eer['value']:6.2f} {span:>14} "
        f"{rates[0]:7.2f} {rates[1]:8.2f} {rates[2]:8.2f} {by_fvc:>8} "
        f"{r['extract_cpu_ms']['median']:11.1f} {r['match_cpu_ms']['median']:9.3f}"
    )
