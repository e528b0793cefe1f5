"""Segmentation of slaps. In: uint8 [h, w], ppi, the position asked for, missing fingers; out: SlapSegmentation."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from station.errors import ImageError
from station.friction_ridge import FGP, SLAP_FINGERS
from station.imaging import check, slap_findings
from station.imaging.slap_hand import ARC, Fit, Hand
from station.imaging.slap_outline import angle, bounds, grown, outline
from station.imaging.slap_reading import Option, Reading, read
from station.imaging.slap_types import HandName, SegmentedFinger, SlapSegmentation

AGAINST_PLAN = 4.0
"""cost of a finger being there that was said to be missing"""
CERTAIN = 0.9
"""from which the hand is named"""
TEMPER = 0.6
"""the costs are not independent: so much of their difference counts. chosen on synthetic slaps."""
MANY_PIXELS = 600
"""a side from which every second row and column tell as much about grey levels"""
HANDS: dict[FGP, Hand] = {FGP.PLAIN_RIGHT_FOUR: "right", FGP.PLAIN_LEFT_FOUR: "left"}


def segment(
    gray: NDArray[np.uint8], ppi: int, fgp: FGP | int, missing: Collection[FGP | int] = ()
) -> SlapSegmentation:
    """The fingertips of a plain impression. fgp: 13, 14 four fingers; 15 both thumbs; 11, 12 or 1 to 10 one finger;
    missing: fingers that the person does not have or cannot print, of either hand.

    Positions are those asked for even when the wrong hand lies there (finding slap.wrong_hand): the officer decides.
    Raises ImageError: image.not_gray8, image.bad_ppi, image.too_small, image.too_large, image.blank;
    slap.bad_position for a position there is not; slap.nothing_expected when all fingers asked for are missing.
    """
    asked, absent = _positions(fgp, missing)
    check.check_gray(gray, ppi)
    check.check_not_blank(gray[::2, ::2] if min(gray.shape) > MANY_PIXELS else gray)
    expected = [int(p) for p in SLAP_FINGERS.get(asked, (asked,)) if p not in absent]
    if not expected:
        raise ImageError(
            "slap.nothing_expected", f"all fingers of position {asked:d} are missing", "Skip this picture."
        )
    reading = read(gray, ppi, _options(asked, absent))
    hand, certainty = _hand(reading) if asked in HANDS and reading.fits else ("unknown", 0.0)
    lying = HANDS.get(asked, "thumbs") if hand == "unknown" else hand
    own = [fit for _, fit in reading.fits if fit.hand == lying]
    best = min(own, key=lambda fit: fit.cost, default=None)
    fingers = () if best is None else _fingers(best, own, reading, ppi, gray.shape)
    if lying != HANDS.get(asked, "thumbs"):
        fingers = _as_asked(fingers, expected)
    tilt = 0.0 if best is None else float(np.degrees(best.tilt))
    bare = SlapSegmentation(asked, fingers, len(expected), hand, round(certainty, 3), round(tilt, 1))
    strays = [] if best is None else [(outline(tip, ppi, gray.shape), alike) for tip, alike in best.strays]
    return slap_findings.judged(bare, expected, reading.field, strays, ppi, gray.shape)


def _as_asked(fingers: Sequence[SegmentedFinger], expected: Sequence[int]) -> tuple[SegmentedFinger, ...]:
    """Fingers of the wrong hand under the positions that would stand there, from left to right."""
    order = sorted(expected, key=lambda p: p if p <= FGP.RIGHT_LITTLE else -p)
    return tuple(dataclasses.replace(one, fgp=FGP(p)) for one, p in zip(fingers, order, strict=False))


def _positions(fgp: FGP | int, missing: Collection[FGP | int]) -> tuple[FGP, frozenset[FGP]]:
    try:
        asked, absent = FGP(fgp), frozenset(FGP(one) for one in missing)
    except ValueError as error:
        raise ImageError("slap.bad_position", str(error), "Positions are 1 to 15.") from error
    if any(one > FGP.LEFT_LITTLE for one in absent):
        raise ImageError("slap.bad_position", "a missing finger is one of 1 to 10", "Name single fingers.")
    return asked, absent


def _options(asked: FGP, absent: Collection[FGP]) -> list[Option]:
    """What may lie there: the fingers of the plan, those said to be missing too, and for four the other hand."""
    options = []
    for four, hand in HANDS.items() if asked in HANDS else ():
        options += _with_missing(hand, SLAP_FINGERS[four], absent)
    if asked not in HANDS:
        options = _with_missing("thumbs", SLAP_FINGERS.get(asked, (asked,)), absent)
    return options


def _with_missing(hand: Hand, fingers: Sequence[FGP], absent: Collection[FGP]) -> list[Option]:
    planned = tuple(int(p) for p in fingers if p not in absent)
    whole = tuple(int(p) for p in fingers)
    return ([Option(hand, planned)] if planned else []) + (
        [Option(hand, whole, AGAINST_PLAN)] if planned != whole else []
    )


def _hand(reading: Reading) -> tuple[HandName, float]:
    """The likelier hand and how sure that is; unknown when it is not."""
    costs: dict[HandName, float] = {}
    for name in ("right", "left"):
        own = np.array([fit.cost for _, fit in reading.fits if fit.hand == name])
        costs[name] = float(-np.logaddexp.reduce(-own)) if own.size else float("inf")
    likelier: HandName = "right" if costs["right"] <= costs["left"] else "left"
    apart = abs(costs["right"] - costs["left"])
    sure = float(1.0 / (1.0 + np.exp(-TEMPER * min(apart, 60.0))))
    return (likelier if sure >= CERTAIN else "unknown"), sure


def _fingers(
    best: Fit, others: Sequence[Fit], reading: Reading, ppi: int, shape: tuple[int, ...]
) -> tuple[SegmentedFinger, ...]:
    strongest = max(tip.patch.mass for _, tip in best.fingers)
    side = -1.0 if best.hand == "left" else 1.0
    made = []
    for position, tip in best.fingers:
        beside = [other for _, other in best.fingers if other is not tip]
        polygon = outline(grown(tip, beside, reading.frame, reading.field), ppi, shape)
        usual = 0.0 if best.hand == "thumbs" else side * ARC[(position - 1) % 5 + 1][4]
        lean = angle(tip, reading.frame, best.tilt, float(np.radians(usual)))
        whole = min(tip.patch.area / (0.70 * tip.width * tip.length), 1.0)
        sure = whole * min(tip.patch.mass / strongest / 0.25, 1.0) * _named(position, tip, others)
        made.append(
            SegmentedFinger(
                FGP(position), bounds(polygon), polygon, round(float(np.degrees(lean)), 1), round(sure, 3)
            )
        )
    return tuple(made)


def _named(position: int, tip: object, others: Sequence[Fit]) -> float:
    """How likely the tip is this finger among all ways to name the fingers, 0 to 1."""
    costs = np.array([fit.cost for fit in others])
    weights = np.exp(-TEMPER * (costs - costs.min()))
    agrees = np.array([any(p == position and t is tip for p, t in fit.fingers) for fit in others])
    return float(weights[agrees].sum() / weights.sum())
