"""Features → 0 to 100, the score named livescan-station-q2. It follows NFIQ 2 but is not NFIQ 2 (docs/quality.md).

A straight sum of the features plus eighteen bends (hyperbolic tangents of sums), fitted by `station bench quality_fit`;
the coefficients are the tables score_<ppi>.csv, one for pictures of 500 ppi and one for previews of half that.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from station.imaging.quality import features
from station.imaging.quality import parameters as q
from station.imaging.quality.blocks import Blocks
from station.imaging.quality.measures import Measures

Array = NDArray[np.float64]
FOLDER = Path(__file__).parent


@dataclass(frozen=True, eq=False)
class Table:
    """mean, spread [f]: features are counted in spreads from the mean, at most q.FAR; straight [f], bias: the sum;
    hidden [f, k], start [k], out [k]: the bends."""

    mean: Array
    spread: Array
    straight: Array
    bias: float
    hidden: Array
    start: Array
    out: Array

    def value(self, numbers: Array) -> float:
        """The raw score of features [f], or of many [n, f] as an array."""
        far = np.clip((numbers - self.mean) / self.spread, -q.FAR, q.FAR)
        bends = np.tanh(far @ self.hidden + self.start) @ self.out
        return np.asarray(far @ self.straight + bends + self.bias)  # type: ignore[return-value]


def read(path: Path) -> Table:
    """A table of coefficients. Raises ValueError when its rows are not those of features.NAMES."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    names = tuple(row[0] for row in rows)
    if names != (*features.NAMES, "bias", "out"):
        raise ValueError(f"{path.name} was fitted to other features")
    numbers = np.array([[float(cell) for cell in row[1:]] for row in rows])
    body, bias, out = numbers[:-2], numbers[-2], numbers[-1]
    return Table(body[:, 0], body[:, 1], body[:, 2], float(bias[2]), body[:, 3:], bias[3:], out[3:])


@cache
def table(ppi: int) -> Table:
    """The shipped coefficients for pictures taken at ppi."""
    return read(FOLDER / f"score_{500 if ppi >= q.FINE_PPI else 250}.csv")


def score(blocks: Blocks, m: Measures, ppi: int) -> int:
    """How good; 0 for what is no print. ppi: at which the picture was taken."""
    hopeless = m.area < q.AREA_NOTHING or m.coherence < q.NO_RIDGES or m.inverted
    if hopeless or not len(blocks):
        return 0
    return round(min(max(float(table(ppi).value(features.of(blocks, m))), 0.0), 100.0))
