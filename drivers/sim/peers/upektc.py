"""The device side of a UPEK TouchChip coprocessor: frames in, statuses and image parts out; area and strip sensors.

Source: facts of libfprint 1.94.10 upektc_img.c and upek_proto.c, and a recording of a strip unit. Used in-process
behind drivers/sim/usb_bus.py. A strip's picture comes assembled, as from the device: nobody really swipes here.
"""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Callable, Iterator

from drivers.clock import Clock
from drivers.links.usb import UsbLink, bus_error
from drivers.models.upektc import AREA, STRIP, UpektcReader
from drivers.sim.clock import VirtualClock
from drivers.sim.faults import Fault, FaultyUsb
from drivers.sim.person import Person, ScriptError
from drivers.sim.rig import Pixels, Rig, watched
from drivers.sim.touching import Touching
from drivers.sim.usb_bus import SimBus
from drivers.wires import upektc as wire
from drivers.wires.upektc import Message, Sensor
from firmware_profiles.profile import load

_DEVICE = bytes.fromhex("12011001000000087e141620020001020301")  # a real one has no serial to say SIM in
_CONFIGURATION = bytes.fromhex(
    "09022700010100a0320904000003ff000000070581024000000705020240000007058303040014"
)
_OUT, _IN = 0x02, 0x81
VERSION = b"\x0110.5"
ALIVE_S = 0.7
LOOK_S = 0.02
PACKET_S = 64 / 1_216_000  # full speed: 19 bulk packets of 64 bytes a millisecond (USB 2.0, table 5-9)
TCS1 = wire.SENSORS[0]


class UpektcDevice:
    """One reader (usb_bus.UsbFunction). speed divides the person's delays."""

    def __init__(self, person: Person, sensor: Sensor, clock: Clock, speed: float = 1.0) -> None:
        self.device, self.configuration = _DEVICE, _CONFIGURATION
        self.strings = {1: "SIMULATED", 2: "TouchChip SIMULATED", 3: f"SIM-{person.seed:08d}"}
        self.clock = clock
        self.sensor = sensor
        self.statuses: list[int] = []  # said instead of `finger`, first to last, for tests
        ppi = load(AREA if sensor.area else STRIP).ppi.nominal
        self.touching = Touching(person, sensor.size, ppi, speed)
        self._said: deque[bytes] = deque()
        self._parts: Iterator[bytes] = iter(())
        self._on_go: Callable[[int], None] | None = None
        self._looking: int | None = None  # the sequence number to answer with, while a finger is awaited
        self._alive_at = 0.0

    # UsbFunction

    def control_in(self, request: int, value: int, length: int) -> bytes:
        raise bus_error(errno.EPIPE, f"no request {request:#x} {value:#x} of {length}")

    def control_out(self, request: int, value: int, data: bytes) -> None:
        if (request, value, data) != (0x0C, 0x0100, b"\0"):
            raise bus_error(errno.EPIPE, f"no request {request:#x} {value:#x}")
        self._say(wire.READY, 0, VERSION)

    def write(self, endpoint: int, data: bytes, timeout_s: float) -> None:
        del timeout_s
        if endpoint != _OUT:
            raise bus_error(errno.EPIPE, "no such endpoint")
        try:
            self._obey(wire.unpack(data))
        except wire.WireError:
            return  # a device does not answer what it does not understand

    def read(self, endpoint: int, size: int, timeout_s: float) -> bytes:
        deadline = self.clock.monotonic() + timeout_s
        while endpoint == _IN:
            self._look()
            if self._said:
                return self._transfer(size)
            left = deadline - self.clock.monotonic()
            if left <= 0:
                break
            self.clock.sleep(min(LOOK_S, left))
        raise bus_error(errno.ETIMEDOUT, "Operation timed out")

    def _transfer(self, size: int) -> bytes:
        data = self._said.popleft()
        self.clock.sleep(PACKET_S * -(-len(data) // 64))
        if len(data) > size:
            self._said.appendleft(data[size:])  # whole packets: the next read goes on there
        return data[:size]

    def _say(self, kind: int, sequence: int, payload: bytes) -> None:
        """A transfer of 64 bytes, filled up with zeros, and one with the rest."""
        raw = wire.pack(Message(kind, sequence, payload))
        self._said.append(raw[: wire.FIRST_READ].ljust(wire.FIRST_READ, b"\0"))
        if len(raw) > wire.FIRST_READ:
            self._said.append(raw[wire.FIRST_READ :])

    # what it does

    def _obey(self, said: Message) -> None:
        match said.type, said.kind, said.payload:
            case wire.POWER, _, _:
                self._say(wire.POWER_SET, 0, b"\x74")
            case wire.RESET, _, _:
                self._parts, self._on_go, self._looking = iter(()), None, None
                self._say(wire.RESET_DONE, 0, b"")
            case wire.COMMAND, _, wire.ASK_INFO:
                self._say(wire.COMMAND, said.sequence, wire.info(self.sensor))
            case wire.COMMAND, _, wire.GO_ON if self._on_go is not None:
                self._on_go(said.sequence)
            case wire.COMMAND, _, wire.NEXT:
                self._part(said.sequence)
            case wire.COMMAND, wire.STATUS, payload if payload == wire.capture(self.sensor):
                self._say(wire.COMMAND, said.sequence, wire.say_status(wire.NO_FINGER))
                self._on_go = self._await

    def _await(self, sequence: int) -> None:
        self._looking, self._on_go = sequence, None
        self._alive_at = self.clock.monotonic() + ALIVE_S

    def _look(self) -> None:
        """While a finger is awaited: is there one?"""
        if self._looking is None:
            return
        now = self.clock.monotonic()
        try:
            placed = self.touching.look(now)
        except ScriptError as error:
            raise bus_error(errno.EPIPE, f"SIMULATED person: {error}") from error
        if placed is not None:
            self._found(placed.pixels, now)
        elif now >= self._alive_at:
            self._say(wire.ALIVE, 0, b"")
            self._alive_at = now + ALIVE_S

    def _found(self, pixels: Pixels, now: float) -> None:
        sequence, self._looking = self._looking or 0, None
        if self.statuses:
            self._say(wire.COMMAND, sequence, wire.say_status(self.statuses.pop(0)))
            self._on_go = self._await
            return
        self._parts = iter(wire.parts(pixels.tobytes()))
        self._say(wire.COMMAND, sequence, wire.say_status(wire.FINGER))
        self._on_go = self._begin
        self.touching.taken(now)

    def _begin(self, sequence: int) -> None:
        self._on_go = None
        self._said.append(b"")  # an empty transfer now and then, as the real one does
        self._part(sequence)

    def _part(self, sequence: int) -> None:
        part = next(self._parts, None)
        if part is not None:
            self._say(wire.COMMAND, sequence, part)


def as_delivered(pixels: Pixels) -> Pixels:
    """This reader sends what lies on it."""
    return pixels


def rig(
    person: Person, fault: Fault | None = None, sensor: Sensor = TCS1, speed: float = 1.0, endpoint: int = _IN
) -> Rig:
    """Driver and device in one process, in virtual time."""
    clock = VirtualClock()
    device = UpektcDevice(person, sensor, clock, speed)
    faulty = None if fault is None else FaultyUsb(device, fault, endpoint)
    bus = SimBus(faulty or device)
    link = UsbLink(0x147E, 0x2016, backend=bus)
    return Rig(
        reader=UpektcReader(load(AREA), link, clock, trusted=lambda: True),
        clock=clock,
        placed=watched(person),
        delivered=as_delivered,
        unplug=lambda: setattr(bus, "unplugged", True),
        fired=lambda: faulty is not None and faulty.fired,
    )
