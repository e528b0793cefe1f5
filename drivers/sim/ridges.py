"""Ridges grown along an orientation field, and the phase that tells where the minutiae are.

In: orientation (radians, y up, modulo pi) on a grid of PERIOD_CELLS cells per ridge period, and a random generator.
Out: the complex ridge signal on the same grid: its real part is ridge height, its argument the ridge phase.

Growing is repeated filtering with a bank of oriented band-pass filters and saturation, from noise (the idea of
Cappelli's SFinGe, 2004). The last filter keeps one half plane, so the signal comes out with its phase.
"""

from __future__ import annotations

import functools

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.sim.finger_types import FloatImage

PERIOD_CELLS = 5.0
"""Ridge period on the growth grid, cells: enough for cubic sampling, few enough for speed."""
DIRECTIONS = 16
"""Filters in the bank: 11.25 degrees apart, blended linearly."""
_PASSES: tuple[tuple[float, float], ...] = ((1.6, 1.0),) + ((1.0, 0.8),) * 3 + ((0.65, 0.7),) * 3
"""(spread along the ridge, across the ridge) of the filters of each pass, in ridge periods. Wider and more passes give
fewer minutiae; these give 0.19 to the square millimetre (Stoney 1987 counts 0.2 on real fingers)."""
_FINAL = (0.6, 0.6)
_GAIN = 2.5
"""Steepness of the saturation, in standard deviations of the filtered signal."""

Signal = NDArray[np.complex64]


@functools.cache
def _bank(shape: tuple[int, int], along: float, across: float, half: bool) -> tuple[FloatImage, ...]:
    """Transfer functions as 2-channel images. half=False: two real filters packed into one complex transfer
    function (their outputs are its real and imaginary part). half=True: one analytic filter each."""
    fy = np.fft.fftfreq(shape[0])[:, None]
    fx = np.fft.fftfreq(shape[1])[None, :]
    sigma_t, sigma_n = 2.0 * np.pi * along * PERIOD_CELLS, 2.0 * np.pi * across * PERIOD_CELLS
    filters = []
    for k in range(DIRECTIONS):
        theta = np.pi * k / DIRECTIONS
        f_t = fx * np.cos(theta) - fy * np.sin(theta)
        f_n = fx * np.sin(theta) + fy * np.cos(theta)
        ahead = np.exp(-0.5 * (((f_n - 1.0 / PERIOD_CELLS) * sigma_n) ** 2 + (f_t * sigma_t) ** 2))
        back = np.exp(-0.5 * (((f_n + 1.0 / PERIOD_CELLS) * sigma_n) ** 2 + (f_t * sigma_t) ** 2))
        filters.append((2.0 * ahead if half else ahead + back).astype(np.float32))
    if half:
        return tuple(cv2.merge([f, np.zeros_like(f)]) for f in filters)
    return tuple(cv2.merge([filters[k], filters[k + 1]]) for k in range(0, DIRECTIONS, 2))


def _weights(theta: NDArray[np.float64]) -> list[FloatImage]:
    """How much each direction of the bank counts in each cell: linear between the two nearest."""
    index = (np.mod(theta, np.pi) * (DIRECTIONS / np.pi)).astype(np.float32)
    weights = []
    for k in range(DIRECTIONS):
        distance = np.abs(index - np.float32(k))
        weights.append(np.maximum(1.0 - np.minimum(distance, DIRECTIONS - distance), np.float32(0.0)))
    return weights


def _filter(signal: FloatImage, spread: tuple[float, float], weights: list[FloatImage]) -> FloatImage:
    spectrum = cv2.dft(signal, flags=cv2.DFT_COMPLEX_OUTPUT)
    out = np.zeros_like(signal)
    for pair, transfer in enumerate(_bank(signal.shape, *spread, half=False)):
        both = cv2.dft(cv2.mulSpectrums(spectrum, transfer, 0), flags=cv2.DFT_INVERSE | cv2.DFT_SCALE)
        first, second = cv2.split(both)
        out += first * weights[2 * pair]
        out += second * weights[2 * pair + 1]
    return out


def _analytic(signal: FloatImage, theta: NDArray[np.float64], weights: list[FloatImage]) -> Signal:
    """Complex ridge signal; its phase grows along the normal (sin t, cos t) of the ridge direction t in [0, pi)."""
    spectrum = cv2.dft(signal, flags=cv2.DFT_COMPLEX_OUTPUT)
    real, imaginary = np.zeros_like(signal), np.zeros_like(signal)
    flip = np.where(np.mod(theta, np.pi) > np.pi / 2, -1.0, 1.0).astype(np.float32)
    for k, transfer in enumerate(_bank(signal.shape, *_FINAL, half=True)):
        both = cv2.dft(cv2.mulSpectrums(spectrum, transfer, 0), flags=cv2.DFT_INVERSE | cv2.DFT_SCALE)
        even, odd = cv2.split(both)
        real += even * weights[k]
        imaginary += odd * (weights[k] * flip if k == 0 else weights[k])
    return (real + 1j * imaginary).astype(np.complex64)


def grow_ridges(theta: NDArray[np.float64], rng: np.random.Generator) -> Signal:
    """Ridges along `theta` (radians [h, w], y up). complex64 [h, w]; amplitude about 1 but at minutiae."""
    shape = (theta.shape[0], theta.shape[1])
    signal = rng.standard_normal(shape, dtype=np.float32)
    weights = _weights(theta)
    for spread in _PASSES:
        signal = _filter(signal, spread, weights)
        signal = np.tanh(signal * np.float32(_GAIN / float(signal.std())))
    z = _analytic(signal, theta, weights)
    amplitude = np.abs(z)
    return np.asarray(z / (amplitude + 0.25 * float(np.median(amplitude))), dtype=np.complex64)
