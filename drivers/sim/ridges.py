"""Ridges grown along an orientation field, and the phase that tells where the minutiae are.

In: orientation (radians, y up, modulo pi) on a grid of PERIOD_CELLS cells per ridge period, and a random generator.
Out: the complex ridge signal on the same grid: its real part is ridge height, its argument the ridge phase.

Growing is repeated filtering with a bank of oriented band-pass filters and saturation, from noise (the idea of
Cappelli's SFinGe, 2004). The last filter keeps one half plane, so the signal comes out with its phase.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.sim.finger_types import FloatImage
from drivers.sim.spacing import LIMIT

PERIOD_CELLS = 5.0
"""Usual ridge period on the growth grid, cells: enough for cubic sampling, few enough for speed."""
DIRECTIONS = 12
"""Filters in the bank for one spacing: 15 degrees apart, blended linearly."""
LEVELS = (-LIMIT, 0.0, LIMIT)
"""Spacings of the bank: logarithms of relative frequency, blended linearly."""
_PASSES: tuple[tuple[float, float], ...] = ((1.4, 1.2),) * 2 + ((1.0, 1.0),) * 3 + ((0.7, 0.8),) * 2
"""(spread along the ridge, across the ridge) of the filters of each pass, in ridge periods. Wider and more passes give
fewer minutiae; these give 0.25 to the square mm (Stoney, 1987, counts 0.2 on real fingers)."""
_FINAL = (0.6, 0.6)
_LATITUDE = 0.19
"""Part of the ridge frequency by which ridges may lie closer or wider than asked at no cost."""
_GAIN = 2.5
"""Steepness of the saturation, in standard deviations of the filtered signal."""

Signal = NDArray[np.complex64]


@dataclass(frozen=True, eq=False)
class Ground:
    """What ridges grow on, float32 [h, w] each: how much each direction and each spacing of the bank counts, and where
    ridges may choose their own direction (1; at singular points there is none to follow)."""

    directions: list[FloatImage]
    levels: list[FloatImage]
    free: FloatImage

    @staticmethod
    def of(theta: NDArray[np.float64], level: FloatImage, free: FloatImage) -> Ground:
        """Weights for orientation `theta` (radians, y up) and log relative frequency `level`."""
        index = (np.mod(theta, np.pi) * (DIRECTIONS / np.pi)).astype(np.float32)
        directions = []
        for k in range(DIRECTIONS):
            distance = np.abs(index - np.float32(k))
            directions.append(np.maximum(1.0 - np.minimum(distance, DIRECTIONS - distance), np.float32(0.0)))
        gap = np.float32(LEVELS[1] - LEVELS[0])
        levels = [np.maximum(1.0 - np.abs(level - np.float32(at)) / gap, np.float32(0.0)) for at in LEVELS]
        return Ground(directions, levels, free)


@functools.cache
def _bank(
    shape: tuple[int, int], along: float, across: float, level: float, half: bool
) -> tuple[FloatImage, ...]:
    """Transfer functions as 2-channel images. half=False: two real filters packed into one complex transfer
    function (their outputs are its real and imaginary part). half=True: one analytic filter each."""
    fy, fx = np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1])[None, :]
    middle = float(np.exp(level)) / PERIOD_CELLS
    sigma_t, sigma_n = 2.0 * np.pi * along / middle, 2.0 * np.pi * across / middle
    filters = []
    for k in range(DIRECTIONS):
        theta = np.pi * k / DIRECTIONS
        f_t = fx * np.cos(theta) - fy * np.sin(theta)
        f_n = fx * np.sin(theta) + fy * np.cos(theta)
        ahead, back = (
            np.exp(-0.5 * ((_beyond(f_n, side * middle) * sigma_n) ** 2 + (f_t * sigma_t) ** 2))
            for side in (1.0, -1.0)
        )
        filters.append((2.0 * ahead if half else ahead + back).astype(np.float32))
    if half:
        return tuple(cv2.merge([f, np.zeros_like(f)]) for f in filters)
    return tuple(cv2.merge([filters[k], filters[k + 1]]) for k in range(0, DIRECTIONS, 2))


@functools.cache
def _ring(shape: tuple[int, int], across: float) -> FloatImage:
    """Transfer function that passes ridges of any direction, 2-channel."""
    radius = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1])[None, :])
    excess = _beyond(radius, 1.0 / PERIOD_CELLS) * (2.0 * np.pi * across * PERIOD_CELLS)
    gain = np.exp(-0.5 * excess**2).astype(np.float32)
    return np.asarray(cv2.merge([gain, np.zeros_like(gain)]), np.float32)


def _beyond(frequency: NDArray[np.float64], middle: float) -> NDArray[np.float64]:
    """How far a frequency lies outside the band around `middle` that the filters let pass whole."""
    return np.maximum(np.abs(frequency - middle) - _LATITUDE * abs(middle), 0.0)


def _filter(signal: FloatImage, spread: tuple[float, float], ground: Ground) -> FloatImage:
    spectrum = np.asarray(cv2.dft(signal, flags=cv2.DFT_COMPLEX_OUTPUT), np.float32)
    out = np.zeros_like(signal)
    for level, share in zip(LEVELS, ground.levels, strict=True):
        part = np.zeros_like(signal)
        for pair, transfer in enumerate(_bank(signal.shape, *spread, level, half=False)):
            first, second = cv2.split(_back(spectrum, transfer))
            part += first * ground.directions[2 * pair]
            part += second * ground.directions[2 * pair + 1]
        out += part * share
    return out + ground.free * (_any_direction(spectrum, spread[1]) - out)


def _back(spectrum: FloatImage, transfer: FloatImage) -> FloatImage:
    product = cv2.mulSpectrums(spectrum, transfer, 0)
    return np.asarray(cv2.dft(product, flags=cv2.DFT_INVERSE | cv2.DFT_SCALE), np.float32)


def _any_direction(spectrum: FloatImage, across: float) -> FloatImage:
    return np.ascontiguousarray(_back(spectrum, _ring(spectrum.shape[:2], across))[..., 0])


def _analytic(signal: FloatImage, theta: NDArray[np.float64], ground: Ground) -> Signal:
    """Complex ridge signal; its phase grows along the normal (sin t, cos t) of the ridge direction t in [0, pi)."""
    spectrum = np.asarray(cv2.dft(signal, flags=cv2.DFT_COMPLEX_OUTPUT), np.float32)
    real, imaginary = np.zeros_like(signal), np.zeros_like(signal)
    flip = np.where(np.mod(theta, np.pi) > np.pi / 2, -1.0, 1.0).astype(np.float32)
    for level, share in zip(LEVELS, ground.levels, strict=True):
        for k, transfer in enumerate(_bank(signal.shape, *_FINAL, level, half=True)):
            even, odd = cv2.split(_back(spectrum, transfer))
            weight = share * ground.directions[k]
            real += even * weight
            imaginary += odd * (weight * flip if k == 0 else weight)
    real += ground.free * (_any_direction(spectrum, _FINAL[1]) - real)
    return (real + 1j * imaginary).astype(np.complex64)


def grow_ridges(
    theta: NDArray[np.float64],
    rng: np.random.Generator,
    level: FloatImage | None = None,
    free: FloatImage | None = None,
) -> Signal:
    """Ridges along `theta` (radians [h, w], y up). complex64 [h, w]; amplitude about 1 but at minutiae. level: log of
    the ridge frequency relative to the usual; free: see Ground; both nought where not given."""
    shape = (theta.shape[0], theta.shape[1])
    nought = np.zeros(shape, np.float32)
    ground = Ground.of(theta, nought if level is None else level, nought if free is None else free)
    signal = rng.standard_normal(shape, dtype=np.float32)
    for spread in _PASSES:
        signal = _filter(signal, spread, ground)
        signal = np.tanh(signal * np.float32(_GAIN / float(signal.std())))
    z = _analytic(signal, theta, ground)
    amplitude = np.abs(z)
    return np.asarray(z / (amplitude + 0.25 * float(np.median(amplitude))), dtype=np.complex64)
