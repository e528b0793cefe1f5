"""How often cores, deltas and pattern classes are told, and how often rightly, on the synthetic finger.

    python docs/training/singular_points.py --fingers 150 --seed 7 [--good]

A point counts when it lies 0.7 mm inside the contact; it is found when one of its kind is told within 1.5 mm, false
when none of its kind, in view or not, is within 2 mm. --good: ordinary touches; else those of candidates.py.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

import cv2
import numpy as np
from candidates import draw_touch, placed

from drivers.sim.finger import Pattern, Platen, Touch, grow, render
from station.errors import ImageError
from station.imaging import extract, pipeline, singular

MM = 500 / 25.4
RIGHT = {"LS": {Pattern.LEFT_LOOP}, "RS": {Pattern.RIGHT_LOOP}, "WU": {Pattern.WHORL, Pattern.DOUBLE_LOOP}}


def one(rng: np.random.Generator, good: bool, seen: Counter[str]) -> None:
    finger = grow(int(rng.integers(1 << 30)), int(rng.integers(1, 11)))
    touch = draw_touch(rng)
    if good:
        touch = Touch(rotation_deg=touch.rotation_deg, dx_mm=touch.dx_mm, dy_mm=touch.dy_mm, seed=touch.seed)
    kind = "rolled" if rng.random() < 0.3 else "plain"
    platen = Platen(*((800, 750) if kind == "rolled" else (400, 440)), 500)
    rendering = render(finger, platen, kind, touch)  # type: ignore[arg-type]
    try:
        template = extract(rendering.pixels, 500)
    except ImageError:
        seen["refused"] += 1
        return
    place = placed(finger, platen, kind, touch)
    inside = cv2.distanceTransform(
        cv2.copyMakeBorder(rendering.mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0),
        cv2.DIST_L2,
        5,
    )[1:-1, 1:-1]
    for name, points in (("core", finger.cores), ("delta", finger.deltas)):
        true = np.stack(place.to_platen(*np.array(points, float).reshape(-1, 2).T), axis=1)
        told = np.array([(p.x, p.y) for p in template.singular if p.kind == name]).reshape(-1, 2)
        away = np.hypot(*(true[:, None] - told[None]).transpose(2, 0, 1))
        for k, (x, y) in enumerate(true):
            if 0 <= x < platen.width and 0 <= y < platen.height and inside[int(y), int(x)] > 0.7 * MM:
                seen[name + " in view"] += 1
                seen[name + " found"] += bool((away[k] < 1.5 * MM).any())
        seen[name + " false"] += int((away > 2.0 * MM).all(axis=0).sum()) if len(told) else 0
    seen["prints"] += 1
    if template.pattern is not None:
        seen["class told"] += 1
        seen["class right"] += finger.pattern in RIGHT[template.pattern.value]


def cost() -> float:
    """CPU milliseconds of the stage on an 800 by 750 roll."""
    seen = pipeline.look(render(grow(1, 2), Platen(800, 750, 500), "rolled", Touch()).pixels, 500)
    started = time.process_time()
    for _ in range(50):
        singular.pattern(singular.find(seen.field, seen.mask))
    return (time.process_time() - started) / 50 * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--fingers", type=int, default=150)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--good", action="store_true")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    rng, seen = np.random.default_rng(args.seed), Counter[str]()
    for _ in range(args.fingers):
        one(rng, args.good, seen)
    sys.stdout.write("".join(f"{name}: {count}\n" for name, count in sorted(seen.items())))
    sys.stdout.write(f"ms: {cost():.2f}\n")


if __name__ == "__main__":
    main()
