"""What the last user of a serial module left behind: how the module stands and what the driver believes in, what must
come of it out.

Every baud rate that the profile knows, with every packet size, password, lock, sensor or habit of that family. A driver
that is right to refuse does so with the code named here; then the settings are mended, and the next picture must come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import msgspec
import numpy as np

from drivers.links.memory import MemoryLink
from drivers.models.gt521 import Gt521Reader
from drivers.models.sfm import SfmReader
from drivers.models.zfm import ZfmReader
from drivers.reader import BaseReader
from drivers.sim.clock import OutOfTime, VirtualClock
from drivers.sim.peers.gt521 import Gt521Device
from drivers.sim.peers.sfm import SfmDevice
from drivers.sim.peers.zfm import ZfmDevice
from drivers.sim.person import Person
from drivers.sim.rig import Pixels, Rig, watched
from drivers.sim.small import shrunk
from drivers.sim.sweep import DEADLINE_S, Mover, Run, Tally, converse
from drivers.wires import sfm as sfm_wire
from drivers.wires import zfm as zfm_wire
from firmware_profiles.profile import Profile, load

RIGHT = "right"
PASSWORD = 0x1234
OTHERS = {"narrower": 24, "wider": 40}  # pixels of another sensor's width; the profile's is 32
_FOR_EVER = 0x30  # SFM: a scan without a timeout


@dataclass(frozen=True)
class Case:
    """baud: where the module stands; make(): a module and the reader as it is set up; expect: what comes of it; mend:
    the reader with its settings, or the module, put right."""

    subject: str
    left: str
    baud: int
    make: Callable[[], Rig]
    expect: str = RIGHT
    mend: Callable[[Rig], Rig] = lambda rig: rig


def tallies(drivers: Iterable[str] = ()) -> Iterator[Tally]:
    """One Tally for every driver and thing left behind; `at` of a run is the baud rate."""
    wanted = set(drivers) or set(_CASES)
    for driver in sorted(wanted & set(_CASES)):
        found: dict[tuple[str, str], Tally] = {}
        for case in _CASES[driver]():
            tally = found.setdefault((case.subject, case.left), Tally(case.subject, case.left, 0))
            tally.add(one(case))
        yield from found.values()


def one(case: Case) -> Run:
    """One conversation as things were left, and one after they were put right. recovery_s: of the opening that led to
    a picture, less nothing: finding the baud rate is all that it does."""
    rig = case.make()
    began = rig.clock.monotonic()
    try:
        opening = Opening(rig)
        outcome, wrong = converse(rig)
        seconds = rig.clock.monotonic() - began
        if outcome != case.expect:
            return Run(case.baud, f"{outcome} instead of {case.expect}", seconds, None, wrong)
        if outcome != RIGHT:
            rig = case.mend(rig)
            opening = Opening(rig)
            again, wrong = converse(rig)
            if again != RIGHT:
                return Run(case.baud, f"{outcome}, then {again}", seconds, None, wrong)
    except OutOfTime:
        return Run(case.baud, "hung", DEADLINE_S, None, hung=True)
    return Run(case.baud, outcome, seconds, opening.seconds, wrong)


class Opening:
    """How long the opening of a rig's reader takes."""

    def __init__(self, rig: Rig) -> None:
        self.seconds = 0.0
        usual: Any = rig.reader.open

        def timed() -> None:
            began = rig.clock.monotonic()
            usual()
            self.seconds = rig.clock.monotonic() - began

        rig.reader.open = timed  # type: ignore[method-assign]


def _rig(
    device: Any,
    reader: Callable[[MemoryLink, VirtualClock], BaseReader],
    delivered: Callable[[Pixels], Pixels],
) -> Rig:
    clock = VirtualClock()
    link = MemoryLink(device, clock)
    return Rig(reader(link, clock), clock, watched(device.person), delivered, lambda: None, lambda: False)


def _with(rig: Rig, reader: Callable[[MemoryLink, VirtualClock], BaseReader]) -> Rig:
    """Another reader on the same module and clock."""
    link, clock = getattr(rig.reader, "link"), rig.clock  # noqa: B009  every driver on bytes has one
    assert isinstance(link, MemoryLink)
    assert isinstance(clock, VirtualClock)
    return replace(rig, reader=reader(link, clock))


def _other_sensor(profile: Profile, width: int) -> Profile:
    """The same model with a picture of another width."""
    sizes = tuple(
        msgspec.structs.replace(size, width=width, bytes=size.bytes * width // size.width)
        for size in profile.image.sizes
    )
    return msgspec.structs.replace(profile, image=msgspec.structs.replace(profile.image, sizes=sizes))


def _someone() -> Person:
    return Person(1, painter=Mover())


# ZFM: password, packet size and speed are kept in flash


def _zfm() -> Iterator[Case]:
    for name in ("zfm20", "r503"):
        profile = shrunk(load(name))
        for baud in profile.link.baud_probe:
            for packet_bytes in zfm_wire.PACKET_SIZES:
                yield from _zfm_at(f"zfm {name}", profile, baud, packet_bytes)


def _zfm_at(subject: str, profile: Profile, baud: int, packet_bytes: int) -> Iterator[Case]:
    def reader(model: Profile, told: int) -> Callable[[MemoryLink, VirtualClock], BaseReader]:
        return lambda link, clock: ZfmReader(model, link, clock, password=told)

    def make(module: Profile, password: int, told: int) -> Callable[[], Rig]:
        return lambda: _rig(
            ZfmDevice(_someone(), module, baud, password=password, packet_bytes=packet_bytes),
            reader(profile, told),
            lambda pixels: ((pixels >> 4) * 17).astype(np.uint8),
        )

    yield Case(subject, "baud, packet size", baud, make(profile, 0, 0))
    yield Case(subject, "+ a password that we know", baud, make(profile, PASSWORD, PASSWORD))
    yield Case(
        subject, "+ a password that we do not know", baud, make(profile, PASSWORD, 0), "reader.password",
        lambda rig: _with(rig, reader(profile, PASSWORD)),
    )  # fmt: skip
    expect = RIGHT if profile.image.size_from_device else "reader.geometry"
    for name, width in OTHERS.items():
        other = _other_sensor(profile, width)
        mended = reader(other, 0)
        yield Case(
            subject, f"+ a {name} sensor", baud, make(other, 0, 0), expect, partial(_with, reader=mended)
        )


# SFM: the speed is kept; a scan of the last user may still run


def _sfm() -> Iterator[Case]:
    profile = shrunk(load("sfm-slim"))
    for blocks in (True, False):
        for baud in profile.link.baud_probe:
            yield from _sfm_at("sfm" if blocks else "sfm old firmware", profile, baud, blocks=blocks)


def _sfm_at(subject: str, profile: Profile, baud: int, *, blocks: bool) -> Iterator[Case]:
    def reader(model: Profile) -> Callable[[MemoryLink, VirtualClock], BaseReader]:
        return lambda link, clock: SfmReader(model, link, clock)

    def make(module: Profile, **device: bool) -> Callable[[], Rig]:
        return lambda: _rig(
            SfmDevice(_someone(), module, baud, blocks=blocks, **device),
            reader(profile),
            lambda pixels: pixels,
        )

    def unlocked(rig: Rig) -> Rig:
        device: Any = getattr(rig.reader, "link").far  # noqa: B009
        device.locked = False
        return rig

    def scanning() -> Rig:
        rig = make(profile)()
        link: Any = getattr(rig.reader, "link")  # noqa: B009
        link.far.parameters[sfm_wire.Param.SCAN_TIMEOUT] = _FOR_EVER
        link.open()
        link.set_baud(baud)
        link.write(sfm_wire.pack(sfm_wire.Packet(sfm_wire.Op.SCAN)), 1.0)
        link.close()
        return rig

    yield Case(subject, "baud, image format", baud, make(profile))
    yield Case(subject, "+ a scan that runs", baud, scanning)
    yield Case(subject, "+ a lock", baud, make(profile, locked=True), "reader.locked", unlocked)
    for name, width in OTHERS.items():
        other = _other_sensor(profile, width)
        mended = partial(_with, reader=reader(other))
        # the size that the data's header says is believed as far as the profile's largest picture
        expect = RIGHT if width < profile.image.sizes[0].width else "reader.geometry"
        yield Case(subject, f"+ a {name} sensor", baud, make(other), expect, mended)
        silent = make(other, header=False)
        yield Case(subject, f"+ a {name} sensor, no header", baud, silent, "reader.geometry", mended)


# GT-511 and GT-521: nothing is kept but what the supply keeps


def _gt521() -> Iterator[Case]:
    for name in ("gt521", "gt511c3", "gt511c1r"):
        profile = shrunk(load(name))
        for baud in profile.link.baud_probe:
            yield from _gt521_at(f"gt521 {name}", profile, baud)


def _gt521_at(subject: str, profile: Profile, baud: int) -> Iterator[Case]:
    def reader(model: Profile) -> Callable[[MemoryLink, VirtualClock], BaseReader]:
        return lambda link, clock: Gt521Reader(model, link, clock)

    def make(module: Profile, *, light: bool = False) -> Rig:
        device = Gt521Device(_someone(), module, baud)
        device.lit = light
        return _rig(device, reader(profile), lambda pixels: pixels)

    yield Case(subject, "baud", baud, lambda: make(profile))
    yield Case(subject, "+ its light on", baud, lambda: make(profile, light=True))
    for name, width in OTHERS.items():
        other = _other_sensor(profile, width)
        mended = partial(_with, reader=reader(other))
        yield Case(subject, f"+ a {name} sensor", baud, partial(make, other), "reader.geometry", mended)


_CASES: Mapping[str, Callable[[], Iterator[Case]]] = {"zfm": _zfm, "sfm": _sfm, "gt521": _gt521}
