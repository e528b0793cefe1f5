"""Where a reader is: in goes an address text, out comes its parts, or the byte link it names.

Forms: `serial:/dev/ttyUSB0`, `usb:05ba:000a`, `usb:05ba:000a@bus-port`, `unix:/run/livescan/capture.sock`,
`libfprint:DRIVER/ID`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from drivers.links import ByteLink, link_error
from drivers.links.serial import SerialLink

_USB = re.compile(r"^([0-9a-fA-F]{4}):([0-9a-fA-F]{4})(?:@(\d+-\d+(?:\.\d+)*))?$")


@dataclass(frozen=True)
class Address:
    """scheme: serial, usb, unix or libfprint; path for all but usb; vendor, product and where (`bus-port`) for usb."""

    scheme: str
    path: str = ""
    vendor: int = 0
    product: int = 0
    where: str | None = None


def parse(text: str) -> Address:
    """Split an address. Raises LinkError link.address when it is none of the forms."""
    scheme, colon, rest = text.partition(":")
    if colon and scheme in {"serial", "unix", "libfprint"} and rest:
        return Address(scheme, path=rest)
    if scheme == "usb" and (usb := _USB.match(rest)):
        return Address("usb", vendor=int(usb[1], 16), product=int(usb[2], 16), where=usb[3])
    raise link_error("link.address", f"not an address of a reader: {text!r}")


def byte_link(text: str, baud: int) -> ByteLink:
    """The unopened byte link that an address names. Raises LinkError link.address for one that is no stream."""
    address = parse(text)
    if address.scheme != "serial":
        raise link_error("link.address", f"this driver needs a serial address, not {text!r}")
    return SerialLink(address.path, baud)
