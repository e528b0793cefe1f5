"""Where a touch puts a finger: platen pixels to finger millimetres and back.

In: a touch, the platen's resolution and where the finger's anchor comes to lie. Out: a Placement that maps points
both ways and makes the sampling maps of a whole region.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.sim.finger_types import Finger, FloatImage, PixelMinutia, Touch
from drivers.sim.warp import Array, Warp

_STEP = 16
"""Pixels between the nodes where the map is computed exactly; between them it is linear (error under 0.01 mm)."""
_DISTORTION_MM = 0.55
"""Standard deviation of the skin's displacement at distortion 1, mm."""
_ARROW_MM = 0.2


@dataclass(frozen=True, eq=False)
class Placement:
    """A finger on a platen. anchor: pixel of the finger point `hold` (mm); px_mm: pixels per mm; turn: radians,
    counter-clockwise; warp: distortion of the skin."""

    anchor: tuple[float, float]
    hold: tuple[float, float]
    px_mm: float
    turn: float
    warp: Warp

    @staticmethod
    def of(
        touch: Touch, anchor: tuple[float, float], hold: tuple[float, float], ppi: int, salt: int = 0
    ) -> Placement:
        """The placement a touch causes; its offsets in mm are added to the anchor. salt: tells apart the fingers of
        one slap."""
        px_mm = ppi / 25.4
        rng = np.random.Generator(np.random.PCG64([touch.seed, 11, salt]))
        warp = Warp.draw(rng, _DISTORTION_MM * touch.distortion, (14.0, 30.0))
        place = (anchor[0] + touch.dx_mm * px_mm, anchor[1] + touch.dy_mm * px_mm)
        return Placement(place, hold, px_mm, float(np.radians(touch.rotation_deg)), warp)

    def to_finger(self, px: Array, py: Array) -> tuple[Array, Array]:
        """Finger millimetres under the given platen pixels."""
        u, v = (px - self.anchor[0]) / self.px_mm, (py - self.anchor[1]) / self.px_mm
        c, s = np.cos(self.turn), np.sin(self.turn)
        x, y = c * u - s * v + self.hold[0], s * u + c * v + self.hold[1]
        dx, dy = self.warp.field(x, y)
        return x + dx, y + dy

    def to_platen(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Platen pixels of the given points of the finger (mm)."""
        fx, fy = self.warp.inverse(x, y)
        fx, fy = fx - self.hold[0], fy - self.hold[1]
        c, s = np.cos(self.turn), np.sin(self.turn)
        return (
            (c * fx + s * fy) * self.px_mm + self.anchor[0],
            (-s * fx + c * fy) * self.px_mm + self.anchor[1],
        )

    def region(self, x0: int, y0: int, width: int, height: int) -> tuple[FloatImage, FloatImage]:
        """Finger x and y (mm, float32 [height, width]) under every pixel of a region of the platen."""
        columns, rows = width // _STEP + 3, height // _STEP + 3
        px = x0 + (np.arange(columns) - 0.5) * _STEP - 0.5
        py = y0 + (np.arange(rows) - 0.5) * _STEP - 0.5
        x, y = self.to_finger(px[None, :] + np.zeros((rows, 1)), py[:, None] + np.zeros((1, columns)))
        both: list[FloatImage] = []
        for nodes in (x, y):
            full = cv2.resize(nodes.astype(np.float32), (columns * _STEP, rows * _STEP))
            both.append(np.ascontiguousarray(full[_STEP : _STEP + height, _STEP : _STEP + width], np.float32))
        return both[0], both[1]

    def minutiae(self, finger: Finger) -> tuple[PixelMinutia, ...]:
        """All minutiae of the finger in platen pixels, wherever they fall."""
        x = np.array([m.x_mm for m in finger.minutiae])
        y = np.array([m.y_mm for m in finger.minutiae])
        angle = np.radians([m.angle for m in finger.minutiae])
        px, py = self.to_platen(x, y)
        qx, qy = self.to_platen(x + _ARROW_MM * np.cos(angle), y - _ARROW_MM * np.sin(angle))
        turned: NDArray[np.float64] = np.mod(np.degrees(np.arctan2(py - qy, qx - px)), 360.0)
        return tuple(
            PixelMinutia(float(a), float(b), float(d), m.kind)
            for a, b, d, m in zip(px, py, turned, finger.minutiae, strict=True)
        )
