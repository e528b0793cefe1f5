"""What a driver makes of every trouble at every byte: a driver's rig and a list of faults in, counts of outcomes out.

One run is a conversation from open() to the lifted finger with one fault in it, and, if that ended in an error, the
same again once the fault has ended. Clocks are the rigs' own: simulated for byte streams, so that a deadline of
minutes costs milliseconds; a USB rig has threads and runs in real time. Used by tests/faults and by
`station bench readers`.
"""

from __future__ import annotations

import importlib
import inspect
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from drivers import registry
from drivers.errors import CaptureRetry, DriverError, ReaderFault
from drivers.reader import CaptureKind, CaptureRequest, Frame, ReaderState
from drivers.sim.clock import OutOfTime, VirtualClock
from drivers.sim.faults import Fault, Kind
from drivers.sim.finger_types import Platen, Touch
from drivers.sim.person import Person, Placed
from drivers.sim.rig import Rig, Witness, stripes
from drivers.sim.small import SMALL, shrunk
from firmware_profiles.profile import Profile, load

REQUEST = CaptureRequest(CaptureKind.PLAIN, finger_s=20.0, lift_s=20.0)
DEADLINE_S = 120.0  # simulated; beyond it a conversation counts as hung
RECOVERY_S = 3.0

# What is tried at every byte: name, and how the fault at byte `at` looks.
TROUBLES: Mapping[str, Callable[[int], Fault]] = {
    "flip": lambda at: Fault(Kind.FLIP, at),
    "double": lambda at: Fault(Kind.DOUBLE, at),
    "lose": lambda at: Fault(Kind.LOSE, at),
    "delay 0.25 s": lambda at: Fault(Kind.DELAY, at, seconds=0.25),
    "delay 2 s": lambda at: Fault(Kind.DELAY, at, seconds=2.0),
    "short reads": lambda at: Fault(Kind.SHORT, at),
    "cut off": lambda at: Fault(Kind.TRUNCATE, at),
    "stall": lambda at: Fault(Kind.STALL, at),
    "unplug": lambda at: Fault(Kind.UNPLUG, at),
    "command flip": lambda at: Fault(Kind.FLIP, at, sent=True),
    "command double": lambda at: Fault(Kind.DOUBLE, at, sent=True),
    "command lose": lambda at: Fault(Kind.LOSE, at, sent=True),
    "transfer lost": lambda at: Fault(Kind.SKIP, at),
    "transfer doubled": lambda at: Fault(Kind.REPEAT, at),
}
WHOLE = frozenset({"transfer lost", "transfer doubled"})  # by the device itself, and on USB only
# On USB all bytes of a transfer are alike to these: the bus repeats what is hurt, and a transfer comes late, or not at
# all, as a whole: one place stands for all. The other two end a transfer early there, and are one thing.
ALIKE = frozenset(TROUBLES) - {"short reads", "cut off"}
SAME_AS_SHORT = "cut off"
_HARNESS_ENDS = frozenset({Kind.STALL, Kind.UNPLUG})


@dataclass(frozen=True)
class Subject:
    """A driver on its peer. name: driver, and which variant; make(fault): a fresh rig."""

    name: str
    make: Callable[[Fault | None], Rig]


@dataclass(frozen=True)
class Run:
    """One conversation. outcome: `right` or the error's code; wrong: a picture that did not lie there was delivered;
    hung: no end before the deadline; seconds: until the picture or the error; recovery_s: from the fault's end to
    the next picture, less the line's own time for the bytes that came and less the waits of a conversation without
    trouble (for the person); None: it did not recover."""

    at: int
    outcome: str
    seconds: float
    recovery_s: float | None
    wrong: bool = False
    hung: bool = False

    @property
    def good(self) -> bool:
        return not (self.wrong or self.hung or self.recovery_s is None or self.recovery_s > RECOVERY_S)


@dataclass
class Tally:
    """All runs of one trouble with one subject. bytes: that it can hit; alike: one run stands for a whole transfer."""

    subject: str
    trouble: str
    bytes: int
    alike: bool = False
    outcomes: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    wrong: int = 0
    hung: int = 0
    stuck: int = 0
    slowest_s: float = 0.0
    recovery_s: float = 0.0
    bad_at: list[int] = field(default_factory=list)

    def add(self, run: Run) -> None:
        self.runs += 1
        self.outcomes[run.outcome] += 1
        self.wrong += run.wrong
        self.hung += run.hung
        self.stuck += run.recovery_s is None
        self.slowest_s = max(self.slowest_s, run.seconds)
        self.recovery_s = max(self.recovery_s, run.recovery_s or 0.0)
        if not run.good:
            self.bad_at.append(run.at)


class Mover(Witness):
    """A painter whose pictures differ from touch to touch, so that an old one is noticed."""

    _base: ClassVar[dict[tuple[Any, ...], Placed]] = {}

    def __call__(
        self, seed: int, positions: Sequence[int], kind: str, platen: Platen, touch: Touch
    ) -> Placed:
        key = (seed, tuple(positions), kind, platen)
        if key not in self._base:
            self._base[key] = stripes(seed, positions, kind, platen, touch)
        pixels = np.roll(self._base[key].pixels, 1 + touch.seed % (platen.width - 1), axis=1)
        placed = Placed(pixels, tuple(positions))
        self.placed.append(placed)
        return placed


def subjects(drivers: Iterable[str] = (), *, small: bool = True) -> list[Subject]:
    """Every driver that has a peer with a rig (or those named), in each of its variants. small: with a platen of 32 x
    24 pixels, where the rig lets one choose the profile or the size."""
    return [one for driver in drivers or registry.drivers() for one in _of(driver, small=small)]


# Variants beside the peer's own: profile, and what else the rig is asked for.
_VARIANTS: Mapping[str, Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "zfm": {"r503": ("r503", {})},
    "sfm": {"old firmware": ("sfm-slim", {"blocks": False})},
    "gt521": {"gt511c1r": ("gt511c1r", {})},
    "nb1010": {"commands": ("nb1010", {"endpoint": 0x02})},
    "upektc": {"commands": ("upek-area", {"endpoint": 0x02}), "control": ("upek-area", {"endpoint": 0x00})},
    "uru4500": {"interrupts": ("uru4500", {"endpoint": 0x81}), "control": ("uru4500", {"endpoint": 0x00})},
}


def _of(driver: str, *, small: bool) -> Iterator[Subject]:
    try:
        rig = importlib.import_module(f"drivers.sim.peers.{driver}").rig
    except (ImportError, AttributeError):
        return  # a bridge to other software has no peer
    if "fault" not in inspect.signature(rig).parameters:
        return  # no wire to hurt: the peer is called, not written to
    asked = inspect.signature(rig).parameters
    chooses, sizes = "profile" in asked, "size" in asked  # a bridge's pictures are of no profile's size

    def subject(name: str, profile: Profile | None, more: Mapping[str, Any]) -> Subject:
        options = dict(more)
        if chooses:
            own = profile or rig(_person()).reader.profile
            options["profile"] = shrunk(own) if small else own
        if sizes and small:
            options["size"] = SMALL
        return Subject(name, lambda fault: rig(_person(), fault=fault, **options))

    yield subject(driver, None, {})
    for name, (profile_id, more) in _VARIANTS.get(driver, {}).items():
        yield subject(f"{driver} {name}", load(profile_id), more)


def _person() -> Person:
    return Person(1, painter=Mover())


@dataclass(frozen=True)
class Clean:
    """A conversation without trouble: bytes each way, how long it takes, and the speed of the line."""

    heard: int
    said: int
    seconds: float
    bytes_per_s: float
    transfers: tuple[int, ...] = ()  # on USB

    @property
    def waits_s(self) -> float:
        """For the person and the device: when the line carries nothing."""
        return self.seconds - self.heard / self.bytes_per_s


def clean(subject: Subject) -> Clean:
    """Measures one. Raises what the driver raises: then there is nothing to sweep."""
    fault = Fault(Kind.FLIP, 1 << 62)
    rig = subject.make(fault)
    began = rig.clock.monotonic()
    rig.reader.open()
    frame = rig.reader.capture(REQUEST)
    seconds = rig.clock.monotonic() - began
    rig.reader.close()
    if not _lay_there(rig, frame, 0):
        raise AssertionError(f"{subject.name}: a wrong picture without any trouble")
    baud = getattr(rig.reader, "baud", 0)  # USB and the tenprint peer have no line that paces them
    speed, transfers = baud / 10 if baud else float("inf"), tuple(fault.progress.transfers)
    return Clean(fault.progress.heard, fault.progress.said, seconds, speed, transfers)


def sweep(
    subject: Subject, stride: int = 1, troubles: Iterable[str] = (), first: int = 0, sent_stride: int = 1
) -> Iterator[Tally]:
    """One Tally for every trouble, tried at each stride-th byte from `first` on; sent_stride: of what the host sends,
    which is little. Raises what the driver raises without any trouble."""
    usual = clean(subject)
    for name in troubles or TROUBLES:
        make = TROUBLES[name]
        sent = make(0).sent
        tally = Tally(subject.name, name, usual.said if sent else usual.heard)
        if (name in WHOLE and not usual.transfers) or (sent and not usual.said):
            continue
        step = sent_stride if sent else stride
        places: Iterable[int] = range(first % step if sent else first, tally.bytes, step)
        if usual.transfers and stride == 1:
            tally.alike = name in ALIKE
            if tally.alike:
                places = [place for place in usual.transfers if place >= first]
            elif name == SAME_AS_SHORT:
                continue
        if name in WHOLE:
            places = usual.transfers[:: max(1, stride * len(usual.transfers) // tally.bytes)]
        for at in places:
            tally.add(one(subject, make(at), usual))
        if tally.runs:
            yield tally


def one(subject: Subject, fault: Fault, usual: Clean) -> Run:
    """One conversation with a fault, and the next one if that ended in an error."""
    rig = subject.make(fault)
    began = rig.clock.monotonic()
    try:
        outcome, wrong = converse(rig)
        ended = rig.clock.monotonic()
        over, heard = ended, fault.progress.heard
        if fault.progress.fired and fault.kind not in _HARNESS_ENDS:
            # what was lost was the word of a finger: the person is asked again, as one who did not come
            asked = fault.kind is Kind.SKIP and outcome.startswith("capture.")
            over, heard = ended if asked else _end_of(fault, began, ended), fault.progress.fired_heard
        fault.progress.ended = True
        again, ended_again = outcome, ended
        if outcome != "right" and not wrong:
            again, wrong = _recover(rig)
            ended_again = rig.clock.monotonic()
    except OutOfTime:
        return Run(fault.at, "hung", DEADLINE_S, None, hung=True)
    finally:
        _close(rig)
    line_s = (fault.progress.heard - heard) / usual.bytes_per_s
    recovery = max(0.0, ended_again - over - line_s - usual.waits_s) if again == "right" else None
    hung = ended - began > DEADLINE_S
    return Run(fault.at, outcome, ended - began, recovery, wrong, hung)


def _end_of(fault: Fault, began: float, ended: float) -> float:
    """When a fault that passes by itself was over, at the latest at the conversation's end. A USB device has no clock
    to tell when it happened: taken from the beginning, which is hardest on the driver."""
    delay = fault.seconds if fault.kind is Kind.DELAY else 0.0
    return min(ended, (fault.progress.fired_at or began) + delay)


def converse(rig: Rig) -> tuple[str, bool]:
    """Open unless it is open, and capture: `right` or the error's code, and whether the picture was a wrong one."""
    if isinstance(rig.clock, VirtualClock):
        rig.clock.limit = rig.clock.now + DEADLINE_S
    before = len(rig.placed)
    try:
        if rig.reader.state is not ReaderState.IDLE:
            rig.reader.open()
        frame = rig.reader.capture(REQUEST)
    except DriverError as error:
        return _code(rig, error), False
    right = _lay_there(rig, frame, before)
    return ("right" if right else "wrong"), not right


def _recover(rig: Rig) -> tuple[str, bool]:
    """What a station does: the person is asked again after a retry, the reader opened anew after a fault."""
    result, wrong = "", False
    for _ in range(3):
        result, wrong = converse(rig)
        if not result.startswith("capture."):
            break
    return result, wrong


def _code(rig: Rig, error: DriverError) -> str:
    """The code; and what is wrong with the error itself, so that it is counted apart."""
    if not error.advice:
        return f"{error.code} without advice"
    state = rig.reader.state
    if isinstance(error, ReaderFault) and state is not ReaderState.FAULT:
        return f"{error.code} leaves {state}"
    if isinstance(error, CaptureRetry) and state not in (ReaderState.IDLE, ReaderState.FAULT):
        return f"{error.code} leaves {state}"
    return error.code


def _lay_there(rig: Rig, frame: Frame, before: int) -> bool:
    """True when the picture is of what was put down since, or lay there already."""
    lay = rig.placed[before:] or rig.placed[-1:]
    return any(np.array_equal(frame.pixels, rig.delivered(placed.pixels)) for placed in lay)


def _close(rig: Rig) -> None:
    if isinstance(rig.clock, VirtualClock):
        rig.clock.limit = float("inf")
    if rig.reader.state in (ReaderState.IDLE, ReaderState.FAULT):
        rig.reader.close()
