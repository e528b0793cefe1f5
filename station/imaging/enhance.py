"""Stages 4 and 5: smooth along ridges, measure their frequency, demodulate across them.

In: equalised band and orientation; out: RidgeWave, the complex ridge signal z = a·exp(iφ) where Re z > 0 on ridges
and φ grows along the ridge normal. It is an oriented Gabor filter split into a part along the ridge (three short
passes that follow its bend) and a complex part across it, tuned to the local frequency (AM-FM view of fingerprints:
Larkin and Fletcher, Optics Express 15, 2007).
"""

from __future__ import annotations

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


def grid_maps(shape: tuple[int, ...]) -> tuple[Plane, Plane]:
    """Pixel coordinates x, y as float32 [h, w]."""
    x, y = np.meshgrid(np.arange(shape[1], dtype=np.float32), np.arange(shape[0], dtype=np.float32))
    return x, y


def smooth_along(band: Plane, nx: Plane, ny: Plane) -> Plane:
    """Average along the ridge, bending with it. float32 [h, w]."""
    x, y = grid_maps(band.shape)
    out = band
    for step in p.ALONG_STEPS:
        dx, dy = step * -ny, step * nx
        ahead = cv2.remap(out, x + dx, y + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        behind = cv2.remap(out, x - dx, y - dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        out = np.asarray(0.5 * out + 0.25 * (ahead + behind), dtype=np.float32)
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
    x, y = grid_maps(smooth.shape)
    turn = np.asarray(2.0 * np.pi * p.ACROSS_STEP / period, dtype=np.float32)
    cos1, sin1 = up(np.cos(turn), smooth.shape), up(np.sin(turn), smooth.shape)
    cosk, sink = cos1, sin1
    real, imag = smooth.copy(), np.zeros_like(smooth)
    for tap in range(1, p.ACROSS_TAPS + 1):
        t = tap * p.ACROSS_STEP
        weight = np.float32(np.exp(-0.5 * (t / p.ACROSS_SIGMA) ** 2))
        dx, dy = t * nx, t * ny
        ahead = cv2.remap(smooth, x + dx, y + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        behind = cv2.remap(smooth, x - dx, y - dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        real += weight * cosk * (ahead + behind)
        imag += weight * sink * (behind - ahead)
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
