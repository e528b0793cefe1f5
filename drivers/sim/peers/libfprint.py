"""The libfprint helper's side of its pipe, with a simulated reader instead of libfprint: commands in, messages out.

Where the Debian packages are installed, libfprint's own virtual image device (FP_VIRTUAL_IMAGE) tests the real helper.
"""

from __future__ import annotations

from typing import Any

from drivers.clock import Clock
from drivers.links import link_error
from drivers.links.memory import MemoryLink
from drivers.models.libfprint import LibfprintReader
from drivers.sim.clock import VirtualClock
from drivers.sim.faults import Fault, FaultyLink
from drivers.sim.outbox import Outbox
from drivers.sim.person import Person, ScriptError
from drivers.sim.rig import Pixels, Rig, watched
from drivers.wires.libfprint import Message, Parser, WireError, pack
from firmware_profiles.profile import load

WIDTH, HEIGHT, PPMM = 256, 320, 500 / 25.4
FINGER_DOWN_S, IMAGE_S, LIFT_S = 0.3, 0.2, 0.3


class HelperDevice:
    """The helper with one reader as a state machine without a wire (links.memory.FarEnd). size: width and height of
    its pictures."""

    def __init__(self, person: Person, speed: float = 1.0, size: tuple[int, int] = (WIDTH, HEIGHT)) -> None:
        self.person = person
        self.size = size
        self.speed = speed
        self.start()

    def start(self) -> None:
        """As the program does."""
        self.ended = False
        self._parser = Parser()
        self._outbox = Outbox()
        self._number = 0
        self._doing = ""

    # FarEnd

    def hear(self, data: bytes, now: float) -> None:
        try:
            for message in self._parser.feed(data):
                self._obey(message.facts, now)
        except WireError:
            self.ended = True

    def speak(self, now: float) -> bytes:
        return self._outbox.take(now)

    def wakes_at(self) -> float | None:
        return self._outbox.wakes_at()

    def set_baud(self, baud: int) -> None:
        """A pipe has no speed."""

    # commands

    def _obey(self, facts: dict[str, Any], now: float) -> None:
        match facts.get("do"):
            case "open":
                self._outbox.forget()
                about = {"id": "virtual/0", "driver": "virtual_peer", "name": "libfprint SIMULATED"}
                self._say({"is": "opened", **about, "swipe": False, "images": True}, now)
            case "capture":
                self._number = facts["number"]
                self._capture(now)
            case "alive":
                self._say({"is": "alive", "doing": self._doing}, now)
            case "cancel":
                self._outbox.forget(bytes_too=False)
                self._doing = ""
                self._say({"is": "cancelled", "number": self._number}, now)

    def _capture(self, now: float) -> None:
        self._doing = "capture"
        try:
            placed = self.person.place("plain", (), *self.size, 500)
        except ScriptError as error:
            self._say({"is": "error", "code": "SIMULATED person", "message": str(error)}, now)
            return
        if placed is None:
            return
        number, down = self._number, now + FINGER_DOWN_S / self.speed
        finger = {"is": "finger", "number": number, "present": True}
        self._outbox.at(down, lambda then: self._say(finger, then))
        up = down + (IMAGE_S + LIFT_S) / self.speed
        width, height = self.size
        facts = {"is": "image", "number": number, "width": width, "height": height, "ppmm": PPMM}
        pixels = placed.pixels.tobytes()
        self._outbox.at(up, lambda then: self._say({**finger, "present": False}, then))
        self._outbox.at(up, lambda then: self._finish(facts, then, pixels))

    def _finish(self, facts: dict[str, Any], now: float, pixels: bytes) -> None:
        self._doing = ""
        self._say(facts, now, pixels)

    def _say(self, facts: dict[str, Any], now: float, pixels: bytes = b"") -> None:
        self._outbox.send(pack(Message(facts, pixels)), now)


class HelperLink(MemoryLink):
    """Starts the helper anew at every opening, and notices when it has ended, as a process link does."""

    def __init__(self, device: HelperDevice, clock: Clock) -> None:
        super().__init__(device, clock)
        self._device = device

    def open(self) -> None:
        super().open()
        self._device.start()

    def _check(self) -> None:
        super()._check()
        if self._device.ended:
            raise link_error("link.disconnected", "the helper has ended")


def as_delivered(pixels: Pixels) -> Pixels:
    """libfprint delivers what the reader saw."""
    return pixels


def rig(
    person: Person, fault: Fault | None = None, speed: float = 1.0, size: tuple[int, int] = (WIDTH, HEIGHT)
) -> Rig:
    """Driver and helper in one process, in virtual time."""
    clock = VirtualClock()
    memory = HelperLink(HelperDevice(person, speed, size), clock)
    faulty = None if fault is None else FaultyLink(memory, fault, clock)
    return Rig(
        reader=LibfprintReader(load("libfprint"), faulty or memory, "", clock, trusted=lambda: True),
        clock=clock,
        placed=watched(person),
        delivered=as_delivered,
        unplug=lambda: setattr(memory, "unplugged", True),
        fired=lambda: faulty is not None and faulty.fired,
    )
