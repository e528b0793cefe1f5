"""What a score means: how often two different fingers reach it, and how many pairs of one finger miss it.

In: folders of prints <finger>_<number>.<suffix>. Out: for each score the false match rate of all impostor pairs of
every folder, with its interval, the worst folder's, and the false non-match rate. The table of
`station.matching.calibration` was made by this.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from station.bench import fvc_protocol
from station.bench.statistics import wilson
from station.errors import ImageError
from station.friction_ridge import MinutiaTemplate
from station.imaging import extract
from station.matching import identify
from station.progress import Progress

SCORES = (10, 15, 20, 25, 28, 30, 32, 34, 36, 38, 40, 42, 44, 46, 48, 50, 55, 60)
Scores = NDArray[np.float32]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folders", type=Path, nargs="+", metavar="DIR", help="folders of images")
    parser.add_argument("--ppi", type=int, help="of all folders; else as in bench fvc")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")


def run(args: argparse.Namespace) -> int:
    """0."""
    progress = Progress(len(args.folders), sys.stderr)
    sets = {}
    for folder in args.folders:
        images, ppi = fvc_protocol.load(folder), fvc_protocol.ppi_of(folder, args.ppi)
        progress.step(f"{folder.name}: {len(images)} images at {ppi} ppi")
        sets[folder.name] = split(
            [_template(one.gray, ppi) for one in images], [one.finger for one in images]
        )
    told = rates(sets)
    print(json.dumps(told, indent=1) if args.json else table(told))
    return 0


def _template(gray: NDArray[np.uint8], ppi: int) -> MinutiaTemplate | None:
    try:
        return extract(gray, ppi)
    except ImageError:
        return None


def split(templates: Sequence[MinutiaTemplate | None], fingers: Sequence[str]) -> tuple[Scores, Scores]:
    """Scores of the pairs of one finger and of those of two; an image without a template scores 0 with all."""
    kept = [k for k, one in enumerate(templates) if one is not None]
    scores = np.zeros((len(templates), len(templates)), np.float32)
    present = [one for one in templates if one is not None]
    scores[np.ix_(kept, kept)] = identify(present, present)
    upper = np.triu(np.ones(scores.shape, bool), 1)
    same = np.equal.outer(np.array(fingers), np.array(fingers))
    return scores[upper & same], scores[upper & ~same]


def rates(sets: dict[str, tuple[Scores, Scores]]) -> dict[str, Any]:
    """Counts and fractions for each of SCORES, over all sets and in the worst."""
    genuine = np.concatenate([one for one, _ in sets.values()])
    impostor = np.concatenate([other for _, other in sets.values()])
    rows = []
    for score in SCORES:
        reached = int((impostor >= score).sum())
        known = wilson(reached, impostor.size)
        worst = max(sets, key=lambda name: float((sets[name][1] >= score).mean()))
        rows.append(
            {
                "score": score,
                "impostors": reached,
                "fmr": known.value,
                "fmr_low": known.low,
                "fmr_high": known.high,
                "worst": worst,
                "worst_fmr": float((sets[worst][1] >= score).mean()),
                "fnmr": float((genuine < score).mean()),
            }
        )
    return {
        "genuine": int(genuine.size),
        "impostor": int(impostor.size),
        "highest_impostor": float(impostor.max()),
        "rows": rows,
    }


def table(told: dict[str, Any]) -> str:
    """The same for people."""
    lines = [
        f"{told['genuine']} pairs of one finger, {told['impostor']} of two; "
        f"highest of two {told['highest_impostor']:.1f}",
        f"{'score':5}   {'different fingers reach it':17}   {'90 % interval':20}   {'worst set':23}   missed",
    ]
    for row in told["rows"]:
        lines.append(
            f"{row['score']:5}   {row['impostors']:6} = {row['fmr']:.2e}            "
            f"({row['fmr_low']:.1e} to {row['fmr_high']:.1e})"
            f"   {row['worst_fmr']:.2e} {row['worst']:14} {100 * row['fnmr']:6.2f} %"
        )
    return "\n".join(lines)
