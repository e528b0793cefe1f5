"""Driver of ZFM-20, R30x, AS608 and R503 modules: serial link and profile in, plain single-finger frames out.

Source: ZFM-20 user manual v2.0, R503 manual v1.2.2; wire format in drivers/wires/zfm.py. Only 16 grey levels travel.
The image is never believed unless every packet's checksum and the byte count are right; else it is asked for again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from drivers.clock import Clock, synchronised
from drivers.errors import CaptureRetry, ReaderFault
from drivers.links import ByteLink
from drivers.links.address import byte_link
from drivers.links.stream import drain, find_baud, read_some
from drivers.reader import BaseReader, CaptureKind, CaptureRequest, Check, Pixels, ReaderInfo, Show
from drivers.wires import zfm as wire
from drivers.wires.zfm import Code, Op, Packet, Pid, ProductInfo, SystemParameters
from firmware_profiles.profile import Profile

OPTIONS = ("password", "baud")

SIMULATED_SYSTEM_ID = 0x5349  # "SI": what our peer answers where the module has no serial number to say it in
_PROBE_S = 0.15  # answer to VfyPwd: 12 bytes at 9600 baud take 13 ms, the module's own delay is unspecified
_QUIET_S = 0.003  # before a command: an acknowledge that came late or twice
_SETTLE_S = 0.05  # after damage or a cancel: adapters hold bytes back for up to 16 ms
_POLL_S = 0.05
_BUDGET = 1.5  # of the pure line time of an image
_NO_PICTURE = frozenset({Code.NO_FINGER, Code.CAPTURE_FAILED, Code.MESSY, Code.FEW_FEATURES})
_FLAT = 2  # grey levels: an image with no more contrast than this was taken of the empty platen


_Answer = TypeVar("_Answer")


class _Damage(Exception):
    """An answer or an image did not arrive whole; it is asked for again."""


def make(profile: Profile, address: str, options: Mapping[str, str], clock: Clock) -> ZfmReader:
    """The reader at a serial address. Options: password (hex, eight digits), baud (tried first)."""
    try:
        password = int(options.get("password", f"{profile.link.password:x}"), 16)
        baud = int(options.get("baud", profile.link.baud_default))
        password.to_bytes(4, "big")
    except (ValueError, OverflowError) as error:
        raise _fault(
            "reader.option", f"password is up to eight hex digits, baud a number: {error}"
        ) from error
    return ZfmReader(profile, byte_link(address, baud), clock, password=password, baud=baud)


class ZfmReader(BaseReader):
    """One module behind a byte link. password: of the module; baud: the speed to try first."""

    def __init__(
        self,
        profile: Profile,
        link: ByteLink,
        clock: Clock,
        trusted: Callable[[], bool] = synchronised,
        password: int = 0,
        baud: int = 57600,
    ) -> None:
        super().__init__(clock, trusted)
        self.profile = profile
        self.link = link
        self.baud = self._likely = baud
        self._password = password
        self._parser = wire.Parser()
        self._parameters: SystemParameters | None = None
        self._product: ProductInfo | None = None

    # callbacks of BaseReader

    def _open(self) -> ReaderInfo:
        self.link.open()
        self._find_baud()
        self._parameters = self._asked(Op.READ_SYS_PARA, SystemParameters.unpack, wire.PARAMETERS_BYTES)
        self._product = None
        if self.profile.image.size_from_device:
            self._product = self._asked(Op.READ_PROD_INFO, ProductInfo.unpack, wire.PRODUCT_BYTES)
        return self._describe(self._parameters, self._product)

    def _close(self) -> None:
        self.link.close()

    def _arm(self, request: CaptureRequest) -> None:  # noqa: ARG002  no lamps, one kind
        """The module needs no arming: it is polled. An image cut off by a cancel may still be coming in."""
        self._await_quiet(_SETTLE_S)

    def _disarm(self) -> None:
        """Nothing runs in the module between commands."""

    def _finger(self, wait_s: float) -> bool:
        code = self._code(Op.GEN_IMG)
        if code == Code.OK:
            return True
        if code not in _NO_PICTURE:
            raise _fault("reader.refused", f"GEN_IMG: {_words(code)}")
        self.clock.sleep(min(wait_s, _POLL_S))
        return False

    def _lifted(self, wait_s: float) -> bool:
        return not self._finger(wait_s)

    def _take(self, show: Show, check: Check) -> Pixels | None:  # noqa: ARG002  this wire has no previews
        pixels = self._image(check)
        if int(pixels.max()) - int(pixels.min()) <= _FLAT * 17:
            return None  # AS608 says `finger` to an empty platen now and then
        return pixels

    # bringing it up

    def _find_baud(self) -> None:
        """Modules keep the speed their last user set: try them all, twice (they are deaf after power-on)."""
        self._likely = self.baud
        found = find_baud(self.link, (self.baud, *self.profile.link.baud_probe), self._answers_at)
        if found is None:
            raise _fault("reader.no_answer", "no answer at any baud rate")
        self.baud = found

    def _answers_at(self, baud: int) -> bool:
        """Asked twice: an answer that an adapter held back was to an earlier question, at another speed."""
        self.baud = baud
        try:
            codes = {self._exchange(Op.VFY_PWD, self._password_bytes(), _PROBE_S)[0] for _ in range(2)}
        except _Damage:
            if baud == self._likely:
                self._flush()
            return False
        if Code.WRONG_PASSWORD in codes:
            raise _fault("reader.password", "the module wants another password")
        return codes == {Code.OK}

    def _password_bytes(self) -> bytes:
        return self._password.to_bytes(4, "big")

    def _describe(self, parameters: SystemParameters, product: ProductInfo | None) -> ReaderInfo:
        serial = product.serial if product else ""
        simulated = parameters.system_id == SIMULATED_SYSTEM_ID or serial.startswith("SIM")
        serial = serial or ("SIM" if simulated else "unknown")
        return ReaderInfo(
            id=f"{self.profile.id}-{serial}",
            driver=self.profile.driver,
            profile=self.profile.id,
            make="SIMULATED" if simulated else self.profile.vendor,
            model=product.model if product else self.profile.model,
            serial=serial,
            firmware=product.hardware if product else f"system {parameters.system_id:04x}",
            ppi=self.profile.ppi.nominal,
            kinds=frozenset(CaptureKind(kind) for kind in self.profile.kinds),
            certification=self.profile.cert.scheme,
            fap=self.profile.cert.fap,
            simulated=simulated,
        )

    # commands

    def _code(self, op: Op) -> int:
        """The confirmation code of a command without data."""
        return self._command(op)[0]

    def _asked(self, op: Op, unpack: Callable[[bytes], _Answer], size: int) -> _Answer:
        """The data of a command that reads `size` bytes. Raises ReaderFault reader.refused."""
        answer = self._command(op, 1 + size)
        try:
            if answer[0] == Code.OK:
                return unpack(answer[1:])
            why = _words(answer[0])
        except ValueError as error:
            why = str(error)
        raise _fault("reader.refused", f"{op.name}: {why}")

    def _command(self, op: Op, size: int = 1) -> bytes:
        """Confirmation code and data, `size` bytes in all, asked again when it did not arrive whole."""
        why = ""
        for _ in range(self.profile.timeouts.retries + 1):
            try:
                answer = self._exchange(op, b"", self._command_s)
                if answer[0] == Code.PASSWORD_NEEDED:
                    self._exchange(Op.VFY_PWD, self._password_bytes(), _PROBE_S)
                elif answer[0] != Code.PACKET_ERROR and (answer[0] != Code.OK or len(answer) == size):
                    return answer
                why = f"{answer.hex()} ({_words(answer[0])})"
            except _Damage as damage:
                why = str(damage)
                self._flush()
        raise _fault("reader.no_answer", f"no good answer to {op.name}: {why}")

    def _flush(self) -> None:
        """A module whose command arrived with a wrong length waits for up to 256 bytes more and would swallow the next
        commands: give it as many that mean nothing."""
        self.link.write(bytes(wire.MAX_PAYLOAD + wire.OVERHEAD_BYTES), self._command_s)
        self._await_quiet(_SETTLE_S)

    @property
    def _command_s(self) -> float:
        return self.profile.timeouts.command_ms / 1000

    def _exchange(self, op: Op, parameters: bytes, wait_s: float) -> bytes:
        """One command and its acknowledge's payload, at least one byte. Raises _Damage."""
        self._await_quiet(_QUIET_S)
        packet = Packet(Pid.COMMAND, bytes((op,)) + parameters, self.profile.link.address)
        self.link.write(wire.pack(packet), wait_s)
        for answer in self._packets(
            wait_s, wait_s + self._image_s()
        ):  # the rest of an old image may come before it
            if answer.pid == Pid.ACK and answer.payload:
                return answer.payload
        raise _Damage("no acknowledge")  # pragma: no cover  _packets ends only by raising

    def _await_quiet(self, quiet_s: float, check: Check = lambda: None) -> None:
        """Acknowledges carry no number: one that is late or doubled must not answer the next command. After damage the
        module still sends the rest of its image. Raises ReaderFault reader.noise."""
        if not drain(self.link, self.clock, quiet_s, self._image_s(), check):
            raise _fault("reader.noise", "bytes come without end, and none was asked for")
        self._parser.reset()

    def _packets(self, idle_s: float, total_s: float) -> Iterator[Packet]:
        """Packets from our module as they arrive. Raises _Damage: a bad packet, silence, or the time is up."""
        deadline = self.clock.monotonic() + total_s
        while True:
            data = read_some(self.link, min(idle_s, deadline - self.clock.monotonic()))
            if not data:
                raise _Damage("the module went silent")
            for found in self._parser.feed(data):
                if isinstance(found, Packet) and found.address == self.profile.link.address:
                    yield found
                elif isinstance(found, wire.Damaged) and "without a header" not in found.why:
                    raise _Damage(
                        found.why
                    )  # stray bytes between packets are no damage: R503 says 55 when ready

    # the image

    def _image(self, check: Check) -> Pixels:
        """One whole image. Raises ReaderFault reader.image_damaged, reader.geometry; CaptureRetry by check."""
        counts: set[int] = set()
        why = ""
        for _ in range(self.profile.timeouts.retries + 1):
            try:
                data = self._upload(check)
            except _Damage as damage:
                why = str(damage)
                self._await_quiet(_SETTLE_S, check)
                continue
            size = self._size(len(data))
            if size is not None:
                return wire.expand(data, *size)
            counts.add(len(data))
            why = f"{len(data)} bytes"
        if len(counts) == 1 and why == f"{next(iter(counts))} bytes":
            raise _fault("reader.geometry", f"no known image size has {why}")
        raise _fault("reader.image_damaged", f"the image never arrived whole: {why}")

    def _size(self, count: int) -> tuple[int, int] | None:
        """Width and height of `count` packed bytes, as the module told, else as the profile knows."""
        if self._product is not None:
            size = (self._product.width, self._product.height)
            return size if size[0] * size[1] == 2 * count and count else None
        return self.profile.size_of_bytes(count)

    def _upload(self, check: Check) -> bytes:
        """UpImage once: packet edges are not row edges, so everything is joined first. Raises _Damage."""
        code = self._code(Op.UP_IMAGE)
        if code == Code.CANNOT_SEND_IMAGE:
            raise CaptureRetry(
                "capture.lifted_early", "the module has no image", "Put the finger down again."
            )
        if code != Code.OK:
            raise _Damage(f"UpImage: {_words(code)}")
        data = bytearray()
        for packet in self._packets(self.profile.timeouts.packet_idle_ms / 1000, self._image_s()):
            check()
            if packet.pid not in (Pid.DATA, Pid.END):
                raise _Damage(f"a packet {packet.pid:#x} within the image")
            data += packet.payload
            if packet.pid == Pid.END:
                break
        return bytes(data)

    def _image_s(self) -> float:
        """The time allowed for one image, from the bytes on the wire."""
        largest = max(size.width * size.height // 2 for size in self.profile.image.sizes)
        told = self._parameters
        packet_bytes = told.packet_bytes if told else self.profile.link.packet_bytes
        line = wire.image_wire_bytes(largest, packet_bytes) * wire.BITS_PER_BYTE / self.baud
        return line * _BUDGET + self.profile.timeouts.packet_idle_ms / 1000


_ADVICE = {
    "reader.option": "Correct the options of this reader in the settings.",
    "reader.no_answer": "Check power, the crossed TX and RX wires, and that no serial console uses the port.",
    "reader.refused": "This module is of another family: choose another profile.",
    "reader.password": "Set the option `password` to the module's password.",
    "reader.image_damaged": "Shorten the cable, check ground and supply, or use a lower baud rate.",
    "reader.noise": "Another program or device speaks on this port, or the baud rate of the adapter is wrong.",
    "reader.geometry": "This is another sensor than the profile says: choose or write the right profile.",
}


def _fault(code: str, message: str) -> ReaderFault:
    return ReaderFault(code, message, _ADVICE[code])


def _words(code: int) -> str:
    return wire.CODE_TEXT.get(code, f"unknown code {code:#x}")
