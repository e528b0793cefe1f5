"""How far apart the lines of a ruled target are: a picture in, spacing in pixels along one axis out.

The picture is cut into strips across the lines; in each the centres of dark lines are found to a fraction of a pixel;
one even spacing, one tilt and one offset are fitted through all of them by least squares.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
MM_PER_INCH = 25.4
_STRIP = 8  # rows averaged: less noise, and a tilt of 5 degrees blurs by under one pixel
_ENOUGH_LINES = 5
_ENOUGH_STRIPS = 6
_WORST_RMS = 0.08  # of the spacing; more is no ruled target
_DEEP = 0.6  # of a line's depth; a crossing line that fills a part of the strip is shallower, and noise cuts it up
_STEEP = 0.14  # 8 degrees


class RulerError(ValueError):
    """The picture shows no even lines along that axis; the message says what to change."""


@dataclass(frozen=True)
class Spacing:
    """px: from line to line, square to the lines; error_px: standard error of it; rms_px, worst_px: how far centres
    lie from where even spacing puts them; lines: how many; tilt_deg; centres: float64 [n, 2], x and y."""

    px: float
    error_px: float
    rms_px: float
    worst_px: float
    lines: int
    tilt_deg: float
    centres: NDArray[np.float64]

    def ppi(self, pitch_mm: float) -> float:
        """Pixels per inch, lines being pitch_mm apart."""
        return self.px / pitch_mm * MM_PER_INCH

    def error_ppi(self, pitch_mm: float) -> float:
        return self.error_px / pitch_mm * MM_PER_INCH


def measure(pixels: NDArray[np.uint8], axis: str) -> Spacing:
    """Spacing of dark lines along `x` (lines upright) or `y` (lines level). pixels: uint8 [h, w].

    Raises RulerError for fewer than five lines, uneven lines, or lines tilted by more than eight degrees."""
    turned = pixels if axis == "x" else pixels.T
    found = _centres(turned.astype(np.float64))
    if len(found) < _ENOUGH_STRIPS:
        raise RulerError(f"no lines along {axis}: put the target flat on the platen, lines upright or level")
    rough = float(np.median(np.concatenate([np.diff(one) for _, one in found])))
    points = np.array([(x, y) for y, xs in found for x in xs])
    spacing = _fit(points, rough, axis)
    if axis == "x":
        return spacing
    flipped = spacing.centres[:, ::-1]
    return Spacing(**{**spacing.__dict__, "centres": flipped})


def _centres(pixels: NDArray[np.float64]) -> list[tuple[float, NDArray[np.float64]]]:
    """(y of the strip, x of every dark line in it), of strips that show lines."""
    count = pixels.shape[0] // _STRIP
    strips = pixels[: count * _STRIP].reshape(count, _STRIP, -1).mean(axis=1)
    contrast = np.percentile(strips, 98, axis=1) - np.percentile(strips, 2, axis=1)
    floor = max(10.0, 0.5 * float(contrast.max(initial=0.0)))
    runs = {
        at: _dark_runs(strips[at]) for at in np.flatnonzero(contrast >= floor)
    }  # not within a crossing line
    widths = [run[1] for strip in runs.values() for run in strip]
    usual = 1.5 * float(np.median(widths)) if widths else 0.0
    found = []
    for at, strip in runs.items():
        xs = np.array([x for x, width in strip if width <= usual])  # a wider one is where a line crosses
        if len(xs) >= _ENOUGH_LINES:
            found.append(((float(at) + 0.5) * _STRIP - 0.5, xs))
    return found


def _dark_runs(strip: Floats) -> list[tuple[float, int]]:
    """Centre of gravity and width of the runs darker than half way; those cut by the border are left out."""
    light, dark = np.percentile(strip, [98, 2])
    weight = np.clip((light + dark) / 2 - strip, 0.0, None)
    edges = np.diff(np.concatenate([[0], (weight > 0).astype(np.int8), [0]]))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    inside = (starts > 0) & (ends < len(strip))
    return [
        (float(np.average(np.arange(a, b), weights=weight[a:b])), int(b - a))
        for a, b in zip(starts[inside], ends[inside], strict=True)
        if weight[a:b].max() >= _DEEP * (light - dark) / 2
    ]


def _fit(points: NDArray[np.float64], rough: float, axis: str) -> Spacing:
    """x = offset + spacing * number + slope * y through all centres; what is far off is left out once."""
    numbers = _numbered(points, rough)
    design = np.column_stack([np.ones(len(points)), numbers, points[:, 1]])
    _, off = _solved(design, points[:, 0])
    good = np.abs(off) <= max(6 * float(np.median(np.abs(off))), 0.5)
    points, design = points[good], design[good]
    answer, off = _solved(design, points[:, 0])
    return _spacing(points, design, answer, off, axis)


def _solved(design: Floats, xs: Floats) -> tuple[Floats, Floats]:
    answer = np.asarray(np.linalg.lstsq(design, xs, rcond=None)[0], dtype=np.float64)
    return answer, xs - design @ answer


def _rms(off: Floats) -> float:
    return float(np.sqrt(np.mean(off**2)))


def _numbered(points: NDArray[np.float64], rough: float) -> NDArray[np.float64]:
    """Which line each centre belongs to, following the lines from strip to strip."""
    numbers = np.zeros(len(points))
    first = points[0, 0]
    for y in np.unique(points[:, 1]):
        at = points[:, 1] == y
        shift = (points[at, 0] - first) / rough
        numbers[at] = np.rint(shift)
        first += rough * float(np.median(shift - numbers[at]))  # the tilt moves the first line along
    return numbers


def _spacing(points: Floats, design: Floats, answer: Floats, off: Floats, axis: str) -> Spacing:
    _, spacing, slope = (float(one) for one in answer)
    rms, lines = _rms(off), len(np.unique(design[:, 1]))
    if lines < _ENOUGH_LINES or spacing <= 0 or rms > _WORST_RMS * spacing:
        raise RulerError(
            f"lines along {axis} are uneven ({rms:.2f} px): clean the platen, press the target flat"
        )
    if abs(slope) > _STEEP:
        raise RulerError(f"the target is turned by {np.degrees(np.arctan(slope)):.0f} degrees: straighten it")
    square = float(np.cos(np.arctan(slope)))
    variance = np.linalg.pinv(design.T @ design)[1, 1] * float(np.sum(off**2)) / max(1, len(off) - 3)
    return Spacing(
        px=spacing * square,
        error_px=float(np.sqrt(variance)) * square,
        rms_px=rms,
        worst_px=float(np.abs(off).max()),
        lines=lines,
        tilt_deg=float(np.degrees(np.arctan(slope))),
        centres=points,
    )
