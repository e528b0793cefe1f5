"""A conversation with a simulated USB device, written down: a `UsbFunction` in, a pcapng recording and a device
description for umockdev out.

With them a simulated reader can be replayed by everything that replays real ones: drivers/sim/replay.py, and umockdev
under the real USB library. The host's reads that ended without data are left out: they say nothing of the device.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Mapping
from itertools import count

from drivers.clock import Clock
from drivers.sim.usb_bus import UsbFunction

BUS, ADDRESS, PORT = 1, 50, 10
SYSFS = f"/sys/devices/pci0000:00/0000:00:14.0/usb{BUS}/{BUS}-{PORT}"
_INTERRUPT, _CONTROL, _BULK = 1, 2, 3
_USBMON = struct.Struct("<QBBBBHBBqiiII8s4I")  # Linux Documentation/usb/usbmon.rst
_IN_PROGRESS = -115
_LINKTYPE_USB_MMAPPED = 220


class Recorder:
    """The same function, remembered (usb_bus.UsbFunction). interrupts: addresses of its interrupt endpoints."""

    def __init__(self, function: UsbFunction, clock: Clock, interrupts: tuple[int, ...] = (0x81,)) -> None:
        self.function = function
        self._clock = clock
        self._interrupts = interrupts
        self._ids = count(1)
        self._packets: list[bytes] = []
        self._lock = threading.Lock()
        for kind, descriptor in ((1, self.device), (2, self.configuration)):
            setup = struct.pack("<BBHHH", 0x80, 6, kind << 8, 0, len(descriptor))
            self._note(_CONTROL, 0x80, len(descriptor), b"", descriptor, setup)

    @property
    def device(self) -> bytes:
        return self.function.device

    @property
    def configuration(self) -> bytes:
        return self.function.configuration

    @property
    def strings(self) -> Mapping[int, str]:
        return self.function.strings

    def control_in(self, request: int, value: int, length: int) -> bytes:
        data = self.function.control_in(request, value, length)
        setup = struct.pack("<BBHHH", 0xC0, request, value, 0, length)
        self._note(_CONTROL, 0x80, length, b"", data, setup)
        return data

    def control_out(self, request: int, value: int, data: bytes) -> None:
        self.function.control_out(request, value, data)
        index = 0x0400 if request == 0x0C else 0  # the bus does not pass it on; only TouchChips use one
        setup = struct.pack("<BBHHH", 0x40, request, value, index, len(data))
        self._note(_CONTROL, 0x00, len(data), data, b"", setup)

    def write(self, endpoint: int, data: bytes, timeout_s: float) -> None:
        self.function.write(endpoint, data, timeout_s)
        self._note(_BULK, endpoint, len(data), data, b"")

    def read(self, endpoint: int, size: int, timeout_s: float) -> bytes:
        data = self.function.read(endpoint, size, timeout_s)
        kind = _INTERRUPT if endpoint in self._interrupts else _BULK
        self._note(kind, endpoint, size, b"", data)
        return data

    def _note(
        self, kind: int, endpoint: int, size: int, sent: bytes, got: bytes, setup: bytes | None = None
    ) -> None:
        back = size if endpoint < 0x80 else len(got)
        with self._lock:
            number = next(self._ids)
            self._add(number, "S", kind, endpoint, _IN_PROGRESS, size, sent, setup)
            self._add(number, "C", kind, endpoint, 0, back, got, None)

    def _add(
        self, number: int, event: str, kind: int, endpoint: int, status: int, size: int, data: bytes,
        setup: bytes | None,
    ) -> None:  # fmt: skip
        now = self._clock.utcnow()
        no_setup = 0 if setup is not None else ord("-")
        no_data = 0 if data else ord("<")
        head = _USBMON.pack(
            number, ord(event), kind, endpoint, ADDRESS, BUS, no_setup, no_data, int(now.timestamp()),
            now.microsecond, status, size, len(data), setup or bytes(8), 0, 0, 0, 0,
        )  # fmt: skip
        self._packets.append(head + data)

    def pcapng(self) -> bytes:
        """The recording so far."""
        with self._lock:
            packets = list(self._packets)
        section = _block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
        interface = _block(1, struct.pack("<HHI", _LINKTYPE_USB_MMAPPED, 0, 0))
        enhanced = [
            _block(6, struct.pack("<IIIII", 0, 0, place, len(one), len(one)) + one)
            for place, one in enumerate(packets)
        ]
        return section + interface + b"".join(enhanced)

    def description(self) -> str:
        """What `umockdev-record` would say of the device, as far as a USB library needs it."""
        vendor, product, release = (f"{one:04x}" for one in struct.unpack_from("<HHH", self.device, 8))
        node = f"bus/usb/{BUS:03}/{ADDRESS:03}"
        descriptors = (self.device + self.configuration).hex().upper()
        return "\n".join(
            [
                f"P: {SYSFS.removeprefix('/sys')}",
                f"N: {node}={descriptors}",
                f"E: DEVNAME=/dev/{node}",
                "E: DEVTYPE=usb_device",
                "E: DRIVER=usb",
                f"E: PRODUCT={int(vendor, 16):x}/{int(product, 16):x}/{int(release, 16):x}",
                f"E: BUSNUM={BUS:03}",
                f"E: DEVNUM={ADDRESS:03}",
                "E: MAJOR=189",
                f"E: MINOR={(BUS - 1) * 128 + ADDRESS - 1}",
                "E: SUBSYSTEM=usb",
                "A: bConfigurationValue=1",
                f"A: bcdDevice={release}",
                f"A: busnum={BUS}",
                f"A: devnum={ADDRESS}",
                f"H: descriptors={descriptors}",
                f"A: idProduct={product}",
                f"A: idVendor={vendor}",
                f"A: serial={self.strings.get(3, '')}",
                "A: speed=12",
                "",
            ]
        )


def _block(kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    size = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + size + body + size
