"""`station readers test`: the live picture as block characters in the terminal, or the newest frame in a PNG."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TextIO

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.errors import CaptureRetry
from drivers.reader import CaptureRequest, Frame, Reader

_SHADES = np.array(list(" ░▒▓█"))
_HOME = "\x1b[H\x1b[J"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--frames", type=int, default=0, metavar="N", help="end after N frames; 0: until Ctrl-C"
    )
    parser.add_argument("--out", type=Path, help="write the newest frame to this PNG instead of the terminal")
    parser.add_argument("--columns", type=int, default=72, help="width of the picture in characters")


def blocks(pixels: NDArray[np.uint8], columns: int) -> str:
    """uint8 [h, w] as lines of block characters, dark ridges as full blocks; a character is twice as high as wide."""
    height, width = pixels.shape
    columns = max(1, min(columns, width))
    rows = max(1, round(height / width * columns / 2))
    small = cv2.resize(pixels, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float64)
    dark, light = np.percentile(small, [2, 98])
    if light - dark < 8:  # an empty platen is not stretched into noise
        dark, light = 0.0, 255.0
    level = np.clip((light - small) / (light - dark), 0.0, 1.0) * (len(_SHADES) - 1)
    return "\n".join("".join(row) for row in _SHADES[np.rint(level).astype(int)])


class Screen:
    """Shows frames and counts them; full once `limit` were shown (0: never)."""

    def __init__(self, args: argparse.Namespace, stream: TextIO) -> None:
        self._out: Path | None = args.out
        self._columns: int = args.columns
        self._limit: int = args.frames
        self._stream = stream
        self.shown = 0

    @property
    def full(self) -> bool:
        return 0 < self._limit <= self.shown

    def show(self, frame: Frame) -> None:
        if self.full:
            return
        self.shown += 1
        height, width = frame.pixels.shape
        kind = "impression" if frame.final else "preview"
        mark = " SIMULATED" if frame.reader.simulated else ""
        words = f"{kind} {frame.sequence}: {width} x {height}, {frame.ppi} ppi{mark}"
        if self._out is not None:
            done, data = cv2.imencode(".png", frame.pixels)
            assert done  # uint8 of two dimensions always is
            self._out.write_bytes(data.tobytes())
        else:
            home = _HOME if self._stream.isatty() else ""
            words = f"{home}{blocks(frame.pixels, self._columns)}\n{words}"
        print(words, file=self._stream, flush=True)


def run(
    reader: Reader, request: CaptureRequest, args: argparse.Namespace, stream: TextIO | None = None
) -> int:
    """Capture again and again until enough was shown. Exit code 0, or 1 when nothing at all was shown."""
    screen = Screen(args, stream or sys.stdout)
    while not screen.full:
        before = screen.shown
        try:
            screen.show(reader.capture(request, screen.show, lambda: screen.full))
        except CaptureRetry as retry:
            if retry.code != "capture.cancelled":
                print(retry, file=sys.stderr)
            if screen.shown == before and screen.full is False:
                break  # nobody is there any more
        except KeyboardInterrupt:
            break
    return 0 if screen.shown else 1
