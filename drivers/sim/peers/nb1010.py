"""The device side of a NextBiometrics NB-1010-U: bulk commands in, answers and pieces of an image out.

Source: facts of libfprint 1.94.10 nb1010.c and a recording. Used in-process behind drivers/sim/usb_bus.py.
"""

from __future__ import annotations

import errno
from collections import deque

import numpy as np

from drivers.clock import Clock
from drivers.links.usb import UsbLink, bus_error
from drivers.models.nb1010 import Nb1010Reader
from drivers.sim.clock import VirtualClock
from drivers.sim.faults import Fault, FaultyUsb
from drivers.sim.person import Person, ScriptError
from drivers.sim.rig import Pixels, Rig, watched
from drivers.sim.touching import Touching
from drivers.sim.usb_bus import SimBus
from drivers.wires import nb1010 as wire
from firmware_profiles.profile import Profile, load

_DEVICE = bytes.fromhex("12010002000000408d291010010001020301")
_CONFIGURATION = bytes.fromhex(
    "09022700010100a032090400000300000000070581034000050705020240000007058302400000"
)
_OUT, _IN = 0x02, 0x83
_LEVEL, _NO_LEVEL = 0xF7, 0x08
PACKET_S = 64 / 1_216_000  # full speed: 19 bulk packets of 64 bytes a millisecond (USB 2.0, table 5-9)


class Nb1010Device:
    """One reader (usb_bus.UsbFunction). speed divides the person's delays."""

    def __init__(self, person: Person, profile: Profile, clock: Clock, speed: float = 1.0) -> None:
        self.device, self.configuration = _DEVICE, _CONFIGURATION
        self.strings = {1: "SIMULATED", 2: "NB-1010-U SIMULATED", 3: f"SIM-{person.seed:08d}"}
        self.clock = clock
        size = profile.image.sizes[0]
        self.touching = Touching(person, (size.width, size.height), profile.ppi.nominal, speed)
        self._said: deque[bytes] = deque()

    # UsbFunction

    def control_in(self, request: int, value: int, length: int) -> bytes:
        raise bus_error(errno.EPIPE, f"no request {request:#x} {value:#x} of {length}")

    def control_out(self, request: int, value: int, data: bytes) -> None:
        raise bus_error(errno.EPIPE, f"no request {request:#x} {value:#x} of {len(data)}")

    def write(self, endpoint: int, data: bytes, timeout_s: float) -> None:
        del timeout_s
        if endpoint != _OUT or data not in (wire.ASK, wire.PREPARE, wire.TAKE):
            raise bus_error(errno.EPIPE, "no such command")
        try:
            placed = self.touching.look(self.clock.monotonic())
        except ScriptError as error:
            raise bus_error(errno.EPIPE, f"SIMULATED person: {error}") from error
        self._said.append(wire.answer(data, _NO_LEVEL if placed is None else _LEVEL))
        if data == wire.TAKE:
            blank = np.full((wire.HEIGHT, wire.WIDTH), 255, np.uint8)
            pixels = blank if placed is None else placed.pixels
            self._said.extend(wire.piece(pixels, index) for index in range(wire.PIECES))
            self.touching.taken(self.clock.monotonic())

    def read(self, endpoint: int, size: int, timeout_s: float) -> bytes:
        if endpoint != _IN or not self._said:
            self.clock.sleep(timeout_s)
            raise bus_error(errno.ETIMEDOUT, "Operation timed out")
        data = self._said.popleft()
        self.clock.sleep(PACKET_S * -(-len(data) // 64))
        if len(data) > size:
            raise bus_error(errno.EOVERFLOW, "Overflow")
        return data


def as_delivered(pixels: Pixels) -> Pixels:
    """This reader sends what lies on it."""
    return pixels


def rig(person: Person, fault: Fault | None = None, speed: float = 1.0, endpoint: int = _IN) -> Rig:
    """Driver and device in one process, in virtual time."""
    clock, profile = VirtualClock(), load("nb1010")
    device = Nb1010Device(person, profile, clock, speed)
    faulty = None if fault is None else FaultyUsb(device, fault, endpoint)
    bus = SimBus(faulty or device)
    link = UsbLink(0x298D, 0x1010, backend=bus, interface_class=0)
    return Rig(
        reader=Nb1010Reader(profile, link, clock, trusted=lambda: True),
        clock=clock,
        placed=watched(person),
        delivered=as_delivered,
        unplug=lambda: setattr(bus, "unplugged", True),
        fired=lambda: faulty is not None and faulty.fired,
    )
