"""Which patches may be fingertips, and how the hand leans. In: patches; out: candidates in the frame of the hand.

A patch is cut from its foremost point to where the first crease must be. What lies behind a tip in the same column
tells the direction of the finger.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from station.imaging.slap_patches import CELL_MM, Float, Patch

WIDEST_MM = 24.0
"""no fingertip's print is wider: a thumb, pressed hard."""
LENGTH_TO_WIDTH = (1.25, 1.62)
"""the first crease lies between these times the width below the tip. chosen; prints of tips are 1.2 to 1.6 long."""
CREASE_DIP = 0.62
"""of the patch's usual width and strength, below which a place is taken for the crease."""
LEAN = np.radians(60.0)
"""an axis that leans further is not that of a finger."""
FEW_CELLS = 40
MOST = 8
"""candidates, the strongest"""
USUAL_MM2 = 250.0
"""a patch larger than a fingertip says no more about the lean than one: it may be a palm."""


@dataclass(frozen=True, eq=False)
class Tip:
    """A candidate. patch: cut to the last joint; u, v: its middle in the hand's frame, mm; top: its foremost v; width,
    length: mm; lean: of its axis, radians against the frame; trust: of that lean, 1/radian²."""

    patch: Patch
    u: float
    v: float
    top: float
    width: float
    length: float
    lean: float
    trust: float


def tilt(patches: Sequence[Patch]) -> float:
    """Radians counter-clockwise by which the hand leans, from the long axes; 0 when no patch is long."""
    total = 0j
    for patch in patches:
        axis, elongation = patch.axis
        if abs(axis) < LEAN:
            total += np.exp(2j * axis) * (min(elongation, 2.5) - 1.0) * min(patch.area, USUAL_MM2)
    return 0.5 * float(np.angle(total)) if abs(total) > 0 else 0.0


def tips(patches: Sequence[Patch], frame: float) -> list[Tip]:
    """The strongest patches as candidates in the frame of a hand that leans `frame` radians."""
    largest = sorted(patches, key=lambda patch: -patch.mass)[:MOST]
    return [_tip(patch, patches, frame) for patch in largest]


def _tip(patch: Patch, others: Sequence[Patch], frame: float) -> Tip:
    cut = _cut(patch, frame)
    u, v = cut.frame(frame)
    left, right = _ends(u)
    top, bottom = float(v.min()), float(v.max())
    middle = ((left + right) / 2, (top + bottom) / 2)
    width, length = right - left + CELL_MM, bottom - top + CELL_MM
    lean, trust = _lean(cut, patch, others, frame, middle, width)
    return Tip(cut, *middle, top, width, length, lean, trust)


def _cut(patch: Patch, frame: float) -> Patch:
    """Only the last joint: down to a crease that shows, or as far as its width allows."""
    u, v = patch.frame(frame)
    depth = v - v.min()
    left, right = _ends(u[depth <= max(float(np.sort(depth)[depth.size // 2]), 8.0)])
    width = min(right - left + CELL_MM, WIDEST_MM)
    first, last = (factor * width for factor in LENGTH_TO_WIDTH)
    if float(depth.max()) < first:
        return patch
    rows = (depth / CELL_MM).astype(np.int32)
    profile = np.bincount(rows, weights=patch.weight)
    usual = float(np.median(profile[: max(int(first / CELL_MM), 1)]))
    window = profile[int(first / CELL_MM) : int(last / CELL_MM) + 1]
    low = int(window.argmin()) if window.size else 0
    deep = window.size > 0 and window[low] < CREASE_DIP * usual
    return patch.keep(depth <= (first + low * CELL_MM if deep else last))


def _ends(values: Float) -> tuple[float, float]:
    """The 2nd and the 98th hundredth."""
    ordered = np.sort(values)
    last = ordered.size - 1
    return float(ordered[round(0.02 * last)]), float(ordered[round(0.98 * last)])


def _lean(
    cut: Patch, patch: Patch, others: Sequence[Patch], frame: float, middle: tuple[float, float], width: float
) -> tuple[float, float]:
    """The direction of one finger: its long axis, and the way to what lies behind it."""
    axis, elongation = cut.axis
    evidence = [(_turn(axis - frame), (4.0 * max(elongation - 1.05, 0.0)) ** 2 * 12.0)]
    cos, sin = float(np.cos(frame)), float(np.sin(frame))
    for other in others:
        x, y = other.middle
        du, dv = cos * x - sin * y - middle[0], sin * x + cos * y - middle[1]
        if other is not patch and abs(du) < 0.6 * width and 12.0 < dv < 32.0:
            evidence.append((float(np.arctan2(du, dv)), 40.0))
    if patch.x.size - cut.x.size > FEW_CELLS:
        whole, long = patch.axis
        evidence.append((_turn(whole - frame), 30.0 * max(long - 1.2, 0.0)))
    evidence = [(lean, trust) for lean, trust in evidence if abs(lean) < LEAN]
    total = sum(trust for _, trust in evidence)
    if total <= 0.0:
        return 0.0, 0.0
    return sum(lean * trust for lean, trust in evidence) / total, total


def _turn(angle: float) -> float:
    """An axis' angle in (-pi/2, pi/2]."""
    return float((angle + np.pi / 2) % np.pi - np.pi / 2)
