"""The device side of the Suprema SFM wire: host packets in, module packets and images out at the pace of the baud rate.

Source: UF_Protocol_Manual of supremainc/sfmdev. It keeps its parameters in memory as a module does and loses them with
its power, is deaf at another baud rate, and a Person touches its sensor when it scans. Run as a process:
`python -m drivers.sim.peers.sfm --tty PATH --seed N --script FILE [--baud B] [--speed X] [--old]`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from drivers.links.memory import MemoryLink
from drivers.models.sfm import SIMULATED_SERIAL, SfmReader
from drivers.sim import tty
from drivers.sim.clock import VirtualClock
from drivers.sim.faults import Fault, FaultyLink
from drivers.sim.finger import subject_finger
from drivers.sim.outbox import Outbox
from drivers.sim.person import Person, ScriptError
from drivers.sim.rig import Rig, watched
from drivers.wires import sfm as wire
from drivers.wires.sfm import Code, ImageHeader, Op, Packet, Param
from firmware_profiles.profile import Profile, load

ANSWER_S = 0.002  # between command and answer
SCAN_S = 0.1  # from the finger's coming to the image

# Seconds of the person, at speed 1.
FINGER_DOWN_S = 0.3  # from the beginning of a scan

_BINARY = 0x31
_TEN_SECONDS = 0x3A


class SfmDevice:
    """One module as a state machine without a wire (links.memory.FarEnd).

    baud: bits per second it is set to, None for a line without pace or speed; blocks: False for firmware that does
    not know SIX and RIX; header: False for one that sends bare pixels; tell_scan: says SCANNED before the image;
    locked: refuses to scan.
    """

    def __init__(
        self,
        person: Person,
        profile: Profile,
        baud: int | None = 115200,
        speed: float = 1.0,
        *,
        blocks: bool = True,
        header: bool = True,
        tell_scan: bool = True,
        locked: bool = False,
    ) -> None:
        self.person = person
        self.profile = profile
        self.speed = speed
        self.blocks = blocks
        self.header = header
        self.tell_scan = tell_scan
        self.locked = locked
        self._baud = baud
        self._host_baud = baud
        self._outbox = Outbox(None if baud is None else baud / wire.BITS_PER_BYTE)
        self.replugged()

    def replugged(self) -> None:
        """Power was away: what was not saved is as delivered."""
        self.parameters = {
            Param.SCAN_TIMEOUT: _TEN_SECONDS,
            Param.ENCRYPTION: 0x30,
            Param.IMAGE_FORMAT: _BINARY,
            Param.FIRMWARE: int.from_bytes(b"SIM1", "little"),
            Param.SERIAL: SIMULATED_SERIAL | self.person.seed & 0xFF,
            Param.TELL_SCAN: 0x31 if self.tell_scan else 0x30,
        }
        self._stream = wire.Stream()
        self._outbox.forget()
        self._scanning: int | None = None
        self._image: bytes | None = None
        self._waiting: list[bytes] = []  # blocks not yet asked for

    # FarEnd

    def hear(self, data: bytes, now: float) -> None:
        if self._host_baud != self._baud:
            return  # at another speed the bytes make no sense here
        if self._outbox.sending:
            return  # what is said into its data is not heard
        self._stream.feed(data)
        while (packet := self._stream.packet()) is not None:
            self._obey(packet, now)

    def speak(self, now: float) -> bytes:
        data = self._outbox.take(now)
        return data if self._host_baud == self._baud else bytes(byte & 0xAA for byte in data)

    def wakes_at(self) -> float | None:
        return self._outbox.wakes_at()

    def set_baud(self, baud: int) -> None:
        if self._baud is not None:
            self._host_baud = baud

    # commands

    def _obey(self, packet: Packet, now: float) -> None:
        handler = _COMMANDS.get(packet.command)
        if packet.flag == Code.DATA_OK and packet.command in (Op.SCAN_BLOCKS, Op.READ_BLOCKS):
            self._next_block(now)
        elif handler is None:
            self._answer(packet.command, Code.UNSUPPORTED, now)
        elif self._scanning is not None and packet.command != Op.CANCEL:
            self._answer(packet.command, Code.BUSY, now)
        else:
            handler(self, packet, now)

    def _read(self, packet: Packet, now: float) -> None:
        value = self.parameters.get(Param(packet.flag)) if packet.flag in list(Param) else None
        self._answer(Op.READ, Code.OK if value is not None else Code.NOT_FOUND, now, value or 0)

    def _write(self, packet: Packet, now: float) -> None:
        if packet.flag not in self.parameters or packet.flag in (Param.FIRMWARE, Param.SERIAL):
            self._answer(Op.WRITE, Code.NOT_FOUND, now)
            return
        self.parameters[Param(packet.flag)] = packet.size
        self._answer(Op.WRITE, Code.OK, now, packet.size)

    def _cancel(self, packet: Packet, now: float) -> None:  # noqa: ARG002
        self._outbox.forget(bytes_too=False)
        self._waiting.clear()
        if self._scanning is not None:
            self._answer(self._scanning, Code.CANCELLED, now)
            self._scanning = None
        self._answer(Op.CANCEL, Code.OK, now)

    def _scan(self, packet: Packet, now: float) -> None:
        if packet.command == Op.SCAN_BLOCKS and not self.blocks:
            self._answer(packet.command, Code.UNSUPPORTED, now)
            return
        if self.locked:
            self._answer(packet.command, Code.LOCKED, now)
            return
        self._scanning = packet.command
        self._outbox.at(now + FINGER_DOWN_S / self.speed, lambda then: self._finger_down(packet, then))

    def _finger_down(self, packet: Packet, now: float) -> None:
        size = self.profile.image.sizes[0]
        try:
            placed = self.person.place("plain", (), size.width, size.height, self.profile.ppi.nominal)
        except ScriptError:
            self._end_scan(Code.SCAN_FAILED, now)
            return
        if placed is None:
            left_s = self.parameters[Param.SCAN_TIMEOUT] - 0x30 - FINGER_DOWN_S / self.speed
            self._outbox.at(now + max(left_s, 0.0), lambda then: self._end_scan(Code.TIMED_OUT, then))
            return
        self._image = self._coded(placed.pixels)
        # Drawing took real time: the rest is timed from the next look at the clock, or the line would catch up.
        self._outbox.at(now + 0.001, lambda then: self._touched(packet, then))

    def _touched(self, packet: Packet, now: float) -> None:
        if self.parameters[Param.TELL_SCAN] == 0x31:
            self._send(Packet(packet.command, flag=Code.SCANNED), now)
        self._outbox.at(now + SCAN_S / self.speed, lambda then: self._scanned(packet, then))

    def _scanned(self, packet: Packet, now: float) -> None:
        self._scanning = None
        self._send_image(packet, now)

    def _end_scan(self, code: Code, now: float) -> None:
        command, self._scanning = self._scanning, None
        if command is not None:
            self._send(Packet(command, flag=code), now)

    def _read_image(self, packet: Packet, now: float) -> None:
        if packet.command == Op.READ_BLOCKS and not self.blocks:
            self._answer(packet.command, Code.UNSUPPORTED, now)
        elif self._image is None:
            self._answer(packet.command, Code.NOT_FOUND, now)
        else:
            self._outbox.at(now + ANSWER_S, lambda then: self._send_image(packet, then))

    # the image

    def _coded(self, pixels: NDArray[np.uint8]) -> bytes:
        """Image data in the format that is set: gray, or one bit a pixel."""
        height, width = pixels.shape
        if self.parameters[Param.IMAGE_FORMAT] == wire.GRAY:
            data, kind = pixels.tobytes(), 0
        else:
            data, kind = np.packbits(pixels > 127, bitorder="little").tobytes(), 1
        header = ImageHeader(width, height, format=kind, image_bytes=len(data))
        return header.pack() + data if self.header else data

    def _send_image(self, packet: Packet, now: float) -> None:
        assert self._image is not None  # asked by the callers
        self._send(Packet(packet.command, size=len(self._image), flag=Code.OK), now)
        if packet.command in (Op.SCAN_BLOCKS, Op.READ_BLOCKS):
            self._waiting = wire.pack_blocks(packet.command, self._image, max(packet.size, 256))
            self._next_block(now)
        else:
            self._outbox.send(self._image + bytes((wire.END,)), now)

    def _next_block(self, now: float) -> None:
        if self._waiting:
            self._outbox.send(self._waiting.pop(0), now)

    # bytes

    def _answer(self, command: int, code: Code, now: float, size: int = 0) -> None:
        packet = Packet(command, size=size, flag=code)
        self._outbox.at(now + ANSWER_S, lambda then: self._send(packet, then))

    def _send(self, packet: Packet, now: float) -> None:
        self._outbox.send(wire.pack(packet), now)


_COMMANDS: dict[int, Callable[[SfmDevice, Packet, float], None]] = {
    Op.READ: SfmDevice._read,
    Op.WRITE: SfmDevice._write,
    Op.CANCEL: SfmDevice._cancel,
    Op.SCAN: SfmDevice._scan,
    Op.SCAN_BLOCKS: SfmDevice._scan,
    Op.READ_IMAGE: SfmDevice._read_image,
    Op.READ_BLOCKS: SfmDevice._read_image,
}


def rig(
    person: Person,
    fault: Fault | None = None,
    profile: Profile | None = None,
    baud: int = 115200,
    *,
    blocks: bool = True,
) -> Rig:
    """Driver and device in one process, in virtual time, the wire paced at `baud` bits per second."""
    clock, model = VirtualClock(), profile or load("sfm-slim")
    device = SfmDevice(person, model, baud, blocks=blocks)
    cable = MemoryLink(device, clock)
    link = cable if fault is None else FaultyLink(cable, fault, clock, device.replugged)
    return Rig(
        reader=SfmReader(model, link, clock),
        clock=clock,
        placed=watched(person),
        delivered=lambda pixels: pixels,
        unplug=lambda: setattr(cable, "unplugged", True),
        fired=lambda: isinstance(link, FaultyLink) and link.fired,
    )


def main(argv: list[str] | None = None) -> int:
    """Entry of the peer process."""
    parser = tty.arguments("SIMULATED Suprema SFM module on a pseudo-terminal")
    parser.add_argument("--baud", type=int, default=115200, help="what the module is set to, and its pace")
    parser.add_argument("--position", type=int, default=2, help="finger 1-10 that the person puts down")
    parser.add_argument("--old", action="store_true", help="firmware without extended data transfer")
    args = parser.parse_args(argv)
    person = Person(args.seed, args.script, finger=args.position, session=args.session)
    device = SfmDevice(person, load("sfm-slim"), args.baud, args.speed, blocks=not args.old)
    subject_finger(
        args.seed, args.position
    )  # grown before the port is there: a real one needs no time for it
    return tty.serve(device, args.tty, person.grow_all)


if __name__ == "__main__":
    raise SystemExit(main())
