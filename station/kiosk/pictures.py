"""Pictures for the screen: one attempt of a booking in, a JPEG out. The record's image is never made here."""

from __future__ import annotations

import cv2
import numpy as np

from station.friction_ridge import FGP
from station.kiosk.desk import Desk
from station.kiosk.live import jpeg

SMALL = 240
"""Longest side of a thumbnail at most twice this, pixels."""
FULL = 1600
BOX_COLOUR = (180, 90, 0)


def attempt_jpeg(
    desk: Desk, booking_id: str, fgp: FGP, number: int, *, small: bool, annotated: bool
) -> bytes:
    """The attempt as it was delivered, or with minutiae, quality and finger boxes drawn on it."""
    taken = desk.store.taken(booking_id, fgp, number)
    pixels = taken.impression.frame.pixels
    if annotated:
        pixels = desk.tools.draw(pixels, taken.template, taken.report)
        attempt = next(one for one in desk.store.booking(booking_id).attempts_of(fgp) if one.number == number)
        for segment in attempt.segments:
            _box(pixels, segment.box, str(int(segment.fgp)))
    return jpeg(pixels, SMALL if small else FULL)


def _box(
    picture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], box: tuple[int, int, int, int], name: str
) -> None:
    """A finger box of a slap with its position, drawn into the picture."""
    x, y, width, height = box
    cv2.rectangle(picture, (x, y), (x + width, y + height), BOX_COLOUR, 4)
    cv2.putText(picture, name, (x + 10, y + 52), cv2.FONT_HERSHEY_SIMPLEX, 1.8, BOX_COLOUR, 4, cv2.LINE_AA)
