"""Rolled impressions: frames of a finger rolling over the glass in, one stitched roll with findings out.

`stitch` takes all frames at once; `RollStitcher` (roll_stitcher.py) takes them one by one while the finger rolls.
Single touches must not be put together into a roll or a slap: only frames of one uninterrupted roll belong together.
`plain_as_roll` looks at one finished picture that is said to be rolled. Measured in docs/rolls.md.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from station.friction_ridge import FGP
from station.imaging import check
from station.imaging.roll_contact import Contact, look
from station.imaging.roll_findings import ADVICE, RollFinding, RollProgress, RollResult
from station.imaging.roll_stitcher import RollStitcher

__all__ = ["RollFinding", "RollProgress", "RollResult", "RollStitcher", "plain_as_roll", "stitch"]

PLAIN_RATIO = 0.86
"""width by height from which a contact may be rolled. Synthetic plains: 0.65 to 0.85, rolls: 0.76 to 1.09."""
WIDE_MM = {"thumb": 21.5, "little": 16.0, "other": 19.0}
"""mm: a contact at least so wide is rolled, whatever its height. Synthetic plains are at most 20.1, 13.4 and 17.3 mm
wide, rolls at least 23.6, 19.1 and 21.1; both must speak for a plain, so that a small hand is not stopped."""


def stitch(frames: Iterable[NDArray[np.uint8]], ppi: int) -> RollResult:
    """One picture of all frames (uint8 [h, w], equal sizes, in order) of one roll.

    Raises ImageError image.not_gray8, image.bad_ppi, image.too_small, image.too_large, roll.sizes, roll.no_contact.
    """
    stitcher = RollStitcher(ppi)
    for frame in frames:
        stitcher.feed(frame)
    return stitcher.finish()


def plain_as_roll(gray: NDArray[np.uint8], ppi: int, fgp: FGP | None = None) -> RollFinding | None:
    """A finding `roll.too_narrow` when a finished picture said to be rolled shows no more than a plain touch; None
    when it may be a roll, or shows nothing. gray: uint8 [h, w]; fgp: the finger, for its width. Raises ImageError."""
    check.check_gray(gray, ppi)
    seen = look(gray, ppi)
    if seen is None or not _narrow(seen, ppi, fgp):
        return None
    width, height = seen.width / ppi * 25.4, seen.height / ppi * 25.4
    return RollFinding(
        "roll.too_narrow",
        f"the contact is {width:.0f} mm wide and {height:.0f} mm high: a plain touch, not a roll",
        ADVICE["roll.too_narrow"],
        seen.box,
    )


def _narrow(seen: Contact, ppi: int, fgp: FGP | None) -> bool:
    width = seen.width / ppi * 25.4
    return width < WIDE_MM[_size(fgp)] and seen.width < PLAIN_RATIO * seen.height


def _size(fgp: FGP | None) -> str:
    if fgp in (FGP.RIGHT_THUMB, FGP.LEFT_THUMB, FGP.PLAIN_RIGHT_THUMB, FGP.PLAIN_LEFT_THUMB):
        return "thumb"
    return "little" if fgp in (FGP.RIGHT_LITTLE, FGP.LEFT_LITTLE) else "other"
