"""Reads a slap: patches, candidates, the hand that fits. In: uint8 [h, w], what may lie there; out: Reading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from station.imaging import slap_patches
from station.imaging.slap_hand import Fit, Hand, fits
from station.imaging.slap_patches import SHARE, Field, Patch
from station.imaging.slap_split import parted
from station.imaging.slap_tips import tilt, tips

STRICT_SHARE = 0.6
"""the second try: what is left when an earlier print shines through."""
CLEARLY = 4.0
"""by how much the second try must fit better."""
ROUNDS = 3
TURNED = np.radians(5.0)
"""When the fit leans so much more than the first guess, tips are cut anew."""


@dataclass(frozen=True)
class Option:
    """Fingers that may lie there; cost: how unlikely that is beforehand, as a negative logarithm."""

    hand: Hand
    positions: tuple[int, ...]
    cost: float = 0.0


@dataclass(frozen=True, eq=False)
class Reading:
    """fits: all, each with the option it belongs to; frame: the lean in which tips were cut, radians."""

    fits: tuple[tuple[Option, Fit], ...]
    frame: float
    field: Field

    @property
    def cost(self) -> float:
        """Of the best fit; infinite when nothing fits."""
        return min((fit.cost for _, fit in self.fits), default=float("inf"))


def read(gray: NDArray[np.uint8], ppi: int, options: Sequence[Option]) -> Reading:
    """Every way to see the options in the picture."""
    field = slap_patches.field(gray, ppi)
    first = _read(field, SHARE, options)
    if _clean(first):
        return first
    second = _read(field, STRICT_SHARE, options)
    return second if second.cost < first.cost - CLEARLY else first


def _clean(reading: Reading) -> bool:
    best = min(reading.fits, key=lambda pair: pair[1].cost, default=None)
    return best is not None and len(best[1].fingers) == len(best[0].positions) and not best[1].strays


def _read(field: Field, share: float, options: Sequence[Option]) -> Reading:
    found = [part for patch in slap_patches.patches(field, share) for part in parted(patch)]
    if not found:
        return Reading((), 0.0, field)
    frame = tilt(found)
    for _ in range(ROUNDS):
        reading = _fit(found, frame, options, field)
        best = min(reading.fits, key=lambda pair: pair[1].cost)[1]
        if abs(best.tilt - frame) < TURNED:
            break
        frame = best.tilt
    return reading


def _fit(found: Sequence[Patch], frame: float, options: Sequence[Option], field: Field) -> Reading:
    candidates = tips(found, frame)
    made = []
    for option in options:
        for fit in fits(candidates, frame, option.hand, option.positions):
            made.append((option, Fit(fit.hand, fit.fingers, fit.tilt, fit.cost + option.cost, fit.strays)))
    return Reading(tuple(made), frame, field)
