"""A USB bus with one simulated device, as a pyusb backend: a `UsbFunction` in, transfers with errno out.

In-process and without rights: no kernel, no libusb. What it leaves out: hubs, suspend, isochronous transfers, several
configurations, and everything libusb or the kernel would add.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any, Protocol

from drivers.links.usb import BusTimeout, IBackend, bus_error

_DEVICE = struct.Struct("<BBHBBBBHHHBBBB")
_DEVICE_FIELDS = (
    "bLength bDescriptorType bcdUSB bDeviceClass bDeviceSubClass bDeviceProtocol bMaxPacketSize0 idVendor idProduct "
    "bcdDevice iManufacturer iProduct iSerialNumber bNumConfigurations"
).split()
_CONFIGURATION = struct.Struct("<BBHBBBBB")
_CONFIGURATION_FIELDS = (
    "bLength bDescriptorType wTotalLength bNumInterfaces bConfigurationValue iConfiguration bmAttributes bMaxPower"
).split()
_INTERFACE = struct.Struct("<BBBBBBBBB")
_INTERFACE_FIELDS = (
    "bLength bDescriptorType bInterfaceNumber bAlternateSetting bNumEndpoints bInterfaceClass bInterfaceSubClass "
    "bInterfaceProtocol iInterface"
).split()
_ENDPOINT = struct.Struct("<BBBBHB")
_ENDPOINT_FIELDS = "bLength bDescriptorType bEndpointAddress bmAttributes wMaxPacketSize bInterval".split()

_GET_DESCRIPTOR, _STRING = 0x06, 0x03
_ENGLISH = 0x0409
_SLICE_MS = 20


class UsbFunction(Protocol):
    """What a simulated device does. device, configuration: its descriptors as bytes; strings: by index.

    read, write, control_in and control_out raise drivers.links.usb.bus_error(errno). wIndex is not passed on: no
    device here uses it.
    """

    @property
    def device(self) -> bytes: ...
    @property
    def configuration(self) -> bytes: ...
    @property
    def strings(self) -> Mapping[int, str]: ...

    def control_in(self, request: int, value: int, length: int) -> bytes: ...
    def control_out(self, request: int, value: int, data: bytes) -> None: ...
    def read(self, endpoint: int, size: int, timeout_s: float) -> bytes: ...
    def write(self, endpoint: int, data: bytes, timeout_s: float) -> None: ...


class SimBus(IBackend):  # type: ignore[misc]  # pyusb has no types
    """The backend. unplugged: True makes the device vanish, as a pulled cable does; slice_ms: how soon an interrupt
    transfer ends once its interface was given back."""

    def __init__(self, function: UsbFunction, port: int = 10, slice_ms: int = _SLICE_MS) -> None:
        self.function = function
        self._slice_ms = slice_ms
        self.unplugged = False
        self.port = port
        self._claimed_by: object | None = None

    # what is attached

    def enumerate_devices(self) -> Iterator[UsbFunction]:
        return iter(() if self.unplugged else (self.function,))

    def get_device_descriptor(self, dev: UsbFunction) -> SimpleNamespace:
        place = {"address": 1, "bus": 1, "port_number": self.port, "port_numbers": (self.port,), "speed": 2}
        return _named(_DEVICE, _DEVICE_FIELDS, dev.device, **place)

    def get_configuration_descriptor(self, dev: UsbFunction, config: int) -> SimpleNamespace:
        _only_first(config)
        return _named(_CONFIGURATION, _CONFIGURATION_FIELDS, dev.configuration)

    def get_interface_descriptor(self, dev: UsbFunction, intf: int, alt: int, config: int) -> SimpleNamespace:
        _only_first(config, alt)
        found = [one for one in _parts(dev.configuration) if one[1] == 0x04]
        return _named(_INTERFACE, _INTERFACE_FIELDS, found[intf])

    def get_endpoint_descriptor(
        self, dev: UsbFunction, ep: int, intf: int, alt: int, config: int
    ) -> SimpleNamespace:
        _only_first(config, alt, intf)
        found = [one for one in _parts(dev.configuration) if one[1] == 0x05]
        extra = {"bRefresh": 0, "bSynchAddress": 0}
        return _named(_ENDPOINT, _ENDPOINT_FIELDS, found[ep], **extra)

    # who holds it

    def open_device(self, dev: UsbFunction) -> object:  # noqa: ARG002
        self._check()
        return object()

    def close_device(self, dev_handle: object) -> None:
        if self._claimed_by is dev_handle:
            self._claimed_by = None

    def get_configuration(self, dev_handle: object) -> int:  # noqa: ARG002
        self._check()
        return self.function.configuration[5]

    def claim_interface(self, dev_handle: object, intf: int) -> None:  # noqa: ARG002
        self._check()
        if self._claimed_by not in (None, dev_handle):
            raise bus_error(errno.EBUSY, "Resource busy")
        self._claimed_by = dev_handle

    def release_interface(self, dev_handle: object, intf: int) -> None:  # noqa: ARG002
        self.close_device(dev_handle)

    def is_kernel_driver_active(self, dev_handle: object, intf: int) -> bool:  # noqa: ARG002
        return False

    # transfers

    def ctrl_transfer(
        self, dev_handle: object, kind: int, request: int, value: int, index: int, data: Any, timeout: int
    ) -> int:
        del dev_handle, index, timeout  # a simulated device answers at once
        self._check()
        if kind & 0x60 == 0 and request == _GET_DESCRIPTOR and value >> 8 == _STRING:
            return _fill(data, string_descriptor(self.function, value & 0xFF) or b"")
        if kind & 0x80:
            return _fill(data, self.function.control_in(request, value, len(data)))
        self.function.control_out(request, value, bytes(data))
        return len(data)

    def bulk_read(self, dev_handle: object, ep: int, intf: int, buff: Any, timeout: int) -> int:  # noqa: ARG002
        self._check()
        if self._claimed_by is not dev_handle:
            raise bus_error(errno.EBUSY, "not claimed")
        data = self.function.read(ep, len(buff), timeout / 1000)
        self._check()
        return _fill(buff, data)

    def intr_read(self, dev_handle: object, ep: int, intf: int, buff: Any, timeout: int) -> int:
        """In slices, so that giving the interface back ends the transfer, as the kernel does."""
        left = timeout
        while True:
            try:
                return self.bulk_read(dev_handle, ep, intf, buff, min(left, self._slice_ms))
            except BusTimeout:
                left -= self._slice_ms
                if left <= 0:
                    raise

    def bulk_write(self, dev_handle: object, ep: int, intf: int, data: Any, timeout: int) -> int:  # noqa: ARG002
        self._check()
        if self._claimed_by is not dev_handle:
            raise bus_error(errno.EBUSY, "not claimed")
        self.function.write(ep, bytes(data), timeout / 1000)
        return len(data)

    def _check(self) -> None:
        if self.unplugged:
            raise bus_error(errno.ENODEV, "No such device")


def string_descriptor(function: UsbFunction, index: int) -> bytes | None:
    """The descriptor of a string, None where there is none."""
    if index and index not in function.strings:
        return None
    body = struct.pack("<H", _ENGLISH) if index == 0 else function.strings[index].encode("utf-16-le")
    return bytes((2 + len(body), _STRING)) + body


def _named(layout: struct.Struct, names: list[str], raw: bytes, **more: Any) -> SimpleNamespace:
    values = dict(zip(names, layout.unpack_from(raw), strict=True))
    return SimpleNamespace(**values, extra_descriptors=[], **more)


def _parts(configuration: bytes) -> Iterator[bytes]:
    """The descriptors within a configuration, each with its length first."""
    at = 0
    while at < len(configuration) and configuration[at]:
        yield configuration[at : at + configuration[at]]
        at += configuration[at]


def _only_first(*indices: int) -> None:
    if any(indices):
        raise IndexError("one configuration, one interface, no alternate settings")


def _fill(buffer: Any, data: bytes) -> int:
    count = min(len(buffer), len(data))
    memoryview(buffer).cast("B")[:count] = data[:count]
    return count
