"""Step 1: synthetic touches → labelled squares around phase residues, for train.py.

    python docs/training/candidates.py OUT.npz --fingers 300 --seed 1

Every finger is put down six times: dry to wet, light to heavy, worn, scarred, smeared, turned, off centre. A residue
is a minutia (1) when a visible true one lies within 8 px and 25 degrees, one to one; it is left out when it lies near
a true minutia that is not visible or within half a millimetre of a core or delta, where the truth is poor; else it
is none (0). Pictures that are no finger (print, stripes, noise, shapes) add residues that are none.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.sim import contact
from drivers.sim.finger import Finger, Platen, Touch, grow, render
from drivers.sim.placement import Placement
from station.errors import ImageError
from station.imaging import confidence, pipeline, residues, spurious
from station.imaging import parameters as p

Array = NDArray[Any]
TOUCHES = 6
BORDER = 5
"""px: training sees a little more of the rim than the extractor does."""
CORE_PX = 11.0


def draw_touch(rng: np.random.Generator) -> Touch:
    """A touch of any kind, most of them worse than an officer would accept."""
    rare = int(rng.integers(0, 6))
    return Touch(
        pressure=float(np.clip(rng.normal(0.5, 0.2), 0.02, 0.98)),
        moisture=float(np.clip(rng.normal(0.5, 0.27), 0.0, 1.0)),
        wear=float(np.clip(abs(rng.normal(0.0, 0.3)) - 0.1, 0.0, 1.0)),
        scars=int(rng.integers(0, 5)) if rare < 3 else 0,
        rotation_deg=float(rng.normal(0.0, 25.0)),
        dx_mm=float(rng.normal(0.0, 2.0)),
        dy_mm=float(rng.normal(0.0, 2.5)),
        distortion=float(np.clip(abs(rng.normal(0.0, 0.6)), 0.0, 2.0)),
        noise=float(np.clip(rng.exponential(0.2), 0.02, 1.0)),
        background=float(np.clip(rng.exponential(0.15), 0.0, 1.0)),
        smear=float(rng.uniform(0.0, 0.4)) if rare == 0 else 0.0,
        seed=int(rng.integers(1 << 30)),
    )


def placed(finger: Finger, platen: Platen, kind: str, touch: Touch) -> Placement:
    """Where `render` puts the finger."""
    left, top, right, bottom = contact.contact_box(finger, kind, 0.5)  # type: ignore[arg-type]
    middle = ((left + right) / 2, (top + bottom) / 2 if kind == "rolled" else 0.0)
    return Placement.of(touch, (platen.width / 2, platen.height / 2), middle, platen.ppi)


def as_rows(minutiae: Any) -> Array:
    return np.array([(m.x, m.y, m.angle) for m in minutiae], float).reshape(-1, 3)


def near(x: Array, y: Array, angle: Array, truth: Array, px: float, degrees: float) -> tuple[Array, Array]:
    """bool [residues, truths] within px and degrees, and the distances."""
    distance = np.hypot(x[:, None] - truth[None, :, 0], y[:, None] - truth[None, :, 1])
    turn = np.abs((angle[:, None] - truth[None, :, 2] + 180.0) % 360.0 - 180.0)
    return (distance < px) & (turn < degrees), distance


def labels(x: Array, y: Array, angle: Array, seen: Array, every: Array, singular: Array) -> Array:
    """1, 0 or -1 (leave out) for each residue."""
    label = np.zeros(x.size, int)
    label[near(x, y, angle, every, 9.0, 40.0)[0].any(axis=1)] = -1
    close, distance = near(x, y, angle, seen, 8.0, 25.0)
    rows, columns = np.nonzero(close)
    used: set[tuple[str, int]] = set()
    for k in np.argsort(distance[rows, columns], kind="stable"):
        ends = {("residue", int(rows[k])), ("truth", int(columns[k]))}
        if not ends & used:
            used |= ends
            label[rows[k]] = 1
    for sx, sy in singular:
        label[np.hypot(x - sx, y - sy) < CORE_PX] = -1
    return label


def look(gray: Array) -> tuple[pipeline.Ridges, residues.Residues]:
    """The extractor's candidates, with the wider border of training."""
    seen = pipeline.look(gray, 500)
    usual, p.BORDER = p.BORDER, BORDER  # type: ignore[misc]
    try:
        inner = spurious.inner_mask(seen.mask, seen.wave.real.shape)
    finally:
        p.BORDER = usual  # type: ignore[misc]
    return seen, spurious.candidates(residues.find(seen.wave, inner, seen.strength, seen.period))


def of_touch(finger: Finger, rng: np.random.Generator) -> tuple[Array, Array]:
    """Squares float16 and labels of one touch; none when the picture is refused."""
    touch, rolled = draw_touch(rng), rng.random() < 0.2
    width, height = (640, 600) if rolled else (int(rng.integers(280, 440)), int(rng.integers(340, 500)))
    kind, platen = "rolled" if rolled else "plain", Platen(width, height, 500)
    rendering = render(finger, platen, kind, touch)  # type: ignore[arg-type]
    place = placed(finger, platen, kind, touch)
    points = np.array([*finger.cores, *finger.deltas], float).reshape(-1, 2)
    singular = np.stack(place.to_platen(points[:, 0], points[:, 1]), axis=1)
    try:
        seen, found = look(rendering.pixels)
    except ImageError:
        return np.zeros((0, 3, p.PATCH, p.PATCH), np.float16), np.zeros(0, int)
    x, y = found.x + seen.box[0] + 0.5, found.y + seen.box[1] + 0.5
    label = labels(x, y, found.angle, as_rows(rendering.minutiae), as_rows(place.minutiae(finger)), singular)
    return squares(seen, found.keep(label >= 0)), label[label >= 0]


def squares(seen: pipeline.Ridges, found: residues.Residues) -> Array:
    return confidence.patches(found, seen.band, seen.wave.real, seen.mask).astype(np.float16)


def no_finger(rng: np.random.Generator) -> Array:
    """A picture that is no finger, uint8 [400, 400]."""
    gray = np.full((400, 400), 235, np.uint8)
    choice = int(rng.integers(0, 5))
    if choice == 0:
        for row in range(20, 400, int(rng.integers(14, 40))):
            words = "".join(chr(int(c)) for c in rng.integers(65, 122, 40))
            cv2.putText(gray, words, (8, row), int(rng.integers(0, 5)), float(rng.uniform(0.3, 1.2)), 20, 1)
    elif choice == 1:
        small = rng.integers(0, 256, (int(rng.integers(40, 150)),) * 2).astype(np.uint8)
        gray = np.asarray(cv2.resize(small, (400, 400), interpolation=cv2.INTER_CUBIC), np.uint8)
    elif choice == 2:
        rows, columns = np.mgrid[:400, :400]
        a, b = rng.uniform(0.2, 1.0, 2)
        gray = np.where((np.sin(a * rows) > 0) ^ (np.sin(b * columns) > 0), 220, 40).astype(np.uint8)
    else:
        for _ in range(int(rng.integers(20, 120))):
            at, radius = tuple(int(n) for n in rng.integers(0, 400, 2)), int(rng.integers(4, 70))
            cv2.circle(gray, at, radius, int(rng.integers(0, 256)), int(rng.choice([-1, 2, 5])), cv2.LINE_AA)
            ends = rng.integers(0, 400, (2, 2))
            cv2.line(gray, tuple(map(int, ends[0])), tuple(map(int, ends[1])), 30, int(rng.integers(1, 6)))
    return gray


def of_no_finger(rng: np.random.Generator) -> Array:
    try:
        seen, found = look(no_finger(rng))
    except ImageError:
        return np.zeros((0, 3, p.PATCH, p.PATCH), np.float16)
    return squares(seen, found.keep(rng.permutation(len(found))[:40]))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--fingers", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    rng = np.random.default_rng(args.seed)
    made: list[tuple[Array, Array]] = []
    for _ in range(args.fingers):
        finger = grow(int(rng.integers(1 << 30)), int(rng.integers(1, 11)))
        made += [of_touch(finger, rng) for _ in range(TOUCHES)]
        none = of_no_finger(rng)
        made.append((none, np.zeros(len(none), int)))
    data = {
        "squares": np.concatenate([s for s, _ in made]),
        "labels": np.concatenate([one for _, one in made]),
    }
    np.savez(args.out, **data)


if __name__ == "__main__":
    main()
