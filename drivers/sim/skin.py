"""From ridge relief to grey: what moisture, pressure, wear, dirt and the sensor do to a contact.

In: float32 images of one region (ridge height, pores, contact strength, texture) and a touch. Out: coverage (0 glass,
1 skin on glass), and from the coverage of a whole platen the grey a reader delivers. All constants are in LOOK.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.sim.finger_types import FloatImage, Touch


@dataclass(frozen=True)
class Look:
    """Constants of the appearance. Ridge height is -1 to 1; grey is 0 to 255. Origin: fitted by eye on livescan
    prints, then against NFIQ 2 and mindtct (docs/synthetic-finger.md) unless a comment says otherwise."""

    gain: float = 2.0  # per ridge height: hardness of a ridge's edge
    bias: float = 0.02  # ridge height: ridges a little wider than valleys at pressure 0.5
    press_bias: float = 1.6  # ridge height per unit of pressure: ridges broaden when pressed
    press_relief: float = 1.0  # per unit of pressure above 0.5: relief flattens
    edge_bias: float = 1.7  # ridge height lost at the outline
    edge_mm: float = 1.6  # how far the outline's weakness reaches in
    grain: float = 0.34  # ridge height, one standard deviation, at moisture 0.5
    pore: float = 0.7  # ridge height of a full pore
    dry_grain: float = 0.55  # more grain when dry
    dry_bias: float = 0.4
    dry_pore: float = 1.0
    wet_bias: float = 0.7
    wet_blotch: float = 0.45
    wet_relief: float = 0.45
    wear_relief: float = 0.65  # of the relief, lost at wear 1
    wear_grain: float = 0.12
    paper: float = 255.0  # grey of clean glass
    depth: float = 0.80  # of the paper: darkness of full contact
    dry_depth: float = 0.35
    light_depth: float = 0.5  # darkness lost per unit of pressure below 0.5
    blotch_depth: float = 0.05
    psf_mm: float = 0.022  # optical blur, one standard deviation: about 0.45 px at 500 ppi
    noise_floor: float = 0.8  # grey, one standard deviation
    noise: float = 60.0  # grey per unit of noise
    platen: float = 1.0  # grey: fixed texture of the glass
    dirt: float = 60.0  # grey per unit of background
    ghost: float = 0.5  # coverage of the residue of an earlier print per unit of background
    smear_mm: float = 0.7  # length of the motion at smear 1


LOOK = Look()
_TILE = 512
_TILE_PITCH_MM = 0.05
_TILE_SEED = 20_07
_SCALES_MM = (0.06, 0.35, 1.8)
"""Grain, patch and blotch: sizes of the three textures, mm."""


@functools.cache
def _tile() -> NDArray[np.uint8]:
    """Three periodic textures, uint8 [512, 512, 3], mean 128, standard deviation 42; the same everywhere."""
    rng = np.random.Generator(np.random.PCG64(_TILE_SEED))
    layers = []
    for scale in _SCALES_MM:
        sigma = scale / _TILE_PITCH_MM
        margin = int(4 * sigma) + 1
        white = rng.standard_normal((_TILE, _TILE), dtype=np.float32)
        wide = cv2.copyMakeBorder(white, margin, margin, margin, margin, cv2.BORDER_WRAP)
        soft = cv2.GaussianBlur(wide, (0, 0), sigma)[margin:-margin, margin:-margin]
        layers.append(np.clip(soft / soft.std() * 42.0 + 128.0, 0, 255).astype(np.uint8))
    tile: NDArray[np.uint8] = cv2.merge(layers)
    return tile


def texture(
    x_mm: FloatImage, y_mm: FloatImage, seed: tuple[int, ...]
) -> tuple[FloatImage, FloatImage, FloatImage]:
    """Grain, patches and blotches (standard deviation 1) under the given points of the skin."""
    rng = np.random.Generator(np.random.PCG64(list(seed)))
    shift, turn = rng.uniform(0.0, _TILE, 2), float(rng.uniform(0.0, 2.0 * np.pi))
    # turned and stretched each time, so that no two touches share a texture
    scale = float(rng.uniform(0.85, 1.15)) / _TILE_PITCH_MM
    c, s = np.float32(scale * np.cos(turn)), np.float32(scale * np.sin(turn))
    u = x_mm * c + y_mm * s + np.float32(shift[0])
    v = y_mm * c - x_mm * s + np.float32(shift[1])
    found = cv2.remap(_tile(), u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    scaled = cv2.addWeighted(found, 1.0 / 42.0, found, 0.0, -128.0 / 42.0, dtype=cv2.CV_32F)
    grain, patch, blotch = (np.asarray(layer, np.float32) for layer in cv2.split(scaled))
    return grain, patch, blotch


def coverage(
    height: FloatImage,
    pores: FloatImage,
    strength: FloatImage,
    textures: tuple[FloatImage, FloatImage, FloatImage],
    touch: Touch,
) -> FloatImage:
    """How much skin touches the glass in each pixel, 0 to 1. strength: mm inside
    the outline of the contact, negative outside."""
    grain, patch, blotch = textures
    dry, wet = max(0.0, 1.0 - 2.0 * touch.moisture), max(0.0, 2.0 * touch.moisture - 1.0)
    hard = touch.pressure - 0.5
    relief = (1.0 - LOOK.wet_relief * wet) * (1.0 - LOOK.press_relief * max(0.0, hard))
    level = height * np.float32(relief)
    if touch.wear > 0.0:
        level *= 1.0 - np.float32(LOOK.wear_relief * touch.wear) * np.clip(0.8 + 0.25 * blotch, 0.0, 1.0)
    level -= pores * np.float32(LOOK.pore * (1.0 + LOOK.dry_pore * dry - 0.8 * wet))
    roughness = LOOK.grain + LOOK.dry_grain * dry + LOOK.wear_grain * touch.wear
    level += grain * np.float32(roughness * 0.8) + patch * np.float32(roughness * 0.5)
    level += blotch * np.float32(0.1 + LOOK.wet_blotch * wet)
    weak = 1.0 - np.clip(strength * np.float32(1.0 / LOOK.edge_mm), -1.0, 1.0)
    level -= np.float32(LOOK.edge_bias) * weak * weak
    level += np.float32(LOOK.bias + LOOK.press_bias * hard - LOOK.dry_bias * dry + LOOK.wet_bias * wet)
    return np.asarray(0.5 + 0.5 * np.tanh(np.float32(LOOK.gain) * level), np.float32)


def expose(cover: FloatImage, touch: Touch, px_mm: float) -> NDArray[np.uint8]:
    """The grey image of a whole platen from its coverage."""
    rng = np.random.Generator(np.random.PCG64([touch.seed, 23]))
    dry = max(0.0, 1.0 - 2.0 * touch.moisture)
    depth = (
        LOOK.depth * (1.0 - LOOK.dry_depth * dry) * (1.0 - LOOK.light_depth * max(0.0, 0.5 - touch.pressure))
    )
    _, soft, blotch = _glass_texture(cover.shape, px_mm, touch.seed)
    smeared = _smeared(cover, touch, rng, px_mm)
    seen = np.asarray(cv2.GaussianBlur(smeared, (0, 0), max(0.3, LOOK.psf_mm * px_mm)), np.float32)
    seen *= np.float32(depth) * (1.0 + np.float32(LOOK.blotch_depth) * blotch)
    if touch.background > 0.0:
        seen += _ghost(cover, touch, rng)
    grey = np.float32(LOOK.paper) * (1.0 - np.minimum(seen, 1.0)) + np.float32(LOOK.platen) * soft
    grey -= np.float32(LOOK.dirt * touch.background**1.3) * np.clip(blotch + 0.3, 0.0, 2.0)
    sigma = LOOK.noise_floor + LOOK.noise * touch.noise * touch.noise**0.3
    grey += rng.standard_normal(cover.shape, dtype=np.float32) * np.float32(sigma)
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)


def _glass_texture(
    shape: tuple[int, ...], px_mm: float, seed: int
) -> tuple[FloatImage, FloatImage, FloatImage]:
    x = np.broadcast_to((np.arange(shape[1]) / px_mm).astype(np.float32)[None, :], shape)
    y = np.broadcast_to((np.arange(shape[0]) / px_mm).astype(np.float32)[:, None], shape)
    return texture(x, y, (seed, 29))


def _smeared(cover: FloatImage, touch: Touch, rng: np.random.Generator, px_mm: float) -> FloatImage:
    """Coverage blurred along the direction the finger slid."""
    angle = float(rng.uniform(-0.5, 0.5))
    length = touch.smear * LOOK.smear_mm * px_mm
    if length < 1.0:
        return cover
    size = int(length) | 1
    kernel = np.zeros((size + 2, size + 2), np.float32)
    centre = (size + 2) // 2
    reach = 0.5 * length * np.array([np.cos(angle), np.sin(angle)])
    start, end = np.rint(centre - reach).astype(int), np.rint(centre + reach).astype(int)
    cv2.line(kernel, start.tolist(), end.tolist(), 1.0, 1, cv2.LINE_AA)
    return np.asarray(cv2.filter2D(cover, cv2.CV_32F, kernel / kernel.sum()), np.float32)


def _ghost(cover: FloatImage, touch: Touch, rng: np.random.Generator) -> FloatImage:
    """Residue of an earlier print: here the same kind of ridges, mirrored and shifted."""
    dx, dy = rng.integers(-60, 60, 2)
    shifted = np.roll(cover[:, ::-1], (int(dy), int(dx)), axis=(0, 1))
    return np.asarray(shifted * np.float32(LOOK.ghost * touch.background**2), np.float32)
