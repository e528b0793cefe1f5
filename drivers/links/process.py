"""A program as a byte link: a command in, what it reads and writes on its standard streams out.

For drivers whose device is held by a helper process. What the program says on standard error is dropped.
"""

from __future__ import annotations

import os
import select
import subprocess
from collections.abc import Sequence
from contextlib import suppress

from drivers.links import link_error

_GOODBYE_S = 1.0


class ProcessLink:
    """A ByteLink to a program that is started at open() and ends with close()."""

    def __init__(self, command: Sequence[str]) -> None:
        self.command = tuple(command)
        self._process: subprocess.Popen[bytes] | None = None

    def open(self) -> None:
        """Start the program. Raises LinkError link.not_found, link.permission."""
        try:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
            )
        except FileNotFoundError as error:
            raise link_error("link.not_found", f"there is no program {self.command[0]}") from error
        except OSError as error:
            raise link_error("link.permission", f"{self.command[0]} does not start: {error}") from error

    def close(self) -> None:
        """End it: its standard input ends, and if that is not enough, it is killed."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None  # both are pipes
        assert process.stdout is not None
        with suppress(OSError):
            process.stdin.close()
        try:
            process.wait(_GOODBYE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()

    def write(self, data: bytes, timeout_s: float) -> None:
        """Send all of data. Raises LinkError link.timeout, link.disconnected."""
        _, out = self._streams()
        while data:
            if not select.select([], [out], [], timeout_s)[1]:
                raise link_error("link.timeout", f"{self.command[0]} takes no bytes")
            try:
                data = data[os.write(out, data[: select.PIPE_BUF]) :]
            except OSError as error:
                raise link_error("link.disconnected", f"{self.command[0]} has ended: {error}") from error

    def read(self, limit: int, timeout_s: float) -> bytes:
        """1 to limit bytes as soon as some are there. Raises LinkError link.timeout, link.disconnected."""
        source, _ = self._streams()
        if not select.select([source], [], [], timeout_s)[0]:
            raise link_error("link.timeout", f"{self.command[0]} says nothing")
        data = os.read(source, limit)
        if not data:
            raise link_error("link.disconnected", f"{self.command[0]} has ended")
        return data

    def discard(self) -> None:
        """Drop what has arrived."""
        source, _ = self._streams()
        while select.select([source], [], [], 0)[0] and os.read(source, 65536):
            pass

    def set_baud(self, baud: int) -> None:
        """A pipe has no speed."""

    def _streams(self) -> tuple[int, int]:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise link_error("link.disconnected", f"{self.command[0]} is not running")
        return process.stdout.fileno(), process.stdin.fileno()
