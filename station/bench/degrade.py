"""Prints made worse, as fingers and readers make them worse: what the quality score is fitted to and checked on.

In: uint8 [h, w], dark ridges on light, and a seeded generator; out: the same print spoiled, maybe of another size.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Chance = np.random.Generator
SMALLEST = 150
"""px: no crop is smaller."""


def spoiled(gray: Image, chance: Chance) -> tuple[Image, str]:
    """One to three degradations after each other, and their names."""
    names = [list(WAYS)[k] for k in chance.integers(0, len(WAYS), int(chance.integers(1, 4)))]
    for name in names:
        gray = WAYS[name](gray, chance)
    return np.ascontiguousarray(gray), "+".join(names)


def crop(gray: Image, chance: Chance) -> Image:
    """A part of the picture."""
    high, wide = (min(side, max(round(side * chance.uniform(0.45, 1.0)), SMALLEST)) for side in gray.shape)
    top = int(chance.integers(0, gray.shape[0] - high + 1))
    left = int(chance.integers(0, gray.shape[1] - wide + 1))
    return gray[top : top + high, left : left + wide]


def small_contact(gray: Image, chance: Chance) -> Image:
    """Only an ellipse of the finger touches."""
    high, wide = gray.shape
    y, x = np.mgrid[:high, :wide]
    middle = high * chance.uniform(0.35, 0.65), wide * chance.uniform(0.35, 0.65)
    half = high * chance.uniform(0.2, 0.5), wide * chance.uniform(0.2, 0.5)
    out = ((y - middle[0]) / half[0]) ** 2 + ((x - middle[1]) / half[1]) ** 2 - 1.0
    return _towards(gray, _platen(gray), 1.0 / (1.0 + np.exp(-8.0 * out)))


def gamma(gray: Image, chance: Chance) -> Image:
    """Another grey curve."""
    return _grey(255.0 * (gray / 255.0) ** chance.uniform(0.4, 2.2))


def contrast(gray: Image, chance: Chance) -> Image:
    """More or less contrast around another grey."""
    return _grey(chance.uniform(60, 220) + (gray - gray.mean()) * chance.uniform(0.15, 1.3))


def blur(gray: Image, chance: Chance) -> Image:
    """Out of focus."""
    return np.asarray(cv2.GaussianBlur(gray, (0, 0), chance.uniform(0.6, 2.2)), dtype=np.uint8)


def noise(gray: Image, chance: Chance) -> Image:
    """A noisy reader."""
    return _grey(gray + chance.standard_normal(gray.shape) * chance.uniform(5, 45))


def dry(gray: Image, chance: Chance) -> Image:
    """Ridges with gaps."""
    gaps = _cloud(gray.shape, chance, chance.uniform(1.0, 2.5)) - chance.uniform(-1, 1)
    return _towards(gray, _platen(gray), 1.0 / (1.0 + np.exp(-4.0 * gaps)))


def wet(gray: Image, chance: Chance) -> Image:
    """Ridges run together in places."""
    side = int(chance.integers(2, 5))
    dark = cv2.erode(gray, np.ones((side, side), np.uint8))
    places = _cloud(gray.shape, chance, chance.uniform(15, 40)) - chance.uniform(-1, 1)
    return _towards(gray, np.asarray(dark, dtype=np.float64), 1.0 / (1.0 + np.exp(-3.0 * places)))


def smear(gray: Image, chance: Chance) -> Image:
    """Slid while it was taken."""
    length, turn = int(chance.integers(5, 20)), chance.uniform(0, np.pi)
    steps = np.linspace(-length / 2, length / 2, 4 * length)
    kernel = np.zeros((length, length), np.float32)
    rows, columns = (
        np.clip(np.rint(length / 2 + steps * part * 0.99), 0, length - 1).astype(int)
        for part in (np.sin(turn), np.cos(turn))
    )
    kernel[rows, columns] = 1.0
    return np.asarray(cv2.filter2D(gray, -1, kernel / kernel.sum()), dtype=np.uint8)


def turn(gray: Image, chance: Chance) -> Image:
    """Put down at an angle."""
    high, wide = gray.shape
    matrix = cv2.getRotationMatrix2D((wide / 2, high / 2), chance.uniform(-40, 40), 1.0)
    turned = cv2.warpAffine(gray, matrix, (wide, high), flags=cv2.INTER_CUBIC, borderValue=_platen(gray))
    return np.asarray(turned, dtype=np.uint8)


def scale(gray: Image, chance: Chance) -> Image:
    """A smaller or larger finger."""
    by = chance.uniform(0.85, 1.2)
    return np.asarray(cv2.resize(gray, None, fx=by, fy=by, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def blots(gray: Image, chance: Chance) -> Image:
    """Dark and empty spots."""
    marked = gray.copy()
    for _ in range(int(chance.integers(1, 5))):
        at = int(chance.integers(0, gray.shape[1])), int(chance.integers(0, gray.shape[0]))
        colour = chance.choice([0, 40, _platen(gray), _platen(gray)])
        cv2.circle(marked, at, int(chance.integers(10, 50)), float(colour), -1)
    return marked


def scratches(gray: Image, chance: Chance) -> Image:
    """Scars and creases."""
    marked = gray.copy()
    for _ in range(int(chance.integers(2, 14))):
        ends = chance.integers(0, gray.shape[::-1], (2, 2))
        first, last = (int(ends[0, 0]), int(ends[0, 1])), (int(ends[1, 0]), int(ends[1, 1]))
        cv2.line(marked, first, last, _platen(gray), int(chance.integers(1, 5)), cv2.LINE_AA)
    return marked


def margin(gray: Image, chance: Chance) -> Image:
    """A larger platen."""
    top, bottom, left, right = (int(side) for side in chance.integers(0, 120, 4))
    wide = cv2.copyMakeBorder(gray, top, bottom, left, right, cv2.BORDER_CONSTANT, value=_platen(gray))
    return np.asarray(wide, dtype=np.uint8)


WAYS: dict[str, Callable[[Image, Chance], Image]] = {
    way.__name__: way
    for way in (
        crop, small_contact, gamma, contrast, blur, noise, dry, wet, smear, turn, scale, blots, scratches, margin
    )
}  # fmt: skip


def _platen(gray: Image) -> float:
    return float(np.percentile(gray, 95))


def _cloud(shape: tuple[int, ...], chance: Chance, size: float) -> NDArray[np.float64]:
    """Smooth noise of unit deviation."""
    rough = cv2.GaussianBlur(chance.standard_normal(shape).astype(np.float32), (0, 0), size)
    return np.asarray(rough / rough.std(), dtype=np.float64)


def _towards(gray: Image, other: float | NDArray[np.float64], share: NDArray[np.float64]) -> Image:
    return _grey(gray + (np.asarray(other) - gray) * share)


def _grey(values: NDArray[np.float64]) -> Image:
    return np.clip(values, 0, 255).astype(np.uint8)
