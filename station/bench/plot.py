"""Line plots as PNG, drawn with OpenCV. In: series; out: an image uint8 [h, w, 3] (BGR), or a file.

    Series(name, x, y)                                   one line, or dots with dots=True
    Axis(label, low, high, log=False)                    log: low and high are powers of ten's values, e.g. 1e-4 to 1
    line_plot(series, x_axis, y_axis, title) -> image
    det_plot({name: Curve}, title) -> image              FNMR against FMR, both logarithmic
    save(path, image)                                    raises EnvironmentFault environment.cannot_write
    axis_for(label, values)                              a linear axis that holds them

Values outside an axis are drawn on its edge. Text is plain ASCII: OpenCV's font has nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from station.bench.statistics import Curve
from station.errors import EnvironmentFault

Picture = NDArray[np.uint8]
SIZE = 520
LEFT, RIGHT, TOP, BOTTOM = 76, 24, 44, 60
INK, GRID = (30, 30, 30), (222, 222, 222)
COLOURS = ((190, 90, 0), (30, 30, 200), (40, 140, 30), (160, 40, 160), (0, 130, 210), (120, 120, 0))
"""BGR; one a series, again from the start."""
DET_FLOOR = 1e-4


@dataclass(frozen=True, eq=False)
class Series:
    """One line of a plot; dots: only the points."""

    name: str
    x: ArrayLike
    y: ArrayLike
    dots: bool = False


@dataclass(frozen=True)
class Axis:
    """label; low and high in data units; log: both above 0."""

    label: str
    low: float
    high: float
    log: bool = False

    def place(self, values: ArrayLike) -> NDArray[np.float64]:
        """Values as a fraction of the axis, held to 0 and 1."""
        v = np.clip(np.asarray(values, float), self.low, self.high)
        low, high = self.low, self.high
        if self.log:
            v, low, high = np.log10(v), math.log10(low), math.log10(high)
        where: NDArray[np.float64] = (v - low) / (high - low)
        return where

    def ticks(self) -> list[float]:
        """Whole powers of ten, or about five round numbers."""
        if self.log:
            first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
            return [10.0**e for e in range(first, last + 1)]
        step = _round_step((self.high - self.low) / 5)
        first = math.ceil(self.low / step - 1e-9)
        return [k * step for k in range(first, math.floor(self.high / step + 1e-9) + 1)]


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * m for m in (1, 2, 5, 10) if rough <= power * m * (1 + 1e-9))


def axis_for(label: str, values: ArrayLike) -> Axis:
    """A linear axis from 0 (or the lowest value below it) to a little over the highest finite one."""
    v = np.asarray(values, float)
    v = v[np.isfinite(v)]
    low, high = min(0.0, float(v.min(initial=0.0))), float(v.max(initial=0.0))
    return Axis(label, low, high + 0.05 * (high - low) if high > low else low + 1.0)


def line_plot(series: Sequence[Series], x_axis: Axis, y_axis: Axis, title: str = "") -> Picture:
    """All series on one pair of axes, with a grid, tick labels and a legend."""
    picture: Picture = np.full((TOP + SIZE + BOTTOM, LEFT + SIZE + RIGHT, 3), 255, np.uint8)
    _frame(picture, x_axis, y_axis)
    _text(picture, title, LEFT, 26, INK, 0.52)
    for number, one in enumerate(series):
        colour = COLOURS[number % len(COLOURS)]
        points = np.stack([LEFT + SIZE * x_axis.place(one.x), TOP + SIZE * (1 - y_axis.place(one.y))], axis=1)
        _draw(picture, points.round().astype(np.int32), colour, one.dots)
    _legend(picture, series)
    return picture


def det_plot(curves: Mapping[str, Curve], title: str = "") -> Picture:
    """Detection error trade-off; rates under DET_FLOOR lie on the edge."""
    both = [Axis(label, DET_FLOOR, 1.0, log=True) for label in ("false match rate", "false non-match rate")]
    return line_plot([Series(name, c.fmr, c.fnmr) for name, c in curves.items()], both[0], both[1], title)


def save(path: Path, picture: Picture) -> None:
    """Write a PNG."""
    data = cv2.imencode(".png", picture)[1].tobytes()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise EnvironmentFault(
            "environment.cannot_write", f"{path} cannot be written: {error.strerror}", "Choose another place."
        ) from error


def _frame(picture: Picture, x_axis: Axis, y_axis: Axis) -> None:
    for tick in x_axis.ticks():
        x = round(LEFT + SIZE * float(x_axis.place(tick)))
        cv2.line(picture, (x, TOP), (x, TOP + SIZE), GRID, 1)
        _text(picture, f"{tick:g}", x - _width(f"{tick:g}") // 2, TOP + SIZE + 18)
    for tick in y_axis.ticks():
        y = round(TOP + SIZE * (1 - float(y_axis.place(tick))))
        cv2.line(picture, (LEFT, y), (LEFT + SIZE, y), GRID, 1)
        _text(picture, f"{tick:g}", LEFT - 8 - _width(f"{tick:g}"), y + 4)
    cv2.rectangle(picture, (LEFT, TOP), (LEFT + SIZE, TOP + SIZE), INK, 1)
    _text(picture, x_axis.label, LEFT + (SIZE - _width(x_axis.label)) // 2, TOP + SIZE + 44)
    _upright(picture, y_axis.label)


def _upright(picture: Picture, words: str) -> None:
    strip: Picture = np.full((18, SIZE, 3), 255, np.uint8)
    _text(strip, words, (SIZE - _width(words)) // 2, 13)
    picture[TOP : TOP + SIZE, 4:22] = cv2.rotate(strip, cv2.ROTATE_90_COUNTERCLOCKWISE)


def _draw(picture: Picture, points: NDArray[np.int32], colour: tuple[int, int, int], dots: bool) -> None:
    if dots:
        for x, y in points:
            cv2.circle(picture, (int(x), int(y)), 2, colour, -1, cv2.LINE_AA)
    else:
        cv2.polylines(picture, [points.reshape(-1, 1, 2)], False, colour, 2, cv2.LINE_AA)


def _legend(picture: Picture, series: Sequence[Series]) -> None:
    wide = max((_width(one.name) for one in series), default=0)
    left = LEFT + SIZE - wide - 44
    high = 10 + 18 * len(series)
    cv2.rectangle(picture, (left, TOP + 8), (LEFT + SIZE - 8, TOP + 8 + high), (255, 255, 255), -1)
    cv2.rectangle(picture, (left, TOP + 8), (LEFT + SIZE - 8, TOP + 8 + high), GRID, 1)
    for number, one in enumerate(series):
        y, colour = TOP + 24 + 18 * number, COLOURS[number % len(COLOURS)]
        cv2.line(picture, (left + 6, y - 4), (left + 24, y - 4), colour, 2)
        _text(picture, one.name, left + 30, y)


def _text(
    picture: Picture, words: str, x: int, y: int, colour: tuple[int, int, int] = INK, size: float = 0.42
) -> None:
    plain = words.encode("ascii", "replace").decode()
    cv2.putText(picture, plain, (x, y), cv2.FONT_HERSHEY_SIMPLEX, size, colour, 1, cv2.LINE_AA)


def _width(words: str) -> int:
    return int(cv2.getTextSize(words, cv2.FONT_HERSHEY_SIMPLEX, 0.42, 1)[0][0])
