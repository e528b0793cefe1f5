"""Random synthetic slaps with their truth, for `station bench segment`. In: a seed and a number; out: Case.

Both hands, thumbs, any lean up to 45 degrees, fingers missing with and without the plan knowing, dry and wet, light and
hard, dirty and damp glass, lower joints, palms, strangers. The world is reached by name, as everywhere outside tests.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIDE = (1600, 1500)
FIRST_PERSON = 700
FOURS = {13: (2, 3, 4, 5), 14: (7, 8, 9, 10)}


@dataclass(frozen=True, eq=False)
class Case:
    """pixels: uint8 [h, w] at 500 ppi; fgp: what is asked for, rightly; other_fgp: the other hand, or None; missing:
    what the plan says; planned: the plan is right about that; boxes: (position, x, y, w, h, lean) of every finger."""

    number: int
    pixels: NDArray[np.uint8]
    fgp: int
    other_fgp: int | None
    missing: tuple[int, ...]
    planned: bool
    boxes: tuple[tuple[Any, ...], ...]


def draw_case(seed: int, number: int, people: int) -> Case:
    """Case `number` of a series. Most are four fingers, each missing once in twelve; one slap in ten has a finger
    fewer than its plan."""
    rng = np.random.default_rng([seed, number])
    fgp = int(rng.choice([13, 14, 15, 11, 12], p=[0.4, 0.4, 0.12, 0.04, 0.04]))
    whole = {**FOURS, 15: (6, 1), 11: (1,), 12: (6,)}[fgp]
    missing = tuple(p for p in whole if fgp in FOURS and rng.uniform() < 1 / 12)
    present = [p for p in whole if p not in missing]
    planned = len(present) < 2 or fgp not in FOURS or rng.uniform() > 0.1
    if not planned:
        present.remove(int(rng.choice(present)))
    present = present or list(whole)
    missing = missing if len(missing) < len(whole) else ()
    world = importlib.import_module("drivers.sim.finger")
    person = FIRST_PERSON + int(rng.integers(people))
    rendered = world.render_slap(
        [world.subject_finger(person, p) for p in present],
        world.Platen(*SIDE, 500),
        _touch(world, rng),
        _scene(rng),
    )
    other = 27 - fgp if fgp in FOURS and not missing and planned else None
    return Case(number, rendered.pixels, fgp, other, missing, planned, rendered.boxes)


def _touch(world: Any, rng: np.random.Generator) -> Any:
    return world.Touch(
        pressure=float(rng.uniform(0.25, 0.85)),
        moisture=float(rng.uniform(0.1, 0.9)),
        wear=float(rng.choice([0.0, 0.3])),
        rotation_deg=float(rng.uniform(-45.0, 45.0)),
        noise=float(rng.uniform(0.0, 0.5)),
        background=float(rng.uniform(0.0, 0.5)),
        smear=float(rng.choice([0.0, 0.0, 0.3])),
        seed=int(rng.integers(1 << 30)),
    )


def _scene(rng: np.random.Generator) -> Any:
    hand = importlib.import_module("drivers.sim.hand")

    def sometimes(share: float) -> float:
        return float(rng.uniform(0.2, 1.0)) if rng.uniform() < share else 0.0

    least = float(rng.uniform(-0.8, 5.0))
    return hand.SlapScene(
        gap_mm=(least, least + 2.0),
        shape_mm=1.5,
        slant_deg=float(rng.normal(0.0, 4.0)),
        lower=sometimes(0.4),
        palm=sometimes(0.2),
        stray=sometimes(0.1),
        halo=sometimes(0.3),
    )
