"""The contract of a fingerprint reader, and the Frame it delivers.

A reader does not know which finger it sees. It turns bytes from a link into frames, or raises CaptureRetry (for the
person) or ReaderFault (for the machine).
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Clock(Protocol):
    """Time as a driver needs it; injected, so that no test sleeps."""

    def monotonic(self) -> float: ...
    def utcnow(self) -> dt.datetime: ...
    def sleep(self, seconds: float) -> None: ...


class CaptureKind(enum.StrEnum):
    """What kind of contact the reader is asked to take."""

    ROLL = "roll"
    PLAIN = "plain"
    SLAP = "slap"


class ReaderState(enum.StrEnum):
    """Where a reader is in one capture; the table of allowed steps is in this module."""

    CLOSED = "closed"
    IDLE = "idle"
    AWAIT_FINGER = "await_finger"
    CAPTURE = "capture"
    AWAIT_LIFT = "await_lift"
    FAULT = "fault"


@dataclass(frozen=True)
class ReaderInfo:
    """Who a reader is, as it answered on its link and as its profile says.

    kinds: what it can take; certification: `none`, `PIV` or `AppF` of the device class, never of our driver;
    simulated: True for a peer, and then every artefact says SIMULATED.
    """

    id: str
    driver: str
    profile: str
    make: str
    model: str
    serial: str
    firmware: str
    ppi: int
    kinds: frozenset[CaptureKind]
    certification: str
    fap: int | None
    simulated: bool


@dataclass(frozen=True, eq=False)
class Frame:
    """Raw pixels from a reader before they are an impression.

    pixels: uint8 [h, w], read-only, dark ridges on light ground, upright; ppi: pixels per inch, both axes;
    reader: who delivered it; monotonic: seconds of the delivering process; wall: UTC;
    clock_trusted: False when the wall clock was not synchronised; final: False for a live preview;
    sequence: counts frames of this reader since it was opened.
    """

    pixels: NDArray[np.uint8]
    ppi: int
    reader: ReaderInfo
    monotonic: float
    wall: dt.datetime
    clock_trusted: bool
    final: bool
    sequence: int

    def __post_init__(self) -> None:
        if self.pixels.dtype != np.uint8 or self.pixels.ndim != 2:
            raise ValueError(f"a frame is uint8 [h, w], not {self.pixels.dtype} {self.pixels.shape}")
        self.pixels.setflags(write=False)


@dataclass(frozen=True)
class CaptureRequest:
    """What to take. lamps: finger lamps 1 to 10 to light where the reader has them (right thumb = 1 … left
    little = 10); finger_s, lift_s: deadlines in seconds; options: driver options by name."""

    kind: CaptureKind
    lamps: tuple[int, ...] = ()
    finger_s: float = 30.0
    lift_s: float = 10.0
    options: Mapping[str, str] = field(default_factory=dict)


Preview = Callable[[Frame], None]
Cancelled = Callable[[], bool]


class Reader(Protocol):
    """What the station may ask of a reader. One thread at a time."""

    @property
    def info(self) -> ReaderInfo: ...
    @property
    def state(self) -> ReaderState: ...

    def open(self) -> None: ...
    def close(self) -> None: ...

    def capture(
        self, request: CaptureRequest, preview: Preview | None = None, cancelled: Cancelled | None = None
    ) -> Frame: ...
