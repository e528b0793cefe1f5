"""One finger on glass: the outline of the contact, marks on the skin, and the picture.

In: a finger, a platen, plain or rolled, a touch. Out: a Rendering. `print_finger` is the part a slap shares.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.sim import marks, skin
from drivers.sim.finger_types import Contact, Finger, FloatImage, PixelMinutia, Platen, Rendering, Touch
from drivers.sim.placement import Placement

_MASTER_SCALE = 1.5 / 32767.0
_ROLL_POWER = 3.0
_PLAIN_POWER = 2.2
_EGG = 0.10
"""How much narrower a plain contact is at the tip, and wider at the joint, than in the middle."""
_PAD_MM = 0.6
"""How far inside the outline the pad of the second joint counts at most: it hangs, so its print is faint."""
_SIZE_PER_PRESSURE = 0.32
"""How much a contact's size changes over the range of pressure."""
_VISIBLE = 0.5
"""How far inside the outline, mm, a minutia must lie to be seen: about one ridge period."""
_MARGIN_MM = 0.5
"""Minutiae nearer to the edge of the platen than this are not counted as visible."""


@dataclass(frozen=True, eq=False)
class Footprint:
    """A finger's part of a platen. x, y: its corner; cover: float32 [h, w]; mask: bool [h, w]; minutiae: those
    visible; box: (x, y, w, h) of the last joint's contact."""

    x: int
    y: int
    cover: FloatImage
    mask: NDArray[np.bool_]
    minutiae: tuple[PixelMinutia, ...]
    box: tuple[int, int, int, int]


def contact_box(finger: Finger, contact: Contact, pressure: float) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of the contact in the finger frame, mm."""
    b = finger.build
    size = 1.0 + _SIZE_PER_PRESSURE * (pressure - 0.5)
    if contact == "rolled":
        return -b.rolled_half_mm * size, -b.tip_mm, b.rolled_half_mm * size, b.crease_mm - 0.6
    return -b.plain_half_mm * size, -0.74 * b.tip_mm * size, b.plain_half_mm * size, 0.74 * b.crease_mm * size


def strength(
    finger: Finger, contact: Contact, touch: Touch, x: FloatImage, y: FloatImage, joint: bool
) -> FloatImage:
    """How far points of the finger (mm) lie inside the outline of the contact, about, mm; negative outside.
    joint: the second joint's pad is on the glass too (slaps)."""
    left, top, right, bottom = contact_box(finger, contact, touch.pressure)
    rng = np.random.Generator(np.random.PCG64([touch.seed, finger.seed, finger.position, 31]))
    ripple, phase = rng.uniform(0.01, 0.028, 3), rng.uniform(0.0, 2.0 * np.pi, 3)
    power = _ROLL_POWER if contact == "rolled" else _PLAIN_POWER
    u = (x - np.float32((left + right) / 2)) * np.float32(2.0 / (right - left))
    v = (y - np.float32((top + bottom) / 2)) * np.float32(2.0 / (bottom - top))
    if contact == "plain":
        u = u * (1.0 - np.float32(_EGG) * v)
    radius = _superellipse(u, v, power)
    around = np.arctan2(v, u)
    for i in range(3):
        radius += np.float32(ripple[i]) * np.sin((i + 2) * around + np.float32(phase[i]))
    inside = (1.0 - radius) * np.float32(min(right - left, bottom - top) / 2)
    if joint:
        inside = np.maximum(inside, _second_joint(finger, touch, x, y))
    return np.asarray(inside, np.float32)


def _superellipse(u: FloatImage, v: FloatImage, power: float) -> FloatImage:
    total = cv2.pow(np.abs(u), power) + cv2.pow(np.abs(v), power)
    return np.asarray(cv2.pow(total, 1.0 / power), np.float32)


def _second_joint(finger: Finger, touch: Touch, x: FloatImage, y: FloatImage) -> FloatImage:
    """The same for the pad below the crease."""
    b = finger.build
    rng = np.random.Generator(np.random.PCG64([touch.seed, finger.seed, finger.position, 37]))
    half_height, shift = float(rng.uniform(1.5, 4.4)), float(rng.uniform(-2.5, 2.5))
    u = (x - np.float32(shift)) * np.float32(1.0 / (float(rng.uniform(0.5, 0.85)) * b.plain_half_mm))
    v = (y - np.float32(b.crease_mm + 1.5 + half_height)) * np.float32(1.0 / half_height)
    inside = (1.0 - _superellipse(u, v, 2.5)) * np.float32(half_height)
    return np.asarray(np.minimum(inside, np.float32(_PAD_MM)), np.float32)


def print_finger(
    finger: Finger, placement: Placement, platen: Platen, contact: Contact, touch: Touch, joint: bool = False
) -> Footprint | None:
    """The finger's footprint on the platen; None when it is put down wholly beside it."""
    region = _region(finger, placement, platen, contact, touch, joint)
    if region is None:
        return None
    x0, y0, width, height = region
    x_mm, y_mm = placement.region(x0, y0, width, height)
    hold = strength(finger, contact, touch, x_mm, y_mm, joint)
    scale = np.float32(1.0 / finger.pitch_mm)
    sampled = cv2.remap(
        finger.master,
        x_mm * scale + np.float32(finger.origin[0]),
        y_mm * scale + np.float32(finger.origin[1]),
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT,
    )
    ridge, pores = (np.asarray(layer, np.float32) * np.float32(_MASTER_SCALE) for layer in cv2.split(sampled))
    textures = skin.texture(x_mm, y_mm, (touch.seed, finger.seed, finger.position))
    cover = skin.coverage(ridge, pores, hold, textures, touch)
    light = marks.marks(finger, placement, touch, (x0, y0, width, height))
    cover *= 1.0 - light
    mask = hold > 0.0
    visible = _visible(placement.minutiae(finger), hold, light, (x0, y0), platen)
    return Footprint(x0, y0, cover, mask, visible, _box(finger, contact, touch, placement))


def _region(
    finger: Finger, placement: Placement, platen: Platen, contact: Contact, touch: Touch, joint: bool
) -> tuple[int, int, int, int] | None:
    left, top, right, bottom = contact_box(finger, contact, touch.pressure)
    bottom = finger.build.crease_mm + 11.0 if joint else bottom
    x, y, w, h = _bounds(placement, (left, top, right, bottom), 1.8)
    x1, y1 = min(platen.width, x + w), min(platen.height, y + h)
    x, y = max(0, x), max(0, y)
    return (x, y, x1 - x, y1 - y) if x1 > x and y1 > y else None


def _bounds(
    placement: Placement, box: tuple[float, float, float, float], margin_mm: float
) -> tuple[int, int, int, int]:
    """Upright pixel box around a box of the finger frame."""
    left, top, right, bottom = box
    t = np.linspace(0.0, 2.0 * np.pi, 32, endpoint=False)
    corner = 1.0 + 0.12 * np.abs(np.sin(2.0 * t))
    px, py = placement.to_platen(
        (left + right) / 2 + (right - left) / 2 * np.cos(t) * corner,
        (top + bottom) / 2 + (bottom - top) / 2 * np.sin(t) * corner,
    )
    m = margin_mm * placement.px_mm
    x0, y0 = int(px.min() - m), int(py.min() - m)
    return x0, y0, int(px.max() + m) - x0, int(py.max() + m) - y0


def _box(finger: Finger, contact: Contact, touch: Touch, placement: Placement) -> tuple[int, int, int, int]:
    return _bounds(placement, contact_box(finger, contact, touch.pressure), 0.0)


def _visible(
    minutiae: tuple[PixelMinutia, ...],
    hold: FloatImage,
    light: FloatImage,
    corner: tuple[int, int],
    platen: Platen,
) -> tuple[PixelMinutia, ...]:
    margin = _MARGIN_MM * platen.ppi / 25.4
    height, width = hold.shape
    seen = []
    for m in minutiae:
        if not (margin <= m.x < platen.width - margin and margin <= m.y < platen.height - margin):
            continue
        column, row = int(m.x) - corner[0], int(m.y) - corner[1]
        if not (0 <= column < width and 0 <= row < height):
            continue
        if hold[row, column] > _VISIBLE and light[row, column] < 0.5:
            seen.append(m)
    return tuple(seen)


def render(finger: Finger, platen: Platen, contact: Contact, touch: Touch | None = None) -> Rendering:
    """What a reader sees of one finger. ValueError for a contact that is neither rolled nor plain."""
    if contact not in ("rolled", "plain"):
        raise ValueError(f"a contact is rolled or plain, not {contact!r}")
    touch = touch or Touch()
    left, top, right, bottom = contact_box(finger, contact, 0.5)
    middle = ((left + right) / 2, (top + bottom) / 2 if contact == "rolled" else 0.0)
    placement = Placement.of(touch, (platen.width / 2, platen.height / 2), middle, platen.ppi)
    return compose([print_finger(finger, placement, platen, contact, touch)], platen, touch)


def compose(prints: list[Footprint | None], platen: Platen, touch: Touch) -> Rendering:
    """The picture of several footprints on one platen."""
    cover = np.zeros((platen.height, platen.width), np.float32)
    mask = np.zeros(cover.shape, np.bool_)
    minutiae: list[PixelMinutia] = []
    for one in prints:
        if one is None:
            continue
        h, w = one.cover.shape
        window = (slice(one.y, one.y + h), slice(one.x, one.x + w))
        np.maximum(cover[window], one.cover, out=cover[window])
        mask[window] |= one.mask
        minutiae.extend(one.minutiae)
    pixels = skin.expose(cover, touch, platen.ppi / 25.4)
    return Rendering(pixels, tuple(minutiae), mask)
