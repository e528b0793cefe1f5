"""Real slaps without truth, for `station bench segment --data`. In: a folder of four-finger slaps; out: a row each.

Each slap is also mirrored (the other hand) and turned by 20 and 40 degrees either way on a wider white platen: the
fingers found must go along, and so must the hand.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from station.errors import EnvironmentFault
from station.imaging import load_gray, segment
from station.imaging.slap_types import SlapSegmentation

TURNS = (-40.0, -20.0, 20.0, 40.0)
NEAR_PX = 40.0
SUFFIXES = {".png", ".bmp", ".tif", ".tiff", ".wsq"}
Image = NDArray[np.uint8]


def judge_folder(folder: Path, fgp: int) -> list[dict[str, Any]]:
    """image, found (of 4), hand, mirrored (hand), turned (of how many turned and mirrored copies all four fingers
    came back to their places under their names), unknown, wrong (hands of those). EnvironmentFault without slaps."""
    files = sorted(f for f in folder.iterdir() if f.suffix.lower() in SUFFIXES) if folder.is_dir() else []
    if not files:
        raise EnvironmentFault("environment.missing", f"{folder} has no slaps", "Name a folder of images.")
    return [_judge(file, fgp) for file in files]


def _judge(file: Path, fgp: int) -> dict[str, Any]:
    gray = load_gray(file)
    plain, mirror = segment(gray, 500, fgp), segment(np.ascontiguousarray(gray[:, ::-1]), 500, 27 - fgp)
    kept, hands = 0, []
    for source, reference, asked in ((gray, plain, fgp), (gray[:, ::-1], mirror, 27 - fgp)):
        for degrees in TURNS:
            copy, move = turned(np.ascontiguousarray(source), degrees)
            found = segment(copy, 500, asked)
            kept += _went_along(reference, found, move)
            hands.append((found.hand, "right" if asked == 13 else "left"))
    return {
        "image": file.name,
        "found": len(plain.fingers),
        "hand": plain.hand,
        "certainty": plain.hand_certainty,
        "mirrored": mirror.hand,
        "turned": f"{kept} of {2 * len(TURNS)}",
        "unknown": sum(seen == "unknown" for seen, _ in hands),
        "wrong": sum(seen not in ("unknown", true) for seen, true in hands),
    }


def turned(gray: Image, degrees: float) -> tuple[Image, NDArray[np.float64]]:
    """The slap turned counter-clockwise on a platen that still holds it, and the 2×3 matrix of the move."""
    height, width = gray.shape
    side = int(np.hypot(height, width)) + 2
    move = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
    move[:, 2] += ((side - width) / 2, (side - height) / 2)
    copy = cv2.warpAffine(gray, move, (side, side), flags=cv2.INTER_CUBIC, borderValue=255)
    return np.asarray(copy, np.uint8), np.asarray(move, np.float64)


def _went_along(before: SlapSegmentation, after: SlapSegmentation, move: NDArray[np.float64]) -> bool:
    where = {finger.fgp: _middle(finger.polygon) for finger in after.fingers}
    for finger in before.fingers:
        goal = move[:, :2] @ _middle(finger.polygon) + move[:, 2]
        if finger.fgp not in where or np.hypot(*(where[finger.fgp] - goal)) > NEAR_PX:
            return False
    return len(after.fingers) == len(before.fingers)


def _middle(polygon: tuple[tuple[int, int], ...]) -> NDArray[np.float64]:
    moments = cv2.moments(np.array(polygon, np.float32))
    return np.array([moments["m10"], moments["m01"]]) / moments["m00"]
