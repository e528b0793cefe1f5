"""Where a reader is: in goes an address text, out comes its parts, or the byte link it names.

Forms: `serial:/dev/ttyUSB0`, `usb:05ba:000a`, `usb:05ba:000a@bus-port`, `unix:/run/livescan/capture.sock`,
`libfprint:DRIVER/ID`, `sdk:/path/lib.so?unit=0`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from drivers.links import ByteLink, link_error
from drivers.links.serial import SerialLink

_wrap: ContextVar[Callable[[ByteLink], ByteLink] | None] = ContextVar("wrap", default=None)

_SDK = re.compile(r"^(/[^?]+)(?:\?unit=(\d{1,3}))?$")
_USB = re.compile(r"^([0-9a-fA-F]{4}):([0-9a-fA-F]{4})(?:@(\d+-\d+(?:\.\d+)*))?$")


@dataclass(frozen=True)
class Address:
    """scheme: serial, usb, unix, libfprint or sdk; path for all but usb; unit: of an sdk library; vendor, product and
    where (`bus-port`) for usb."""

    scheme: str
    path: str = ""
    vendor: int = 0
    product: int = 0
    where: str | None = None
    unit: int = 0


def parse(text: str) -> Address:
    """Split an address. Raises LinkError link.address when it is none of the forms."""
    scheme, colon, rest = text.partition(":")
    if colon and scheme in {"serial", "unix", "libfprint"} and rest:
        return Address(scheme, path=rest)
    if scheme == "usb" and (usb := _USB.match(rest)):
        return Address("usb", vendor=int(usb[1], 16), product=int(usb[2], 16), where=usb[3])
    if scheme == "sdk" and (sdk := _SDK.match(rest)):
        return Address("sdk", path=sdk[1], unit=int(sdk[2] or 0))
    raise link_error("link.address", f"not an address of a reader: {text!r}")


def byte_link(text: str, baud: int) -> ByteLink:
    """The unopened byte link that an address names. Raises LinkError link.address for one that is no stream."""
    address = parse(text)
    if address.scheme != "serial":
        raise link_error("link.address", f"this driver needs a serial address, not {text!r}")
    link: ByteLink = SerialLink(address.path, baud)
    wrap = _wrap.get()
    return link if wrap is None else wrap(link)


@contextmanager
def wrapped(wrap: Callable[[ByteLink], ByteLink]) -> Iterator[None]:
    """Byte links made in this block, by whatever driver, go through wrap first (to be recorded)."""
    token = _wrap.set(wrap)
    try:
        yield
    finally:
        _wrap.reset(token)
