"""Driver of Suprema SFM modules (SFM Slim, 3000 to 6000): serial link and profile in, plain single-finger frames out.

Source: UF_Protocol_Manual of supremainc/sfmdev; wire format in drivers/wires/sfm.py. The module scans by itself when
asked and says when it has; it has no way to say that the finger was lifted. Settings are written to its memory only
(never saved): 8-bit gray images, and a scan that gives up after two seconds so that a lost command is noticed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress

from drivers.clock import Clock, synchronised
from drivers.errors import CaptureRetry, LinkError, ReaderFault
from drivers.links import ByteLink
from drivers.links.address import byte_link
from drivers.links.stream import drain, find_baud, read_some
from drivers.reader import BaseReader, CaptureKind, CaptureRequest, Check, Pixels, ReaderInfo, Show
from drivers.wires import sfm as wire
from drivers.wires.sfm import Code, Op, Packet, Param
from firmware_profiles.profile import Profile

OPTIONS = ("baud",)

SIMULATED_SERIAL = 0x53494D00  # "SIM" and a number: what our peer answers
_PROBE_S = 0.15
_QUIET_S = 0.003  # before a command
_SETTLE_S = 0.05  # after damage: adapters hold bytes back for up to 16 ms
_SCAN_S = 2.0 + 0.5  # the module answers a scan within SCAN_TIMEOUT; some time for it to think
_BUDGET = 1.5  # of the pure line time of an image
_AGAIN = frozenset(
    {Code.SCAN_FAILED, Code.TRY_AGAIN, Code.TIMED_OUT, Code.CANCELLED, Code.BUSY, Code.CONTINUE}
)


class _Damage(Exception):
    """Something did not arrive whole; it is asked for again."""


def make(profile: Profile, address: str, options: Mapping[str, str], clock: Clock) -> SfmReader:
    """The reader at a serial address. Option baud: tried first."""
    try:
        baud = int(options.get("baud", profile.link.baud_default))
    except ValueError as error:
        raise _fault("reader.option", f"baud is a number: {error}") from error
    return SfmReader(profile, byte_link(address, baud), clock, baud=baud)


class SfmReader(BaseReader):
    """One module behind a byte link. baud: the speed to try first."""

    def __init__(
        self,
        profile: Profile,
        link: ByteLink,
        clock: Clock,
        trusted: Callable[[], bool] = synchronised,
        baud: int = 115200,
    ) -> None:
        super().__init__(clock, trusted)
        self.profile = profile
        self.link = link
        self.baud = baud
        self._stream = wire.Stream()
        self._blocks = True  # data in blocks with sums, until the module says that it cannot
        self._asked_at: float | None = None  # when the running scan was asked for
        self._unanswered = 0
        self._reply: Packet | None = None  # the answer that says the image is there
        self._largest = max(size.width * size.height for size in profile.image.sizes) + wire.HEADER_BYTES

    # callbacks of BaseReader

    def _open(self) -> ReaderInfo:
        self.link.open()
        self._blocks, self._asked_at, self._reply = True, None, None
        found = find_baud(self.link, (self.baud, *self.profile.link.baud_probe), self._answers_at)
        if found is None:
            raise _fault("reader.no_answer", "no answer at any baud rate")
        self.baud = found
        firmware, serial = self._read_param(Param.FIRMWARE), self._read_param(Param.SERIAL)
        self._write_param(Param.IMAGE_FORMAT, wire.GRAY)
        self._write_param(Param.SCAN_TIMEOUT, wire.TWO_SECONDS)
        return self._describe(firmware, serial)

    def _close(self) -> None:
        self.link.close()

    def _arm(self, request: CaptureRequest) -> None:  # noqa: ARG002  no lamps, one kind
        self._unanswered = 0
        self._scan()

    def _disarm(self) -> None:
        """End a scan that still runs: the module would take the next finger by itself."""
        if self._asked_at is not None:
            self._cancel()

    def _finger(self, wait_s: float) -> bool:
        packet = self._packet(wait_s)
        if packet is None:
            self._ask_again_if_late()
            return False
        return self._scanned(packet)

    def _lifted(self, wait_s: float) -> bool:  # noqa: ARG002
        """The module cannot say; it looks at the sensor only while it scans."""
        return True

    def _take(self, show: Show, check: Check) -> Pixels | None:  # noqa: ARG002  this wire has no previews
        self._asked_at = None
        return self._by_blocks(check) if self._blocks else self._twice(check)

    # bringing it up

    def _answers_at(self, baud: int) -> bool:
        self.baud = baud
        try:
            return self._exchange(Packet(Op.READ, flag=Param.FIRMWARE), _PROBE_S).flag == Code.OK
        except _Damage:
            with suppress(LinkError):  # a scan of the last user may still be running
                self.link.write(wire.pack(Packet(Op.CANCEL)), _PROBE_S)
            return False

    def _describe(self, firmware: int, serial: int) -> ReaderInfo:
        simulated = serial >> 8 == SIMULATED_SERIAL >> 8
        name = f"SIM-{serial & 0xFF:04d}" if simulated else str(serial)
        return ReaderInfo(
            id=f"{self.profile.id}-{name}",
            driver=self.profile.driver,
            profile=self.profile.id,
            make="SIMULATED" if simulated else self.profile.vendor,
            model=self.profile.model,
            serial=name,
            firmware=firmware.to_bytes(4, "little").decode("ascii", errors="replace").strip("\0 "),
            ppi=self.profile.ppi.nominal,
            kinds=frozenset(CaptureKind(kind) for kind in self.profile.kinds),
            certification=self.profile.cert.scheme,
            fap=self.profile.cert.fap,
            simulated=simulated,
        )

    # commands

    def _read_param(self, param: Param) -> int:
        return self._command(Packet(Op.READ, flag=param)).size

    def _write_param(self, param: Param, value: int) -> None:
        """In the module's memory: gone with its power, and no wear."""
        self._command(Packet(Op.WRITE, size=value, flag=param))

    def _command(self, command: Packet) -> Packet:
        """The good answer to a command, asked again when it did not arrive. Raises ReaderFault."""
        why = ""
        for _ in range(self.profile.timeouts.retries + 1):
            try:
                answer = self._exchange(command, self._command_s)
            except _Damage as damage:
                why = str(damage)
                self._cancel()
                continue
            if answer.flag == Code.OK:
                return answer
            why = _words(answer.flag)
            if answer.flag not in _AGAIN:
                raise _refused(command.command, answer.flag)
            self._cancel()
        raise _fault("reader.no_answer", f"no good answer to {Op(command.command).name}: {why}")

    @property
    def _command_s(self) -> float:
        return self.profile.timeouts.command_ms / 1000

    def _exchange(self, command: Packet, wait_s: float) -> Packet:
        """Send, and the next answer to that command. Raises _Damage."""
        self._await_quiet(_QUIET_S)
        self.link.write(wire.pack(command), wait_s)
        deadline = self.clock.monotonic() + wait_s
        while (packet := self._packet(deadline - self.clock.monotonic())) is not None:
            if packet.command == command.command:
                return packet
        raise _Damage("no answer")

    def _packet(self, wait_s: float) -> Packet | None:
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

    def _cancel(self) -> None:
        """Whatever the module is at, it stops; what it still says is dropped. It may not hear while it sends."""
        self._asked_at = self._reply = None
        self._await_quiet(_SETTLE_S)
        self.link.write(wire.pack(Packet(Op.CANCEL)), self._command_s)
        self._await_quiet(_SETTLE_S)

    def _await_quiet(self, quiet_s: float) -> None:
        """Drop what still comes of an image or an answer. Raises ReaderFault reader.noise."""
        if not drain(self.link, self.clock, quiet_s, self._image_s()):
            raise _fault("reader.noise", "bytes come without end, and none was asked for")
        self._stream.reset()

    # the scan

    def _scan(self) -> None:
        self._await_quiet(_QUIET_S)
        self._reply = None
        self._asked_at = self.clock.monotonic()
        self.link.write(wire.pack(self._image_command(Op.SCAN_BLOCKS, Op.SCAN)), self._command_s)

    def _image_command(self, in_blocks: Op, raw: Op) -> Packet:
        if self._blocks:
            return Packet(in_blocks, size=self.profile.link.packet_bytes)
        return Packet(raw)

    def _ask_again_if_late(self) -> None:
        """The module answers every scan, if only to say that nobody came: silence means that something was lost."""
        if self._asked_at is not None and self.clock.monotonic() <= self._asked_at + _SCAN_S:
            return
        self._unanswered += 1
        if self._unanswered > self.profile.timeouts.retries:
            raise _fault("reader.no_answer", f"{self._unanswered} scans without an answer")
        self._cancel()
        self._scan()

    def _scanned(self, packet: Packet) -> bool:
        """What an answer to the scan means; True: there is an image. Raises CaptureRetry, ReaderFault."""
        if packet.command not in (Op.SCAN, Op.SCAN_BLOCKS):
            return False
        self._unanswered = 0
        if packet.flag in (Code.OK, Code.SCANNED):
            self._reply = packet if packet.flag == Code.OK else None
            return True
        if packet.flag == Code.FAKE:
            raise CaptureRetry("capture.rejected", "the module doubts that this is a finger", "Try again.")
        if packet.flag == Code.REJECTED:
            raise CaptureRetry(
                "capture.rejected", "the module refuses this picture", "Clean platen and finger."
            )
        if packet.flag == Code.UNSUPPORTED and self._blocks:
            self._blocks = False  # older firmware
        elif packet.flag not in _AGAIN:
            raise _refused(packet.command, packet.flag)
        self._scan()
        return False

    # the image

    def _by_blocks(self, check: Check) -> Pixels:
        """The image of this scan in blocks with sums; read again, from the module's memory, after damage."""
        why = ""
        for attempt in range(self.profile.timeouts.retries + 1):
            try:
                reply = self._reply_to_scan() if attempt == 0 else self._read_again()
                return self._decoded(self._take_blocks(reply.command, check))
            except _Damage as damage:
                why = str(damage)
                self._cancel()
        raise _fault("reader.image_damaged", f"the image never arrived whole: {why}")

    def _twice(self, check: Check) -> Pixels:
        """Raw data has no checksum: an image is believed when it came twice the same."""
        before: bytes | None = None
        why = "never twice the same"
        for attempt in range(self.profile.timeouts.retries + 2):
            try:
                reply = self._reply_to_scan() if attempt == 0 else self._read_again()
                data = self._take_raw(reply.size, check)
            except _Damage as damage:
                why = str(damage)
                self._cancel()
                continue
            if data == before:
                return self._decoded(data)
            before = data
        raise _fault("reader.image_damaged", f"the image never arrived whole: {why}")

    def _reply_to_scan(self) -> Packet:
        """The answer that the data follow, which may have come already. Raises _Damage."""
        reply, self._reply = self._reply, None
        if reply is None:
            reply = self._packet(self._command_s)
        if reply is None or reply.flag != Code.OK:
            raise _Damage("no image after the scan" if reply is None else _words(reply.flag))
        return reply

    def _read_again(self) -> Packet:
        """Ask for the last image, which the module keeps. Raises _Damage, or ReaderFault reader.refused."""
        reply = self._exchange(self._image_command(Op.READ_BLOCKS, Op.READ_IMAGE), self._command_s)
        if reply.flag not in (Code.OK, *_AGAIN):
            raise _refused(reply.command, reply.flag)
        if reply.flag != Code.OK:
            raise _Damage(_words(reply.flag))
        return reply

    def _take_blocks(self, command: int, check: Check) -> bytes:
        """All blocks in order, each acknowledged. Raises _Damage."""
        data, number, count = bytearray(), 0, 1
        while number < count:
            check()
            head = self._packet(self._idle_s)
            if head is None or head.command != command or head.param >> 16 != number:
                raise _Damage(f"block {number} did not come")
            if number == 0:
                count = head.param & 0xFFFF
            if head.param & 0xFFFF != count or not 0 < head.size <= self._largest - len(data):
                raise _Damage(f"block {number} of {head.size} bytes, {head.param & 0xFFFF} in all")
            block = self._raw(head.size + wire.SUM_BYTES, check)
            if wire.block_sum(block[: head.size]) != block[head.size :]:
                raise _Damage(f"sum of block {number}")
            self.link.write(wire.pack(Packet(command, flag=Code.DATA_OK)), self._command_s)
            data += block[: head.size]
            number += 1
        return bytes(data)

    def _take_raw(self, size: int, check: Check) -> bytes:
        if not 0 < size <= self._largest:
            raise _fault("reader.geometry", f"an image of {size} bytes")
        data = self._raw(size + 1, check)
        if data[-1] != wire.END:
            raise _Damage("the image does not end where it should")
        return data[:-1]

    def _raw(self, count: int, check: Check) -> bytes:
        """The next count bytes. Raises _Damage: silence, or the time is up."""
        deadline = self.clock.monotonic() + self._image_s()
        while (data := self._stream.take(count)) is None:
            check()
            more = read_some(self.link, min(self._idle_s, deadline - self.clock.monotonic()))
            if not more:
                raise _Damage("the module went silent")
            self._stream.feed(more)
        return data

    @property
    def _idle_s(self) -> float:
        return self.profile.timeouts.packet_idle_ms / 1000

    def _image_s(self) -> float:
        """The time allowed for one image, from its bytes."""
        return self._largest * wire.BITS_PER_BYTE / self.baud * _BUDGET + self._idle_s

    def _decoded(self, data: bytes) -> Pixels:
        """Raises ReaderFault reader.geometry, reader.refused."""
        known = {size.bytes: (size.width, size.height) for size in self.profile.image.sizes if size.bytes}
        try:
            found = wire.pixels(data, known)
        except wire.ImageError as error:
            raise _fault("reader.refused", str(error)) from error
        if found is None:
            raise _fault("reader.geometry", f"no known image size has {len(data)} bytes")
        return found


def _words(flag: int) -> str:
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


def _fault(code: str, message: str) -> ReaderFault:
    return ReaderFault(code, message, _ADVICE[code])


def _refused(command: int, flag: int) -> ReaderFault:
    code = "reader.locked" if flag == Code.LOCKED else "reader.refused"
    return _fault(code, f"{Op(command).name}: {_words(flag)}")
