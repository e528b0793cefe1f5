"""How long extraction, quality, segmentation and matching take here and how much memory; NBIS and NFIQ 2 beside.

In: how many repetitions, and folders of images if wanted (else synthetic fingers). Out: a table or JSON of CPU
milliseconds (median of this process, all threads), of NIST's programs in the same run where they are installed, their
ratio, and the peak memory of extraction, with the wanted limits; exit 1 when one is missed.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from station.bench import nbis_peer, peak_memory
from station.bench.fvc_protocol import load, ppi_of
from station.friction_ridge import FGP
from station.imaging import assess, assess_preview, extract, segment, segment_slap
from station.matching import match
from station.progress import Progress

Image = NDArray[np.uint8]
Job = Callable[[], object]
PPI = 500
ROLL_MEMORY_MB = 120.0


@dataclass(frozen=True)
class Row:
    """One figure. unit: ms or MB; limit: on the value; peer: the same of NIST's program; ratio: value over peer;
    ratio_limit: on the ratio, for what is judged against NIST's."""

    name: str
    value: float
    unit: str = "ms"
    limit: float | None = None
    peer: float | None = None
    ratio_limit: float | None = None

    @property
    def ratio(self) -> float | None:
        """Below 1: faster than NIST's."""
        return round(self.value / self.peer, 3) if self.peer else None

    @property
    def ok(self) -> bool:
        """Within its limits, as far as they could be measured."""
        slow = self.limit is not None and self.value > self.limit
        slower = self.ratio is not None and self.ratio_limit is not None and self.ratio > self.ratio_limit
        return not slow and not slower


@dataclass(frozen=True)
class Work:
    """A figure to measure: ours and NIST's are run in turn. less: a job whose time is taken off the peer's; per: how
    many calls a job makes."""

    name: str
    ours: Job
    limit: float | None = None
    peer: Job | None = None
    less: Job | None = None
    ratio_limit: float | None = None
    per: int = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `station bench speed`."""
    parser.add_argument("--repeat", type=int, default=9, help="repetitions of each (default 9)")
    parser.add_argument(
        "--data", action="append", type=Path, default=[], metavar="DIR", help="images to use too"
    )
    parser.add_argument("--images", type=int, default=24, help="how many of each folder (default 24)")
    parser.add_argument("--no-memory", action="store_true", help="leave the memory out")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")


def run(args: argparse.Namespace) -> int:
    """Measure everything once warm."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        rows = measure(max(args.repeat, 1), args.data, max(args.images, 2), memory=not args.no_memory)
    finally:
        cv2.setNumThreads(threads)
    if args.json:
        print(json.dumps([{**asdict(row), "ratio": row.ratio, "ok": row.ok} for row in rows], indent=1))
    else:
        print("\n".join(_line(row) for row in rows))
    return 0 if all(row.ok for row in rows) else 1


def _line(row: Row) -> str:
    wanted = "" if row.limit is None else f"wanted {row.limit:g}"
    if row.peer is not None:
        against = "" if row.ratio_limit is None else f" (wanted {row.ratio_limit:g})"
        wanted += f"  NIST {row.peer:.2f} {row.unit}, ratio {row.ratio}{against}"
    verdict = "" if row.limit is None and row.ratio_limit is None else "  ok" if row.ok else "  MISSED"
    return f"{row.name:38} {row.value:8.2f} {row.unit}  {wanted}{verdict}".rstrip()


def measure(repeat: int, folders: Sequence[Path], images: int, memory: bool) -> list[Row]:
    """One row a job."""
    peer = nbis_peer.loads()
    pictures = _pictures()
    works = [*_extraction(pictures, peer), *_matching(pictures, peer), *_others(pictures, peer)]
    for folder in folders:
        works += _of_folder(folder, images, peer)
    progress = Progress(len(works) + memory, sys.stderr)
    rows = []
    for work in works:
        rows.append(_row(work, repeat))
        progress.step(work.name)
    if memory:
        peak = peak_memory.of_extraction(pictures["roll 800×750"], PPI)
        rows.append(Row("extract 800×750, peak of the process", peak.total, "MB", ROLL_MEMORY_MB))
        rows.append(Row("  of which extraction, without imports", peak.above_import, "MB"))
        progress.step("memory")
    progress.close()
    return rows


def _row(work: Work, repeat: int) -> Row:
    jobs = [job for job in (work.ours, work.peer, work.less) if job is not None]
    times = [round(ms / work.per, 3) for ms in in_turn(jobs, repeat)]
    peer = None if work.peer is None else round(times[1] - (times[2] if work.less is not None else 0.0), 3)
    return Row(work.name, times[0], "ms", work.limit, peer, work.ratio_limit)


def in_turn(jobs: Sequence[Job], repeat: int) -> list[float]:
    """Median CPU milliseconds of each, run one after the other `repeat` times, after one round that is not counted:
    whatever else the machine does then falls on all alike."""
    times: list[list[float]] = [[] for _ in jobs]
    for turn in range(repeat + 1):
        for each, job in zip(times, jobs, strict=True):
            start = time.process_time()
            job()
            each.append((time.process_time() - start) * 1e3)
            if turn == 0:
                each.clear()
    return [round(float(np.median(each)), 3) for each in times]


def _pictures() -> dict[str, Image]:
    """Two touches and two rolls of a finger, another finger, a preview and a slap of the synthetic world, which is
    reached by name."""
    world = importlib.import_module("drivers.sim.finger")
    fingers = [world.subject_finger(1, position) for position in (2, 3, 4, 5)]

    def touch(finger: Any, width: int, height: int, contact: str, seed: int) -> Image:
        platen = world.Platen(width, height, PPI)
        pixels: Image = world.render(finger, platen, contact, world.Touch(seed=seed)).pixels
        return pixels

    roll = touch(fingers[0], 800, 750, "rolled", 1)
    return {
        "plain 400×500": touch(fingers[0], 400, 500, "plain", 1),
        "plain again": touch(fingers[0], 400, 500, "plain", 2),
        "plain of another": touch(fingers[1], 400, 500, "plain", 3),
        "roll 800×750": roll,
        "roll again": touch(fingers[0], 800, 750, "rolled", 2),
        "preview 500×500": np.ascontiguousarray(roll[100:600, 150:650]),
        "slap 1600×1500": world.render_slap(fingers, world.Platen(1600, 1500, PPI), world.Touch()).pixels,
    }


def _extraction(pictures: dict[str, Image], peer: bool) -> list[Work]:
    """Judged against mindtct on one picture of each kind."""
    names = ("plain 400×500", "roll 800×750")
    return [
        Work(
            f"extract {name}",
            lambda g=pictures[name]: extract(g, PPI),  # type: ignore[misc]
            peer=(lambda g=pictures[name]: nbis_peer.extract(g, PPI)) if peer else None,  # type: ignore[misc]
            ratio_limit=1.0,
        )
        for name in names
    ]


def _matching(pictures: dict[str, Image], peer: bool) -> list[Work]:
    """Templates that have been compared before, as those of a gallery."""
    works = []
    for title, (a, b) in {
        "match plain, same finger": ("plain 400×500", "plain again"),
        "match plain, other finger": ("plain 400×500", "plain of another"),
        "match rolls, same finger": ("roll 800×750", "roll again"),
    }.items():
        one, two = extract(pictures[a], PPI), extract(pictures[b], PPI)
        theirs = [nbis_peer.extract(pictures[name], PPI) for name in (a, b)] if peer else []
        works.append(
            Work(
                f"{title}, {len(one)}×{len(two)}",
                lambda one=one, two=two: match(one, two),  # type: ignore[misc]
                limit=0.5 if "plain" in title else None,
                peer=(lambda t=theirs: nbis_peer.match(*t)) if peer else None,  # type: ignore[misc]
            )
        )
    return works


def _others(pictures: dict[str, Image], peer: bool) -> list[Work]:
    """Quality, against NFIQ 2 (with mindtct, less mindtct alone), previews and slaps."""
    works = [
        Work(
            f"assess {name}",
            lambda g=pictures[name]: assess(g, PPI),  # type: ignore[misc]
            peer=(lambda g=pictures[name]: _scored(g, PPI)) if peer else None,  # type: ignore[misc]
            less=(lambda g=pictures[name]: nbis_peer.extract(g, PPI)) if peer else None,  # type: ignore[misc]
            ratio_limit=0.1,
        )
        for name in ("plain 400×500", "roll 800×750")
    ]
    preview, slap = pictures["preview 500×500"], pictures["slap 1600×1500"]
    return [
        *works,
        Work("assess_preview 500×500", lambda: assess_preview(preview, PPI), 8.0),
        Work("segment 1600×1500", lambda: segment(slap, PPI, FGP.PLAIN_RIGHT_FOUR), 60.0),
        Work("segment_slap 1600×1500", lambda: segment_slap(slap, PPI, 4), 60.0),
    ]


def _scored(gray: Image, ppi: int) -> None:
    nbis_peer.extractor(ppi, scored=True).extract_minutiae(nbis_peer.as_bmp(gray))


def _of_folder(folder: Path, most: int, peer: bool) -> list[Work]:
    """One image after another of a folder of real prints, and each with the next."""
    ppi, found = ppi_of(folder), load(folder)
    grays = [each.gray for each in found[:: max(1, len(found) // most)][:most]]
    templates = [extract(gray, ppi) for gray in grays]
    theirs = [nbis_peer.extract(gray, ppi) for gray in grays] if peer else []
    name = f"{folder.name}, mean of {len(grays)}"
    return [
        Work(
            f"extract {name}",
            lambda: [extract(gray, ppi) for gray in grays],
            peer=(lambda: [nbis_peer.extract(gray, ppi) for gray in grays]) if peer else None,
            ratio_limit=1.0,
            per=len(grays),
        ),
        Work(
            f"match {name}",
            lambda: [match(a, b) for a, b in itertools.pairwise(templates)],
            peer=(lambda: [nbis_peer.match(a, b) for a, b in itertools.pairwise(theirs)]) if peer else None,
            per=len(grays) - 1,
        ),
    ]
