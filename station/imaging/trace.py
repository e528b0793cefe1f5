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
        """Any 2-d array (bool, uint8 or float); floats are stretched between their 1st and 99th percentile."""
        cv2.imwrite(str(self._next(stage, "png")), viewable(pixels))

    def data(self, stage: str, values: dict[str, Any]) -> None:
        """A JSON object; numpy arrays become lists."""
        self._next(stage, "json").write_text(json.dumps(values, default=_plain, indent=1), encoding="utf-8")


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
