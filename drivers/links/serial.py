"""A serial port as a ByteLink: path and baud in, bytes out. The only file that imports pyserial.

The port is taken exclusively (a second opener gets link.busy), 8N1, no flow control.
"""

from __future__ import annotations

import errno
import select
import termios
from contextlib import suppress
from dataclasses import dataclass

import serial
from serial.tools import list_ports

from drivers.errors import LinkError
from drivers.links import link_error

_CODES = {
    errno.EACCES: "link.permission",
    errno.EPERM: "link.permission",
    errno.EBUSY: "link.busy",
    errno.EAGAIN: "link.busy",  # the exclusive lock is held
    errno.ENOENT: "link.not_found",
    errno.ENODEV: "link.not_found",
    errno.ENXIO: "link.not_found",
    errno.ENOTTY: "link.settings",
    errno.EINVAL: "link.settings",
}


class SerialLink:
    """One port. path: device node or symlink; baud: bits per second."""

    def __init__(self, path: str, baud: int) -> None:
        self.path = path
        self.baud = baud
        self._port: serial.Serial | None = None

    def open(self) -> None:
        try:
            self._port = serial.Serial(self.path, self.baud, timeout=0, write_timeout=5.0, exclusive=True)
            self._port.reset_input_buffer()
        except (
            OSError,
            ValueError,
            termios.error,
        ) as error:  # SerialException is an OSError, termios.error is not
            self.close()
            raise self._open_error(error) from error

    def close(self) -> None:
        port, self._port = self._port, None
        if port is not None:
            with suppress(OSError):
                port.close()

    def write(self, data: bytes, timeout_s: float) -> None:
        port = self._opened()
        try:
            if port.write_timeout != timeout_s:
                port.write_timeout = timeout_s
            port.write(data)
        except serial.SerialTimeoutException as error:
            raise link_error("link.timeout", f"{self.path} took no bytes for {timeout_s:g} s") from error
        except (OSError, TypeError, termios.error) as error:
            raise self._gone(error) from error

    def read(self, limit: int, timeout_s: float) -> bytes:
        port = self._opened()
        try:
            ready, _, _ = select.select([port.fileno()], [], [], max(0.0, timeout_s))
            if ready:
                data: bytes = port.read(min(limit, max(1, port.in_waiting)))
                if data:
                    return data
        except (OSError, TypeError, ValueError) as error:  # pyserial: TypeError when closed under our feet
            raise self._gone(error) from error
        if ready:
            raise self._gone(OSError(errno.EIO, "readable but empty"))
        raise link_error("link.timeout", f"{self.path} was silent for {timeout_s:g} s")

    def discard(self) -> None:
        try:
            self._opened().reset_input_buffer()
        except (OSError, termios.error) as error:
            raise self._gone(error) from error

    def set_baud(self, baud: int) -> None:
        port = self._opened()
        try:
            port.baudrate = baud
        except (OSError, ValueError, termios.error) as error:
            raise link_error("link.settings", f"{self.path} refuses {baud} baud: {error}") from error
        self.baud = baud

    def _opened(self) -> serial.Serial:
        if self._port is None:
            raise link_error("link.disconnected", f"{self.path} is not open")
        return self._port

    def _open_error(self, error: Exception) -> LinkError:
        number = error.args[0] if isinstance(error, termios.error) else getattr(error, "errno", None)
        code = _CODES.get(number or 0, "link.settings" if isinstance(error, ValueError) else "link.io")
        return link_error(code, f"cannot open {self.path}: {error}")

    def _gone(self, error: Exception) -> LinkError:
        return link_error("link.disconnected", f"{self.path} went away: {error}")


@dataclass(frozen=True)
class Port:
    """A serial port with an adapter behind it, as the kernel describes it."""

    path: str
    description: str


def attached() -> list[Port]:
    """USB and on-board serial ports that have hardware, sorted by path."""
    ports = (one for one in list_ports.comports() if one.vid is not None or "AMA" in one.device)
    return sorted((Port(one.device, str(one.description)) for one in ports), key=lambda port: port.path)
