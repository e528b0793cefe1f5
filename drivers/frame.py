"""What a reader is asked for and what it delivers: CaptureRequest in, Frame out, and ReaderInfo on every frame.

Values only, frozen; the contract of a reader is drivers/reader.py, which gives these names on.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from firmware_profiles.profile import Profile


class CaptureKind(enum.StrEnum):
    """What kind of contact the reader is asked to take."""

    ROLL = "roll"
    PLAIN = "plain"
    SLAP = "slap"


@dataclass(frozen=True)
class ReaderInfo:
    """Who a reader is, as it answered on its link and as its profile says.

    kinds: what it can take; certification: `none`, `PIV` or `AppF` of the device class, never of our driver;
    simulated: True for a peer, and then every artefact says SIMULATED; limits: why nothing it takes may enter a
    production submission, keys of firmware_profiles.fit.WORDS, filled in by BaseReader.open().
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
    limits: tuple[str, ...] = ()

    @classmethod
    def of(cls, profile: Profile, serial: str, firmware: str) -> ReaderInfo:
        """What a profile says of a unit that answers with this serial number ("" becomes unknown; SIM… is a peer)."""
        simulated = serial.startswith("SIM")
        return cls(
            id=f"{profile.id}-{serial or 'unknown'}",
            driver=profile.driver,
            profile=profile.id,
            make="SIMULATED" if simulated else profile.vendor,
            model=profile.model,
            serial=serial or "unknown",
            firmware=firmware,
            ppi=profile.ppi.nominal,
            kinds=frozenset(CaptureKind(kind) for kind in profile.kinds),
            certification=profile.cert.scheme,
            fap=profile.cert.fap,
            simulated=simulated,
        )


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
