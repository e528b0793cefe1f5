"""A reader on its peer in one process, for contract, fault and unit tests: a person in, a `Rig` out.

Every drivers/sim/peers/<driver>.py has `rig(person, fault=None, kind=None) -> Rig`; the contract suite calls it for
every driver there is. The painter here is cheap and draws no real ridges: drivers are to deliver pixels, not prints.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from drivers.clock import Clock
from drivers.reader import BaseReader
from drivers.sim.finger_types import Platen, Touch
from drivers.sim.person import Person, Placed

Pixels = NDArray[np.uint8]


def stripes(seed: int, positions: Sequence[int], kind: str, platen: Platen, touch: Touch) -> Placed:  # noqa: ARG001
    """A picture that differs with person, fingers and kind; dark stripes on light."""
    rows, columns = np.mgrid[: platen.height, : platen.width].astype(np.float32)
    turn = (seed * 7 + sum(positions) * 3 + len(kind)) % 31 / 5
    waves = np.sin(columns * np.cos(turn) / 1.6 + rows * np.sin(turn) / 1.6 + seed)
    shade = 140 + 60 * waves + rows % 16
    return Placed(shade.astype(np.uint8), tuple(positions))


@dataclass
class Witness:
    """A painter that remembers what lay on the platen, newest last."""

    placed: list[Placed] = field(default_factory=list)

    def __call__(
        self, seed: int, positions: Sequence[int], kind: str, platen: Platen, touch: Touch
    ) -> Placed:
        placed = stripes(seed, positions, kind, platen, touch)
        self.placed.append(placed)
        return placed


@dataclass(frozen=True)
class Rig:
    """reader: not yet open; delivered(pixels): what the driver must make of what lay there; placed: what lay there;
    unplug: pulls the cable; fired: whether the fault asked for has happened."""

    reader: BaseReader
    clock: Clock
    placed: list[Placed]
    delivered: Callable[[Pixels], Pixels]
    unplug: Callable[[], None]
    fired: Callable[[], bool]


def person(script: Path | None = None, seed: int = 1) -> Person:
    """Someone whose fingers are stripes, and who is watched."""
    return Person(seed, script, painter=Witness())


def watched(someone: Person) -> list[Placed]:
    """What lay on the platen so far, if someone came from `person()`."""
    return someone.painter.placed if isinstance(someone.painter, Witness) else []
