"""Driver of Suprema SFM modules (SFM Slim, 3000 to 6000): serial link and profile in, plain single-finger frames out.

Source: UF_Protocol_Manual of supremainc/sfmdev; wire format in drivers/wires/sfm.py. The module scans by itself when
asked and says when it has; it has no way to say that the finger was lifted. Settings are written to its memory only
(never saved): 8-bit gray images, and a scan that gives up after two seconds so that a lost command is noticed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress

from drivers.clock import Clock, synchronised
from drivers.errors import CaptureRetry, LinkError
from drivers.links import ByteLink
from drivers.links.address import byte_link
from drivers.links.stream import find_baud
from drivers.models._sfm_line import AGAIN, Damage, SfmLine, TooLarge, fault, refused, words
from drivers.reader import BaseReader, CaptureKind, CaptureRequest, Check, Pixels, ReaderInfo, Show
from drivers.wires import sfm as wire
from drivers.wires.sfm import Code, Op, Packet, Param
from firmware_profiles.profile import Profile

OPTIONS = ("baud",)

SIMULATED_SERIAL = 0x53494D00  # "SIM" and a number: what our peer answers
_PROBE_S = 0.15
_SCAN_S = 2.0 + 0.5  # the module answers a scan within SCAN_TIMEOUT; some time for it to think


def make(profile: Profile, address: str, options: Mapping[str, str], clock: Clock) -> SfmReader:
    """The reader at a serial address. Option baud: tried first."""
    try:
        baud = int(options.get("baud", profile.link.baud_default))
    except ValueError as error:
        raise fault("reader.option", f"baud is a number: {error}") from error
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
        self._line = SfmLine(profile, link, clock, baud)
        self._blocks = True  # data in blocks with sums, until the module says that it cannot
        self._asked_at: float | None = None  # when the running scan was asked for
        self._unanswered = 0
        self._reply: Packet | None = None  # the answer that says the image is there

    @property
    def link(self) -> ByteLink:
        return self._line.link

    @link.setter
    def link(self, link: ByteLink) -> None:
        self._line.link = link

    @property
    def baud(self) -> int:
        return self._line.baud

    # callbacks of BaseReader

    def _open(self) -> ReaderInfo:
        self.link.open()
        self._blocks, self._asked_at, self._reply = True, None, None
        found = find_baud(self.link, (self.baud, *self.profile.link.baud_probe), self._answers_at)
        if found is None:
            raise fault("reader.no_answer", "no answer at any baud rate")
        self._line.baud = found
        firmware, serial = self._line.read_param(Param.FIRMWARE), self._line.read_param(Param.SERIAL)
        self._line.write_param(Param.IMAGE_FORMAT, wire.GRAY)
        self._line.write_param(Param.SCAN_TIMEOUT, wire.TWO_SECONDS)
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
        packet = self._line.packet(wait_s)
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
        self._line.baud = baud
        try:
            return self._line.exchange(Packet(Op.READ, flag=Param.FIRMWARE), _PROBE_S).flag == Code.OK
        except Damage:
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

    # the scan

    def _scan(self) -> None:
        self._reply = None
        self._line.send(self._image_command(Op.SCAN_BLOCKS, Op.SCAN))
        self._asked_at = self.clock.monotonic()

    def _cancel(self) -> None:
        self._asked_at = self._reply = None
        self._line.cancel()

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
            raise fault("reader.no_answer", f"{self._unanswered} scans without an answer")
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
        elif packet.flag not in AGAIN:
            raise refused(packet.command, packet.flag)
        self._scan()
        return False

    # the image

    def _by_blocks(self, check: Check) -> Pixels:
        """The image of this scan in blocks with sums; read again, from the module's memory, after damage."""
        why, alike = "", True
        for attempt in range(self.profile.timeouts.retries + 1):
            try:
                reply = self._reply_to_scan() if attempt == 0 else self._read_again()
                return self._decoded(self._line.take_blocks(reply.command, check))
            except Damage as damage:
                why, alike = str(damage), alike and isinstance(damage, TooLarge)
                self._cancel()
        if alike:
            raise fault("reader.geometry", why)
        raise fault("reader.image_damaged", f"the image never arrived whole: {why}")

    def _twice(self, check: Check) -> Pixels:
        """Raw data has no checksum: an image is believed when it came twice the same."""
        before: bytes | None = None
        why = "never twice the same"
        for attempt in range(self.profile.timeouts.retries + 2):
            try:
                reply = self._reply_to_scan() if attempt == 0 else self._read_again()
                data = self._line.take_raw(reply.size, check)
            except Damage as damage:
                why = str(damage)
                self._cancel()
                continue
            if data == before:
                return self._decoded(data)
            before = data
        raise fault("reader.image_damaged", f"the image never arrived whole: {why}")

    def _reply_to_scan(self) -> Packet:
        """The answer that the data follow, which may have come already. Raises Damage."""
        reply, self._reply = self._reply, None
        if reply is None:
            reply = self._line.packet(self._line.command_s)
        if reply is None or reply.flag != Code.OK:
            raise Damage("no image after the scan" if reply is None else words(reply.flag))
        return reply

    def _read_again(self) -> Packet:
        """Ask for the last image, which the module keeps. Raises Damage, or ReaderFault reader.refused."""
        reply = self._line.exchange(self._image_command(Op.READ_BLOCKS, Op.READ_IMAGE), self._line.command_s)
        if reply.flag not in (Code.OK, *AGAIN):
            raise refused(reply.command, reply.flag)
        if reply.flag != Code.OK:
            raise Damage(words(reply.flag))
        return reply

    def _decoded(self, data: bytes) -> Pixels:
        """Raises ReaderFault reader.geometry, reader.refused."""
        known = {size.bytes: (size.width, size.height) for size in self.profile.image.sizes if size.bytes}
        try:
            found = wire.pixels(data, known)
        except wire.ImageError as error:
            raise fault("reader.refused", str(error)) from error
        if found is None:
            raise fault("reader.geometry", f"no known image size has {len(data)} bytes")
        return found
