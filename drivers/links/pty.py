"""A pseudo-terminal whose far end we hold: in goes a symlink path, out comes a tty that a host opens as a serial port.

Used by peers and tests. A slave descriptor is kept open here, so the host may come and go (pty(7): the master reads
EIO once no slave is open).
"""

from __future__ import annotations

import os
import pty
import select
import termios
import tty
from contextlib import suppress
from pathlib import Path

_CHUNK = 65536
_BAUDS = {
    getattr(termios, f"B{baud}"): baud for baud in (9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600)
}


class PtyEnd:
    """The device's end. link: where to make a symlink to the tty; tty: the tty's own path."""

    def __init__(self, link: Path | None = None) -> None:
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.tty = os.ttyname(self._slave)
        self.link = link
        if link is not None:
            _replace_link(link, self.tty)

    def receive(self, wait_s: float) -> bytes:
        """What the host sent, waiting up to wait_s seconds; empty when nothing came."""
        ready, _, _ = select.select([self._master], [], [], max(0.0, wait_s))
        return self._read() if ready else b""

    def baud(self) -> int:
        """The speed the host set, bits per second; 0 when it is none of the usual ones (termios(3))."""
        return _BAUDS.get(termios.tcgetattr(self._slave)[5], 0)

    def send(self, data: bytes) -> int:
        """Hand bytes to the host; the number taken, which is 0 while its buffer is full."""
        with suppress(BlockingIOError):
            return os.write(self._master, data)
        return 0

    def wait(self, wait_s: float, *, to_send: bool) -> None:
        """Sleep until the host sent something, or (to_send) has room, at most wait_s seconds."""
        select.select([self._master], [self._master] if to_send else [], [], max(0.0, wait_s))

    def unplug(self) -> None:
        """Pull the cable: the host's port fails from now on. May be called twice."""
        if self._master >= 0:
            os.close(self._slave)
            os.close(self._master)
        self._master = self._slave = -1
        if self.link is not None:
            self.link.unlink(missing_ok=True)

    def _read(self) -> bytes:
        with suppress(BlockingIOError):
            return os.read(self._master, _CHUNK)
        return b""


def _replace_link(link: Path, target: str) -> None:
    """Point link at target in one step; a stale symlink is replaced, a real file is refused (FileExistsError)."""
    if link.exists() and not link.is_symlink():
        raise FileExistsError(f"{link} exists and is no symlink")
    link.parent.mkdir(parents=True, exist_ok=True)
    fresh = link.with_name(link.name + ".new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(link)
