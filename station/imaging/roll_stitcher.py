"""Stitches a roll while the finger rolls: frames in one by one, progress out, the whole roll at the end.

Every frame is laid over what is there (roll_register.py). Each place is taken from the frame in which it lay deepest
inside the contact, so near the middle of the moving contact, unless that frame is blurred; where the frame changes
the two are blended over a seam.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from station.errors import ImageError
from station.imaging import check
from station.imaging.roll_contact import CELL, Contact, look
from station.imaging.roll_findings import (
    BACK_MM,
    DROP,
    SLIP_MM,
    Journey,
    RollProgress,
    RollResult,
    Stop,
    findings,
)
from station.imaging.roll_register import Laid, lay

Gray = NDArray[np.uint8]

SEAM = 10.0
"""px of depth over which one frame takes over from another. chosen: one ridge period."""
DEEP = 60.0
"""px: deeper inside the contact than this nothing gets better. chosen."""
DRAGGED = 0.35
"""what the depth of a blurred frame counts: any clear frame that saw the place well is taken instead. chosen."""
EDGE = 8
"""px at the rim of a contact that are not used for laying frames over each other: ridges fade there."""


class RollStitcher:
    """One roll of one finger. Feed every frame of the reader in order, then `finish`."""

    def __init__(self, ppi: int) -> None:
        self._ppi = ppi
        self._picture: Gray | None = None
        self._depth = np.zeros((0, 0), np.float32)
        self._sharp = np.zeros((0, 0), np.float32)
        self._laid = Laid((0.0, 0.0), np.eye(2, 3), 1.0)
        self._stops: list[Stop] = []

    def feed(self, frame: Gray) -> RollProgress:
        """One more frame, uint8 [h, w]. Raises ImageError (check.py), roll.sizes when it is not like the first."""
        check.check_gray(frame, self._ppi)
        if self._picture is None:
            self._begin(frame.shape)
        assert self._picture is not None
        if frame.shape != self._picture.shape:
            raise ImageError(
                "roll.sizes",
                f"a frame of {frame.shape} among frames of {self._picture.shape}",
                "one reader, one roll",
            )
        contact = look(frame, self._ppi)
        if contact is None:
            self._stops.append(Stop(touching=False))
        else:
            self._add(self._picture, frame, contact)
        return self._progress()

    def finish(self) -> RollResult:
        """The stitched roll. Raises ImageError roll.no_contact when no frame showed a finger."""
        touching = [stop for stop in self._stops if stop.touching]
        if self._picture is None or not touching:
            raise ImageError("roll.no_contact", "no frame shows a finger", "roll the finger over the glass")
        journey = Journey(self._stops, self._depth > 0.0, self._sharp, CELL, self._ppi)
        size = (self._picture.shape[1], self._picture.shape[0])
        coverage = cv2.resize(np.minimum(self._depth / np.float32(DEEP), 1.0), size)
        return RollResult(
            image=self._picture.copy(),
            coverage=np.asarray(coverage, np.float32),
            findings=findings(journey),
            measures={
                "frames": float(len(touching)),
                "width_mm": round(self._width_mm(), 1),
                "travel_mm": round(journey.travel_mm, 1),
                "slip_mm": round(max(stop.step for stop in touching) / self._ppi * 25.4, 2),
            },
        )

    def _begin(self, shape: tuple[int, ...]) -> None:
        self._picture = np.full(shape, 255, np.uint8)
        grid = (round(shape[0] / CELL), round(shape[1] / CELL))
        self._depth = np.zeros(grid, np.float32)
        self._sharp = np.zeros(grid, np.float32)

    def _add(self, picture: Gray, frame: Gray, contact: Contact) -> None:
        before = self._laid
        common, overlap = self._common(contact, before)
        first = not any(stop.touching for stop in self._stops)
        if not first:
            self._laid = self._lay(picture, frame, common, before)
        dx, dy = self._laid.shift
        step = float(np.hypot(dx - before.shift[0], dy - before.shift[1]))
        x, _, width, _ = contact.box
        self._stops.append(
            Stop(
                True,
                contact.centre + dx,
                x + dx,
                x + width + dx,
                contact.area,
                0.0 if first else step,
                contact.across,
                contact.down,
                self._is_blurred(contact),
                1.0 if first else overlap,
            )
        )
        self._paint(picture, frame, contact)

    def _is_blurred(self, contact: Contact) -> bool:
        """Much less sharp than the last clear frame: sharpness changes slowly along a finger."""
        clear = [stop for stop in self._stops if stop.touching and not stop.blurred]
        if not clear:
            return False
        return contact.across < DROP * clear[-1].across or contact.down < DROP * clear[-1].down

    def _lay(self, picture: Gray, frame: Gray, common: tuple[int, int, int, int], before: Laid) -> Laid:
        if min(common[2:]) < 2 * EDGE:
            return before
        return lay(picture, frame, common, before.shift, self._ppi)

    def _common(self, contact: Contact, laid: Laid) -> tuple[tuple[int, int, int, int], float]:
        """Where contact and picture overlap (x, y, width, height on the picture), and its share of the contact."""
        shift = np.array([[1.0, 0.0, laid.shift[0] / CELL], [0.0, 1.0, laid.shift[1] / CELL]])
        size = (self._depth.shape[1], self._depth.shape[0])
        there = cv2.warpAffine(contact.depth, shift, size)
        both = (there > EDGE) & (self._depth > EDGE)
        rows, columns = np.flatnonzero(both.sum(axis=1) > 2), np.flatnonzero(both.sum(axis=0) > 2)
        share = float(both.sum()) / max(1.0, float((there > EDGE).sum()))
        if rows.size == 0 or columns.size == 0:
            return (0, 0, 0, 0), share
        box = (int(columns[0]), int(rows[0]), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1)
        return (box[0] * CELL, box[1] * CELL, box[2] * CELL, box[3] * CELL), share

    def _paint(self, picture: Gray, frame: Gray, contact: Contact) -> None:
        """Take over every place that lies deeper in this contact than in any before."""
        small = self._laid.affine.copy()
        small[:, 2] /= CELL
        size = (self._depth.shape[1], self._depth.shape[0])
        depth = np.minimum(cv2.warpAffine(contact.depth, small, size), np.float32(DEEP))
        blurred = self._stops[-1].blurred
        depth *= np.float32(DRAGGED if blurred else 1.0)
        gain = np.where(self._depth > 0.0, (depth - self._depth) / np.float32(SEAM), np.float32(1.0))
        alpha = np.where(depth > 0.0, np.clip(gain, 0.0, 1.0), 0.0).astype(np.float32)
        better = alpha >= 0.5
        self._sharp[better] = 0.0 if blurred else contact.sharp
        self._depth = np.maximum(self._depth, depth)
        self._blend(picture, frame, alpha)

    def _blend(self, picture: Gray, frame: Gray, alpha: NDArray[np.float32]) -> None:
        """Mix the frame into the picture where alpha (small grid) says so; only in its bounding box."""
        rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
        if rows.size == 0:
            return
        top, left = int(rows[0]) * CELL, int(columns[0]) * CELL
        bottom = min(picture.shape[0], (int(rows[-1]) + 1) * CELL)
        right = min(picture.shape[1], (int(columns[-1]) + 1) * CELL)
        part = alpha[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        map_ = self._laid.affine.copy()
        map_[:, 2] -= (left, top)
        laid = cv2.warpAffine(
            frame, map_, (right - left, bottom - top), flags=cv2.INTER_CUBIC, borderValue=(255,)
        )
        share = cv2.resize(part, (right - left, bottom - top))
        window = picture[top:bottom, left:right]
        mixed = cv2.blendLinear(laid, window, share, np.float32(1.0) - share)
        window[...] = mixed

    def _width_mm(self) -> float:
        columns = np.flatnonzero((self._depth > 0.0).any(axis=0))
        return float(np.ptp(columns) + 1) * CELL / self._ppi * 25.4 if columns.size else 0.0

    def _progress(self) -> RollProgress:
        touching = [stop for stop in self._stops if stop.touching]
        last = self._stops[-1]
        way = touching[-1].centre - touching[0].centre if touching else 0.0
        sure = abs(way) > BACK_MM * self._ppi / 25.4
        return RollProgress(
            len(self._stops),
            last.touching,
            round(self._width_mm(), 1),
            ("right" if way > 0 else "left") if sure else "",
            self._just_wrong(touching, way),
        )

    def _just_wrong(self, touching: list[Stop], way: float) -> str:
        """What the newest frame shows to be wrong, for a hint while the finger rolls."""
        if len(touching) < 2 or not self._stops[-1].touching:
            return ""
        last, px_mm = touching[-1], self._ppi / 25.4
        if last.step >= SLIP_MM * px_mm:
            return "roll.slip"
        sign = 1.0 if way >= 0 else -1.0
        furthest = max(sign * stop.centre for stop in touching)
        if furthest - sign * last.centre >= BACK_MM * px_mm:
            return "roll.back"
        return ""
