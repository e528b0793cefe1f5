"""Segmentation of slaps: right fingers, right places, right hand, on synthetic slaps with their truth.

In: how many slaps, folders of real ones. Out: shares with bootstrap intervals and CPU milliseconds, a table or JSON.
Real slaps have no truth: each is also mirrored and turned, and the answers must go along. No peer:
nbis-python has no nfseg.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from station.bench.segment_real import judge_folder
from station.bench.segment_world import Case, draw_case
from station.bench.statistics import Interval, bootstrap
from station.imaging import segment
from station.imaging.slap_types import SegmentedFinger, SlapSegmentation

INSIDE, OUTSIDE = 32, 64
"""px at 500 ppi that a side may lie inside and outside the true one (NIST SlapSeg II, NISTIR 7553)."""
MOST_LEAN = 15.0
"""degrees"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--slaps", type=int, default=100, help="how many synthetic slaps (default 100)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--people", type=int, default=12, help="synthetic people they are taken from")
    parser.add_argument(
        "--data", type=Path, action="append", default=[], metavar="DIR", help="folder of real slaps"
    )
    parser.add_argument("--fgp", type=int, default=13, choices=(13, 14), help="what the real slaps show")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    parser.add_argument(
        "--failures", type=Path, metavar="DIR", help="write a picture of each slap that is not right"
    )


def run(args: argparse.Namespace) -> int:
    """Exit 0: this measures, it does not judge."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        rows = [
            _judged(draw_case(args.seed, k, args.people), args.failures) for k in range(max(args.slaps, 1))
        ]
        real = [row for folder in args.data for row in judge_folder(folder, args.fgp)]
    finally:
        cv2.setNumThreads(threads)
    result = {**summary(rows), "real": real}
    print(json.dumps(result, indent=1) if args.json else "\n".join(_lines(result)))
    return 0


def _judged(case: Case, failures: Path | None) -> dict[str, Any]:
    """One slap: what was asked, what came."""
    start = time.process_time()
    found = segment(case.pixels, 500, case.fgp, case.missing)
    ms = (time.process_time() - start) * 1e3
    row = judge(case, found) | {"ms": ms}
    if case.other_fgp:
        wrong = segment(case.pixels, 500, case.other_fgp)
        row["wrong_caught"] = any(each.code == "slap.wrong_hand" for each in wrong.findings)
    if failures is not None and not row["whole"]:
        from station.imaging.slap_draw import draw_slap

        failures.mkdir(parents=True, exist_ok=True)
        picture = draw_slap(case.pixels, found)
        for _, x, y, w, h, _ in case.boxes:
            cv2.rectangle(picture, (x, y), (x + w, y + h), (0, 140, 0), 2)
        cv2.imwrite(str(failures / f"{case.number:04d}.png"), picture)
    return row


def judge(case: Case, found: SlapSegmentation) -> dict[str, Any]:
    """Figures of one slap; fingers, named, placed, right: how many there are, have their position, lie within the
    tolerance whatever they are called, both."""
    truth = {box[0]: box for box in case.boxes}
    by_name = {int(finger.fgp): finger for finger in found.fingers}
    named = [p for p in truth if p in by_name and _overlap(truth[p], by_name[p]) > 0.3]
    placed = [p for p in truth if any(_within(truth[p], finger) for finger in found.fingers)]
    right = [p for p in named if _within(truth[p], by_name[p])]
    codes = {each.code for each in found.findings}
    four = case.fgp in (13, 14)
    return {
        "number": case.number,
        "fgp": case.fgp,
        "planned": case.planned,
        "fingers": len(truth),
        "named": len(named),
        "placed": len(placed),
        "right": len(right),
        "iou": [_overlap(truth[p], by_name[p]) for p in named],
        "lean_error": [abs(truth[p][5] - by_name[p].angle_deg) for p in named],
        "whole": len(right) == len(truth) == len(found.fingers),
        "hand": (
            found.hand if found.hand == "unknown" else found.hand == ("right" if case.fgp == 13 else "left")
        )
        if four
        else None,
        "false_alarm": bool(codes & {"slap.wrong_hand", "slap.unexpected_finger", "slap.rotated"}),
        "count_told": ("slap.fewer_fingers" in codes) == (not case.planned),
        "wrong_caught": None,
    }


def _sides(box: tuple[Any, ...]) -> tuple[int, int, int, int]:
    return box[1], box[2], box[1] + box[3], box[2] + box[4]


def _within(true: tuple[Any, ...], finger: SegmentedFinger) -> bool:
    left, top, right, bottom = _sides(true)
    gone = (left - finger.left, top - finger.top, finger.right + 1 - right, finger.bottom + 1 - bottom)
    return all(-INSIDE <= out <= OUTSIDE for out in gone)


def _overlap(true: tuple[Any, ...], finger: SegmentedFinger) -> float:
    """Intersection over union of the boxes."""
    left, top, right, bottom = _sides(true)
    wide = min(right, finger.right + 1) - max(left, finger.left)
    high = min(bottom, finger.bottom + 1) - max(top, finger.top)
    both = max(wide, 0) * max(high, 0)
    return float(both / (true[3] * true[4] + finger.box[2] * finger.box[3] - both))


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Shares over all rows, slaps drawn again for the intervals."""
    four = [row for row in rows if row["hand"] is not None]
    planned = [row for row in rows if row["planned"]]
    leans = np.concatenate([row["lean_error"] for row in rows])
    return {
        "slaps": len(rows),
        "fingers": sum(row["fingers"] for row in rows),
        "fingers_right": _share(rows, "right", "fingers"),
        "fingers_placed": _share(rows, "placed", "fingers"),
        "fingers_named": _share(rows, "named", "fingers"),
        "fingers_right_planned": _share(planned, "right", "fingers"),
        "slaps_right": _share(rows, "whole"),
        "slaps_right_planned": _share(planned, "whole"),
        "count_told": _share(rows, "count_told"),
        "false_alarms": _share(rows, "false_alarm"),
        "hand_right": _share([{**row, "is": row["hand"] is True} for row in four], "is"),
        "hand_unknown": _share([{**row, "is": row["hand"] == "unknown"} for row in four], "is"),
        "hand_wrong": _share([{**row, "is": row["hand"] is False} for row in four], "is"),
        "wrong_hand_caught": _share([row for row in rows if row["wrong_caught"] is not None], "wrong_caught"),
        "iou_mean": round(float(np.mean(np.concatenate([row["iou"] for row in rows]))), 3),
        "lean_error_median_deg": round(float(np.median(leans)), 1),
        "lean_within_15_deg": round(float((leans <= MOST_LEAN).mean()), 4),
        "ms_median": round(float(np.median([row["ms"] for row in rows])), 1),
        "ms_p95": round(float(np.percentile([row["ms"] for row in rows], 95)), 1),
        "failed": [row["number"] for row in rows if not row["whole"]],
    }


def _share(rows: Sequence[dict[str, Any]], hits: str, of: str | None = None) -> dict[str, float] | None:
    if not rows:
        return None
    top = np.array([float(row[hits]) for row in rows])
    base = np.array([float(row[of]) if of else 1.0 for row in rows])
    found: Interval = bootstrap(lambda k: float(top[k].sum() / base[k].sum()), range(len(rows)))
    return {key: round(value, 4) for key, value in asdict(found).items()}


def _lines(result: dict[str, Any]) -> list[str]:
    lines = []
    for key, value in result.items():
        if isinstance(value, dict):
            lines.append(
                f"{key:24} {100 * value['value']:6.2f} %   ({100 * value['low']:.2f} to {100 * value['high']:.2f})"
            )
        elif key == "real":
            lines += [
                f"{row['image']}: " + ", ".join(f"{k} {v}" for k, v in row.items() if k != "image")
                for row in value
            ]
        else:
            lines.append(f"{key:24} {value}")
    return lines
