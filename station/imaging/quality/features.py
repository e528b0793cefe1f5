"""Blocks and measures of a print → the named numbers the score is computed from.

A histogram counts blocks between edges; its root is taken, so that twice the area is not twice the number.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from station.imaging.quality.blocks import Blocks
from station.imaging.quality.measures import Measures

EDGES: Final[dict[str, tuple[float, ...]]] = {
    "certainty": (0.34, 0.48, 0.58, 0.66, 0.72, 0.77, 0.81, 0.85, 0.90),
    "spectrum": (0.27, 0.30, 0.33, 0.355, 0.38, 0.41, 0.44, 0.50, 0.99),
    "clarity": (0.3, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95),
    "flow": (0.02, 0.04, 0.07, 0.10, 0.15, 0.20, 0.30),
    "along": (0.3, 0.5, 0.7, 0.8, 0.9),
    "peak": (0.2, 0.4, 0.6),
    "cycles": (1.5, 2.5, 3.5, 4.5),
    "uneven": (0.5, 0.667, 0.8, 1.0, 1.25, 1.5, 2.0),
    "changes": (),
    "contrast": (5.0, 10.0, 20.0, 40.0),
    "grey": (),
}
"""Edges of the histogram of each block measure. Chosen: about equal shares over the development sets."""


def _names() -> tuple[str, ...]:
    names = ["blocks", "area", "coherent", "coherence", "pixels", "duty", "span", "solid"]
    for measure, edges in EDGES.items():
        names += [f"{measure}.mean", f"{measure}.spread"]
        names += [f"{measure}.{k}" for k in range(len(edges) + 1 if edges else 0)]
    return tuple(names)


NAMES: Final = _names()


def of(blocks: Blocks, m: Measures) -> NDArray[np.float64]:
    """The numbers in the order of NAMES; there must be at least one block."""
    values = [
        np.sqrt(len(blocks)),
        np.sqrt(m.area),
        np.sqrt(m.coherent),
        m.coherence,
        np.sqrt(m.contrast),
        m.duty,
        m.ground - m.ink,
        m.solid,
    ]
    for measure, edges in EDGES.items():
        seen = getattr(blocks, measure)
        values += [seen.mean(), seen.std()]
        if edges:
            counts = np.bincount(np.searchsorted(edges, seen), minlength=len(edges) + 1)
            values.extend(np.sqrt(counts))
    return np.asarray(values, dtype=np.float64)
