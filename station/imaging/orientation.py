"""Stage 3: which way ridges run. In: equalised band [h, w]; out: OrientationField on the coarse grid.

Structure tensor smoothed over one ridge, then unit vectors in double-angle form smoothed again where the tensor is
unsure (Bazen and Gerez 2002; Kass and Witkin 1987).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from station.imaging import parameters as p
from station.imaging.normalise import Plane, blur_coarse, down, up


@dataclass(frozen=True, eq=False)
class OrientationField:
    """cos2, sin2: float32 [gh, gw], unit vector of twice the angle of the ridge *normal* (x right, y down);
    coherence: float32 [gh, gw], 0 (no orientation) to 1 (parallel ridges)."""

    cos2: Plane
    sin2: Plane
    coherence: Plane


def estimate(band: Plane) -> OrientationField:
    """The orientation field of an equalised band."""
    gx = cv2.Scharr(band, cv2.CV_32F, 1, 0)
    gy = cv2.Scharr(band, cv2.CV_32F, 0, 1)
    cross = blur_coarse(down(gx * gy), p.ORIENTATION_SIGMA)
    # in place: two planes less in memory
    xx = blur_coarse(down(np.multiply(gx, gx, out=gx)), p.ORIENTATION_SIGMA)
    yy = blur_coarse(down(np.multiply(gy, gy, out=gy)), p.ORIENTATION_SIGMA)
    vector_x, vector_y, energy = xx - yy, 2.0 * cross, xx + yy
    coherence = np.hypot(vector_x, vector_y) / (energy + np.float32(1e-3))
    return _regularise(vector_x / (energy + 1e-3), vector_y / (energy + 1e-3), coherence)


def _regularise(vector_x: Plane, vector_y: Plane, coherence: Plane) -> OrientationField:
    """Blend towards the neighbourhood's orientation where the point's own coherence is low."""
    wide_x = blur_coarse(vector_x * coherence, p.ORIENTATION_REGULARISE)
    wide_y = blur_coarse(vector_y * coherence, p.ORIENTATION_REGULARISE)
    weight = (1.0 - coherence) ** 2
    x, y = vector_x + weight * wide_x, vector_y + weight * wide_y
    norm = np.hypot(x, y) + np.float32(1e-9)
    return OrientationField(
        np.asarray(x / norm, dtype=np.float32),
        np.asarray(y / norm, dtype=np.float32),
        coherence.astype(np.float32),
    )


def normals(field: OrientationField, shape: tuple[int, ...]) -> tuple[Plane, Plane]:
    """Unit vector across the ridges at full size (nx, ny), nx >= 0; its sign is arbitrary by nature."""
    cos2, sin2 = up(field.cos2, shape), up(field.sin2, shape)
    norm = cv2.magnitude(cos2, sin2) + np.float32(1e-9)
    nx = np.sqrt(np.maximum(0.5 * (1.0 + cos2 / norm), 0.0))
    ny = np.copysign(np.sqrt(np.maximum(0.5 * (1.0 - cos2 / norm), 0.0)), sin2)
    return np.asarray(nx, dtype=np.float32), np.asarray(ny, dtype=np.float32)
