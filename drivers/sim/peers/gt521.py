"""The device side of the GT-511 and GT-521 wire: host commands in, answers and images out at the pace of the baud rate.

Source: public headers of SparkFun and brianrho (GT5X). It starts at 9600 baud, changes when told, is deaf at another
speed, and a Person touches its sensor when it is polled with its light on. Run as a process:
`python -m drivers.sim.peers.gt521 --tty PATH --seed N --script FILE [--profile gt521] [--baud B] [--speed X]`.
"""

from __future__ import annotations

from collections.abc import Callable

from drivers.links.memory import MemoryLink
from drivers.models.gt521 import Gt521Reader
from drivers.sim import tty
from drivers.sim.clock import VirtualClock
from drivers.sim.faults import Fault, FaultyLink
from drivers.sim.finger import subject_finger
from drivers.sim.outbox import Outbox
from drivers.sim.person import Person, Placed, ScriptError
from drivers.sim.rig import Rig, watched
from drivers.wires import gt521 as wire
from drivers.wires.gt521 import ACK, NACK, Code, DeviceInfo, Op, Packet
from firmware_profiles.profile import Profile, load

FIRMWARE = 0x51400001
POWER_UP_BAUD = 9600
SPEEDS = (9600, 19200, 38400, 57600, 115200)
ANSWER_S = 0.002  # between command and answer
CAPTURE_S = 0.2  # CaptureFinger

# Seconds of the person, at speed 1.
FINGER_DOWN_S = 0.3  # from the first poll of a free sensor
AWAY_S = 2.0  # after a lift: a poll that comes late must not find the next touch
HOLD_S = 5.0  # when nobody fetches the image, at any speed
LIFT_AFTER_S = 0.3  # from the image's fetching


class Gt521Device:
    """One module as a state machine without a wire (links.memory.FarEnd). baud: bits per second it stands at, None for
    a line without pace or speed."""

    def __init__(
        self, person: Person, profile: Profile, baud: int | None = POWER_UP_BAUD, speed: float = 1.0
    ) -> None:
        self.person = person
        self.profile = profile
        self.speed = speed
        self._paced = baud is not None
        self._host_baud = baud
        self._outbox = Outbox(None)
        self.replugged()
        self._set_own_baud(baud)

    def replugged(self) -> None:
        """Power was away: 9600 baud, dark, nothing captured."""
        self._stream = wire.Stream()
        self._outbox.forget()
        self._set_own_baud(POWER_UP_BAUD if self._paced else None)
        self.lit = False
        self._placed: Placed | None = None
        self._down_at: float | None = None
        self._up_at = self._back_at = 0.0
        self._image: bytes | None = None

    def _set_own_baud(self, baud: int | None) -> None:
        self._baud = baud
        self._outbox.bytes_per_s = None if baud is None else baud / wire.BITS_PER_BYTE

    # FarEnd

    def hear(self, data: bytes, now: float) -> None:
        if self._host_baud != self._baud:
            return  # at another speed the bytes make no sense here
        if self._outbox.sending:
            return  # what is said into its image is not heard
        self._stream.feed(data)
        while (packet := self._stream.packet()) is not None:
            self._obey(packet, now)

    def speak(self, now: float) -> bytes:
        data = self._outbox.take(now)
        return data if self._host_baud == self._baud else bytes(byte & 0xAA for byte in data)

    def wakes_at(self) -> float | None:
        return self._outbox.wakes_at()

    def set_baud(self, baud: int) -> None:
        if self._paced:
            self._host_baud = baud

    # commands

    def _obey(self, packet: Packet, now: float) -> None:
        handler = _COMMANDS.get(packet.word)
        if handler is None:
            self._answer(NACK, now, Code.UNSUPPORTED)
        else:
            handler(self, packet, now)

    def _open(self, packet: Packet, now: float) -> None:
        self._answer(ACK, now)
        if packet.param:
            told = DeviceInfo(FIRMWARE, 0, f"SIM-{self.person.seed % 10000:04d}")
            self._outbox.at(now + ANSWER_S, lambda then: self._outbox.send(wire.pack_data(told.pack()), then))

    def _change_baud(self, packet: Packet, now: float) -> None:
        """The answer comes at the old speed, then it changes."""
        if packet.param not in SPEEDS:
            self._answer(NACK, now, Code.BAD_BAUDRATE)
            return
        self._answer(ACK, now)
        if self._baud is not None:
            line_s = wire.PACKET_BYTES * wire.BITS_PER_BYTE / self._baud
            self._outbox.at(now + ANSWER_S + line_s + 0.001, lambda _: self._set_own_baud(packet.param))

    def _set_light(self, packet: Packet, now: float) -> None:
        self.lit = bool(packet.param)
        self._answer(ACK, now)

    def _tell_pressed(self, packet: Packet, now: float) -> None:  # noqa: ARG002
        try:
            pressed = self.lit and self._on_the_sensor(now) is not None
        except ScriptError:
            self._answer(NACK, now, Code.DEVICE)
            return
        self._answer(ACK, now, 0 if pressed else Code.NOT_PRESSED)

    def _capture(self, packet: Packet, now: float) -> None:  # noqa: ARG002
        if not self.lit or self._placed is None or now >= self._up_at:
            self._answer(NACK, now, Code.NOT_PRESSED)
            return
        self._image = self._placed.pixels.tobytes()
        self._answer(ACK, now, delay_s=CAPTURE_S / self.speed)

    def _get_image(self, packet: Packet, now: float) -> None:
        if packet.word == Op.GET_RAW_IMAGE and self._placed is not None:
            self._image = self._placed.pixels.tobytes()
        if self._image is None:
            self._answer(NACK, now, Code.NOT_PRESSED)
            return
        data = wire.pack_data(self._image)
        self._answer(ACK, now)
        self._outbox.at(now + ANSWER_S, lambda then: self._outbox.send(data, then))
        rate = self._outbox.bytes_per_s
        self._up_at = now + (0.0 if rate is None else len(data) / rate) + LIFT_AFTER_S / self.speed

    # the person: looked at only when the host polls, so nothing is planned ahead

    def _on_the_sensor(self, now: float) -> Placed | None:
        if self._down_at is not None and now >= self._up_at:
            self._placed = self._down_at = None  # lifted
            self._back_at = now + AWAY_S / self.speed
        elif self._placed is not None:
            return self._placed
        if self._down_at is None:
            self._down_at = max(now, self._back_at) + FINGER_DOWN_S / self.speed
            self._up_at = self._down_at + HOLD_S  # not faster: a host polls at its own pace
        elif now >= self._down_at:
            size = self.profile.image.sizes[0]
            self._placed = self.person.place("plain", (), size.width, size.height, self.profile.ppi.nominal)
        return self._placed

    # bytes

    def _answer(self, word: int, now: float, param: int = 0, delay_s: float = ANSWER_S) -> None:
        packet = wire.pack(Packet(word, param))
        self._outbox.at(now + delay_s, lambda then: self._outbox.send(packet, then))


_COMMANDS: dict[int, Callable[[Gt521Device, Packet, float], None]] = {
    Op.OPEN: Gt521Device._open,
    Op.CHANGE_BAUDRATE: Gt521Device._change_baud,
    Op.CMOS_LED: Gt521Device._set_light,
    Op.IS_PRESS_FINGER: Gt521Device._tell_pressed,
    Op.CAPTURE_FINGER: Gt521Device._capture,
    Op.GET_IMAGE: Gt521Device._get_image,
    Op.GET_RAW_IMAGE: Gt521Device._get_image,
}


def rig(
    person: Person, fault: Fault | None = None, profile: Profile | None = None, baud: int = POWER_UP_BAUD
) -> Rig:
    """Driver and device in one process, in virtual time, the wire paced at the baud rate."""
    clock, model = VirtualClock(), profile or load("gt521")
    device = Gt521Device(person, model, baud)
    cable = MemoryLink(device, clock)
    link = cable if fault is None else FaultyLink(cable, fault, clock, device.replugged)
    return Rig(
        reader=Gt521Reader(model, link, clock),
        clock=clock,
        placed=watched(person),
        delivered=lambda pixels: pixels,
        unplug=lambda: setattr(cable, "unplugged", True),
        fired=lambda: isinstance(link, FaultyLink) and link.fired,
    )


def main(argv: list[str] | None = None) -> int:
    """Entry of the peer process."""
    parser = tty.arguments("SIMULATED GT-511/GT-521 module on a pseudo-terminal")
    parser.add_argument("--profile", default="gt521", choices=("gt521", "gt511c3", "gt511c1r"))
    parser.add_argument(
        "--baud", type=int, default=POWER_UP_BAUD, help="where the module stands at the start"
    )
    parser.add_argument("--position", type=int, default=2, help="finger 1-10 that the person puts down")
    args = parser.parse_args(argv)
    person = Person(args.seed, args.script, finger=args.position, session=args.session)
    device = Gt521Device(person, load(args.profile), args.baud, args.speed)
    subject_finger(
        args.seed, args.position
    )  # grown before the port is there: a real one needs no time for it
    return tty.serve(device, args.tty, person.grow_all)


if __name__ == "__main__":
    raise SystemExit(main())
