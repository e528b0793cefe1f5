"""How fingers of a hand lie on the glass, and which candidates fit that best. In: tips and the fingers that may be
there; out: fits, each with its cost (a negative logarithm of a likelihood).

The shape is that of a right hand, mirrored for the left: tips on an arc, the middle foremost, the little finger far
back and thin. Position, spread and lean of the hand are free; the fingers' own axes tie the lean down, since an arc
alone looks the same from a left hand turned one way and a right hand turned the other.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from station.imaging.slap_tips import Tip

Hand = Literal["right", "left", "thumbs"]
Array = NDArray[np.float64]

ARC: dict[int, tuple[float, float, float, float, float]] = {
    2: (-28.5, 9.5, 2.8, 0.0, 3.0),
    3: (-9.5, 0.0, 1.8, 0.03, 0.0),
    4: (9.5, 8.0, 2.6, -0.02, -2.0),
    5: (28.0, 29.0, 4.5, -0.17, -6.0),
}
"""Digit of a right hand: middle of its tip across and down (mm), how much the latter varies (mm), logarithm of its
width beside the others', lean (degrees counter-clockwise). Origin: means of livescan slaps and of finger lengths."""
THUMBS: dict[int, tuple[float, float, float, float, float]] = {
    6: (-13.0, 0.0, 4.0, 0.0, 0.0),
    1: (13.0, 0.0, 4.0, 0.0, 0.0),
}
ALONE = (0.0, 0.0, 4.0, 0.0, 0.0)
ACROSS_SD = 2.2
"""mm, each finger for itself"""
SPREAD_SD = 0.14
"""of the distances between fingers"""
SLANT_SD = np.tan(np.radians(6.0))
"""of the line of the tips against the fingers: hands bend in the wrist."""
CLOSING_MM, CLOSING_SD = 7.0, 8.0
"""mm by which neighbours close the place of a missing finger, and how much that varies"""
ANYWHERE_MM = 60.0
WIDTH_SD = 0.09
LEAN_SD = np.radians(8.0)
"""of one finger against the hand"""
TILT_SD = np.radians(40.0)
TILTS = np.radians(np.arange(-36.0, 36.1, 4.0))
"""around the first guess"""
ABSENT = 10.0
"""cost of a finger that should be there and is not"""
STRAY = 8.0
"""cost of a patch as strong as a finger that is none"""
BEHIND = 0.06
"""of that cost for a patch behind the tips: lower joints and palm are to be expected"""
BEHIND_MM = 13.0
COLUMN_MM = 9.0
"""how far from a thumb's or a single finger's axis lower joints and palm may lie. Behind four fingers they may be
anywhere."""
SHORTLIST = 48
"""choices of tips and lean for which the others are looked at"""
MOST = 7
"""candidates, the strongest"""


@dataclass(frozen=True, eq=False)
class Fit:
    """One way to read the picture. fingers: (position 1 to 10, tip) across the hand; tilt: radians of the whole hand
    counter-clockwise; cost: lower is likelier; misfit: its part that does not come from absent fingers; strays: tips
    that are none, and not behind, with how much each is like a finger, 0 to 1."""

    hand: Hand
    fingers: tuple[tuple[int, Tip], ...]
    tilt: float
    cost: float
    misfit: float
    strays: tuple[tuple[Tip, float], ...]


@dataclass(frozen=True, eq=False)
class Shape:
    """Positions in image order with the arc's numbers; precision of across and down; surprise: cost of the room that
    the place of a missing finger leaves for chance."""

    hand: Hand
    positions: tuple[int, ...]
    table: Array
    across: Array
    down: Array
    surprise: float

    @staticmethod
    @functools.lru_cache(maxsize=128)
    def of(hand: Hand, positions: tuple[int, ...]) -> Shape:
        """The shape of some fingers of a hand."""
        side = -1.0 if hand == "left" else 1.0
        rows = {p: (THUMBS.get(p, ALONE) if hand == "thumbs" else ARC[(p - 1) % 5 + 1]) for p in positions}
        ordered = tuple(sorted(positions, key=lambda p: side * rows[p][0]))
        table = np.array([(side * u, v, s, w, side * a) for u, v, s, w, a in (rows[p] for p in ordered)])
        k = len(ordered)
        free = np.full((k, k), ANYWHERE_MM**2)
        spread = np.outer(table[:, 0], table[:, 0])
        across = free + SPREAD_SD**2 * spread + ACROSS_SD**2 * np.eye(k)
        surprise = 0.0
        for i in range(1, k if hand in ("right", "left") else 0):
            skipped = abs(ordered[i] - ordered[i - 1]) - 1
            if skipped:
                after = np.arange(k) >= i
                table[after, 0] -= CLOSING_MM * skipped
                across = across + (CLOSING_SD * skipped) ** 2 * np.outer(after, after)
                surprise += float(np.log1p(skipped * CLOSING_SD / ACROSS_SD))
        down = free + SLANT_SD**2 * spread + np.diag(table[:, 2] ** 2)
        return Shape(
            hand, ordered, table, np.asarray(np.linalg.inv(across)), np.asarray(np.linalg.inv(down)), surprise
        )


def fits(
    found: Sequence[Tip], frame: float, hand: Hand, positions: Sequence[int], fewer: Sequence[int]
) -> list[Fit]:
    """The best fit for every choice of fingers: by how many of `fewer` fewer than `positions` or than candidates."""
    tips = sorted(found, key=lambda tip: -tip.patch.mass)[:MOST]
    most = min(len(tips), len(positions))
    made = []
    for count in sorted({max(most - less, 1) for less in fewer}):
        for chosen in itertools.combinations(positions, count):
            shape = Shape.of(hand, chosen)
            made.append(_fit(tips, frame, shape, ABSENT * (len(positions) - count)))
    return made


def _fit(tips: Sequence[Tip], frame: float, shape: Shape, cost: float) -> Fit:
    """The likeliest choice of tips and lean for one choice of fingers."""
    places = np.array([(t.u, t.v) for t in tips])
    cos, sin = np.cos(TILTS)[:, None], np.sin(TILTS)[:, None]
    u = cos * places[:, 0] - sin * places[:, 1]
    v = sin * places[:, 0] + cos * places[:, 1]
    order = np.argsort(u, axis=1)
    picked = order[:, _combinations(len(tips), len(shape.positions))]  # [tilt, combination, finger]
    rows = np.arange(TILTS.size)[:, None, None]
    total = _arc_cost(u[rows, picked], v[rows, picked], shape)
    total = total + _size_cost(tips, picked, shape) + _lean_cost(tips, picked, shape)
    total = total + shape.surprise + 0.5 * ((TILTS + frame) / TILT_SD)[:, None] ** 2
    last = min(SHORTLIST, total.size) - 1
    likely = np.argpartition(total, last, axis=None)[: last + 1]
    at, members = likely // total.shape[1], picked.reshape(-1, picked.shape[2])[likely]
    stray = _stray_cost(tips, u[at], v[at], members, np.inf if shape.hand in ("right", "left") else COLUMN_MM)
    whole = total.ravel()[likely] + stray.sum(axis=1)
    first = int(whole.argmin())
    fingers = tuple((p, tips[i]) for p, i in zip(shape.positions, members[first].tolist(), strict=True))
    alike = stray[first] / STRAY
    strays = tuple((tips[i], float(alike[i])) for i in np.flatnonzero(alike > 0.25).tolist())
    lean, misfit = frame + float(TILTS[at[first]]), float(whole[first])
    return Fit(shape.hand, fingers, lean, misfit + cost, misfit, strays)


@functools.lru_cache(maxsize=64)
def _combinations(of: int, count: int) -> NDArray[np.intp]:
    return np.array(list(itertools.combinations(range(of), count)), np.intp)


def _arc_cost(u: Array, v: Array, shape: Shape) -> Array:
    du, dv = u - shape.table[:, 0], v - shape.table[:, 1]
    du, dv = du - du.mean(axis=2, keepdims=True), dv - dv.mean(axis=2, keepdims=True)
    across = np.einsum("tci,ij,tcj->tc", du, shape.across, du)
    return np.asarray(0.5 * (across + np.einsum("tci,ij,tcj->tc", dv, shape.down, dv)))


def _size_cost(tips: Sequence[Tip], picked: NDArray[np.intp], shape: Shape) -> Array:
    width = np.log([max(t.width, 1.0) for t in tips])[picked] - shape.table[:, 3]
    return np.asarray(0.5 * ((width - width.mean(axis=2, keepdims=True)) ** 2).sum(axis=2) / WIDTH_SD**2)


def _lean_cost(tips: Sequence[Tip], picked: NDArray[np.intp], shape: Shape) -> Array:
    lean = np.array([t.lean for t in tips])[picked] - np.radians(shape.table[:, 4]) - TILTS[:, None, None]
    trust = np.array([t.trust for t in tips])
    variance = LEAN_SD**2 + 1.0 / np.maximum(trust, 1e-6)
    cost = 0.5 * lean**2 / variance[picked]
    return np.asarray(cost.sum(axis=2))


def _stray_cost(tips: Sequence[Tip], u: Array, v: Array, members: NDArray[np.intp], column: float) -> Array:
    """[choice, tip]: what it costs to leave each tip out. u, v [choice, tip]; members [choice, finger]; column:
    mm across within which a thing behind a finger belongs to it."""
    mass = np.array([t.patch.mass for t in tips])
    area = np.array([t.patch.area for t in tips])
    usual = np.median(mass[members], axis=1)[:, None]
    out = np.ones(u.shape, bool)
    np.put_along_axis(out, members, False, axis=1)
    across = np.abs(u[:, :, None] - np.take_along_axis(u, members, axis=1)[:, None, :])
    front = np.take_along_axis(np.take_along_axis(v, members, axis=1), across.argmin(axis=2), axis=1)
    behind = (v > front + BEHIND_MM) & (across.min(axis=2) < column)
    size = np.minimum(mass / usual, 1.0) * np.minimum(area / 70.0, 1.0)
    return np.asarray(STRAY * size * out * np.where(behind, BEHIND, 1.0))
