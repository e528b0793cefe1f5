"""A picture for the officer and the report: the print, its minutiae and its quality.

In: uint8 [h, w], MinutiaTemplate or None, QualityReport or None; out: uint8 [h', w', 3] BGR, the print on top and a
caption strip below. Ridge endings are circles, bifurcations squares, each with a tail in its direction; cores are
diamonds with a tail the way they open, deltas triangles.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from station.friction_ridge import MinutiaKind, MinutiaTemplate, QualityReport

Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]

ENDING: Colour = (36, 86, 214)
BIFURCATION: Colour = (176, 96, 16)
OTHER: Colour = (96, 96, 96)
CORE: Colour = (150, 40, 160)
DELTA: Colour = (60, 130, 20)
INK: Colour = (48, 40, 36)
FAINT: Colour = (140, 132, 128)
PAPER: Colour = (250, 248, 247)
TROUBLE: Colour = (40, 120, 235)
GRADES: tuple[tuple[int, Colour, str], ...] = (
    (55, (84, 150, 62), "good"),
    (35, (30, 160, 225), "fair"),
    (0, (60, 60, 205), "poor"),
)
"""Lowest score of each grade, its colour and word; colour is never the only carrier."""
FONT = cv2.FONT_HERSHEY_DUPLEX
STRIP = 92
MIN_WIDTH = 360

STAMP_HEIGHT = 24
STAMP_COLOUR = (61, 216, 255)  # BGR of the kiosk's yellow band


def draw(gray: NDArray[np.uint8], template: MinutiaTemplate | None, report: QualityReport | None) -> Picture:
    """The picture; twice the size when the print is small, so that minutiae stay apart."""
    zoom = 2 if max(gray.shape) < 600 else 1
    big = cv2.resize(gray, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC) if zoom > 1 else gray
    pale = np.asarray(255 - (255 - big.astype(np.int16)) * 7 // 10, dtype=np.uint8)
    picture = np.asarray(cv2.cvtColor(pale, cv2.COLOR_GRAY2BGR), dtype=np.uint8)
    if report is not None:
        _draw_places(picture, report, zoom)
    if template is not None:
        _draw_minutiae(picture, template, zoom)
        _draw_singular(picture, template, zoom)
    return _with_strip(picture, template, report)


def stamp(picture: Picture, words: str) -> Picture:
    """The picture under a yellow band that carries `words`, e.g. SIMULATED; uint8 [h + 24, w, 3]."""
    band = np.full((STAMP_HEIGHT, picture.shape[1], 3), STAMP_COLOUR, np.uint8)
    _text(band, words, (10, STAMP_HEIGHT - 7), 0.45, INK)
    return np.vstack([band, picture])


def _draw_minutiae(picture: Picture, template: MinutiaTemplate, zoom: int) -> None:
    radius, tail = 4 * zoom if zoom == 1 else 6, 11 * zoom if zoom == 1 else 17
    radians = np.radians(template.angle)
    for k in range(len(template)):
        x, y = round(float(template.x[k]) * zoom), round(float(template.y[k]) * zoom)
        cos, sin = float(np.cos(radians[k])), float(-np.sin(radians[k]))
        start = (round(x + radius * cos), round(y + radius * sin))
        end = (round(x + tail * cos), round(y + tail * sin))
        for colour, width in (((255, 255, 255), 3), (_colour(int(template.kind[k])), 1)):
            _mark(picture, int(template.kind[k]), (x, y), radius, colour, width)
            cv2.line(picture, start, end, colour, width, cv2.LINE_AA)


def _draw_singular(picture: Picture, template: MinutiaTemplate, zoom: int) -> None:
    radius = 6 * zoom
    for point in template.singular:
        x, y = round(point.x * zoom), round(point.y * zoom)
        corners, colour = _outline(point.kind, radius)
        shape = [np.add(corners, (x, y)).astype(np.int32)]
        for line_colour, width in (((255, 255, 255), 4), (colour, 2)):
            cv2.polylines(picture, shape, True, line_colour, width, cv2.LINE_AA)
            if point.angle is not None:
                turn = np.radians(point.angle)
                step = np.array([np.cos(turn), -np.sin(turn)])
                start, end = (np.rint((x, y) + step * radius * k).astype(int) for k in (1, 2.5))
                cv2.line(picture, start.tolist(), end.tolist(), line_colour, width, cv2.LINE_AA)


def _outline(kind: str, radius: int) -> tuple[list[tuple[int, int]], Colour]:
    """Corners around the point, and colour: a diamond for a core, a triangle for a delta."""
    if kind == "core":
        return [(radius, 0), (0, radius), (-radius, 0), (0, -radius)], CORE
    return [(0, -radius), (radius, radius), (-radius, radius)], DELTA


def _colour(kind: int) -> Colour:
    return {MinutiaKind.ENDING: ENDING, MinutiaKind.BIFURCATION: BIFURCATION}.get(MinutiaKind(kind), OTHER)


def _mark(picture: Picture, kind: int, at: tuple[int, int], radius: int, colour: Colour, width: int) -> None:
    if kind == MinutiaKind.BIFURCATION:
        side = radius - 1
        cv2.rectangle(
            picture, (at[0] - side, at[1] - side), (at[0] + side, at[1] + side), colour, width, cv2.LINE_AA
        )
    else:
        cv2.circle(picture, at, radius, colour, width, cv2.LINE_AA)


def _draw_places(picture: Picture, report: QualityReport, zoom: int) -> None:
    """A frame around where each grave cause was seen."""
    for cause in report.causes:
        if cause.box is None or cause.severity < 0.3:
            continue
        x, y, width, height = (n * zoom for n in cause.box)
        cv2.rectangle(picture, (x, y), (x + width - 1, y + height - 1), TROUBLE, 2, cv2.LINE_AA)
        _text(picture, cause.code.replace("_", " "), (x + 6, y + 18), 0.45, TROUBLE)


def _with_strip(picture: Picture, template: MinutiaTemplate | None, report: QualityReport | None) -> Picture:
    width = max(picture.shape[1], MIN_WIDTH)
    canvas = np.full((picture.shape[0] + STRIP, width, 3), PAPER, dtype=np.uint8)
    left = (width - picture.shape[1]) // 2
    canvas[: picture.shape[0], left : left + picture.shape[1]] = picture
    strip = canvas[picture.shape[0] :]
    strip[0] = FAINT
    if report is not None:
        _score(strip, report)
        _causes(strip, report)
    if template is not None:
        _legend(strip, template)
    return canvas


def _score(strip: Picture, report: QualityReport) -> None:
    _, colour, word = next(grade for grade in GRADES if report.score >= grade[0])
    _text(strip, str(report.score), (14, 46), 1.25, colour, 2)
    _text(strip, f"quality: {word}", (14, 64), 0.38, INK)
    _text(strip, report.algorithm, (14, 80), 0.32, FAINT)
    x0, x1, y = 130, min(strip.shape[1] - 16, 430), 18
    cv2.rectangle(strip, (x0, y), (x1, y + 10), (226, 222, 220), -1)
    cv2.rectangle(strip, (x0, y), (x0 + (x1 - x0) * report.score // 100, y + 10), colour, -1)


def _causes(strip: Picture, report: QualityReport) -> None:
    """The two worst causes with what to do, cut to the width."""
    if not report.causes:
        _text(strip, "nothing to mend", (130, 46), 0.42, INK)
    for line, cause in enumerate(report.causes[:2]):
        words = f"{cause.code.replace('_', ' ')}: {cause.advice}"
        _text(strip, _fit(words, strip.shape[1] - 146, 0.40), (130, 46 + 17 * line), 0.40, INK)


def _fit(words: str, width: int, size: float) -> str:
    """The words, shortened with three dots until they fit the width in px."""
    if cv2.getTextSize(words, FONT, size, 1)[0][0] <= width:
        return words
    while words and cv2.getTextSize(words + "...", FONT, size, 1)[0][0] > width:
        words = words[:-1]
    return words.rstrip() + "..."


def _legend(strip: Picture, template: MinutiaTemplate) -> None:
    endings = int((template.kind == MinutiaKind.ENDING).sum())
    forks = int((template.kind == MinutiaKind.BIFURCATION).sum())
    y = 80
    cv2.circle(strip, (136, y - 4), 4, ENDING, 1, cv2.LINE_AA)
    _text(strip, f"{endings} endings", (146, y), 0.38, INK)
    cv2.rectangle(strip, (232, y - 8), (239, y - 1), BIFURCATION, 1, cv2.LINE_AA)
    _text(strip, f"{forks} bifurcations", (246, y), 0.38, INK)
    if template.pattern is not None:
        words = template.pattern.name.lower().replace("_", " ")
        _text(strip, _fit(words, strip.shape[1] - 356, 0.38), (350, y), 0.38, INK)


def _text(
    picture: Picture, words: str, at: tuple[int, int], size: float, colour: Colour, width: int = 1
) -> None:
    cv2.putText(picture, words, at, FONT, size, colour, width, cv2.LINE_AA)
