"""How far two sets of minutiae are the same places and directions.

In: two Points. Out: the fraction of each that has a partner in the other, one to one, nearest first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

NEAR_PX = 8.0
"""About half a ridge period more than half: a minutia's place is no better defined than that."""
NEAR_DEG = 20.0


@dataclass(frozen=True, eq=False)
class Points:
    """Minutiae as arrays of one length: x, y in pixels, angle in degrees, ending (else bifurcation)."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    angle: NDArray[np.float64]
    ending: NDArray[np.bool_]

    @staticmethod
    def of(minutiae: Iterable[Any]) -> Points:
        """Points of objects with x, y, angle and kind ("ending" or "bifurcation")."""
        rows = list(minutiae)
        return Points(
            np.array([m.x for m in rows], float),
            np.array([m.y for m in rows], float),
            np.array([m.angle for m in rows], float),
            np.array([m.kind == "ending" for m in rows], bool),
        )

    def __len__(self) -> int:
        return int(self.x.size)


@dataclass(frozen=True)
class Agreement:
    """of_first, of_second: fraction of each set that has a partner; kind: fraction of partners of one type."""

    of_first: float
    of_second: float
    kind: float


def agreement(first: Points, second: Points) -> Agreement:
    """Partners within NEAR_PX and NEAR_DEG. An empty set agrees with nothing (0)."""
    pairs = partners(first, second)
    same = [first.ending[i] == second.ending[j] for i, j in pairs]
    return Agreement(
        len(pairs) / max(1, len(first)),
        len(pairs) / max(1, len(second)),
        float(np.mean(same)) if same else 0.0,
    )


def partners(first: Points, second: Points) -> list[tuple[int, int]]:
    """One-to-one pairs (index in first, index in second), nearest first."""
    distance = np.hypot(first.x[:, None] - second.x[None, :], first.y[:, None] - second.y[None, :])
    turn = np.abs(np.mod(first.angle[:, None] - second.angle[None, :] + 180.0, 360.0) - 180.0)
    rows, columns = np.nonzero((distance <= NEAR_PX) & (turn <= NEAR_DEG))
    used_first: set[int] = set()
    used_second: set[int] = set()
    pairs = []
    for k in np.argsort(distance[rows, columns], kind="stable"):
        i, j = int(rows[k]), int(columns[k])
        if i not in used_first and j not in used_second:
            used_first.add(i)
            used_second.add(j)
            pairs.append((i, j))
    return pairs
