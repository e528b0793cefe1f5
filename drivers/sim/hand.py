"""Several fingers of a hand on one platen: slaps of four fingers, of one thumb, of both thumbs.

In: fingers, a platen, a touch. Out: a Rendering with a box per finger. Fingers are laid side by side in the order in
which they lie on the glass seen from above: left hand little to index, right hand index to little, thumbs left
and right.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

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


def _digit(finger: Finger) -> int:
    return (finger.position - 1) % 5 + 1


def _is_left(finger: Finger) -> bool:
    return finger.position > 5


def _in_order(fingers: Sequence[Finger]) -> list[Finger]:
    return sorted(fingers, key=lambda f: -_digit(f) if _is_left(f) else 10 * _digit(f))


def render_slap(fingers: Sequence[Finger], platen: Platen, touch: Touch | None = None) -> Rendering:
    """Fingers pressed together. ValueError when there is none or one twice; a missing finger leaves its place
    to its neighbours' natural gap."""
    positions = [f.position for f in fingers]
    if not positions or len(set(positions)) != len(positions):
        raise ValueError(f"a slap has at least one finger and none twice, not positions {positions}")
    touch = touch or Touch()
    rng = np.random.Generator(np.random.PCG64([touch.seed, 53]))
    prints: list[Footprint | None] = []
    boxes: list[SlapBox] = []
    for finger, (x_mm, y_mm, lean) in zip(
        _in_order(fingers), _lay_out(_in_order(fingers), platen, rng), strict=True
    ):
        one, angle = _press(finger, platen, touch, (x_mm, y_mm), lean)
        prints.append(one)
        if one is not None:
            boxes.append((finger.position, *_clip(one.box, platen), angle))
    return dataclasses.replace(compose(prints, platen, touch), boxes=tuple(boxes))


def _lay_out(
    fingers: Sequence[Finger], platen: Platen, rng: np.random.Generator
) -> list[tuple[float, float, float]]:
    """x, y (mm from the upper left) and lean (degrees) of each finger."""
    widths = [2.0 * f.build.plain_half_mm for f in fingers]
    gaps = [float(g) for g in rng.uniform(*_GAP_MM, len(fingers))]
    total = sum(widths) + sum(gaps[1:])
    x = platen.width / platen.ppi * 25.4 / 2 - total / 2
    top = min(_HAND_TOP_MM, platen.height / platen.ppi * 25.4 / 2)
    thumbs = all(_digit(f) == 1 for f in fingers)
    if thumbs:
        top = platen.height / platen.ppi * 25.4 / 2
    places = []
    for i, finger in enumerate(fingers):
        x += (gaps[i] if i else 0.0) + widths[i] / 2
        lean = _SPREAD_DEG[_digit(finger)] + float(rng.normal(0.0, 1.2))
        drop = _TIP_DROP_MM[_digit(finger)] + float(rng.normal(0.0, 0.7))
        places.append((x, top + (0.0 if thumbs else drop), -lean if _is_left(finger) else lean))
        x += widths[i] / 2
    return places


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
