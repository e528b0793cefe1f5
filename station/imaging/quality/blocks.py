"""The print in blocks of 32 px, each turned until its ridges stand upright. In: uint8 [h, w] at 500 ppi; out: Blocks.

The measures are those that ISO/IEC 29794-4 names for finger image quality (orientation certainty, frequency domain
analysis, local clarity, ridge and valley uniformity, orientation flow), written anew for all blocks at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from station.imaging.normalise import Plane

SIDE = 32
"""px of a block at 500 ppi: three to four ridges."""
LINES = 16
"""px of a block along its ridges."""
DEVIATION_FLOOR, DEVIATION_SHARE = 6.0, 0.25
"""grey levels, and share of the picture's strongest: less deviation in a block is platen. chosen."""
CERTAIN = 0.25
"""orientation certainty of a block under which there is no ridge. chosen."""
ISLAND_SHARE, ISLAND_LEAST = 0.15, 3
"""share of the largest place, and blocks: smaller places are dirt. chosen."""
CROSSINGS = (3, 18)
"""changes between ridge and valley in a block that ridges of 4 to 20 px can make."""

Values = NDArray[np.float64]
_ACROSS, _ALONG = np.meshgrid(
    np.arange(SIDE, dtype=np.float32) - (SIDE - 1) / 2, np.arange(LINES, dtype=np.float32) - (LINES - 1) / 2
)
_RAMP = np.arange(SIDE, dtype=np.float32) - (SIDE - 1) / 2


@dataclass(frozen=True, eq=False)
class Blocks:
    """One value a block of the contact, [n]. certainty: 0 to 1, how parallel the gradients are; spectrum: share of
    the strongest frequency across the ridges, 1 when there is none; clarity: 0 to 1, how cleanly grey levels part
    into ridge and valley; flow: 0 to 1, turn against the neighbours; along: share of the signal that is the same
    all along the ridges; peak: share of the signal in one ridge frequency; cycles: ridges in a block; uneven: ridge
    width over valley width, 1 when unknown; changes: ridge to valley and back; contrast: grey levels; grey: mean."""

    certainty: Values
    spectrum: Values
    clarity: Values
    flow: Values
    along: Values
    peak: Values
    cycles: Values
    uneven: Values
    changes: Values
    contrast: Values
    grey: Values

    def __len__(self) -> int:
        return int(self.grey.size)


def look(gray: NDArray[np.uint8], within: tuple[int, int, int, int] | None = None) -> Blocks:
    """All blocks with ridges, none on an empty platen. within: x, y, width, height in px where the contact is, if
    known: the same blocks, only sooner found."""
    rows, columns = gray.shape[0] // SIDE, gray.shape[1] // SIDE
    top, left = (gray.shape[0] - rows * SIDE) // 2, (gray.shape[1] - columns * SIDE) // 2
    whole = rows * columns
    if within is not None:
        first_row, rows = _span(within[1] - top, within[3], rows)
        first_column, columns = _span(within[0] - left, within[2], columns)
        top, left = top + first_row * SIDE, left + first_column * SIDE
    tiled = gray[top : top + rows * SIDE, left : left + columns * SIDE]
    mean, deviation, certainty, normal = _tensor(tiled, (columns, rows))
    mask = _contact(deviation, certainty, whole)
    y, x = np.nonzero(mask)
    patches = _upright(gray, normal[mask], x * SIDE + left + (SIDE - 1) / 2, y * SIDE + top + (SIDE - 1) / 2)
    profile = patches.mean(axis=1)
    cycles, spectrum, along, peak, contrast = _spectral(patches, profile)
    clarity, share, changes = _clear(patches, profile)
    known = (changes >= CROSSINGS[0]) & (changes <= CROSSINGS[1])
    return Blocks(
        certainty=certainty[mask].astype(float),
        spectrum=spectrum,
        clarity=np.where(known, clarity, 0.0),
        flow=_flow(normal, mask),
        along=along,
        peak=peak,
        cycles=cycles,
        uneven=np.where(known, np.clip(share / np.maximum(1.0 - share, 0.03), 0.2, 5.0), 1.0),
        changes=changes,
        contrast=contrast,
        grey=mean[mask].astype(float),
    )


def _tensor(tiled: NDArray[np.uint8], size: tuple[int, int]) -> tuple[Plane, Plane, Plane, Plane]:
    """Of each block: mean, standard deviation, orientation certainty, direction across the ridges in radians."""

    def per_block(plane: NDArray[np.float32]) -> Plane:
        return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), dtype=np.float32)

    source = tiled.astype(np.float32)
    gx = np.asarray(cv2.Sobel(source, cv2.CV_32F, 1, 0, ksize=1), dtype=np.float32)
    gy = np.asarray(cv2.Sobel(source, cv2.CV_32F, 0, 1, ksize=1), dtype=np.float32)
    xx, yy, xy = per_block(gx * gx), per_block(gy * gy), per_block(gx * gy)
    mean = per_block(source)
    deviation = np.sqrt(np.maximum(per_block(source * source) - mean * mean, 0.0))
    apart = np.hypot(xx - yy, 2.0 * xy)
    certainty = 2.0 * apart / np.maximum(xx + yy + apart, 1e-6)
    return mean, deviation, certainty, 0.5 * np.arctan2(2.0 * xy, xx - yy)


def _span(start: int, length: int, count: int) -> tuple[int, int]:
    """First block and how many blocks, at least one, cover a stretch of px."""
    first = min(max(start // SIDE, 0), count - 1)
    last = min(max(-(-(start + length) // SIDE), first + 1), count)
    return first, last - first


def _contact(deviation: Plane, certainty: Plane, whole: int) -> NDArray[np.bool_]:
    """Blocks with ridges, without small islands. whole: blocks of the whole picture; those not given are empty, and
    the picture's strongest twentieth is meant."""
    strongest = max(100.0 - 5.0 * whole / deviation.size, 0.0)
    level = max(DEVIATION_FLOOR, DEVIATION_SHARE * float(np.percentile(deviation, strongest)))
    raw = ((deviation > level) & (certainty > CERTAIN)).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(raw, connectivity=8)
    keep = np.zeros(count, np.bool_)
    area = stats[1:, cv2.CC_STAT_AREA]
    keep[1:] = area >= max(ISLAND_LEAST, ISLAND_SHARE * area.max(initial=0))
    return np.asarray(keep[labels], dtype=np.bool_)


def _upright(gray: NDArray[np.uint8], normal: Plane, x: Values, y: Values) -> NDArray[np.float32]:
    """[n, LINES, SIDE]: each block turned so that its ridges run down."""
    if x.size == 0:
        return np.zeros((0, LINES, SIDE), np.float32)
    cos, sin = np.cos(normal)[:, None, None], np.sin(normal)[:, None, None]
    map_x = (x[:, None, None] + cos * _ACROSS - sin * _ALONG).astype(np.float32).reshape(-1, SIDE)
    map_y = (y[:, None, None] + sin * _ACROSS + cos * _ALONG).astype(np.float32).reshape(-1, SIDE)
    strip = _remap(gray, map_x, map_y)
    return strip.reshape(-1, LINES, SIDE).astype(np.float32)


def _remap(gray: NDArray[np.uint8], map_x: Plane, map_y: Plane) -> NDArray[np.uint8]:
    """In pieces: OpenCV takes no picture higher than 32767."""
    step = 1024 * LINES
    parts = [
        cv2.remap(
            gray,
            map_x[k : k + step],
            map_y[k : k + step],
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT_101,
        )
        for k in range(0, len(map_x), step)
    ]
    return np.asarray(np.concatenate(parts), dtype=np.uint8)


def _spectral(
    patches: NDArray[np.float32], profile: NDArray[np.float32]
) -> tuple[Values, Values, Values, Values, Values]:
    """cycles, spectrum, along, peak, contrast of each block."""
    amplitude = np.abs(np.fft.rfft(profile, axis=1))[:, 1:].astype(float)
    top = SIDE // 2 - 1
    which, strongest = amplitude[:, :top].argmax(axis=1), amplitude[:, :top].max(axis=1)
    each = np.arange(len(amplitude))
    beside = np.where(which > 0, amplitude[each, np.maximum(which - 1, 0)], 0.0) + amplitude[each, which + 1]
    share = (strongest + 0.3 * beside) / np.maximum(amplitude.sum(axis=1), 1e-6)
    spectrum = np.where((which == 0) | (which == top - 1), 1.0, share)
    power = 2.0 * (amplitude**2).sum(axis=1) - amplitude[:, -1] ** 2
    lines = patches - patches.mean(axis=2, keepdims=True)
    total = np.maximum(SIDE * np.einsum("nij,nij->n", lines, lines) / LINES, 1e-6)
    return which + 1.0, spectrum, power / total, 2.0 * strongest**2 / total, np.sqrt(power) / SIDE


def _clear(patches: NDArray[np.float32], profile: NDArray[np.float32]) -> tuple[Values, Values, Values]:
    """Clarity, share of ridge, and changes between ridge and valley of each block."""
    slope = profile @ _RAMP / np.float32((_RAMP**2).sum())
    trend = profile.mean(axis=1, keepdims=True) + slope[:, None] * _RAMP
    ridge = profile < trend
    dark = (patches < trend[:, None, :]).sum(axis=1)
    ridges, valleys = ridge.sum(axis=1) * LINES, (~ridge).sum(axis=1) * LINES
    wrong_valley = np.where(ridge, 0, dark).sum(axis=1) / np.maximum(valleys, 1)
    wrong_ridge = np.where(ridge, LINES - dark, 0).sum(axis=1) / np.maximum(ridges, 1)
    changes = (ridge[:, 1:] != ridge[:, :-1]).sum(axis=1)
    return 1.0 - (wrong_valley + wrong_ridge) / 2.0, ridge.mean(axis=1), changes.astype(float)


def _flow(normal: Plane, mask: NDArray[np.bool_]) -> Values:
    """Mean turn against the neighbours in the contact, 0 to 1 (90 degrees)."""
    angle, inside = np.pad(normal, 1), np.pad(mask.astype(np.float32), 1)
    rows, columns = mask.shape
    turn, count = np.zeros(mask.shape, np.float32), np.zeros(mask.shape, np.float32)
    for dy, dx in ((0, 0), (0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1), (2, 2)):
        part = (slice(dy, dy + rows), slice(dx, dx + columns))
        apart = np.abs(angle[part] - normal)
        turn += np.minimum(apart, np.float32(np.pi) - apart) * inside[part]
        count += inside[part]
    return np.asarray((turn / np.maximum(count, 1.0))[mask] / (np.pi / 2), dtype=np.float64)
