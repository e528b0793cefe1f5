"""Links carry bytes between a driver and its device, each read with a deadline, each failure with a stable code.

`ByteLink` is the stream kind (serial, memory); USB has transfers instead of a stream and is `usb.UsbLink`.
`link_error(code, message)` is the only way links make errors, so that every code has its advice in one table.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from drivers.errors import LinkError

ADVICE: Mapping[str, str] = MappingProxyType(
    {
        "link.not_found": "Check the cable and the power; list what is attached with `station readers list`.",
        "link.permission": (
            "Install the udev rules and put the service's user in group livescan-capture (serial: dialout), "
            "then log in again."
        ),
        "link.busy": (
            "Another program holds the reader: stop fprintd, ModemManager, a serial console, or a second "
            "capture service."
        ),
        "link.disconnected": "The reader went away: check cable, hub and supply voltage, then plug it in again.",
        "link.timeout": "The reader stopped answering: check cable and power; unplug it and plug it in again.",
        "link.stall": "The reader refused a request; unplug it and plug it in again.",
        "link.io": "The bus reported errors: try another cable or port, without a hub.",
        "link.settings": "The port does not support these line settings; choose another baud rate or adapter.",
        "link.no_backend": "Install the package libusb-1.0-0.",
        "link.address": (
            "Addresses look like serial:/dev/ttyUSB0, usb:05ba:000a, usb:05ba:000a@1-2 or unix:/run/x.sock."
        ),
    }
)


class ByteLink(Protocol):
    """A stream of bytes to one device. One thread at a time."""

    def open(self) -> None:
        """Take the link for this process alone. Raises LinkError."""

    def close(self) -> None:
        """Give it back; never raises, may be called twice."""

    def write(self, data: bytes, timeout_s: float) -> None:
        """Send all of data or raise LinkError."""

    def read(self, limit: int, timeout_s: float) -> bytes:
        """1 to limit bytes as soon as some are there; LinkError link.timeout when none came in timeout_s."""

    def discard(self) -> None:
        """Drop the bytes that have arrived and were not read."""

    def set_baud(self, baud: int) -> None:
        """Change the line speed, bits per second; no effect on links without one."""


def link_error(code: str, message: str) -> LinkError:
    """A LinkError with the advice that belongs to its code."""
    return LinkError(code, message, ADVICE[code])
