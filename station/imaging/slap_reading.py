"""Reads a slap: patches, candidates, the hand that fits. In: uint8 [h, w], what may lie there; out: Reading."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from station.imaging import slap_patches
from station.imaging.slap_hand import Fit, Hand, fits
from station.imaging.slap_patches import SHARE, Field, Patch
from station.imaging.slap_split import parted
from station.imaging.slap_tips import Tip, tilt, tips

STRICT_SHARE = 0.6
"""the last try: what is left when an earlier print shines through."""
CLEARLY = 4.0
"""by how much a later try must fit better."""
GOOD = 8.0
"""misfit below which no other way to see the picture is tried. chosen: true fits of four have 1 to 6."""
STARTS = tuple(np.radians((-40.0, 0.0, 40.0)))
"""further guesses of the lean, radians, when the first leads nowhere"""
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
    def best(self) -> Fit | None:
        """The likeliest fit of all; None when nothing lies there."""
        return min((fit for _, fit in self.fits), key=lambda fit: fit.cost, default=None)

    @property
    def cost(self) -> float:
        """Of the best fit; infinite when there is none."""
        return self.best.cost if self.best else float("inf")

    @property
    def whole(self) -> bool:
        """In the best fit no finger is absent."""
        best = min(self.fits, key=lambda pair: pair[1].cost, default=None)
        return best is not None and len(best[1].fingers) == len(best[0].positions)

    @property
    def clean(self) -> bool:
        """The best fit explains what is seen; whether a finger is absent is another question."""
        return self.best is not None and self.best.misfit < GOOD and not self.best.strays


def read(gray: NDArray[np.uint8], ppi: int, options: Sequence[Option]) -> Reading:
    """Every way to see the options in the picture."""
    field = slap_patches.field(gray, ppi)
    best = _read(field, SHARE, options, eager=False)
    for share in (SHARE, STRICT_SHARE):
        if best.clean and best.whole:
            break
        other = _read(field, share, options, eager=True)
        best = other if other.cost < best.cost - CLEARLY else best
    return best


def _read(field: Field, share: float, options: Sequence[Option], *, eager: bool) -> Reading:
    found = [part for patch in slap_patches.patches(field, share) for part in parted(patch, eager)]
    if not found:
        return Reading((), 0.0, field)
    best = _settled(found, tilt(found), options, field, (0, 1, 2))
    for start in STARTS:
        if best.clean and best.whole:
            break
        fewer = (0,) if best.clean else (0, 1)
        best = min(best, _settled(found, start, options, field, fewer), key=lambda reading: reading.cost)
    return best


def _settled(
    found: Sequence[Patch], frame: float, options: Sequence[Option], field: Field, fewer: Sequence[int]
) -> Reading:
    """Fits from a first guess of the lean; tips are cut anew until guess and fit agree."""
    for _ in range(ROUNDS):
        candidates = tips(found, frame)
        made = _fit(candidates, frame, options, fewer[:1])
        best = min(made, key=lambda pair: pair[1].cost)[1]
        if best.misfit > GOOD and len(fewer) > 1:
            made += _fit(candidates, frame, options, fewer[1:])
            best = min(made, key=lambda pair: pair[1].cost)[1]
        if abs(best.tilt - frame) < TURNED:
            break
        frame = best.tilt
    return Reading(tuple(made), frame, field)


def _fit(
    candidates: Sequence[Tip], frame: float, options: Sequence[Option], fewer: Sequence[int]
) -> list[tuple[Option, Fit]]:
    return [
        (option, dataclasses.replace(fit, cost=fit.cost + option.cost))
        for option in options
        for fit in fits(candidates, frame, option.hand, option.positions, fewer)
    ]
