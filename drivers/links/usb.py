"""A USB device as transfers: vendor and product in, control, interrupt and bulk transfers with deadlines out.

The only file that imports pyusb. A custom usb.backend.IBackend may be given (peers, recordings). It never sets the
configuration (on an active device that answers `busy`) and claims only the vendor interface.
"""

from __future__ import annotations

import errno
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import usb.core
import usb.util
from usb.backend import IBackend as IBackend  # peers and recordings implement it

from drivers.errors import LinkError
from drivers.links import address as addresses
from drivers.links import link_error
from drivers.links.usb_threads import Interrupts

_CODES = {
    errno.EACCES: "link.permission",
    errno.EPERM: "link.permission",
    errno.EBUSY: "link.busy",
    errno.ENODEV: "link.disconnected",
    errno.ENOENT: "link.not_found",
    errno.ESHUTDOWN: "link.disconnected",
    errno.ETIMEDOUT: "link.timeout",
    errno.EPIPE: "link.stall",
    errno.EIO: "link.io",
    errno.EPROTO: "link.io",
    errno.EILSEQ: "link.io",
    errno.EOVERFLOW: "link.io",
}
# One interrupt read. Giving the interface back ends it sooner; a reader that is replayed (umockdev) loses an interrupt
# whose read was withdrawn, so this is longer than any pause of ours.
_INTERRUPT_WAIT_MS = 2000
BusTimeout = usb.core.USBTimeoutError
_SYSFS = Path("/sys/bus/usb/devices")


@dataclass(frozen=True)
class Attached:
    """One device on a bus. ids: `vid:pid` lower case; where: `bus-port.port`; bcd: device release."""

    ids: str
    where: str
    bcd: int


def attached(backend: Any = None) -> list[Attached]:
    """Every USB device, sorted by place. Raises LinkError link.no_backend."""
    found = [
        Attached(f"{one.idVendor:04x}:{one.idProduct:04x}", _where(one), int(one.bcdDevice))
        for one in _find(backend)
    ]
    return sorted(found, key=lambda one: one.where)


def _find(backend: Any, **match: int) -> list[Any]:
    try:
        return list(usb.core.find(find_all=True, backend=backend, **match))
    except usb.core.NoBackendError as error:
        raise link_error("link.no_backend", "no USB library is installed") from error
    except usb.core.USBError as error:
        raise _error(error, "looking for readers") from error


def reset(vendor: int, product: int, where: str | None = None, backend: Any = None) -> None:
    """Reset the port of one device; whoever has it open loses it. Raises LinkError."""
    for device in _find(backend, idVendor=vendor, idProduct=product):
        if where in (None, _where(device)):
            try:
                device.reset()
            except usb.core.USBError as error:
                raise _error(error, "resetting the reader") from error
            finally:
                usb.util.dispose_resources(device)
            return
    raise link_error("link.not_found", "nothing to reset is attached")


def _where(device: Any) -> str:
    ports = device.port_numbers or (0,)
    return f"{device.bus or 0}-{'.'.join(str(port) for port in ports)}"


def usb_link(address: str, interface_class: int | None) -> UsbLink:
    """The unopened link that an address names; interface_class None: 0xFF. Raises LinkError link.address."""
    place = addresses.parse(address)
    if place.scheme != "usb":
        raise link_error("link.address", f"this driver needs a usb address, not {address!r}")
    wanted = 0xFF if interface_class is None else interface_class
    return UsbLink(place.vendor, place.product, place.where, interface_class=wanted)


class UsbLink:
    """One device. vendor, product: ids; where: `bus-port` when several are attached; interface_class: of the
    interface that is claimed."""

    def __init__(
        self,
        vendor: int,
        product: int,
        where: str | None = None,
        backend: Any = None,
        interface_class: int = 0xFF,
    ) -> None:
        self.name = f"usb:{vendor:04x}:{product:04x}" + (f"@{where}" if where else "")
        self._match = {"idVendor": vendor, "idProduct": product}
        self._wanted = where
        self._backend = backend
        self._class = interface_class
        self._device: Any = None
        self._number: int | None = None
        self._listeners: list[Interrupts] = []

    @property
    def bcd(self) -> int:
        """The device release number of the opened device."""
        return int(self._opened().bcdDevice)

    @property
    def serial(self) -> str:
        """The serial number text, or "" when the device has none or will not say.

        The kernel read it when the device was plugged in; asking again may disturb a reader that is busy."""
        known = _SYSFS / _where(self._opened())
        if self._backend is None and known.is_dir():
            with suppress(OSError, UnicodeDecodeError):
                return (known / "serial").read_text(encoding="utf-8").strip()
            return ""
        with suppress(usb.core.USBError, ValueError, NotImplementedError):
            return str(self._opened().serial_number or "")
        return ""

    def open(self) -> None:
        """Find the device and claim its interface. Raises LinkError."""
        devices = [one for one in _find(self._backend, **self._match) if self._wanted in (None, _where(one))]
        if not devices:
            raise link_error("link.not_found", f"{self.name} is not attached")
        self._device = devices[0]
        try:
            self._claim()
        except usb.core.USBError as error:
            self.close()
            raise _error(error, f"opening {self.name}") from error
        except LinkError:
            self.close()
            raise

    def _claim(self) -> None:
        configuration = self._device.get_active_configuration()
        interface = next((one for one in configuration if one.bInterfaceClass == self._class), None)
        if interface is None:
            raise link_error("link.not_found", f"{self.name} has no interface of class {self._class:#x}")
        number = interface.bInterfaceNumber
        try:
            usb.util.claim_interface(self._device, number)
        except usb.core.USBError as error:
            if error.errno != errno.EBUSY or not self._detached(number):
                raise
            usb.util.claim_interface(self._device, number)
        self._number = number

    def _detached(self, number: int) -> bool:
        """True when a kernel driver held the interface and has let go of it; another program does not let go."""
        with suppress(NotImplementedError, usb.core.USBError):
            if self._device.is_kernel_driver_active(number):
                self._device.detach_kernel_driver(number)
                return True
        return False

    def close(self) -> None:
        """Give the device back; never raises, may be called twice. Ends what listens."""
        device, self._device = self._device, None
        number, self._number = self._number, None
        listeners, self._listeners = self._listeners, []
        if device is None:
            return
        for one in listeners:
            one.end_soon()
        with suppress(usb.core.USBError):
            if number is not None:
                usb.util.release_interface(device, number)  # the kernel ends the transfers in flight
        for one in listeners:
            one.stop()
        with suppress(usb.core.USBError):
            usb.util.dispose_resources(device)

    def control_in(self, request: int, value: int, length: int, timeout_s: float) -> bytes:
        """Vendor request to the device, reading. Raises LinkError; link.io when it answers too little."""
        data = self._transfer(0xC0, request, value, length, timeout_s)
        if len(data) != length:
            raise link_error("link.io", f"{self.name} answered {len(data)} of {length} bytes")
        return bytes(data)

    def control_out(self, request: int, value: int, data: bytes, timeout_s: float, index: int = 0) -> None:
        """Vendor request to the device, writing. Raises LinkError."""
        self._transfer(0x40, request, value, data, timeout_s, index)

    def _transfer(
        self, kind: int, request: int, value: int, data: Any, timeout_s: float, index: int = 0
    ) -> Any:
        try:
            return self._opened().ctrl_transfer(kind, request, value, index, data, _ms(timeout_s))
        except usb.core.USBError as error:
            raise _error(error, f"{self.name}: request {request:#x}, value {value:#x}") from error

    def bulk_out(self, endpoint: int, data: bytes, timeout_s: float) -> None:
        """One bulk write, all of data. Raises LinkError; link.io when the device took only a part."""
        try:
            count = self._opened().write(endpoint, data, _ms(timeout_s))
        except usb.core.USBError as error:
            raise _error(error, f"{self.name}: endpoint {endpoint:#x}") from error
        if count != len(data):
            raise link_error("link.io", f"{self.name} took {count} of {len(data)} bytes")

    def bulk_in(self, endpoint: int, size: int, timeout_s: float) -> bytes:
        """One bulk read: up to size bytes, ended by a short packet. Raises LinkError."""
        return self._read(endpoint, size, _ms(timeout_s))

    def _read(self, endpoint: int, size: int, timeout_ms: int) -> bytes:
        try:
            return bytes(self._opened().read(endpoint, size, timeout_ms))
        except usb.core.USBError as error:
            raise _error(error, f"{self.name}: endpoint {endpoint:#x}") from error

    def listen(self, endpoint: int, size: int) -> Interrupts:
        """Start reading an interrupt endpoint in a thread of its own; it ends with the link."""
        interrupts = Interrupts(
            lambda: self._read(endpoint, size, _INTERRUPT_WAIT_MS), _INTERRUPT_WAIT_MS / 1000 * 2
        )
        self._listeners.append(interrupts)
        return interrupts

    def _opened(self) -> Any:
        if self._device is None:
            raise link_error("link.disconnected", f"{self.name} is not open")
        return self._device


def _ms(timeout_s: float) -> int:
    return max(1, round(timeout_s * 1000))  # 0 would mean for ever


def _error(error: Any, doing: str) -> LinkError:
    if isinstance(error, usb.core.USBTimeoutError):
        return link_error("link.timeout", f"{doing}: no answer in time")
    return link_error(_CODES.get(error.errno or 0, "link.io"), f"{doing}: {error}")


def bus_error(number: int, doing: str = "simulated") -> Exception:
    """The exception that pyusb would raise for an errno; for backends of peers and recordings."""
    kind = usb.core.USBTimeoutError if number == errno.ETIMEDOUT else usb.core.USBError
    made: Exception = kind(doing, None, number)
    return made
