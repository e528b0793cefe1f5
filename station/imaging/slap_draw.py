"""A picture of a segmented slap. In: uint8 [h, w] and its SlapSegmentation; out: uint8 [h, w, 3] BGR."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from station.imaging.slap_types import SlapSegmentation

OUTLINE = (36, 86, 214)
BOX = (176, 96, 16)
TROUBLE = (40, 120, 235)
INK = (48, 40, 36)
FONT = cv2.FONT_HERSHEY_DUPLEX


def draw_slap(gray: NDArray[np.uint8], found: SlapSegmentation) -> NDArray[np.uint8]:
    """Box, outline, axis, position and confidence of every finger; the hand and the findings along the lower edge."""
    picture = np.asarray(cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR), np.uint8)
    scale = max(gray.shape) / 1600
    thick = max(round(3 * scale), 1)
    for finger in found.fingers:
        cv2.rectangle(picture, (finger.left, finger.top), (finger.right, finger.bottom), BOX, thick)
        cv2.polylines(picture, [np.array(finger.polygon, np.int32)], True, OUTLINE, thick)
        x, y = finger.left + finger.box[2] / 2, finger.top + finger.box[3] / 2
        lean, reach = np.radians(finger.angle_deg), finger.box[3] * 0.4
        tip = (round(x - reach * np.sin(lean)), round(y - reach * np.cos(lean)))
        cv2.arrowedLine(picture, (round(x), round(y)), tip, OUTLINE, thick)
        words = f"{finger.fgp:d}  {finger.confidence:.2f}"
        cv2.putText(picture, words, (finger.left, max(finger.top - 8, 30)), FONT, 1.2 * scale, BOX, thick)
    for each in found.findings:
        if each.box is not None:
            a, b, w, h = each.box
            cv2.rectangle(picture, (a, b), (a + w, b + h), TROUBLE, thick)
    caption = " ".join(
        [f"{found.fgp:d}: {found.hand} {found.hand_certainty:.2f}", *(f.code for f in found.findings)]
    )
    cv2.putText(picture, caption, (8, gray.shape[0] - 12), FONT, 1.1 * scale, INK, max(thick - 1, 1))
    return picture
