"""A smooth plane displacement: a few random plane waves. It can be evaluated anywhere and inverted.

In: a random generator and a size. Out: displacements in the unit of the size (mm here) at any points.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

Image = NDArray[np.float32]

_WAVES = 5
_NODE = 8
_INVERSE_STEPS = 8


@dataclass(frozen=True, eq=False)
class Warp:
    """displacement(x, y) = sum over waves of amplitude * sin(kx x + ky y + phase); arrays [2, n] and [n]."""

    amplitude: Array
    kx: Array
    ky: Array
    phase: Array

    @staticmethod
    def draw(rng: np.random.Generator, size: float, waves_mm: tuple[float, float]) -> Warp:
        """Random waves of wavelength in `waves_mm`; `size` is the standard deviation of each component."""
        direction = rng.uniform(0.0, np.pi, _WAVES)
        k = 2.0 * np.pi / rng.uniform(*waves_mm, _WAVES)
        amplitude = rng.standard_normal((2, _WAVES)) * (size * np.sqrt(2.0 / _WAVES))
        return Warp(
            amplitude, k * np.cos(direction), k * np.sin(direction), rng.uniform(0.0, 2 * np.pi, _WAVES)
        )

    def field(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Displacements (dx, dy) at the points."""
        dx, dy = np.zeros(np.shape(x)), np.zeros(np.shape(x))
        for i in range(_WAVES):
            wave = np.sin(self.kx[i] * x + self.ky[i] * y + self.phase[i])
            dx += self.amplitude[0, i] * wave
            dy += self.amplitude[1, i] * wave
        return dx, dy

    def on_grid(
        self, shape: tuple[int, int], pitch: float, origin: tuple[float, float]
    ) -> tuple[Image, Image]:
        """Displacements on a grid [rows, columns] whose cell `origin` (column, row) is the point (0, 0); computed at
        every eighth cell, cubic between (the waves are much longer)."""
        rows, columns = shape[0] // _NODE + 5, shape[1] // _NODE + 5
        y = ((np.arange(rows) - 1.5) * _NODE - 0.5 - origin[1]) * pitch
        x = ((np.arange(columns) - 1.5) * _NODE - 0.5 - origin[0]) * pitch
        dx, dy = self.field(x[None, :] + np.zeros((rows, 1)), y[:, None] + np.zeros((1, columns)))
        return _fill(dx, shape), _fill(dy, shape)

    def inverse(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Points p with p + field(p) = (x, y), by fixed-point iteration: the waves are gentle, so it converges."""
        px, py = x, y
        for _ in range(_INVERSE_STEPS):
            dx, dy = self.field(px, py)
            px, py = x - dx, y - dy
        return px, py


def _fill(nodes: Array, shape: tuple[int, int]) -> Image:
    """Nodes at the middles of 8 × 8 cells, the first two rows and columns before the grid, made into every cell."""
    size = (nodes.shape[1] * _NODE, nodes.shape[0] * _NODE)
    full = cv2.resize(nodes.astype(np.float32), size, interpolation=cv2.INTER_CUBIC)
    start = 2 * _NODE
    return np.ascontiguousarray(full[start : start + shape[0], start : start + shape[1]], np.float32)
