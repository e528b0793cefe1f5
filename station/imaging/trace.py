"""What each stage saw, as PNG and JSON files; free when nobody looks.

Pass `trace=Folder(path)` to `pipeline.run` to keep every intermediate; the default `None` costs one comparison.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray


class Trace(Protocol):
    """Where stages put what they made."""

    def image(self, stage: str, pixels: NDArray[Any]) -> None: ...
    def data(self, stage: str, values: dict[str, Any]) -> None: ...


class Folder:
    """A trace that writes `NN-stage.png` and `NN-stage.json` into a folder, made if absent."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._count = 0

    def _next(self, stage: str, suffix: str) -> Path:
        self._count += 1
        return self._folder / f"{self._count:02d}-{stage}.{suffix}"

    def image(self, stage: str, pixels: NDArray[Any]) -> None:
        """Any 2-d array (bool, uint8 or float) or BGR; floats are stretched between their 1st and 99th percentile."""
        cv2.imwrite(str(self._next(stage, "png")), viewable(pixels))

    def data(self, stage: str, values: dict[str, Any]) -> None:
        """A JSON object; numpy arrays become lists."""
        self._next(stage, "json").write_text(json.dumps(values, default=_plain, indent=1), encoding="utf-8")


def marked(plane: NDArray[Any], x: NDArray[Any], y: NDArray[Any], sure: NDArray[Any]) -> NDArray[np.uint8]:
    """A plane with a ring at each point, BGR: red (sure 0) over yellow to green (sure 1), thicker the surer."""
    picture = np.asarray(cv2.cvtColor(viewable(plane), cv2.COLOR_GRAY2BGR), dtype=np.uint8)
    for column, row, share in zip(x, y, sure, strict=True):
        colour = (0, round(510 * min(float(share), 0.5)), round(510 * min(1.0 - float(share), 0.5)))
        centre = (round(float(column)), round(float(row)))
        cv2.circle(picture, centre, 5, colour, 1 + round(float(share)), cv2.LINE_AA)
    return picture


def viewable(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """An array as an 8-bit picture."""
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype == np.bool_:
        return pixels.astype(np.uint8) * np.uint8(255)
    low, high = np.percentile(pixels, (1, 99))
    scaled = (pixels.astype(np.float64) - low) * (255.0 / max(float(high - low), 1e-9))
    return np.asarray(np.clip(scaled, 0, 255), dtype=np.uint8)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    return str(value)
