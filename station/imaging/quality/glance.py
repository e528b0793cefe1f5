"""A glance at a live frame: a quarter of the pixels, no demodulation. In: uint8 [h, w] at ppi; out: Scene."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from station.imaging import foreground
from station.imaging import parameters as p
from station.imaging.normalise import blur_coarse
from station.imaging.quality.measures import Scene

PPI = 250
"""ppi of a glance: ridges keep 4 to 5 px a period."""
SHADING_SIGMA = 6.0
"""px at 500 ppi, wider than the extractor's band-pass: grey-level contrast is meant here, not ridge frequency."""
CONTRAST_GAIN = 0.83
"""the band-pass of a glance lets more through. Measured on synthetic touches and the development sets."""


def glance(gray: NDArray[np.uint8], ppi: int) -> Scene:
    """What can be seen at half size."""
    size = (round(gray.shape[1] * PPI / ppi), round(gray.shape[0] * PPI / ppi))
    half = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
    grid = (-(-size[0] * 2 // p.GRID), -(-size[1] * 2 // p.GRID))
    source = half.astype(np.float32)
    grey = cv2.resize(source, grid, interpolation=cv2.INTER_AREA)
    shading = cv2.resize(blur_coarse(np.asarray(grey, dtype=np.float32), SHADING_SIGMA), size)
    band = shading - source
    energy = cv2.resize(band * band, grid, interpolation=cv2.INTER_AREA)
    contrast = CONTRAST_GAIN * np.sqrt(blur_coarse(np.asarray(energy, dtype=np.float32), p.CONTRAST_SIGMA))
    coherence = _coherence(np.asarray(source, dtype=np.float32), grid)
    mask = foreground.segment(contrast.astype(np.float32), coherence)
    return Scene(
        half=np.asarray(half, dtype=np.uint8),
        grey=np.asarray(grey, dtype=np.float32),
        contrast=contrast.astype(np.float32),
        coherence=coherence,
        mask=mask,
        texture=float(contrast.max()),
    )


def _coherence(source: NDArray[np.float32], grid: tuple[int, int]) -> NDArray[np.float32]:
    """Orientation coherence on the coarse grid, from the structure tensor of the halved picture."""
    gx, gy = cv2.Sobel(source, cv2.CV_32F, 1, 0), cv2.Sobel(source, cv2.CV_32F, 0, 1)
    xx, yy, xy = (
        blur_coarse(np.asarray(cv2.resize(a * b, grid, interpolation=cv2.INTER_AREA)), p.ORIENTATION_SIGMA)
        for a, b in ((gx, gx), (gy, gy), (gx, gy))
    )
    return np.asarray(np.hypot(xx - yy, 2.0 * xy) / (xx + yy + 1.0), dtype=np.float32)
