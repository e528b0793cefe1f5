"""A roll as a reader that streams frames sees it: contacts that travel across the rolled surface.

In: a finger, a platen, a touch, a Rolling. Out: RolledFrames: the frames, and the whole roll as the truth. A finger
that rolls without slipping lays its surface down point by point: every point of the skin touches the glass at one
place, and only the contact moves. So each frame is a window on the rolled print; what goes wrong moves, blurs or
leaves out part of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.sim import skin
from drivers.sim.contact import contact_box, print_finger, render
from drivers.sim.finger_types import Finger, FloatImage, Platen, Rendering, Touch
from drivers.sim.placement import Placement
from drivers.sim.warp import Warp

_EDGE_MM = 1.2
"""Over how many mm a contact grows firm from its rim inwards while it rolls."""
_WINDOW_POWER = 2.6
"""Outline of the travelling contact: between an ellipse and a box."""
_HELD = 0.12
"""Share of the frames in which the contact stands at either end of the roll."""


@dataclass(frozen=True)
class Slip:
    """The finger slides on the glass: at share `at` of the roll (0 to 1), by dx_mm, dy_mm, within `frames`."""

    at: float = 0.5
    dx_mm: float = 0.8
    dy_mm: float = 0.3
    frames: int = 2


@dataclass(frozen=True)
class Rolling:
    """How the finger is rolled. frames: how many; window_mm: width of the travelling contact (None: the finger's
    own); stretch_mm: how far the skin is drawn along by the motion, one standard deviation; slips: slides;
    smear: (from, to, strength 0 to 1) shares of the roll in which the contact drags; gap: (from, to) shares of
    the width that the contact jumps over; lift: (from, to) shares of the time the finger is off the glass; back_mm:
    how far the finger rolls back at three fifths of the way; reach: share of the width that is rolled at all,
    0: the contact stays in the middle, a plain print; right_to_left: the way it goes."""

    frames: int = 30
    window_mm: float | None = None
    stretch_mm: float = 0.08
    slips: tuple[Slip, ...] = ()
    smear: tuple[float, float, float] | None = None
    gap: tuple[float, float] | None = None
    lift: tuple[float, float] | None = None
    back_mm: float = 0.0
    reach: float = 1.0
    right_to_left: bool = False
    empty: int = 2


@dataclass(frozen=True, eq=False)
class RolledFrames:
    """frames: uint8 [h, w] each, empty glass at either end; truth: the whole roll in one picture, as a reader that
    stitches perfectly would give it; centres: x of the contact's middle in px, NaN where there is none."""

    frames: tuple[NDArray[np.uint8], ...]
    truth: Rendering
    centres: tuple[float, ...] = field(default=())


def roll_frames(finger: Finger, platen: Platen, touch: Touch, rolling: Rolling | None = None) -> RolledFrames:
    """The frames of one roll. The same input gives the same output."""
    how = rolling or Rolling()
    left, top, right, bottom = contact_box(finger, "rolled", 0.5)
    middle = ((left + right) / 2, (top + bottom) / 2)
    placement = Placement.of(touch, (platen.width / 2, platen.height / 2), middle, platen.ppi)
    one = print_finger(finger, placement, platen, "rolled", touch)
    cover = np.zeros((platen.height, platen.width), np.float32)
    if one is not None:
        h, w = one.cover.shape
        cover[one.y : one.y + h, one.x : one.x + w] = one.cover
    stage = _Stage(
        cover, placement, platen, touch, how, (left, top, right, bottom), finger.build.plain_half_mm
    )
    centres = _journey(stage)
    frames = [_frame(stage, number, centre) for number, centre in enumerate(centres)]
    return RolledFrames(tuple(frames), render(finger, platen, "rolled", touch), tuple(centres))


@dataclass(frozen=True, eq=False)
class _Stage:
    """What all frames share. cover: float32 [h, w] of the whole roll; box: left, top, right, bottom, mm."""

    cover: FloatImage
    placement: Placement
    platen: Platen
    touch: Touch
    how: Rolling
    box: tuple[float, float, float, float]
    plain_half_mm: float

    @property
    def half_mm(self) -> float:
        """Half the width of the travelling contact; a plain print is wider than a contact on its way."""
        if self.how.window_mm is not None:
            return self.how.window_mm / 2
        return self.plain_half_mm * (0.72 if self.how.reach else 1.0)


def _journey(stage: _Stage) -> list[float]:
    """x of the contact's middle for each frame, px on the platen; NaN for no contact."""
    how = stage.how
    half = (stage.box[2] - stage.box[0]) / 2
    far = max(0.0, half - 0.6 * stage.half_mm) * how.reach
    path = np.interp(
        np.linspace(0.0, 1.0, how.frames), (0.0, _HELD, 1.0 - _HELD, 1.0), (-far, -far, far, far)
    )
    if how.back_mm:
        path = _rolled_back(path, how.back_mm)
    if how.gap:
        path = _jumped(path, how.gap, half, stage.half_mm)
    if how.right_to_left:
        path = -path
    px = stage.placement.anchor[0] + path * stage.placement.px_mm
    if how.lift:
        time = np.linspace(0.0, 1.0, px.size)
        px[(time >= how.lift[0]) & (time <= how.lift[1])] = np.nan
    empty = [float("nan")] * how.empty
    return [*empty, *(float(x) for x in px), *empty]


def _rolled_back(path: NDArray[np.float64], back_mm: float) -> NDArray[np.float64]:
    """The way with a piece rolled back and forth at three fifths."""
    turn = int(path.size * 0.6)
    step = max(float(np.abs(np.diff(path)).max()), 0.2)
    away = np.linspace(0.0, back_mm, max(2, round(back_mm / step) + 1))
    return np.concatenate([path[:turn], path[turn] - away, path[turn] - away[::-1], path[turn:]])


def _jumped(
    path: NDArray[np.float64], gap: tuple[float, float], half: float, window: float
) -> NDArray[np.float64]:
    """The way with no contact touching the given shares of the width: frames there are moved to either side."""
    low, high = (2.0 * gap[0] - 1.0) * half - window, (2.0 * gap[1] - 1.0) * half + window
    inside = (path > low) & (path < high)
    return np.where(inside, np.where(path < (low + high) / 2, low, high), path)


def _frame(stage: _Stage, number: int, centre: float) -> NDArray[np.uint8]:
    how, touch = stage.how, replace(stage.touch, seed=stage.touch.seed * 1009 + number, background=0.0)
    if np.isnan(centre):
        return skin.expose(np.zeros_like(stage.cover), touch, stage.placement.px_mm)
    share = (number - how.empty) / max(how.frames - 1, 1)
    if how.smear and how.smear[0] <= share <= how.smear[1]:
        touch = replace(touch, smear=how.smear[2])
    seen = _moved(stage, number, centre, share)
    return skin.expose(_pressed(stage, seen, centre), touch, stage.placement.px_mm)


def _pressed(stage: _Stage, cover: FloatImage, centre: float) -> FloatImage:
    """What of the roll touches now: the window, its rim weaker, as the outline of any contact is."""
    px = stage.placement.px_mm
    height = (stage.box[3] - stage.box[1]) / 2
    x = (np.arange(cover.shape[1], dtype=np.float32) - centre) / np.float32(px * stage.half_mm)
    y = (np.arange(cover.shape[0], dtype=np.float32) - stage.placement.anchor[1]) / np.float32(px * height)
    radius = (
        np.abs(x[None, :]) ** np.float32(_WINDOW_POWER) + np.abs(y[:, None]) ** np.float32(_WINDOW_POWER)
    ) ** np.float32(1.0 / _WINDOW_POWER)
    inside = (1.0 - radius) * np.float32(stage.half_mm)
    weak = 1.0 - np.clip(inside / np.float32(_EDGE_MM), -1.0, 1.0)
    level = np.arctanh(np.clip(2.0 * cover - 1.0, -0.9999, 0.9999)) / np.float32(skin.LOOK.gain)
    level -= np.float32(skin.LOOK.edge_bias) * weak * weak
    pressed = 0.5 + 0.5 * np.tanh(np.float32(skin.LOOK.gain) * level)
    return np.asarray(np.where(inside > -0.5, pressed, 0.0), np.float32)


def _moved(stage: _Stage, number: int, centre: float, share: float) -> FloatImage:
    """The roll as the skin lies now: slid by the slips so far, drawn out around the contact."""
    how, px = stage.how, stage.placement.px_mm
    slid = [min(1.0, max(0.0, (share - s.at) * how.frames / max(s.frames, 1) + 1.0)) for s in how.slips]
    dx = sum(s.dx_mm * part for s, part in zip(how.slips, slid, strict=True)) * px
    dy = sum(s.dy_mm * part for s, part in zip(how.slips, slid, strict=True)) * px
    rng = np.random.Generator(np.random.PCG64([stage.touch.seed, 61]))
    warp = Warp.draw(rng, how.stretch_mm * px, (16.0 * px, 40.0 * px))
    # The pattern of stretch travels at half the speed of the contact: neighbouring frames differ a little.
    wx, wy = warp.on_grid(stage.cover.shape, 1.0, (centre / 2.0, stage.placement.anchor[1] + 0.01 * number))
    columns = np.arange(stage.cover.shape[1], dtype=np.float32)[None, :] - np.float32(dx)
    rows = np.arange(stage.cover.shape[0], dtype=np.float32)[:, None] - np.float32(dy)
    moved = cv2.remap(stage.cover, wx + columns, wy + rows, cv2.INTER_CUBIC, borderValue=0.0)
    return np.clip(np.asarray(moved, np.float32), 0.0, 1.0)
