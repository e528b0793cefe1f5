"""Stages 4 and 5: smooth along ridges, measure their frequency, demodulate across them.

In: equalised band and orientation; out: RidgeWave, the complex ridge signal z = a·exp(iφ) where Re z > 0 on ridges
and φ grows along the ridge normal. It is an oriented Gabor filter split into a part along the ridge (three short
passes that follow its bend) and a complex part across it, tuned to the local frequency (AM-FM view of fingerprints:
Larkin and Fletcher, Optics Express 15, 2007).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from station.imaging import parameters as p
from station.imaging.normalise import Plane, blur_coarse, down, up


@dataclass(frozen=True, eq=False)
class RidgeWave:
    """real, imag: float32 [h, w]; nx, ny: float32 [h, w], the unit normal along which the phase grows."""

    real: Plane
    imag: Plane
    nx: Plane
    ny: Plane


def _strips(height: int) -> Iterator[slice]:
    """Rows a strip at a time: what is done to a strip stays in the cache, and the rest of memory small."""
    return (slice(top, min(top + p.STRIP, height)) for top in range(0, height, p.STRIP))


def _grid(rows: slice, width: int) -> tuple[Plane, Plane]:
    """Pixel coordinates of a strip: x float32 [1, w], y float32 [rows, 1]."""
    x = np.arange(width, dtype=np.float32)[None, :]
    return x, np.arange(rows.start, rows.stop, dtype=np.float32)[:, None]


def _either_side(plane: Plane, x: Plane, y: Plane, dx: Plane, dy: Plane) -> tuple[Plane, Plane]:
    """The plane's values at (x, y) + (dx, dy) and at (x, y) - (dx, dy), bilinear, mirrored at the edge."""
    edge = cv2.BORDER_REFLECT_101
    ahead = cv2.remap(plane, x + dx, y + dy, cv2.INTER_LINEAR, borderMode=edge)
    behind = cv2.remap(plane, x - dx, y - dy, cv2.INTER_LINEAR, borderMode=edge)
    return np.asarray(ahead, np.float32), np.asarray(behind, np.float32)


def smooth_along(band: Plane, nx: Plane, ny: Plane) -> Plane:
    """Average along the ridge, bending with it. float32 [h, w]."""
    out = band
    for step in p.ALONG_STEPS:
        source, out = out, np.empty_like(band)
        for rows in _strips(band.shape[0]):
            x, y = _grid(rows, band.shape[1])
            ahead, behind = _either_side(source, x, y, step * -ny[rows], step * nx[rows])
            out[rows] = 0.5 * source[rows] + 0.25 * (ahead + behind)
    return out


def ridge_period(smooth: Plane, mask: Plane) -> Plane:
    """Ridge period in px on the coarse grid, from the ratio of slope energy to wave energy.

    For a wave cos(2πx/T) the mean squared slope over the mean square is (2π/T)². `mask` weighs the grid points.
    """
    gx = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, scale=0.125)
    gy = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, scale=0.125)
    slope = blur_coarse(down(gx * gx + gy * gy) * mask, p.FREQUENCY_SIGMA)
    wave = blur_coarse(down(smooth * smooth) * mask, p.FREQUENCY_SIGMA)
    omega = np.sqrt((slope + 1e-6) / (wave + 1e-6))
    period = 2.0 * np.pi / np.maximum(omega, 1e-3)
    period = np.where(wave > 1e-3, period, p.PERIOD_DEFAULT)
    return np.asarray(np.clip(period, p.PERIOD_MIN, p.PERIOD_MAX), dtype=np.float32)


def demodulate(smooth: Plane, nx: Plane, ny: Plane, period: Plane) -> RidgeWave:
    """The complex ridge signal by a Gaussian-windowed complex wave across the ridge at the local period."""
    turn = np.asarray(2.0 * np.pi * p.ACROSS_STEP / period, dtype=np.float32)
    cosine, sine = up(np.cos(turn), smooth.shape), up(np.sin(turn), smooth.shape)
    real, imag = smooth.copy(), np.zeros_like(smooth)
    for rows in _strips(smooth.shape[0]):
        x, y = _grid(rows, smooth.shape[1])
        cos1, sin1 = cosine[rows], sine[rows]
        cosk, sink = cos1, sin1
        for tap in range(1, p.ACROSS_TAPS + 1):
            t = tap * p.ACROSS_STEP
            weight = np.float32(np.exp(-0.5 * (t / p.ACROSS_SIGMA) ** 2))
            ahead, behind = _either_side(smooth, x, y, t * nx[rows], t * ny[rows])
            real[rows] += weight * cosk * (ahead + behind)
            imag[rows] += weight * sink * (behind - ahead)
            cosk, sink = cosk * cos1 - sink * sin1, sink * cos1 + cosk * sin1
    return RidgeWave(real, imag, nx, ny)


def ridge_strength(wave: RidgeWave, band: Plane) -> Plane:
    """How much of the local signal is the ridge wave: 0 to 1 on the coarse grid."""
    scale = 1.0 + 2.0 * sum(
        float(np.exp(-0.5 * (t * p.ACROSS_STEP / p.ACROSS_SIGMA) ** 2)) for t in range(1, p.ACROSS_TAPS + 1)
    )
    wave_energy = blur_coarse(down(wave.real**2 + wave.imag**2), p.CONTRAST_SIGMA) * np.float32(
        2.0 / scale**2
    )
    band_energy = blur_coarse(down(band * band), p.CONTRAST_SIGMA)
    return np.asarray(np.clip(wave_energy / (band_energy + 0.05), 0.0, 1.0), dtype=np.float32)
