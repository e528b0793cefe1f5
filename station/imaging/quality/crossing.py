"""Two ridge systems in one place (a finger that came down twice), and old ridges beside it (marks on the platen).

In: picture at 250 ppi and coarse planes; out: shares and places. The spectrum of a block has one pair of peaks where
ridges are parallel, two where they cross; an edge has most of its power below the frequencies of ridges.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from station.imaging import parameters as p
from station.imaging.normalise import Plane
from station.imaging.quality import parameters as q

SIDE = 16
"""px of a block at 250 ppi."""
STEP = 8
"""px between blocks: they overlap by half."""
UNSURE = 0.7
"""coherence from which ridges are parallel, and no second system need be looked for. chosen."""
LONGEST, SHORTEST = 16 / 1.9, 16 / 6.6
"""px at 250 ppi: ridge periods looked for."""

Mask = NDArray[np.bool_]
_FY, _FX = np.meshgrid(np.fft.fftfreq(SIDE), np.fft.rfftfreq(SIDE), indexing="ij")
_RADIUS = np.hypot(_FY, _FX)
_BAND = (_RADIUS >= 1 / LONGEST) & (_RADIUS <= 1 / SHORTEST)
_TURN = np.arctan2(_FY, _FX)[_BAND]
_APART = np.abs(_TURN[:, None] - _TURN[None, :])
_APART = np.degrees(np.minimum(_APART, np.pi - _APART))
_NEAR, _FAR = q.CROSS_ANGLE / 2 >= _APART, _APART >= q.CROSS_ANGLE
_WINDOW = np.outer(np.hanning(SIDE + 2)[1:-1], np.hanning(SIDE + 2)[1:-1]).astype(np.float32)


def crossed(half: NDArray[np.uint8], coherence: Plane, mask: Mask) -> tuple[float, Mask]:
    """Share of the contact where two systems cross, and where, bool [gh, gw]."""
    found = _blocks_where(half, mask & (coherence < UNSURE), _two_systems)
    return _share(found, mask), found & mask


def residue(half: NDArray[np.uint8], contrast: Plane, contact: Mask) -> tuple[float, Mask]:
    """Share of the empty platen with old ridges on it, and where, bool [gh, gw]."""
    around = max(3, round(2 * q.RESIDUE_CLEAR / p.GRID) | 1)
    empty = cv2.dilate(contact.astype(np.uint8), np.ones((around, around), np.uint8)) == 0
    if empty.sum() < q.GROUND_SHARE * empty.size:
        return 0.0, np.zeros_like(contact)
    level = max(q.RESIDUE_CONTRAST, q.RESIDUE_NOISE * float(np.percentile(contrast[empty], 25)))
    found = _blocks_where(half, np.asarray(empty & (contrast > level), dtype=np.bool_), _one_system)
    return _share(found, empty), np.asarray(found & empty, dtype=np.bool_)


def _share(found: Mask, of: Mask) -> float:
    return float((found & of).sum()) / max(float(of.sum()), 1.0)


def _blocks_where(half: NDArray[np.uint8], wanted: Mask, test: Callable[[NDArray[np.uint8]], Mask]) -> Mask:
    """The coarse cells whose block passes the test; only blocks with a wanted middle are looked at."""
    place = np.zeros(wanted.shape, np.uint8)
    views = np.lib.stride_tricks.sliding_window_view(half, (SIDE, SIDE))[::STEP, ::STEP]
    shrink, lead = (
        STEP * 2 // p.GRID,
        SIDE // p.GRID,
    )  # coarse cells a step, and from a block's corner to its middle
    looked = wanted[lead:, lead:][::shrink, ::shrink][: views.shape[0], : views.shape[1]]
    if looked.any():
        found = np.zeros(looked.shape, np.uint8)
        found[looked] = test(views[: looked.shape[0], : looked.shape[1]][looked])
        grown = cv2.resize(found, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_NEAREST)
        inner = place[lead - 1 : lead - 1 + grown.shape[0], lead - 1 : lead - 1 + grown.shape[1]]
        inner[:] = grown[: inner.shape[0], : inner.shape[1]]
    return np.asarray(place, dtype=np.bool_)


def _power(blocks: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Of blocks [n, SIDE, SIDE]: power at each ridge frequency [n, f], and all power [n]."""
    source = blocks.astype(np.float32)
    source = (source - source.mean(axis=(1, 2), keepdims=True)) * _WINDOW
    power = np.abs(np.fft.rfft2(source)) ** 2
    power[:, :, 1:-1] *= 2.0
    return power[:, _BAND].astype(np.float32), power.reshape(len(power), -1).sum(axis=1) + 1.0


def _two_systems(blocks: NDArray[np.uint8]) -> Mask:
    """Has each block two directions with nearly equal power?"""
    band, total = _power(blocks)
    systems = band @ _NEAR.astype(np.float32)
    strongest = systems.max(axis=1)
    second = np.where(_FAR[systems.argmax(axis=1)], systems, 0.0).max(axis=1)
    strong = (strongest + second) / total > q.CROSS_BAND
    return np.asarray((second > q.CROSS_SHARE * strongest) & strong, dtype=np.bool_)


def _one_system(blocks: NDArray[np.uint8]) -> Mask:
    """Is each block ridges in one direction, and neither an edge nor noise?"""
    band, total = _power(blocks)
    return np.asarray((band @ _NEAR.astype(np.float32)).max(axis=1) > q.RESIDUE_BAND * total, dtype=np.bool_)
