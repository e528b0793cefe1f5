"""How far apart ridges should run so that they need not branch: the spacing that suits a flow.

In: orientation on the growth grid. Out: the natural logarithm of the ridge frequency relative to the usual one.

Where ridges fan out they must spread or branch. Ridges of one spacing everywhere branch where the flow says so, all
of them pointing the same way, and fingers of one pattern class come out alike; on real fingers the directions of
neighbouring minutiae hardly agree (docs/synthetic-finger.md has the figures). A ridge phase exists without branching
when the curl of (frequency x normal) is nought, which says how the logarithm of frequency must change along a ridge;
it is solved by least squares on a coarse grid, with a price on leaving the usual spacing.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.sim.finger_types import FloatImage

Grid = NDArray[np.float64]

_COARSE = 8
"""Cells of the growth grid to one of the coarse."""
_STAY = 0.02
"""Price of leaving the usual spacing, per coarse cell."""
_SMOOTH = 0.12
"""Price of changing the spacing across ridges."""
_ROUNDS = 60
LIMIT = 0.25
"""Ridges run at most this much (natural logarithm) closer or wider than usual."""


def spacing(theta: NDArray[np.float64], free: FloatImage) -> FloatImage:
    """Logarithm of relative ridge frequency, float32 [h, w], within LIMIT. theta: radians, y up, modulo pi; free: 1 at
    singular points, whose neighbourhood says nothing."""
    half = _COARSE // 2
    coarse, known = (
        theta[half::_COARSE, half::_COARSE],
        1.0 - free[half::_COARSE, half::_COARSE].astype(float),
    )
    # On the image (y down) the ridge runs along t = (cos, -sin) and its normal is n = (sin, cos); n = t turned by +90.
    tx, ty = np.cos(coarse), -np.sin(coarse)
    across = _turn(coarse, 1) * ty - _turn(coarse, 0) * tx
    weight = known / (1.0 + (across / 0.25) ** 2)
    level = _solve(tx, ty, across, weight)
    full = cv2.resize(level.astype(np.float32), (coarse.shape[1] * _COARSE, coarse.shape[0] * _COARSE))
    inside = cv2.copyMakeBorder(full, 0, _COARSE, 0, _COARSE, cv2.BORDER_REPLICATE)
    cropped = inside[: theta.shape[0], : theta.shape[1]]
    return np.asarray(LIMIT * np.tanh(cropped / LIMIT), np.float32)


def _turn(theta: Grid, axis: int) -> Grid:
    """Derivative of direction (image sense, y down), radians per coarse cell, modulo pi."""
    step = np.diff(theta, axis=axis, append=np.take(theta, [-1], axis=axis))
    return np.asarray(-(step - np.pi * np.round(step / np.pi)), float)


def _solve(tx: Grid, ty: Grid, target: Grid, weight: Grid) -> Grid:
    """The u that minimises weight (t.grad u - target)^2 + stay^2 u^2 + smooth^2 |grad u|^2, by conjugate gradients."""

    def normal(u: Grid) -> Grid:
        ux, uy = _grad(u)
        flow = weight * (tx * ux + ty * uy)
        smooth = _SMOOTH**2
        return _grad_transposed(flow * tx + smooth * ux, flow * ty + smooth * uy) + _STAY**2 * u

    residual = _grad_transposed(weight * target * tx, weight * target * ty)
    u, step = np.zeros_like(residual), residual
    size = float((residual * residual).sum())
    for _ in range(_ROUNDS):
        moved = normal(step)
        rate = size / (float((step * moved).sum()) + 1e-30)
        u = u + rate * step
        residual = residual - rate * moved
        before, size = size, float((residual * residual).sum())
        step = residual + size / (before + 1e-30) * step
    return u


def _grad(u: Grid) -> tuple[Grid, Grid]:
    """Forward differences along x and y; nought at the far edge."""
    return np.diff(u, axis=1, append=u[:, -1:]), np.diff(u, axis=0, append=u[-1:, :])


def _grad_transposed(px: Grid, py: Grid) -> Grid:
    px, py = px.copy(), py.copy()
    px[:, -1], py[-1, :] = 0.0, 0.0
    return np.asarray(-np.diff(px, axis=1, prepend=0.0) - np.diff(py, axis=0, prepend=0.0), float)
