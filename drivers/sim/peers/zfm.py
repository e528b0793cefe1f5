"""The device side of the ZFM / R30x / R503 wire: host packets in, module packets out at the pace of the baud rate.

Source: ZFM-20 user manual v2.0, R503 manual. It keeps password, baud rate and packet size as a module does, stays
deaf to another baud rate, and a Person touches its sensor when it is polled. Run as a process:
`python -m drivers.sim.peers.zfm --tty PATH --seed N --script FILE [--profile zfm20] [--baud B] [--speed X]`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from drivers.links.memory import MemoryLink
from drivers.models.zfm import SIMULATED_SYSTEM_ID, ZfmReader
from drivers.sim import tty
from drivers.sim.clock import VirtualClock
from drivers.sim.faults import Fault, FaultyLink
from drivers.sim.finger import subject_finger
from drivers.sim.outbox import Outbox
from drivers.sim.person import Person, Placed, ScriptError
from drivers.sim.rig import Rig, watched
from drivers.wires import zfm as wire
from drivers.wires.zfm import Code, Op, Packet, Pid, ProductInfo, SystemParameters
from firmware_profiles.profile import Profile, load

PROFILES = ("zfm20", "as608", "r305", "r304a", "r503")
ANSWER_S = 0.002  # between command and acknowledge
IMAGING_S = 0.04  # one GenImg

# Seconds of the person, at speed 1.
FINGER_DOWN_S = 0.3  # from the first poll of a free sensor
AWAY_S = 2.0  # after a lift: a poll that comes late must not find the next touch
HOLD_S = 5.0  # when nobody fetches the image, at any speed
LIFT_AFTER_S = 0.3  # from the image's fetching


class ZfmDevice:
    """One module as a state machine without a wire (links.memory.FarEnd). baud: bits per second it is set to, None
    for a line without pace or speed; password: what VfyPwd must say."""

    def __init__(
        self,
        person: Person,
        profile: Profile,
        baud: int | None = 57600,
        speed: float = 1.0,
        password: int = 0,
        packet_bytes: int = 128,
    ) -> None:
        self.person = person
        self.profile = profile
        self.speed = speed
        self.password = password
        self.packet_bytes = packet_bytes
        self._baud = baud
        self._host_baud = baud
        self._outbox = Outbox(None if baud is None else baud / wire.BITS_PER_BYTE)
        self._deaf_until: float | None = 0.0
        self._start()

    def _start(self) -> None:
        self.verified = False
        self._parser = wire.Parser()
        self._outbox.forget()
        self._placed: Placed | None = None
        self._down_at: float | None = None
        self._up_at = self._back_at = 0.0
        self._image: bytes | None = None

    def replugged(self) -> None:
        """Power was away. Password, speed and packet size are kept in flash; the module is deaf for a while, and one of
        those that do so says 55 when it is ready."""
        self._start()
        self._deaf_until = None  # until when, is known once somebody looks

    # FarEnd

    def hear(self, data: bytes, now: float) -> None:
        if self._host_baud != self._baud or self._is_deaf(now):
            return  # at another speed the bytes make no sense here
        if self._outbox.sending:
            return  # half duplex: what is said into its image is not heard
        for packet in self._parser.feed(data):
            if isinstance(packet, Packet) and packet.address == self.profile.link.address:
                self._obey(packet, now)

    def _is_deaf(self, now: float) -> bool:
        if self._deaf_until is None:
            self._deaf_until = now + self.profile.link.power_on_ms / 1000
            if "ready-byte-55" in self.profile.quirks:
                self._outbox.at(self._deaf_until, lambda then: self._outbox.send(b"\x55", then))
        return now < self._deaf_until

    def speak(self, now: float) -> bytes:
        self._is_deaf(now)
        data = self._outbox.take(now)
        return data if self._host_baud == self._baud else bytes(byte & 0xAA for byte in data)

    def wakes_at(self) -> float | None:
        return self._outbox.wakes_at()

    def set_baud(self, baud: int) -> None:
        if self._baud is not None:
            self._host_baud = baud

    # commands

    def _obey(self, packet: Packet, now: float) -> None:
        if packet.pid != Pid.COMMAND or not packet.payload:
            return
        op, parameters = packet.payload[0], packet.payload[1:]
        handler = _COMMANDS.get(op)
        if handler is None:
            self._ack(Code.PACKET_ERROR, now)
        elif op != Op.VFY_PWD and self.password and not self.verified:
            self._ack(Code.PASSWORD_NEEDED, now)
        else:
            handler(self, parameters, now)

    def _verify(self, parameters: bytes, now: float) -> None:
        self.verified = int.from_bytes(parameters, "big") == self.password
        self._ack(Code.OK if self.verified else Code.WRONG_PASSWORD, now)

    def _tell_parameters(self, parameters: bytes, now: float) -> None:  # noqa: ARG002
        told = SystemParameters(
            status=0,
            system_id=SIMULATED_SYSTEM_ID,
            library=0,
            security=3,
            address=self.profile.link.address,
            packet_bytes=self.packet_bytes,
            baud=self._baud or self.profile.link.baud_default,
        )
        self._ack(Code.OK, now, told.pack())

    def _tell_product(self, parameters: bytes, now: float) -> None:  # noqa: ARG002
        if not self.profile.image.size_from_device:
            self._ack(Code.PACKET_ERROR, now)
            return
        size = self.profile.image.sizes[0]
        serial = f"SIM-{self.person.seed % 10000:04d}"
        told = ProductInfo(f"{self.profile.model} SIM", "SIM", serial, "1.0", "SIM", size.width, size.height)
        self._ack(Code.OK, now, told.pack())

    def _set_parameter(self, parameters: bytes, now: float) -> None:
        """The answer comes at the old setting, then it changes (manual 4.3)."""
        register, value = parameters[:1], int.from_bytes(parameters[1:], "big")
        if register == b"\x06" and value < len(wire.PACKET_SIZES):
            self._ack(Code.OK, now)
            self.packet_bytes = wire.PACKET_SIZES[value]
        else:
            self._ack(Code.BAD_REGISTER, now)

    def _generate(self, parameters: bytes, now: float) -> None:  # noqa: ARG002
        try:
            placed = self._on_the_sensor(now)
        except ScriptError:
            self._ack(Code.CAPTURE_FAILED, now)
            return
        if placed is None:
            self._ack(Code.NO_FINGER, now)
            return
        self._image = packed(placed.pixels)
        self._ack(Code.OK, now, delay_s=IMAGING_S / self.speed)

    def _upload(self, parameters: bytes, now: float) -> None:  # noqa: ARG002
        if self._image is None:
            self._ack(Code.CANNOT_SEND_IMAGE, now)
            return
        pieces = [
            self._image[at : at + self.packet_bytes] for at in range(0, len(self._image), self.packet_bytes)
        ]
        packets = [wire.pack(self._packet(Pid.DATA, piece)) for piece in pieces[:-1]]
        packets.append(wire.pack(self._packet(Pid.END, pieces[-1])))
        self._ack(Code.OK, now)
        self._outbox.at(now + ANSWER_S, lambda then: self._outbox.send(b"".join(packets), then))
        self._up_at = now + (self._line_s(packets) + LIFT_AFTER_S) / self.speed

    def _line_s(self, packets: list[bytes]) -> float:
        rate = self._outbox.bytes_per_s
        return 0.0 if rate is None else sum(map(len, packets)) / rate * self.speed

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

    def _packet(self, pid: Pid, payload: bytes) -> Packet:
        return Packet(pid, payload, self.profile.link.address)

    def _ack(self, code: Code, now: float, data: bytes = b"", delay_s: float = ANSWER_S) -> None:
        packet = wire.pack(self._packet(Pid.ACK, bytes((code,)) + data))
        self._outbox.at(now + delay_s, lambda then: self._outbox.send(packet, then))


_COMMANDS: dict[int, Callable[[ZfmDevice, bytes, float], None]] = {
    Op.VFY_PWD: ZfmDevice._verify,
    Op.READ_SYS_PARA: ZfmDevice._tell_parameters,
    Op.READ_PROD_INFO: ZfmDevice._tell_product,
    Op.SET_SYS_PARA: ZfmDevice._set_parameter,
    Op.GEN_IMG: ZfmDevice._generate,
    Op.UP_IMAGE: ZfmDevice._upload,
}


def packed(pixels: np.ndarray[tuple[int, int], np.dtype[np.uint8]]) -> bytes:
    """The top four bits of each pixel, left pixel in the high nibble (manual 4.1.1)."""
    pairs = pixels.reshape(-1, 2)
    return ((pairs[:, 0] & 0xF0) | (pairs[:, 1] >> 4)).tobytes()


def rig(
    person: Person,
    fault: Fault | None = None,
    profile: Profile | str = "zfm20",
    baud: int = 57600,
    **device: int,
) -> Rig:
    """Driver and device in one process, in virtual time, the wire paced at `baud` bits per second. device: more of
    ZfmDevice."""
    clock, model = VirtualClock(), load(profile) if isinstance(profile, str) else profile
    module = ZfmDevice(person, model, baud, **device)
    cable = MemoryLink(module, clock)
    link = cable if fault is None else FaultyLink(cable, fault, clock, module.replugged)
    return Rig(
        reader=ZfmReader(model, link, clock),
        clock=clock,
        placed=watched(person),
        delivered=lambda pixels: ((pixels >> 4) * 17).astype(np.uint8),
        unplug=lambda: setattr(cable, "unplugged", True),
        fired=lambda: isinstance(link, FaultyLink) and link.fired,
    )


def main(argv: list[str] | None = None) -> int:
    """Entry of the peer process."""
    parser = tty.arguments("SIMULATED ZFM / R30x / R503 module on a pseudo-terminal")
    parser.add_argument("--profile", default="zfm20", choices=PROFILES)
    parser.add_argument("--baud", type=int, default=57600, help="what the module is set to, and its pace")
    parser.add_argument("--position", type=int, default=2, help="finger 1-10 that the person puts down")
    args = parser.parse_args(argv)
    person = Person(args.seed, args.script, finger=args.position, session=args.session)
    device = ZfmDevice(person, load(args.profile), args.baud, args.speed)
    subject_finger(
        args.seed, args.position
    )  # grown before the port is there: a real one needs no time for it
    return tty.serve(device, args.tty, person.grow_all)


if __name__ == "__main__":
    raise SystemExit(main())
