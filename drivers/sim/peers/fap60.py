"""The device side of the simulated FAP 60 tenprint reader: host bytes in, reader bytes out, a Person on its platen.

No such reader exists; see docs/readers/fap60-protocol.md for the wire and its limits. Run as a process:
`python -m drivers.sim.peers.fap60 --tty PATH --seed N --script FILE [--pace BYTES_PER_S] [--speed X]`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from drivers.links.memory import MemoryLink
from drivers.models.fap60 import Fap60Reader
from drivers.sim import tty
from drivers.sim.clock import VirtualClock
from drivers.sim.faults import Fault, FaultyLink
from drivers.sim.outbox import Outbox
from drivers.sim.person import Person, Placed, ScriptError
from drivers.sim.rig import Rig, watched
from drivers.wires import fap60 as wire
from drivers.wires.fap60 import Ack, Finger, Identity, Message, Picture, Status, Type, WireError
from firmware_profiles.profile import Profile, load

FIRMWARE = "SIM 1.0"

# Seconds of one capture at speed 1, from the START command.
FINGER_DOWN_S = 0.15
PREVIEW_EVERY_S = 0.11  # about nine a second
PREVIEWS = 5  # until the finger has settled
LIFT_AFTER_S = 0.15


class Fap60Device:
    """The reader as a state machine without a wire (links.memory.FarEnd). speed divides every delay of the person;
    bytes_per_s paces the line."""

    def __init__(
        self, person: Person, profile: Profile, speed: float = 1.0, bytes_per_s: float | None = None
    ) -> None:
        self.person = person
        self.profile = profile
        self.speed = speed
        self._parser = wire.Parser()
        self._outbox = Outbox(bytes_per_s)
        self._sequence = 0
        self._lamps: tuple[int, ...] = ()
        self._status = Status(0, Finger.NONE, image_ready=False)
        self._kind = ""
        self._placed: Placed | None = None

    def replugged(self) -> None:
        """Power was away: nothing runs, nothing is remembered."""
        self._parser.reset()
        self._outbox.forget()
        self._lamps = ()
        self._end(0.0)

    # FarEnd

    def hear(self, data: bytes, now: float) -> None:
        for message in self._parser.feed(data):
            if isinstance(message, Message):
                self._obey(message, now)

    def speak(self, now: float) -> bytes:
        return self._outbox.take(now)

    def wakes_at(self) -> float | None:
        return self._outbox.wakes_at()

    def set_baud(self, baud: int) -> None:
        """A pty has no baud."""

    # commands

    def _obey(self, command: Message, now: float) -> None:
        handler = _COMMANDS.get(command.type)
        try:
            if handler is None:
                self._ack(command, Ack.UNKNOWN, now)
            else:
                handler(self, command, now)
        except WireError:
            self._ack(command, Ack.MALFORMED, now)

    def _identify(self, command: Message, now: float) -> None:
        """Also the way a new host finds the reader quiet: everything running ends."""
        self._end(now)
        self._outbox.forget()
        profile = self.profile
        identity = Identity(
            make=profile.vendor,
            model=profile.model,
            serial=f"SIM-{self.person.seed:08d}",
            firmware=FIRMWARE,
            ppi=profile.ppi.nominal,
            kinds=tuple(profile.kinds),
            fap=profile.cert.fap or 0,
            simulated=True,
        )
        self._send(Message(Type.IDENTITY, command.sequence, identity.pack()), now)

    def _set_lamps(self, command: Message, now: float) -> None:
        if len(command.payload) != 2:
            raise WireError("lamps: two bytes")
        bits = int.from_bytes(command.payload, "little")
        self._lamps = tuple(lamp for lamp in range(1, 11) if bits >> lamp & 1)
        self._ack(command, Ack.OK, now)

    def _start(self, command: Message, now: float) -> None:
        capture, kind = wire.unpack_start(command.payload)
        if kind not in self.profile.kinds or capture == 0:
            self._ack(command, Ack.MALFORMED, now)
        elif self._status.capture == capture:
            self._ack(command, Ack.OK, now)  # the host did not get our first answer
        elif self._status.capture != 0:
            self._ack(command, Ack.BUSY, now)
        else:
            self._status = Status(capture, Finger.NONE, image_ready=False)
            self._kind = kind
            self._ack(command, Ack.OK, now)
            self._outbox.at(now + FINGER_DOWN_S / self.speed, self._finger_down)

    def _cancel(self, command: Message, now: float) -> None:
        self._end(now)
        self._ack(command, Ack.OK, now)

    def _tell_status(self, command: Message, now: float) -> None:
        self._send(Message(Type.STATUS_IS, command.sequence, self._status.pack()), now)

    def _resend(self, command: Message, now: float) -> None:
        if self._placed is None or not self._status.image_ready:
            self._ack(command, Ack.NO_IMAGE, now)
        else:
            self._ack(command, Ack.OK, now)
            self._send_final(self._placed, now)

    # one capture

    def _finger_down(self, now: float) -> None:
        size = self.profile.size_of_kind(self._kind)
        assert size is not None  # _start let only kinds of the profile pass
        try:
            self._placed = self.person.place(self._kind, self._lamps, *size, self.profile.ppi.nominal)
        except ScriptError as error:
            self._send(
                Message(Type.FAULT, self._next(), wire.pack_fault(1, f"SIMULATED person: {error}")), now
            )
            return
        if self._placed is None:
            return  # nobody touches; the host gives up at its deadline
        # Drawing took real time: the rest is timed from the next look at the clock, or previews would come in a burst.
        self._outbox.at(now + 0.001, self._touched)

    def _touched(self, now: float) -> None:
        assert self._placed is not None  # planned by _finger_down only
        small = halved(self._placed.pixels)
        self._become(Finger.SETTLING, now, ready=False)
        for number in range(1, PREVIEWS + 1):
            share = number / PREVIEWS
            self._outbox.at(
                now + number * PREVIEW_EVERY_S / self.speed, self._preview(small, self._kind, share)
            )
        self._outbox.at(now + (PREVIEWS + 1) * PREVIEW_EVERY_S / self.speed, self._settle)

    def _preview(self, small: NDArray[np.uint8], kind: str, share: float) -> Callable[[float], None]:
        def send(now: float) -> None:
            picture = Picture(
                self._status.capture, settling(small, kind, share), self.profile.ppi.nominal // 2
            )
            self._send(Message(Type.PREVIEW, self._next(), picture.pack(compress=True)), now)

        return send

    def _settle(self, now: float) -> None:
        assert self._placed is not None  # planned by _finger_down only
        self._become(Finger.SETTLED, now, ready=True)
        self._send_final(self._placed, now)
        self._outbox.at(
            now + LIFT_AFTER_S / self.speed, lambda then: self._become(Finger.NONE, then, ready=True)
        )

    def _send_final(self, placed: Placed, now: float) -> None:
        picture = Picture(self._status.capture, placed.pixels, self.profile.ppi.nominal)
        self._send(Message(Type.FINAL, self._next(), picture.pack()), now)

    def _become(self, finger: Finger, now: float, *, ready: bool) -> None:
        self._status = Status(self._status.capture, finger, image_ready=ready)
        self._send(Message(Type.FINGER, self._next(), self._status.pack()), now)

    def _end(self, now: float) -> None:  # noqa: ARG002
        self._outbox.forget(bytes_too=False)
        self._status = Status(0, Finger.NONE, image_ready=False)
        self._placed = None

    # bytes

    def _ack(self, command: Message, code: Ack, now: float) -> None:
        self._send(Message(Type.ACK, command.sequence, bytes((code,))), now)

    def _send(self, message: Message, now: float) -> None:
        self._outbox.send(wire.pack(message), now)

    def _next(self) -> int:
        self._sequence = self._sequence % 0xFFFF + 1
        return self._sequence


_COMMANDS: dict[int, Callable[[Fap60Device, Message, float], None]] = {
    Type.IDENTIFY: Fap60Device._identify,
    Type.LAMPS: Fap60Device._set_lamps,
    Type.START: Fap60Device._start,
    Type.CANCEL: Fap60Device._cancel,
    Type.STATUS: Fap60Device._tell_status,
    Type.RESEND: Fap60Device._resend,
}


def halved(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Half resolution: the mean of every 2 x 2 block; uint8 [h // 2, w // 2]."""
    rows = pixels.astype(np.uint16)
    height, width = pixels.shape[0] // 2 * 2, pixels.shape[1] // 2 * 2
    total = rows[0:height:2, 0:width:2] + rows[1:height:2, 0:width:2]
    total += rows[0:height:2, 1:width:2] + rows[1:height:2, 1:width:2]
    return (total // 4).astype(np.uint8)


def settling(small: NDArray[np.uint8], kind: str, share: float) -> NDArray[np.uint8]:
    """How the picture looks when `share` (0 to 1) of the contact is made: a roll grows from one side to the other,
    a touch darkens. Same shape as small."""
    if kind == "roll":
        shown = small.copy()
        shown[:, round(small.shape[1] * share) :] = 255
        return shown
    ink = (255 - small).astype(np.uint16) * round(256 * share) // 256
    return (255 - ink).astype(np.uint8)


def rig(
    person: Person, fault: Fault | None = None, speed: float = 1.0, profile: Profile | None = None
) -> Rig:
    """Driver and device in one process, in virtual time."""
    clock, model = VirtualClock(), profile or load("fap60-simulated")
    device = Fap60Device(person, model, speed)
    cable = MemoryLink(device, clock)
    link = cable if fault is None else FaultyLink(cable, fault, clock, device.replugged)
    return Rig(
        reader=Fap60Reader(model, link, clock),
        clock=clock,
        placed=watched(person),
        delivered=lambda pixels: pixels,
        unplug=lambda: setattr(cable, "unplugged", True),
        fired=lambda: isinstance(link, FaultyLink) and link.fired,
    )


def main(argv: list[str] | None = None) -> int:
    """Entry of the peer process."""
    parser = tty.arguments("SIMULATED FAP 60 tenprint reader on a pseudo-terminal")
    parser.add_argument(
        "--pace", type=float, help="bytes per second of the simulated link; default: no limit"
    )
    args = parser.parse_args(argv)
    person = Person(args.seed, args.script, session=args.session)
    device = Fap60Device(person, load("fap60-simulated"), args.speed, args.pace)
    return tty.serve(device, args.tty, person.grow_all)


if __name__ == "__main__":
    raise SystemExit(main())
