"""How long extraction, quality, segmentation and matching take here, on synthetic fingers; NBIS beside where installed.

In: how many repetitions. Out: a table or JSON of CPU milliseconds (median) with the wanted limits; exit 1 when one is
missed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from station.imaging import assess, assess_preview, extract, segment_slap
from station.matching import match


@dataclass(frozen=True)
class Measured:
    """name; ms: median CPU of this process; limit: wanted, None for a peer; ok: within it."""

    name: str
    ms: float
    limit: float | None

    @property
    def ok(self) -> bool:
        return self.limit is None or self.ms <= self.limit


Image = NDArray[np.uint8]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--repeat", type=int, default=9, help="repetitions of each (default 9)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")


def run(args: argparse.Namespace) -> int:
    """Measure everything once warm."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        rows = measure(max(args.repeat, 1))
    finally:
        cv2.setNumThreads(threads)
    if args.json:
        print(json.dumps([{**asdict(row), "ok": row.ok} for row in rows], indent=1))
    else:
        for row in rows:
            wanted = "" if row.limit is None else f"wanted {row.limit:6.1f}  {'ok' if row.ok else 'MISSED'}"
            print(f"{row.name:32} {row.ms:8.2f} ms  {wanted}".rstrip())
    return 0 if all(row.ok for row in rows) else 1


def measure(repeat: int) -> list[Measured]:
    """One row a job."""
    plain, roll, second, slap = _pictures()
    a, b = extract(roll, 500), extract(second, 500)
    square = np.ascontiguousarray(plain[:400, :400])
    preview = np.ascontiguousarray(roll[100:600, 150:650])
    jobs: list[tuple[str, Callable[[], object], float | None]] = [
        ("extract 400×400", lambda: extract(square, 500), 60.0),
        ("extract 800×750 rolled", lambda: extract(roll, 500), 250.0),
        ("extract 1600×1500 slap", lambda: extract(slap, 500), 700.0),
        ("assess 800×750 rolled", lambda: assess(roll, 500), 250.0),
        ("assess_preview 500×500", lambda: assess_preview(preview, 500), 8.0),
        ("segment_slap 1600×1500", lambda: segment_slap(slap, 500, 4), 60.0),
        (f"match {len(a)} × {len(b)} minutiae", lambda: match(a, b), 3.0),
    ]
    return [Measured(name, cpu_ms(job, repeat), limit) for name, job, limit in jobs + _peer(square, roll)]


def cpu_ms(job: Callable[[], object], repeat: int) -> float:
    """Median CPU milliseconds after one unmeasured call."""
    job()
    times = []
    for _ in range(repeat):
        start = time.process_time()
        job()
        times.append(time.process_time() - start)
    return round(float(np.median(times)) * 1e3, 3)


def _pictures() -> tuple[Image, Image, Image, Image]:
    """A plain, two rolls of one finger and a slap of the synthetic world, which is reached by name."""
    world = importlib.import_module("drivers.sim.finger")
    platen, wide = world.Platen(800, 750, 500), world.Platen(1600, 1500, 500)
    fingers = [world.subject_finger(1, position) for position in (2, 3, 4, 5)]
    plain = world.render(fingers[0], world.Platen(400, 400, 500), "plain", world.Touch())
    rolls = [world.render(fingers[0], platen, "rolled", world.Touch(seed=seed)) for seed in (1, 2)]
    slap = world.render_slap(fingers, wide, world.Touch())
    return plain.pixels, rolls[0].pixels, rolls[1].pixels, slap.pixels


def _peer(square: Image, roll: Image) -> list[tuple[str, Callable[[], Any], float | None]]:
    """mindtct on the same pictures, where nbis-python loads."""
    try:
        nbis: Any = importlib.import_module("nbis")
    except ImportError:
        return []
    extractor = nbis.new_nbis_extractor(
        nbis.NbisExtractorSettings(
            min_quality=0.0, get_center=False, check_fingerprint=False, compute_nfiq2=False, ppi=500.0
        )
    )
    data = {
        name: cv2.imencode(".bmp", image)[1].tobytes()
        for name, image in (("400×400", square), ("800×750", roll))
    }
    return [
        (f"NBIS mindtct {name}", lambda image=image: extractor.extract_minutiae(image), None)  # type: ignore[misc]
        for name, image in data.items()
    ]
