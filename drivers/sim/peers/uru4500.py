"""The device side of the U.are.U 4000 family on USB: register requests in, interrupts and scrambled blocks out.

Source: facts of libfprint 1.94.10 uru4000.c and a recording. It works with any host seed, as the real one does. Used
in-process behind drivers/sim/usb_bus.py; a Person touches it when it is told to await a finger. Which model it is, and
whether it sleeps until its challenge was answered, its profile says.
"""

from __future__ import annotations

import errno
import hashlib
import heapq
import struct
import threading
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from drivers.clock import Clock, SystemClock
from drivers.links.usb import UsbLink, bus_error
from drivers.models.uru4500 import Uru4500Reader
from drivers.sim.faults import Fault, FaultyUsb
from drivers.sim.person import Person, ScriptError
from drivers.sim.rig import Rig, watched
from drivers.sim.usb_bus import SimBus
from drivers.wires.uru4000 import (
    CHANGE_KEY,
    KEEP_KEY,
    NOT_IN_DATA,
    SCRAMBLED,
    WIDTH,
    Header,
    answer_challenge,
)
from firmware_profiles.profile import Profile, load

HEIGHT = 290
FIRST_KEY = 5
Blocks = tuple[tuple[int, int], ...]
BLOCKS: Blocks = (
    (SCRAMBLED, 100),
    (NOT_IN_DATA | KEEP_KEY, 1),
    (SCRAMBLED | CHANGE_KEY, 60),
    (0, 20),  # in the clear, but the key goes on
    (SCRAMBLED | KEEP_KEY, 9),  # in the clear, the key stands still
    (SCRAMBLED, 100),
)
LINES = sum(lines for flags, lines in BLOCKS if not flags & NOT_IN_DATA)

# Seconds, at speed 1.
POWER_ON_S = 0.01
FINGER_DOWN_S = 0.3
SCAN_S = 0.13
LIFT_S = 0.3

_DEVICE = bytes.fromhex("1201000200000040ba050a00030101020301")
_CONFIGURATION = bytes.fromhex("0902200001010080640904000002ffffff000705810340000807058202400000")
_INFO = bytes.fromhex("1a0a1a0a01150000002000108b211130")
_INTERRUPT, _BULK = 0x81, 0x82


class Uru4500Device:
    """One reader (usb_bus.UsbFunction). speed divides the person's and the scanner's delays."""

    def __init__(self, person: Person, profile: Profile, clock: Clock, speed: float = 1.0) -> None:
        vendor, product = (int(part, 16) for part in profile.match.usb[0].split(":"))
        self.ids = (vendor, product)
        self.device = _DEVICE[:8] + struct.pack("<HH", *self.ids) + _DEVICE[12:]
        self.configuration = _CONFIGURATION
        self.strings = {1: "SIMULATED", 2: f"{profile.model} SIMULATED", 3: f"SIM-{person.seed:08d}"}
        self.person = person
        self.profile = profile
        self.clock = clock
        self.speed = speed
        self.registers = {0x07: 0x01, 0x4E: 0x00}
        self._wake = threading.Condition()
        self._due: dict[int, list[tuple[float, bytes]]] = {_INTERRUPT: [], _BULK: []}
        self._scramble = (0, 0)
        self._trusted = profile.auth.kind == "none"
        self._challenges = 0
        self._pixels: NDArray[np.uint8] | None = None

    # UsbFunction

    def control_in(self, request: int, value: int, length: int) -> bytes:
        if request != 0x04:
            raise bus_error(errno.EPIPE, "no such request")
        if value == 0x34:
            number, seed = self._scramble
            return (device_key(number) ^ seed).to_bytes(4, "little")[:length]
        if value == 0xF0:
            return _INFO[:length]
        if value == 0x2010:
            self._challenges += 1
            return self._challenge()[:length]
        return bytes((self.registers.get(value, 0),)).ljust(length, b"\0")

    def control_out(self, request: int, value: int, data: bytes) -> None:
        if request != 0x04 or not data:
            raise bus_error(errno.EPIPE, "no such request")
        if value == 0x33:
            self._scramble = (data[0], int.from_bytes(data[1:5], "little"))
        elif value == 0x07:
            self._set_power(data[0])
        elif value == 0x2000:
            self._trusted = data == answer_challenge(self._challenge(), bytes.fromhex(self.profile.auth.key))
        elif value == 0x4E:
            self._set_mode(data[0])
        else:
            self.registers[value] = data[0]

    def read(self, endpoint: int, size: int, timeout_s: float) -> bytes:
        deadline = self.clock.monotonic() + timeout_s
        with self._wake:
            while True:
                now = self.clock.monotonic()
                queue = self._due[endpoint]
                if queue and queue[0][0] <= now:
                    return heapq.heappop(queue)[1][:size]
                if now >= deadline:
                    raise bus_error(errno.ETIMEDOUT, "Operation timed out")
                until = min(deadline, queue[0][0]) if queue else deadline
                self._wake.wait(max(0.0005, until - now))

    def write(self, endpoint: int, data: bytes, timeout_s: float) -> None:
        del endpoint, data, timeout_s
        raise bus_error(errno.EPIPE, "no endpoint OUT")

    # what registers do

    def _challenge(self) -> bytes:
        """Another one at every reading, the same for the same unit."""
        return hashlib.sha256(b"uru challenge %d %d" % (self.person.seed, self._challenges)).digest()[:16]

    def _set_power(self, value: int) -> None:
        was = self.registers[0x07]
        self.registers[0x07] = value if self._trusted or value & 0x80 else value | 0x80
        value = self.registers[0x07]
        if was & 0x80 and not value & 0x80:
            on_s = POWER_ON_S / self.speed
            self._later(_INTERRUPT, on_s, _interrupt(0x56AA))
            self._later(
                _INTERRUPT, on_s * 1.5, _interrupt(0x56AA)
            )  # it repeats itself, as the recording shows

    def _set_mode(self, mode: int) -> None:
        self.registers[0x4E] = mode
        with self._wake:
            for queue in self._due.values():
                queue.clear()
        if mode == 0x10:
            self._await_finger()
        elif mode == 0x20:
            self._later(_BULK, SCAN_S / self.speed, self._image())
        elif mode == 0x12:
            self._later(_INTERRUPT, LIFT_S / self.speed, _interrupt(0x0200))

    def _await_finger(self) -> None:
        size = self.profile.image.sizes[0]
        try:
            placed = self.person.place("plain", (), size.width, size.height, self.profile.ppi.nominal)
        except ScriptError as error:
            raise bus_error(errno.EPIPE, f"SIMULATED person: {error}") from error
        self._pixels = None if placed is None else placed.pixels
        if placed is not None:
            self._later(_INTERRUPT, FINGER_DOWN_S / self.speed, _interrupt(0x0101))

    def _image(self) -> bytes:
        if self._pixels is None:
            return Header(0, FIRST_KEY, ()).pack()
        return _cached_block(self._pixels.tobytes(), self.profile.image.rotate)

    def _later(self, endpoint: int, seconds: float, data: bytes) -> None:
        with self._wake:
            heapq.heappush(self._due[endpoint], (self.clock.monotonic() + seconds, data))
            self._wake.notify_all()


def _interrupt(kind: int) -> bytes:
    return kind.to_bytes(2, "big").ljust(64, b"\0")


def device_key(number: int) -> int:
    """The constant key this unit has for a key number; the host's seed only hides it on the wire."""
    return int.from_bytes(hashlib.sha256(b"uru peer key %d" % number).digest()[:4], "little")


def image_block(
    pixels: NDArray[np.uint8],
    rotate: int = 180,
    blocks: Blocks = BLOCKS,
    first_key: int = FIRST_KEY,
    key: Callable[[int], int] = device_key,
) -> bytes:
    """What the reader sends for pixels uint8 [290, 384], dark ridges, upright: inverted, turned, scrambled in blocks of
    (flags, lines), 290 in all, with the keys from first_key on."""
    raw = 255 - np.rot90(pixels, rotate // 90)
    header = Header(sum(lines for flags, lines in blocks if not flags & NOT_IN_DATA), first_key, blocks)
    number, pieces, line, at = first_key, [], 0, 0
    stream = scalar_keystream(key(number), HEIGHT * WIDTH)
    for flags, lines in blocks:
        if flags & CHANGE_KEY:
            number, at = number + 1, 0
            stream = scalar_keystream(key(number), HEIGHT * WIDTH)
        count = lines * WIDTH
        clear = raw[line : line + lines].tobytes()
        line += lines
        if not flags & NOT_IN_DATA:
            scrambled = flags & SCRAMBLED and not flags & KEEP_KEY
            pieces.append(_scrambled(clear, stream[at : at + count]) if scrambled else clear)
        if not flags & KEEP_KEY:
            at += count
    return header.pack() + b"".join(pieces)


@lru_cache(maxsize=8)
def _cached_block(pixels: bytes, rotate: int) -> bytes:
    """image_block of pixels as bytes: people who try a hundred thousand conversations show the same few pictures."""
    return image_block(np.frombuffer(pixels, np.uint8).reshape(HEIGHT, WIDTH), rotate)


def as_delivered(pixels: NDArray[np.uint8], rotate: int = 180, blocks: Blocks = BLOCKS) -> NDArray[np.uint8]:
    """What a driver can make of a block at best: one line repeated, the last pixel of a scrambled run lost."""
    raw = 255 - np.rot90(pixels, rotate // 90)
    line = 0
    for flags, lines in blocks:
        if flags & NOT_IN_DATA:
            raw[line : line + lines] = raw[line + lines]
        elif flags & SCRAMBLED and not flags & KEEP_KEY:
            raw[line + lines - 1, -1] = 0
        line += lines
    return np.rot90(255 - raw, rotate // 90)


def rig(
    person: Person,
    fault: Fault | None = None,
    speed: float = 1000.0,
    profile_id: str = "uru4500",
    endpoint: int = _BULK,
) -> Rig:
    """Driver and device in one process; real time, because USB reads have threads of their own, but fast."""
    clock, profile = SystemClock(), load(profile_id)
    device = Uru4500Device(person, profile, clock, speed)
    faulty = None if fault is None else FaultyUsb(device, fault, endpoint)
    bus = SimBus(faulty or device, slice_ms=max(2, round(20 / speed)))
    return Rig(
        reader=Uru4500Reader(profile, UsbLink(*device.ids, backend=bus), clock),
        clock=clock,
        placed=watched(person),
        delivered=lambda pixels: as_delivered(pixels, profile.image.rotate),
        unplug=lambda: setattr(bus, "unplugged", True),
        fired=lambda: faulty is not None and faulty.fired,
    )


def _scrambled(clear: bytes, stream: bytes) -> bytes:
    """Each byte moves one place on, under the keystream; the last one is lost, as in the device."""
    mixed = np.frombuffer(clear, np.uint8) ^ np.frombuffer(stream, np.uint8)
    return b"\0" + mixed[:-1].tobytes()


@lru_cache(maxsize=8)
def scalar_keystream(register: int, count: int) -> bytes:
    """The keystream one step at a time: slow and plain, so that it checks the driver's fast one."""
    out = bytearray(count)
    for index in range(count):
        out[index] = (
            (register >> 4 & 1)
            | (register >> 8 & 1) << 1
            | (register >> 11 & 1) << 2
            | (register >> 14 & 1) << 3
            | (register >> 18 & 1) << 4
            | (register >> 21 & 1) << 5
            | (register >> 24 & 1) << 6
            | (register >> 29 & 1) << 7
        )
        register = register >> 1 | ((register & 0x9248144D).bit_count() & 1) << 31
    return bytes(out)
