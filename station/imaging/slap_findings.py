"""What is wrong with a slap, and what to do. In: a bare SlapSegmentation and what else was seen; out: the same with
findings."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from station.friction_ridge import FGP
from station.imaging.slap_outline import Polygon, bounds
from station.imaging.slap_patches import CELL_MM, Field
from station.imaging.slap_types import SlapFinding, SlapSegmentation

ROTATED_DEG = 50.0
"""45 and what the lean is uncertain by."""
HALO_INK = 0.12
"""of the way from the platen's grey to that of ridges"""
HALO_SHARE = 0.3
"""of the surroundings of the fingers that are so grey without ridges: then there is a halo."""
FINGER_ALIKE = 0.7
"""of the strength of the fingers, and as large as a fingertip: what lies beside them is one more"""
NEAR_MM, AROUND_MM = 1.0, 5.0

_NAMES = {1: "thumb", 2: "index", 3: "middle", 4: "ring", 5: "little"}


def name(fgp: FGP | int) -> str:
    """E.g. `right index`."""
    return f"{'right' if fgp <= FGP.RIGHT_LITTLE else 'left'} {_NAMES[(int(fgp) - 1) % 5 + 1]}"


def judged(
    bare: SlapSegmentation,
    expected: Sequence[int],
    field: Field,
    strays: Sequence[tuple[Polygon, float]],
    ppi: int,
    shape: tuple[int, ...],
) -> SlapSegmentation:
    """The segmentation with its findings, what stops first."""
    found = [*_fingers(bare, expected), *_hand(bare), *_places(bare, strays, ppi, shape)]
    found += _halo(bare, field, ppi)
    return dataclasses.replace(bare, findings=tuple(sorted(found, key=lambda each: not each.stops)))


def _fingers(bare: SlapSegmentation, expected: Collection[int]) -> Iterator[SlapFinding]:
    seen = {int(finger.fgp) for finger in bare.fingers}
    lost, more = sorted(set(expected) - seen), sorted(seen - set(expected))
    if lost:
        likely = ", ".join(name(p) for p in lost)
        yield SlapFinding(
            "slap.fewer_fingers",
            f"{len(seen)} of {len(expected)} fingers seen; not seen: {likely}",
            "Press all fingers flat on the glass, or mark a finger that cannot be printed.",
            stops=True,
        )
    for position in more:
        yield SlapFinding(
            "slap.unexpected_finger",
            f"the {name(position)} is on the glass and marked as missing",
            "Remove the mark, or check which finger this is.",
            stops=True,
            box=next(finger.box for finger in bare.fingers if finger.fgp == position),
        )


def _hand(bare: SlapSegmentation) -> Iterator[SlapFinding]:
    asked = {FGP.PLAIN_RIGHT_FOUR: "right", FGP.PLAIN_LEFT_FOUR: "left"}.get(bare.fgp)
    if asked and bare.hand not in (asked, "unknown"):
        yield SlapFinding(
            "slap.wrong_hand",
            f"this looks like the {bare.hand} hand; the {asked} hand was asked for",
            f"Place the {asked} hand.",
            stops=True,
        )
    if abs(bare.tilt_deg) > ROTATED_DEG:
        yield SlapFinding(
            "slap.rotated",
            f"the hand leans by {abs(bare.tilt_deg):.0f} degrees",
            "Point the fingers straight away from the officer.",
            stops=True,
        )


def _places(
    bare: SlapSegmentation, strays: Sequence[tuple[Polygon, float]], ppi: int, shape: tuple[int, ...]
) -> Iterator[SlapFinding]:
    for polygon, alike in strays:
        if alike > FINGER_ALIKE:
            yield SlapFinding(
                "slap.more_fingers",
                f"something like another finger lies beside the {len(bare.fingers)} that belong here",
                "Leave only the fingers that are asked for on the glass, and wipe it.",
                stops=True,
                box=bounds(polygon),
            )
            continue
        yield SlapFinding(
            "slap.neighbour",
            "ridges beside the fingers: another touch, a palm or an earlier print",
            "Wipe the glass and keep the other fingers away.",
            stops=False,
            box=bounds(polygon),
        )
    near = max(round(0.4 * ppi / 25.4), 1)
    for finger in bare.fingers:
        if (
            finger.left < near
            or finger.top < near
            or finger.right >= shape[1] - near
            or finger.bottom >= shape[0] - near
        ):
            yield SlapFinding(
                "slap.cut_off",
                f"the {name(finger.fgp)} finger runs over the edge of the glass",
                "Move the hand to the middle.",
                stops=False,
                box=finger.box,
            )


def _halo(bare: SlapSegmentation, field: Field, ppi: int) -> list[SlapFinding]:
    if not bare.fingers:
        return []
    own = np.zeros(field.ink.shape, np.uint8)
    for finger in bare.fingers:
        corners = np.rint(np.array(finger.polygon) * (25.4 / ppi / CELL_MM)).astype(np.int32)
        cv2.fillPoly(own, [corners], 1)
    inner, outer = (_widened(own, mm) for mm in (NEAR_MM, AROUND_MM))
    around = (outer > inner) & (field.strength < 0.5 * float(np.median(field.strength[own > 0])))
    share = float((field.ink[around] > HALO_INK).mean()) if around.any() else 0.0
    if share < HALO_SHARE:
        return []
    return [
        SlapFinding(
            "slap.halo",
            "grey around the fingers: condensation or a dirty glass",
            "Wipe the glass, dry the fingers and wait until the glass is warm.",
            stops=False,
        )
    ]


def _widened(mask: NDArray[np.uint8], mm: float) -> NDArray[np.uint8]:
    side = 2 * round(mm / CELL_MM) + 1
    return np.asarray(cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))), np.uint8)
