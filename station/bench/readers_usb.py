"""Time of the USB readers: image against the bus, descrambling, idle load. Rows as of readers_timing.

In: which drivers. Out: the bytes of an image, how long it took, what the bus needs for it (full speed: 19 bulk packets
of 64 bytes a millisecond, USB 2.0 table 5-9). No bus is there, so a time is put together: what the simulated device
and the driver's own waits take on its clock, and the CPU that this process, device included, needs beside.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drivers.clock import Clock, SystemClock
from drivers.links.usb import UsbLink
from drivers.models.nb1010 import Nb1010Reader
from drivers.models.upektc import AREA, UpektcReader
from drivers.reader import CaptureKind, CaptureRequest
from drivers.sim.clock import VirtualClock
from drivers.sim.finger_types import Platen, Touch
from drivers.sim.peers import nb1010, upektc, uru4500
from drivers.sim.person import Person
from drivers.sim.rig import person, stripes
from drivers.sim.usb_bus import SimBus
from drivers.wires import uru4000
from firmware_profiles.profile import load

PACKET, PACKET_S = 64, 64 / 1_216_000
PART = 100  # bytes of a read that is more than an answer
DESCRAMBLE_LIMIT_S = 0.005
REQUEST = CaptureRequest(CaptureKind.PLAIN, (2,), finger_s=20.0, lift_s=20.0)
TRIES = 20


@dataclass(frozen=True)
class Image:
    """bytes of one image on the bus, the seconds it took, and what the bus needs."""

    bytes: int
    took_s: float
    bus_s: float


def images(drivers: Sequence[str]) -> dict[str, tuple[Image, Callable[[Path], Any]]]:
    """Driver → its image's times, and how to make a reader (from a person's script) that waits in real time."""
    known: dict[str, tuple[Callable[[], Image], Callable[[Path], Any]]] = {
        "nb1010": (lambda: _pieces(nb_1010(person(), VirtualClock())), _waiting(nb_1010)),
        "upektc": (lambda: _pieces(touch_chip(person(), VirtualClock())), _waiting(touch_chip)),
        "uru4500": (_block, lambda script: uru4500.rig(Person(1, script, painter=stripes), speed=1.0).reader),
    }
    wanted = {name: both for name, both in known.items() if not drivers or name in drivers}
    return {name: (_usual(image), make) for name, (image, make) in wanted.items()}


def _usual(image: Callable[[], Image]) -> Image:
    """The median of some tries: the CPU's part of one is at the mercy of what else runs."""
    return sorted((image() for _ in range(TRIES)), key=lambda one: one.took_s)[TRIES // 2]


def nb_1010(someone: Person, clock: Clock) -> Any:
    """A reader on its simulated device."""
    profile = load("nb1010")
    bus = SimBus(nb1010.Nb1010Device(someone, profile, clock))
    return Nb1010Reader(profile, UsbLink(0x298D, 0x1010, backend=bus, interface_class=0), clock)


def touch_chip(someone: Person, clock: Clock) -> Any:
    """A reader on its simulated device."""
    bus = SimBus(upektc.UpektcDevice(someone, upektc.TCS1, clock))
    return UpektcReader(load(AREA), UsbLink(0x147E, 0x2016, backend=bus), clock)


def descramble_s() -> float:
    """Median time from a U.are.U image block to its lines."""
    platen = Platen(uru4000.WIDTH, uru4500.HEIGHT, 512)
    pixels = stripes(1, (2,), "plain", platen, Touch()).pixels
    block = uru4500.image_block(pixels)
    uru4000.warm_up()
    times = []
    for _ in range(TRIES):
        began = time.perf_counter()
        uru4000.decode(block, uru4500.device_key)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def _waiting(make: Callable[[Person, Clock], Any]) -> Callable[[Path], Any]:
    return lambda script: make(Person(1, script, painter=stripes), SystemClock())


def _pieces(reader: Any) -> Image:
    """An image in many transfers, in the device's time; CPU on top."""
    reads: list[tuple[float, float, int]] = []  # clock and CPU after it, bytes
    bulk_in = reader.link.bulk_in

    def read(endpoint: int, size: int, timeout_s: float) -> bytes:
        data: bytes = bulk_in(endpoint, size, timeout_s)
        reads.append((reader.clock.monotonic(), time.process_time(), len(data)))
        return data

    reader.link.bulk_in = read
    reader.open()
    reader.capture(REQUEST)
    reader.close()
    parts = [index for index, (_, _, count) in enumerate(reads) if count > PART]
    window = reads[parts[0] : parts[-1] + 1]
    first_s = _bus_s(window[0][2])
    took = window[-1][0] - window[0][0] + first_s + window[-1][1] - window[0][1]
    return Image(sum(count for *_, count in window), took, sum(_bus_s(count) for *_, count in window))


def _block() -> Image:
    """U.are.U: one transfer; beside it, what the driver does from its end to the picture."""
    rig = uru4500.rig(person())
    reader: Any = rig.reader
    take, scan, spent = reader._take, reader._scan, [0.0, 0.0]

    def timed(work: Callable[..., Any], slot: int) -> Callable[..., Any]:
        def one(*args: Any) -> Any:
            began = time.perf_counter()
            try:
                return work(*args)
            finally:
                spent[slot] = time.perf_counter() - began

        return one

    reader._take, reader._scan = timed(take, 0), timed(scan, 1)
    reader.open()
    reader.capture(REQUEST)
    reader.close()
    count = uru4000.HEADER_BYTES + uru4500.LINES * uru4000.WIDTH
    bus_s = _bus_s(count)
    return Image(count, bus_s + spent[0] - spent[1], bus_s)


def _bus_s(count: int) -> float:
    return -(-count // PACKET) * PACKET_S


def nobody(folder: Path) -> Path:
    """A script of a person who never comes."""
    script = folder / "person.json"
    script.write_text('{"placements": [{"no_finger": true}]}', encoding="utf-8")
    return script


def idle(make: Callable[[Path], Any], load_of: Callable[[Any], float]) -> float:
    """CPU of driver and simulated device while nobody comes, as a share of one core."""
    with tempfile.TemporaryDirectory() as name:
        reader = make(nobody(Path(name)))
        reader.open()
        try:
            return load_of(reader)
        finally:
            reader.close()
