"""The talk with a Suprema SFM module: commands in, good answers and whole image data out, or `Damage`, or a fault.

Knows packets, deadlines and retries; nothing of fingers. Used by drivers/models/sfm.py alone.
"""

from __future__ import annotations

from drivers.clock import Clock
from drivers.errors import ReaderFault
from drivers.links import ByteLink
from drivers.links.stream import drain, read_some
from drivers.reader import Check
from drivers.wires import sfm as wire
from drivers.wires.sfm import Code, Op, Packet, Param
from firmware_profiles.profile import Profile

_QUIET_S = 0.003  # before a command
_SETTLE_S = 0.05  # after damage: adapters hold bytes back for up to 16 ms
_BUDGET = 1.5  # of the pure line time of an image
AGAIN = frozenset(
    {Code.SCAN_FAILED, Code.TRY_AGAIN, Code.TIMED_OUT, Code.CANCELLED, Code.BUSY, Code.CONTINUE}
)


class Damage(Exception):
    """Something did not arrive whole; it is asked for again."""


class TooLarge(Damage):
    """More bytes than any picture of the profile has: once, a damaged count; every time, another sensor."""


class SfmLine:
    """One module's line. baud: its speed, for the time that an image may take."""

    def __init__(self, profile: Profile, link: ByteLink, clock: Clock, baud: int) -> None:
        self.profile = profile
        self.link = link
        self.clock = clock
        self.baud = baud
        self._stream = wire.Stream()
        self._largest = max(size.width * size.height for size in profile.image.sizes) + wire.HEADER_BYTES

    def send(self, command: Packet) -> None:
        """Once the line is quiet."""
        self.await_quiet(_QUIET_S)
        self.link.write(wire.pack(command), self.command_s)

    def cancel(self) -> None:
        """Whatever the module is at, it stops; what it still says is dropped. It may not hear while it sends."""
        self.await_quiet(_SETTLE_S)
        self.link.write(wire.pack(Packet(Op.CANCEL)), self.command_s)
        self.await_quiet(_SETTLE_S)

    # commands

    def read_param(self, param: Param) -> int:
        return self.command(Packet(Op.READ, flag=param)).size

    def write_param(self, param: Param, value: int) -> None:
        """In the module's memory: gone with its power, and no wear."""
        self.command(Packet(Op.WRITE, size=value, flag=param))

    def command(self, command: Packet) -> Packet:
        """The good answer to a command, asked again when it did not arrive. Raises ReaderFault."""
        why = ""
        for _ in range(self.profile.timeouts.retries + 1):
            try:
                answer = self.exchange(command, self.command_s)
            except Damage as damage:
                why = str(damage)
                self.cancel()
                continue
            if answer.flag == Code.OK:
                return answer
            why = words(answer.flag)
            if answer.flag not in AGAIN:
                raise refused(command.command, answer.flag)
            self.cancel()
        raise fault("reader.no_answer", f"no good answer to {Op(command.command).name}: {why}")

    @property
    def command_s(self) -> float:
        """How long an answer may take."""
        return self.profile.timeouts.command_ms / 1000

    def exchange(self, command: Packet, wait_s: float) -> Packet:
        """Send, and the next answer to that command. Raises Damage."""
        self.send(command)
        deadline = self.clock.monotonic() + wait_s
        while (packet := self.packet(deadline - self.clock.monotonic())) is not None:
            if packet.command == command.command:
                return packet
        raise Damage("no answer")

    def packet(self, wait_s: float) -> Packet | None:
        """The next packet within wait_s seconds."""
        deadline = self.clock.monotonic() + wait_s
        while True:
            packet = self._stream.packet()
            left = deadline - self.clock.monotonic()
            if packet is not None or left < 0:
                return packet
            data = read_some(self.link, left)
            if not data:
                return None
            self._stream.feed(data)

    def await_quiet(self, quiet_s: float) -> None:
        """Drop what still comes of an image or an answer. Raises ReaderFault reader.noise."""
        if not drain(self.link, self.clock, quiet_s, self.image_s()):
            raise fault("reader.noise", "bytes come without end, and none was asked for")
        self._stream.reset()

    # data

    def take_blocks(self, command: int, check: Check) -> bytes:
        """All blocks in order, each acknowledged. Raises Damage, TooLarge."""
        data, number, count = bytearray(), 0, 1
        while number < count:
            check()
            head = self.packet(self.idle_s)
            if head is None or head.command != command or head.param >> 16 != number:
                raise Damage(f"block {number} did not come")
            if number == 0:
                count = head.param & 0xFFFF
            if head.size > self._largest - len(data):
                raise TooLarge(f"an image of {len(data) + head.size} bytes and more")
            if head.param & 0xFFFF != count or not head.size:
                raise Damage(f"block {number} of {head.size} bytes, {head.param & 0xFFFF} in all")
            block = self.raw(head.size + wire.SUM_BYTES, check)
            if wire.block_sum(block[: head.size]) != block[head.size :]:
                raise Damage(f"sum of block {number}")
            self.link.write(wire.pack(Packet(command, flag=Code.DATA_OK)), self.command_s)
            data += block[: head.size]
            number += 1
        return bytes(data)

    def take_raw(self, size: int, check: Check) -> bytes:
        """Data of that size and the byte that ends them; no sum. Raises Damage, ReaderFault reader.geometry."""
        if not 0 < size <= self._largest:
            raise fault("reader.geometry", f"an image of {size} bytes")
        data = self.raw(size + 1, check)
        if data[-1] != wire.END:
            raise Damage("the image does not end where it should")
        return data[:-1]

    def raw(self, count: int, check: Check) -> bytes:
        """The next count bytes. Raises Damage: silence, or the time is up."""
        deadline = self.clock.monotonic() + self.image_s()
        while (data := self._stream.take(count)) is None:
            check()
            more = read_some(self.link, min(self.idle_s, deadline - self.clock.monotonic()))
            if not more:
                raise Damage("the module went silent")
            self._stream.feed(more)
        return data

    @property
    def idle_s(self) -> float:
        """How long data may pause."""
        return self.profile.timeouts.packet_idle_ms / 1000

    def image_s(self) -> float:
        """The time allowed for one image, from its bytes."""
        return self._largest * wire.BITS_PER_BYTE / self.baud * _BUDGET + self.idle_s


def words(flag: int) -> str:
    """An error byte in words."""
    return wire.CODE_TEXT.get(flag, f"unknown code {flag:#x}")


_ADVICE = {
    "reader.option": "Correct the options of this reader in the settings.",
    "reader.no_answer": "Check power, the crossed TX and RX wires, and that no serial console uses the port.",
    "reader.refused": "This module is of another family, or set up in another way: choose another profile.",
    "reader.locked": "Unlock the module with the vendor's software.",
    "reader.image_damaged": "Shorten the cable, check ground and supply, or use a lower baud rate.",
    "reader.noise": "Another program or device speaks on this port, or the baud rate of the adapter is wrong.",
    "reader.geometry": "This is another sensor than the profile says: choose or write the right profile.",
}


def fault(code: str, message: str) -> ReaderFault:
    """With the advice that belongs to the code."""
    return ReaderFault(code, message, _ADVICE[code])


def refused(command: int, flag: int) -> ReaderFault:
    """The fault for an error byte that trying again does not mend."""
    code = "reader.locked" if flag == Code.LOCKED else "reader.refused"
    return fault(code, f"{Op(command).name}: {words(flag)}")
