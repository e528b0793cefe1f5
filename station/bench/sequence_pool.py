"""A pool of synthetic people's templates, grown once, from which sets are put together by the thousand.

In: how many people, a seed. Out: Pool. Every impression goes the station's own way: rendered, extracted, a slap's
fingers segmented and cut. A session is one complete tenprint set of one person (ten rolls, two slaps, two plain
thumbs); the last session of each person is of poor touches.
"""

from __future__ import annotations

import importlib
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from station import booking_plan, capture
from station.booking_plan import Step
from station.capture import CaptureRules
from station.errors import EnvironmentFault, ImageError
from station.friction_ridge import FGP, IMP, SLAP_FINGERS, MinutiaTemplate
from station.imaging import assess, extract, segment
from station.imaging.slap_types import SegmentedFinger

Contact = Literal["roll", "plain"]
PPI = 500
SIZES = {"roll": (800, 750), "plain": (500, 1000), "slap": (1600, 1500)}
"""Platens of the simulated FAP 60, px."""
TRIES = 3
"""Times an impression is taken until a station would keep it."""
QUALITY = CaptureRules().quality_threshold
_ARRAYS = ("x", "y", "angle", "kind", "quality")


@dataclass(frozen=True)
class Key:
    """One impression of the pool. finger: FGP 1 to 10; session: 0, 1, …; the last one of a pool is poor."""

    person: int
    finger: int
    contact: Contact
    session: int


@dataclass(frozen=True, eq=False)
class Held:
    """Its template and quality (our own score, 0 to 100)."""

    template: MinutiaTemplate
    quality: int


_Found = tuple[FGP, Contact, Held]


@dataclass(eq=False)
class Pool:
    """Impressions by key. people, sessions: how many; unsegmented: slaps given up after TRIES."""

    people: int
    sessions: int
    held: dict[Key, Held] = field(default_factory=dict)
    unsegmented: int = 0

    @property
    def poor(self) -> int:
        """The session of poor touches."""
        return self.sessions - 1

    def save(self, path: Path) -> None:
        """Write the templates, no pictures, as one NumPy archive."""
        keys = [(k.person, k.finger, k.contact == "roll", k.session) for k in self.held]
        sizes = [
            (h.template.width, h.template.height, len(h.template), h.quality) for h in self.held.values()
        ]
        columns: dict[str, Any] = {
            name: np.concatenate([getattr(h.template, name) for h in self.held.values()]) for name in _ARRAYS
        }
        shape = np.array((self.people, self.sessions, self.unsegmented))
        with path.open("wb") as file:
            np.savez_compressed(file, shape=shape, keys=np.array(keys), sizes=np.array(sizes), **columns)

    @classmethod
    def load(cls, path: Path) -> Pool:
        """What `save` wrote. Raises EnvironmentFault `environment.no_pool`."""
        try:
            with np.load(path) as archive:
                return cls._of({name: archive[name] for name in archive.files})
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise EnvironmentFault(
                "environment.no_pool", f"{path}: {error}", "leave --pool away, or name a file it wrote"
            ) from error

    @classmethod
    def _of(cls, stored: dict[str, Any]) -> Pool:
        people, sessions, unsegmented = (int(n) for n in stored["shape"])
        pool = cls(people, sessions, unsegmented=unsegmented)
        start = 0
        for key, (width, height, count, quality) in zip(stored["keys"], stored["sizes"], strict=True):
            part = slice(start, start + int(count))
            arrays = {name: stored[name][part].copy() for name in _ARRAYS}
            template = MinutiaTemplate(width=int(width), height=int(height), ppi=PPI, **arrays)
            contact: Contact = "roll" if key[2] else "plain"
            pool.held[Key(int(key[0]), int(key[1]), contact, int(key[3]))] = Held(template, int(quality))
            start += int(count)
        return pool


def grow(people: int, sessions: int, seed: int, told: Callable[[str], None] = lambda _words: None) -> Pool:
    """Render and extract everything: about 5 CPU seconds a person. The last session is of poor touches."""
    pool = Pool(people, sessions)
    steps = booking_plan.steps("tenprint", {})
    for person in range(people):
        for session in range(sessions):
            for step in steps:
                found = _impressions(pool, step, person, session, seed)
                pool.held.update({Key(person, int(fgp), how, session): one for fgp, how, one in found})
        told(f"person {person + 1} of {people}")
    return pool


def _impressions(pool: Pool, step: Step, person: int, session: int, seed: int) -> list[_Found]:
    """What one step gives, by finger: retaken while it is under the quality threshold, the best of TRIES kept."""
    tries: list[list[_Found]] = []
    for attempt in range(TRIES):
        rng = np.random.Generator(np.random.PCG64([seed, person, session, int(step.fgp), attempt]))
        pixels = _pixels(step, seed * 10_000 + person, touch(rng, poor=session == pool.poor))
        found = _fingers(step, pixels)
        tries += [found] if found else []
        if found and _worst(found) >= QUALITY:
            break
    pool.unsegmented += 0 if tries else 1
    return max(tries, key=_worst, default=[])


def _worst(found: list[_Found]) -> int:
    return min(held.quality for _, _, held in found)


def _fingers(step: Step, pixels: Any) -> list[_Found]:
    """Template and quality of each finger on a picture; none when a slap's fingers cannot be told apart."""
    template = extract(pixels, PPI)
    if step.kind != "slap":
        contact: Contact = "roll" if step.imp is IMP.LIVESCAN_ROLLED else "plain"
        return [(step.fingers[0], contact, Held(template, assess(pixels, PPI).score))]
    fingers = _parts(pixels, step)
    if len(fingers) != len(step.fingers):
        return []
    return [
        (one.fgp, "plain", Held(capture.cut(template, one.box), _quality(pixels, one.box))) for one in fingers
    ]


def _parts(pixels: Any, step: Step) -> tuple[SegmentedFinger, ...]:
    try:
        return segment(pixels, PPI, step.fgp, set(SLAP_FINGERS[step.fgp]) - set(step.fingers)).fingers
    except ImageError:
        return ()


def _quality(pixels: Any, box: tuple[int, int, int, int]) -> int:
    x, y, width, height = box
    part = pixels[max(0, y - 16) : y + height + 16, max(0, x - 16) : x + width + 16]
    return assess(np.ascontiguousarray(part), PPI).score


def _pixels(step: Step, subject: int, put_down: Any) -> Any:
    world = importlib.import_module("drivers.sim.finger")  # reached by name: nothing imports the simulators
    platen = world.Platen(*SIZES[step.kind], PPI)
    fingers = [world.subject_finger(subject, int(fgp)) for fgp in step.fingers]
    if step.kind == "slap":
        return world.render_slap(fingers, platen, put_down).pixels
    return world.render(fingers[0], platen, "rolled" if step.kind == "roll" else "plain", put_down).pixels


def touch(rng: np.random.Generator, *, poor: bool) -> Any:
    """An ordinary touch; or a poor one, with one of seven things wrong, about as far as a station would still keep."""
    values: dict[str, Any] = {
        "rotation_deg": float(rng.normal(0.0, 5.0)),
        "dx_mm": float(rng.normal(0.0, 0.8)),
        "dy_mm": float(rng.normal(0.0, 0.8)),
        "pressure": float(np.clip(rng.normal(0.5, 0.04), 0.4, 0.6)),
        "moisture": float(np.clip(rng.normal(0.5, 0.04), 0.4, 0.6)),
        "seed": int(rng.integers(0, 2**31)),
    }
    if poor:
        name, low, high = POOR[int(rng.integers(len(POOR)))]
        values[name] = float(rng.uniform(low, high))
    return importlib.import_module("drivers.sim.finger").Touch(**values)


POOR: tuple[tuple[str, float, float], ...] = (
    ("moisture", 0.15, 0.32),
    ("moisture", 0.68, 0.85),
    ("pressure", 0.15, 0.32),
    ("pressure", 0.68, 0.82),
    ("wear", 0.3, 0.6),
    ("smear", 0.2, 0.5),
    ("distortion", 0.5, 0.9),
)
"""Field of a touch and the range it is drawn from: mild to middle in docs/synthetic-finger.md."""
