"""The synthetic world: from a seed and a position, a finger with known minutiae; from a finger, a touch and a platen,
what a reader sees.

In: integers and frozen values. Out: Finger and Rendering. The same input gives the same output for ever; nothing is
kept but a cache. Every finger is invented; none is taken from a person. What it is good for, how it was measured and
where it stops being like skin: docs/synthetic-finger.md.
"""

from __future__ import annotations

import functools

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.sim.contact import render
from drivers.sim.finger_types import (
    Build,
    Finger,
    FloatImage,
    Pattern,
    PixelMinutia,
    Platen,
    Rendering,
    Touch,
    TrueMinutia,
)
from drivers.sim.hand import render_slap
from drivers.sim.residues import Residues, residues
from drivers.sim.ridges import PERIOD_CELLS, Signal, grow_ridges
from drivers.sim.singular import draw_flow, draw_pattern, near_singular, orientation
from drivers.sim.spacing import spacing
from drivers.sim.warp import Warp

__all__ = [
    "Build",
    "Finger",
    "Pattern",
    "PixelMinutia",
    "Platen",
    "Rendering",
    "Touch",
    "TrueMinutia",
    "grow",
    "render",
    "render_slap",
    "subject_finger",
]

_GROWTH_SHAPE = (512, 360)
_GROWTH_ORIGIN = (180.0, 200.0)
_MASTER_PITCH_MM = 0.08
_MASTER_SHAPE = (560, 400)
_MASTER_ORIGIN = (200.0, 214.0)
_SKIN_MM = 0.35
"""Size of the smooth wandering of the skin, mm: it makes the ridge period vary by about a tenth."""
_WOBBLE = ((0.13, (6.0, 13.0)), (0.2, (14.0, 36.0)))
"""Irregularity of the ridge flow: standard deviation (radians) and wavelengths (mm) of the small and the large."""
_FREE_MM = 0.7
"""How near a singular point ridges choose their own direction, mm: about one and a half ridge periods."""
_PORE_MM = 0.52
"""Mean distance of pores, mm (about 2 to the millimetre of ridge)."""
_CACHED = 128

_WIDTH_SCALE = (1.17, 1.0, 1.03, 0.98, 0.86)
"""Width of thumb, index, middle, ring, little relative to the index."""
_LENGTH_SCALE = (1.15, 1.0, 1.04, 1.0, 0.88)


@functools.lru_cache(maxsize=_CACHED)
def grow(seed: int, position: int) -> Finger:
    """The finger of `seed` at FGP `position` (1 to 10). ValueError for any other position or a negative seed."""
    if not 1 <= position <= 10 or seed < 0:
        raise ValueError(
            f"a finger has a seed of 0 or more and a position of 1 to 10, not {seed} and {position}"
        )
    rng = np.random.Generator(np.random.PCG64([seed, position]))
    pattern = draw_pattern(rng, position)
    build = _draw_build(rng, (position - 1) % 5)
    flow = draw_flow(rng, pattern, build.plain_half_mm / 7.4)
    pitch = build.period_mm / PERIOD_CELLS
    wobble = [
        Warp.draw(rng, size, waves).on_grid(_GROWTH_SHAPE, pitch, _GROWTH_ORIGIN)[0]
        for size, waves in _WOBBLE
    ]
    rows, columns = np.mgrid[: _GROWTH_SHAPE[0], : _GROWTH_SHAPE[1]]
    z = (columns - _GROWTH_ORIGIN[0]) * pitch - 1j * (rows - _GROWTH_ORIGIN[1]) * pitch
    theta = orientation(flow, z) + wobble[0] + wobble[1]
    free = near_singular(flow, z, _FREE_MM)
    signal = grow_ridges(theta, rng, spacing(theta, free), free)
    skin = Warp.draw(rng, size=_SKIN_MM, waves_mm=(16.0, 32.0))
    found = residues(signal, theta)
    pores = _pores(signal, theta, rng, pitch)
    return Finger(
        seed=seed,
        position=position,
        pattern=pattern,
        minutiae=_minutiae(found, skin, pitch),
        cores=tuple(_through(skin, c.real, -c.imag) for c in flow.cores),
        deltas=tuple(_through(skin, d.real, -d.imag) for d in flow.deltas),
        build=build,
        master=_bake(signal, pores, skin, pitch),
        pitch_mm=_MASTER_PITCH_MM,
        origin=_MASTER_ORIGIN,
    )


def subject_finger(subject_seed: int, position: int) -> Finger:
    """Finger `position` of the synthetic person `subject_seed`: ten different seeds from one."""
    mixed = np.random.SeedSequence([subject_seed, position, 0x1D]).generate_state(1, np.uint32)
    return grow(int(mixed[0]), position)


def _draw_build(rng: np.random.Generator, digit: int) -> Build:
    size = float(np.clip(rng.normal(1.0, 0.06), 0.87, 1.13))
    period = 0.46 * (0.6 + 0.4 * size) * (1.05 if digit == 0 else 1.0) * float(rng.uniform(0.91, 1.09))
    width, length = size * _WIDTH_SCALE[digit], size * _LENGTH_SCALE[digit]
    return Build(
        period_mm=period,
        plain_half_mm=7.4 * width,
        rolled_half_mm=12.2 * width**0.5,
        tip_mm=14.0 * length,
        crease_mm=13.5 * length,
    )


def _through(skin: Warp, x: float, y: float) -> tuple[float, float]:
    """A point of the growth plane (mm, y down) in the finger frame."""
    fx, fy = skin.inverse(np.array([x]), np.array([y]))
    return float(fx[0]), float(fy[0])


def _minutiae(found: Residues, skin: Warp, pitch: float) -> tuple[TrueMinutia, ...]:
    x = (found.column - _GROWTH_ORIGIN[0]) * pitch
    y = (found.row - _GROWTH_ORIGIN[1]) * pitch
    x0, y0 = skin.inverse(x, y)
    x1, y1 = skin.inverse(x + 0.2 * np.cos(found.direction), y - 0.2 * np.sin(found.direction))
    angle = np.mod(np.degrees(np.arctan2(-(y1 - y0), x1 - x0)), 360.0)
    return tuple(
        TrueMinutia(float(a), float(b), float(d), "ending" if e else "bifurcation")
        for a, b, d, e in zip(x0, y0, angle, found.ending, strict=True)
    )


def _pores(signal: Signal, theta: NDArray[np.float64], rng: np.random.Generator, pitch: float) -> FloatImage:
    """Pores as soft dots of height 1 on the ridge lines: a jittered lattice, each point moved onto its ridge."""
    step = _PORE_MM / pitch
    h, w = signal.shape
    rows, columns = np.meshgrid(np.arange(0, h, step), np.arange(0, w, step), indexing="ij")
    r = rows + rng.uniform(0.0, step, rows.shape)
    c = columns + rng.uniform(0.0, step, rows.shape)
    ri, ci = np.clip(r.astype(int), 0, h - 1), np.clip(c.astype(int), 0, w - 1)
    shift = -np.angle(signal[ri, ci]) / (2.0 * np.pi) * PERIOD_CELLS
    t = np.mod(theta[ri, ci], np.pi)
    ri = np.clip(np.rint(ri + shift * np.cos(t)), 0, h - 1).astype(int)
    ci = np.clip(np.rint(ci + shift * np.sin(t)), 0, w - 1).astype(int)
    dots = np.zeros((h, w), np.float32)
    dots[ri, ci] = rng.uniform(0.3, 1.0, ri.shape)
    sigma = 0.75
    return np.asarray(cv2.GaussianBlur(dots, (0, 0), sigma) * (2.0 * np.pi * sigma**2), np.float32)


def _bake(signal: Signal, pores: FloatImage, skin: Warp, pitch: float) -> NDArray[np.int16]:
    """Ridge height and pores on the master grid, through the skin's wandering."""
    scale = _MASTER_PITCH_MM / pitch
    x = (np.arange(_MASTER_SHAPE[1]) - _MASTER_ORIGIN[0]) * scale + _GROWTH_ORIGIN[0]
    y = (np.arange(_MASTER_SHAPE[0]) - _MASTER_ORIGIN[1]) * scale + _GROWTH_ORIGIN[1]
    dx, dy = skin.on_grid(_MASTER_SHAPE, _MASTER_PITCH_MM, _MASTER_ORIGIN)
    map_x = dx * np.float32(1.0 / pitch) + x[None, :].astype(np.float32)
    map_y = dy * np.float32(1.0 / pitch) + y[:, None].astype(np.float32)
    both = cv2.merge([np.ascontiguousarray(signal.real), pores])
    baked = cv2.remap(both, map_x, map_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    master: NDArray[np.int16] = np.clip(np.rint(baked * 32767.0 / 1.5), -32767, 32767).astype(np.int16)
    master.setflags(write=False)
    return master
