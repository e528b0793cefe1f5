"""A progress bar on a terminal, plain lines in a log. In: steps done and words; out: text on a stream."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TextIO

BAR_CELLS = 24


class Progress:
    """`say(words)` prints a line that stays; `step(words)` moves the bar one step on."""

    def __init__(self, total: int, stream: TextIO | None = None) -> None:
        self._total = max(total, 1)
        self._done = 0
        self._stream = stream or sys.stdout
        self._bar = self._stream.isatty()
        self._begin = time.monotonic()

    def say(self, words: str) -> None:
        """A line that stays on the screen, above the bar."""
        self._wipe()
        self._stream.write(words + "\n")
        self._draw("")

    def step(self, words: str) -> None:
        """One step is done."""
        self._done = min(self._done + 1, self._total)
        self._wipe()
        self._stream.write(f"[{self._done:2d}/{self._total}] {words}\n")
        self._draw("")

    def wait(self, words: str) -> None:
        """Say what is being waited for; replaced by the next line, absent from a log."""
        self._wipe()
        self._draw(words)

    def close(self) -> None:
        """Take the bar away."""
        self._wipe()
        self._stream.flush()

    def _wipe(self) -> None:
        if self._bar:
            self._stream.write("\r\033[K")

    def _draw(self, words: str) -> None:
        if self._bar:
            filled = BAR_CELLS * self._done // self._total
            bar = "█" * filled + "░" * (BAR_CELLS - filled)
            percent, seconds = 100 * self._done // self._total, time.monotonic() - self._begin
            line = f"{bar} {percent:3d} %  {seconds:4.0f} s  {words}"
            self._stream.write(line[: shutil.get_terminal_size().columns - 1])
        self._stream.flush()
