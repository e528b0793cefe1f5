"""Several fingers of a hand on one platen: slaps of four fingers, of one thumb, of both thumbs.

In: fingers, a platen, a touch, and what else happens on the glass. Out: a Rendering with a box per finger. Fingers are
laid side by side in the order in which they lie on the glass seen from above: left hand little to index, right hand
index to little, thumbs left and right.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.sim.contact import Footprint, compose, print_finger
from drivers.sim.finger_types import Finger, Platen, Rendering, SlapBox, Touch
from drivers.sim.placement import Placement

_TIP_DROP_MM = {1: 0.0, 2: 9.0, 3: 0.0, 4: 7.0, 5: 26.0}
"""How much lower than the middle finger's the pad of each digit lies (thumb alone: 0); anthropometric habit."""
_SPREAD_DEG = {1: 0.0, 2: 4.0, 3: 0.5, 4: -3.0, 5: -9.0}
"""Lean of each digit of a right hand, degrees counter-clockwise; mirrored for the left."""
_GAP_MM = (1.8, 3.6)
_HAND_TOP_MM = 14.0
"""From the upper edge of the platen to the middle of the highest pad, when it is high enough."""
_PHALANX_MM = 10.0
"""From the crease to the middle of the second phalanx."""
_PALM_MM = 62.0
"""From the tip of the middle finger to the upper part of the palm, when the hand lies far forward."""
_HALO_MM = 3.5
_HALO_GREY = 90.0
_DROPLET_MM = 0.12


@dataclass(frozen=True)
class SlapScene:
    """What else happens in a slap; the defaults are those of every slap so far.

    gap_mm: least and most room between fingers, negative where they overlap; shape_mm: standard deviation of each
    fingertip's place along the hand, on top of the usual; slant_deg: how much the line of the tips turns against the
    fingers (the hand bends in the wrist), counter-clockwise; 0 to 1 each: lower: how strongly the second phalanges
    print, palm: the palm, stray: another finger beside the hand, halo: condensation around the fingers.
    """

    gap_mm: tuple[float, float] = _GAP_MM
    shape_mm: float = 0.0
    slant_deg: float = 0.0
    lower: float = 0.0
    palm: float = 0.0
    stray: float = 0.0
    halo: float = 0.0


def _digit(finger: Finger) -> int:
    return (finger.position - 1) % 5 + 1


def _is_left(finger: Finger) -> bool:
    return finger.position > 5


def _in_order(fingers: Sequence[Finger]) -> list[Finger]:
    return sorted(fingers, key=lambda f: -_digit(f) if _is_left(f) else 10 * _digit(f))


def render_slap(
    fingers: Sequence[Finger],
    platen: Platen,
    touch: Touch | None = None,
    scene: SlapScene | None = None,
) -> Rendering:
    """Fingers pressed together. ValueError when there is none or one twice; a missing finger leaves its place
    to its neighbours' natural gap."""
    positions = [f.position for f in fingers]
    if not positions or len(set(positions)) != len(positions):
        raise ValueError(f"a slap has at least one finger and none twice, not positions {positions}")
    touch, scene = touch or Touch(), scene or SlapScene()
    rng = np.random.Generator(np.random.PCG64([touch.seed, 53]))
    prints: list[Footprint | None] = []
    boxes: list[SlapBox] = []
    places = _lay_out(_in_order(fingers), platen, rng, scene)
    for finger, (x_mm, y_mm, lean) in zip(_in_order(fingers), places, strict=True):
        one, angle = _press(finger, platen, touch, (x_mm, y_mm), lean)
        prints.append(one)
        if one is not None:
            boxes.append((finger.position, *_clip(one.box, platen), angle))
    prints += _beside(_in_order(fingers), places, platen, touch, scene, boxes)
    whole = compose(prints, platen, touch)
    pixels = _condensed(whole, platen, touch, scene.halo) if scene.halo > 0.0 else whole.pixels
    return dataclasses.replace(whole, pixels=pixels, boxes=tuple(boxes))


def _lay_out(
    fingers: Sequence[Finger], platen: Platen, rng: np.random.Generator, scene: SlapScene
) -> list[tuple[float, float, float]]:
    """x, y (mm from the upper left) and lean (degrees) of each finger."""
    own = (
        np.random.Generator(np.random.PCG64(rng.integers(1 << 32, size=2).tolist()))
        if scene.shape_mm
        else None
    )
    widths = [2.0 * f.build.plain_half_mm for f in fingers]
    gaps = [float(g) for g in rng.uniform(*scene.gap_mm, len(fingers))]
    total = sum(widths) + sum(gaps[1:])
    middle = platen.width / platen.ppi * 25.4 / 2
    x = middle - total / 2
    top = min(_HAND_TOP_MM, platen.height / platen.ppi * 25.4 / 2)
    thumbs = all(_digit(f) == 1 for f in fingers)
    if thumbs:
        top = platen.height / platen.ppi * 25.4 / 2
    places = []
    for i, finger in enumerate(fingers):
        x += (gaps[i] if i else 0.0) + widths[i] / 2
        lean = _SPREAD_DEG[_digit(finger)] + float(rng.normal(0.0, 1.2))
        drop = _TIP_DROP_MM[_digit(finger)] + float(rng.normal(0.0, 0.7))
        drop = 0.0 if thumbs else drop - float(np.tan(np.radians(scene.slant_deg))) * (x - middle)
        drop += float(own.normal(0.0, scene.shape_mm)) if own else 0.0
        places.append((x, top + drop, -lean if _is_left(finger) else lean))
        x += widths[i] / 2
    return places


def _beside(
    fingers: Sequence[Finger],
    places: Sequence[tuple[float, float, float]],
    platen: Platen,
    touch: Touch,
    scene: SlapScene,
    boxes: Sequence[SlapBox],
) -> list[Footprint | None]:
    """Second phalanges, palm and another finger, as far as the scene has them."""
    prints: list[Footprint | None] = []
    if scene.lower > 0.0:
        for finger, (x, y, lean) in zip(fingers, places, strict=True):
            back, side = finger.build.crease_mm + _PHALANX_MM, float(np.radians(lean))
            place = (x + back * float(np.sin(side)), y + back * float(np.cos(side)))
            prints.append(_faint(_press(finger, platen, touch, place, lean)[0], scene.lower))
    if scene.palm > 0.0:
        middle, top = float(np.mean([p[0] for p in places])), min(p[1] for p in places)
        for i in (-1.5, -0.5, 0.5, 1.5):
            place = (middle + 15.0 * i, top + _PALM_MM)
            prints.append(_faint(_press(fingers[0], platen, touch, place, 90.0)[0], scene.palm))
    if scene.stray > 0.0:
        prints.append(_faint(_stray(fingers[0], platen, touch, boxes), scene.stray))
    return prints


def _faint(one: Footprint | None, share: float) -> Footprint | None:
    """The same contact, lighter, its minutiae not counted."""
    if one is None:
        return None
    cover = np.asarray(one.cover * np.float32(share), np.float32)
    return dataclasses.replace(one, cover=cover, mask=np.zeros_like(one.mask), minutiae=())


def _stray(finger: Finger, platen: Platen, touch: Touch, boxes: Sequence[SlapBox]) -> Footprint | None:
    """A touch where no finger of the hand is, if there is room."""
    rng = np.random.Generator(np.random.PCG64([touch.seed, 59]))
    mm = 25.4 / platen.ppi
    for _ in range(40):
        x, y = float(rng.uniform(0, platen.width * mm)), float(rng.uniform(0, platen.height * mm))
        one = _press(
            finger, platen, dataclasses.replace(touch, rotation_deg=0.0), (x, y), float(rng.uniform(-60, 60))
        )[0]
        if one is not None and not any(_touching(one.box, box) for box in boxes):
            return one
    return None


def _touching(a: tuple[int, int, int, int], box: SlapBox) -> bool:
    _, x, y, w, h, _ = box
    return a[0] < x + w and x < a[0] + a[2] and a[1] < y + h and y < a[1] + a[3]


def _condensed(whole: Rendering, platen: Platen, touch: Touch, halo: float) -> NDArray[np.uint8]:
    """Breath of warm fingers on cold glass: a grey cloud around them, made of droplets."""
    rng = np.random.Generator(np.random.PCG64([touch.seed, 61]))
    px_mm = platen.ppi / 25.4
    cloud = cv2.GaussianBlur(whole.mask.astype(np.float32), (0, 0), _HALO_MM * px_mm)
    cloud = np.clip(2.0 * cloud, 0.0, 1.0) * (1.0 - whole.mask)
    white = rng.standard_normal(cloud.shape, dtype=np.float32)
    drops = cv2.GaussianBlur(white, (0, 0), max(_DROPLET_MM * px_mm, 0.5))
    rough = 0.65 + 0.35 * np.clip(drops / drops.std(), -1.5, 1.5)
    grey = whole.pixels - np.float32(_HALO_GREY * halo) * cloud * rough
    return np.asarray(np.clip(np.rint(grey), 0, 255), np.uint8)


def _press(
    finger: Finger, platen: Platen, touch: Touch, place: tuple[float, float], lean: float
) -> tuple[Footprint | None, float]:
    """One finger of the hand; the hand's rotation turns places around the middle of the platen."""
    px_mm = platen.ppi / 25.4
    cx, cy = platen.width / 2, platen.height / 2
    u, v = place[0] * px_mm - cx, place[1] * px_mm - cy
    turn = np.radians(touch.rotation_deg)
    anchor = (cx + np.cos(turn) * u + np.sin(turn) * v, cy - np.sin(turn) * u + np.cos(turn) * v)
    own = dataclasses.replace(touch, rotation_deg=touch.rotation_deg + lean)
    placement = Placement.of(own, anchor, (0.0, 0.0), platen.ppi, salt=finger.position)
    return print_finger(finger, placement, platen, "plain", own, joint=True), own.rotation_deg


def _clip(box: tuple[int, int, int, int], platen: Platen) -> tuple[int, int, int, int]:
    x0, y0 = max(0, box[0]), max(0, box[1])
    x1, y1 = min(platen.width, box[0] + box[2]), min(platen.height, box[1] + box[3])
    return x0, y0, max(0, x1 - x0), max(0, y1 - y0)
