"""Stage 1: any ppi and contrast → a band-passed image at 500 ppi in which ridges are positive.

In: uint8 [h, w] at ppi. Out: float32 [h', w'] at 500 ppi, ridge > 0 > valley, about ±1 where there are ridges,
and its local contrast in grey levels on the coarse grid.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from station.imaging import parameters as p

Plane = NDArray[np.float32]


def resample(gray: NDArray[np.uint8], ppi: int) -> NDArray[np.uint8]:
    """The image at 500 ppi; the same array when it already is. Area averaging down, cubic up."""
    if ppi == p.NOMINAL_PPI:
        return gray
    scale = p.NOMINAL_PPI / ppi
    size = (round(gray.shape[1] * scale), round(gray.shape[0] * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(gray, size, interpolation=how), dtype=np.uint8)


def band_pass(gray: NDArray[np.uint8]) -> Plane:
    """Difference of Gaussians, sign turned so that dark ridges are positive. float32 [h, w], grey levels."""
    source = gray.astype(np.float32, order="C")
    slow = blur_coarse(down(source), p.BAND_COARSE)
    fine = cv2.GaussianBlur(source, (0, 0), p.BAND_FINE, dst=source)  # in place, as is the rest: memory
    coarse = up(slow, gray.shape)
    return np.asarray(cv2.subtract(coarse, fine, dst=coarse), dtype=np.float32)


def local_contrast(band: Plane) -> Plane:
    """RMS of the band-passed image in grey levels, on the coarse grid. float32 [gh, gw]."""
    return np.asarray(np.sqrt(blur_coarse(down(band * band), p.CONTRAST_SIGMA)), dtype=np.float32)


def equalise(band: Plane, contrast: Plane) -> Plane:
    """Divide by local contrast (not below the floor) and bound the result to ±3. float32 [h, w]."""
    gain = np.asarray(1.0 / np.maximum(contrast, p.CONTRAST_FLOOR), dtype=np.float32)
    equal = up(gain, band.shape)
    np.multiply(equal, band, out=equal)
    return np.clip(equal, -3.0, 3.0, out=equal)


def down(plane: NDArray[np.float32]) -> Plane:
    """A full-size plane on the coarse grid, by area averaging."""
    size = (-(-plane.shape[1] // p.GRID), -(-plane.shape[0] // p.GRID))
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), dtype=np.float32)


def up(plane: NDArray[np.float32], shape: tuple[int, ...]) -> Plane:
    """A coarse plane at full size, bilinear."""
    return np.asarray(
        cv2.resize(plane, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR), dtype=np.float32
    )


def blur_coarse(plane: Plane, sigma: float) -> Plane:
    """Gaussian smoothing of a coarse plane; sigma in full-size px."""
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma / p.GRID), dtype=np.float32)
