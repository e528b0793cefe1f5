"""The library side of drivers/vendor/livescan_reader.h: the table of C functions, filled with a simulated sensor.

`rig` needs no compiler: its functions are Python behind real C function pointers. `compiled_rig` drives the shipped
example, built by a C compiler, and lays pictures on its platen through files. Everything says SIMULATED.
"""

from __future__ import annotations

import ctypes as c
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from drivers.clock import Clock
from drivers.links import vendor_abi as wire
from drivers.links.vendor_abi import Code, Phase
from drivers.links.vendor_library import VendorLibrary, entry_of
from drivers.models.vendor_sdk import VendorSdkReader
from drivers.sim.clock import VirtualClock
from drivers.sim.person import Person, Placed, ScriptError
from drivers.sim.rig import Pixels, Rig, watched
from drivers.sim.touching import Touching
from firmware_profiles.profile import load

PPI, PREVIEW_PPI = 500, 250
SIZES = {"roll": (400, 400), "plain": (250, 500), "slap": (800, 500)}
DOWN_S, SETTLE_S, LIFT_S = 0.3, 0.3, 0.3
_KINDS = {bit: kind for kind, bit in wire.KIND_BITS.items()}


class SdkDevice:
    """One unit behind the table. Each method is one function of it; `answers` overrides them by name in tests."""

    def __init__(self, person: Person, clock: Clock) -> None:
        self.person, self.clock = person, clock
        self.plugged, self.held = True, False
        self.calls: list[str] = []
        self.answers: dict[str, Callable[..., int]] = {}
        self._words = b""
        self._request: tuple[str, tuple[int, ...]] | None = None
        self._placed: Placed | None = None
        self._down_at = self._up_at = 0.0
        self._kept: list[Any] = []  # function pointers live as long as the device

    def entry(self, version: int, api: Any) -> int:
        """livescan_reader()."""
        table = api._obj
        if version != wire.VERSION:
            return Code.VERSION
        table.version = wire.VERSION
        for name, kind in wire.Api._fields_[2:]:
            pointer = kind(self._function(name))
            self._kept.append(pointer)
            setattr(table, name, pointer)
        return Code.OK

    def _function(self, name: str) -> Callable[..., int]:
        def call(*arguments: Any) -> int:
            self.calls.append(name)
            try:
                return int(self.answers.get(name, getattr(self, f"_{name}"))(*arguments))
            except ScriptError as error:
                self._words = f"SIMULATED person: {error}".encode()
                return Code.DEVICE

        return call

    def _open(self, index: int, config: bytes, unit: Any) -> int:  # noqa: ARG002
        if index or not self.plugged:
            return Code.NOT_FOUND
        self.held, self._request = True, None
        unit[0] = 1
        return Code.OK

    def _info(self, unit: int, info: Any) -> int:  # noqa: ARG002
        told = info[0]
        told.kinds, told.ppi, told.preview_ppi = sum(_KINDS), PPI, PREVIEW_PPI
        told.max_width, told.max_height = 800, 500
        told.simulated, told.make, told.model = 1, b"SIMULATED", b"Tenprint reader behind a library"
        told.serial, told.firmware = f"SIM-{self.person.seed:08d}".encode(), b"1.0/1.0"
        return Code.OK

    def _start(self, unit: int, request: Any) -> int:  # noqa: ARG002
        if self._request is not None:
            return Code.STATE
        lamps = tuple(k for k in range(1, 11) if request[0].lamps >> k & 1)
        self._request = kind, lamps = _KINDS[request[0].kind], lamps
        self._placed = self.person.place(kind, lamps, *SIZES[kind], PPI)
        self._down_at = self.clock.monotonic() + DOWN_S
        self._up_at = float("inf")
        return Code.OK if self.plugged else Code.GONE

    def _poll(self, unit: int, status: Any) -> int:  # noqa: ARG002
        if not self.plugged:
            return Code.GONE
        told, now = status[0], self.clock.monotonic()
        told.present = self._placed is not None and self._down_at <= now < self._up_at
        told.phase = self._phase(now)
        told.preview = int(told.phase in (Phase.CAPTURE, Phase.DONE))
        return Code.OK

    def _phase(self, now: float) -> Phase:
        if self._request is None:
            return Phase.IDLE
        if self._placed is None or now < self._down_at:
            return Phase.AWAIT
        return Phase.CAPTURE if now < self._down_at + SETTLE_S else Phase.DONE

    def _frame(self, unit: int, which: int, pixels: int, capacity: int, head: Any) -> int:  # noqa: ARG002
        if not self.plugged:
            return Code.GONE
        if self._placed is None:
            return Code.STATE
        picture = self._placed.pixels if which == wire.FINAL else self._placed.pixels[::2, ::2]
        if picture.size > capacity:
            return Code.ARGUMENT
        c.memmove(pixels, np.ascontiguousarray(picture).tobytes(), picture.size)
        told = head[0]
        told.height, told.width = picture.shape
        told.ppi = PPI if which == wire.FINAL else PREVIEW_PPI
        if which == wire.FINAL:
            self._up_at = min(self._up_at, self.clock.monotonic() + LIFT_S)
        return Code.OK

    def _cancel(self, unit: int) -> int:  # noqa: ARG002
        self._request = None
        return Code.OK if self.plugged else Code.GONE

    def _close(self, unit: int) -> int:  # noqa: ARG002
        self.held, self._request = False, None
        return Code.OK

    def _last_error(self, unit: int, text: int, capacity: int) -> int:  # noqa: ARG002
        words = self._words[: capacity - 1] + b"\0"
        c.memmove(text, words, len(words))
        return Code.OK


def as_delivered(pixels: Pixels) -> Pixels:
    """The library delivers what lies there."""
    return pixels


def rig(person: Person) -> Rig:
    """Driver and library in one process, in virtual time. No byte of it crosses a wire: there is no `fault`."""
    clock = VirtualClock()
    return rig_around(SdkDevice(person, clock), clock)


def rig_around(device: SdkDevice, clock: Clock, call_s: float = 5.0) -> Rig:
    """The rig of a device made elsewhere; call_s: real seconds a call may take."""
    library = VendorLibrary("SIMULATED library", lambda: device.entry, call_s, call_s)
    return Rig(
        reader=VendorSdkReader(load("vendor-sdk"), library, clock, trusted=lambda: True),
        clock=clock,
        placed=watched(device.person),
        delivered=as_delivered,
        unplug=lambda: setattr(device, "plugged", False),
        fired=lambda: False,
    )


class FilePlaten(VendorLibrary):
    """The compiled example: before each poll the person is asked what lies there, and the file is written."""

    def __init__(self, path: Path, folder: Path, person: Person, clock: Clock) -> None:
        super().__init__(str(path), lambda: entry_of(str(path)), 5.0, 5.0)
        self.folder, self.clock = folder, clock
        self.touching = Touching(person, (400, 500), PPI)
        self._lies: Placed | None = None
        (folder / "plugged").touch()

    def poll(self) -> wire.Progress:
        placed = self.touching.look(self.clock.monotonic())
        platen = self.folder / "platen.pgm"
        if placed is None:
            platen.unlink(missing_ok=True)
        elif placed is not self._lies:
            platen.write_bytes(b"P5\n400 500\n255\n" + placed.pixels.tobytes())
        self._lies = placed
        told = super().poll()
        if told.phase is Phase.DONE:
            self.touching.taken(self.clock.monotonic())
        return told


def compiled_rig(person: Person, library: Path, folder: Path) -> Rig:
    """Driver and the compiled drivers/vendor/example_reader.c."""
    clock = VirtualClock()
    behind = FilePlaten(library, folder, person, clock)
    return Rig(
        reader=VendorSdkReader(load("vendor-sdk"), behind, clock, trusted=lambda: True, config=str(folder)),
        clock=clock,
        placed=watched(person),
        delivered=as_delivered,
        unplug=lambda: (folder / "plugged").unlink(missing_ok=True),
        fired=lambda: False,
    )
