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
            _box(pixels, segment.box, segment.angle_deg, str(int(segment.fgp)))
    return jpeg(pixels, SMALL if small else FULL)


def _box(
    picture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
    box: tuple[int, int, int, int],
    angle_deg: float,
    name: str,
) -> None:
    """A finger box of a slap with its position, drawn into the picture."""
    x, y, width, height = box
    corners = cv2.boxPoints(((x + width / 2, y + height / 2), (width, height), -angle_deg))
    cv2.polylines(picture, [corners.astype(np.int32)], True, (180, 90, 0), 3, cv2.LINE_AA)
    cv2.putText(picture, name, (x + 8, y + 40), cv2.FONT_HERSHEY_SIMPLEX, 1.4, (180, 90, 0), 3, cv2.LINE_AA)
