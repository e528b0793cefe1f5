"""Driver of the simulated FAP 60 tenprint reader: link and profile in, rolled, plain and slap frames out.

The reader captures by itself when the finger settles and sends live previews at half resolution before. Wire format:
drivers/wires/fap60.py and docs/readers/fap60-protocol.md. Everything it says and delivers is marked SIMULATED.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from drivers.clock import Clock, synchronised
from drivers.errors import CaptureRetry, LinkError, ReaderFault
from drivers.links import ByteLink
from drivers.links.address import byte_link
from drivers.reader import BaseReader, CaptureKind, CaptureRequest, Check, Pixels, ReaderInfo, Show
from drivers.wires import fap60 as wire
from drivers.wires.fap60 import Ack, Damaged, Finger, Message, Picture, Status, Type, WireError
from firmware_profiles.profile import Profile

_READ_BYTES = 1 << 16
_PREVIEW_SCALE = 0.5


def make(profile: Profile, address: str, options: Mapping[str, str], clock: Clock) -> Fap60Reader:  # noqa: ARG001
    """The reader at a serial address; it takes no options."""
    return Fap60Reader(profile, byte_link(address, profile.link.baud_work), clock)


class Fap60Reader(BaseReader):
    """One tenprint reader behind a byte link."""

    _preview_scale = _PREVIEW_SCALE

    def __init__(
        self, profile: Profile, link: ByteLink, clock: Clock, trusted: Callable[[], bool] = synchronised
    ) -> None:
        super().__init__(clock, trusted)
        self.profile = profile
        self.link = link
        self._idle_s = profile.timeouts.packet_idle_ms / 1000
        self._parser = wire.Parser()
        self._command_number = 0
        self._capture_number = 0
        self._heard = 0.0
        self._kind = CaptureKind.PLAIN
        self._forget()

    def _forget(self) -> None:
        """Nothing is known of the platen yet."""
        self._status = Status(0, Finger.NONE, image_ready=False)
        self._previews: list[Picture] = []
        self._final: Picture | None = None
        self._damage = ""

    # callbacks of BaseReader

    def _open(self) -> ReaderInfo:
        self.link.open()
        self._parser.reset()
        self._capture_number = 0
        self._forget()
        reply = self._command(Type.IDENTIFY, b"", Type.IDENTITY)
        try:
            return self._describe(wire.Identity.unpack(reply.payload))
        except WireError as error:
            raise _fault("reader.identity", str(error)) from error

    def _close(self) -> None:
        self.link.close()

    def _arm(self, request: CaptureRequest) -> None:
        self._kind = request.kind
        self._capture_number += 1
        self._forget()
        bits = sum(1 << lamp for lamp in request.lamps)
        self._command(Type.LAMPS, bits.to_bytes(2, "little"))
        self._command(Type.START, wire.pack_start(self._capture_number, request.kind))
        self._heard = self.clock.monotonic()

    def _finger(self, wait_s: float) -> bool:
        self._listen(wait_s)
        self._ask_if_silent()
        return self._final is not None or self._status.image_ready or self._status.finger is not Finger.NONE

    def _take(self, show: Show, check: Check) -> Pixels | None:
        deadline = self.clock.monotonic() + self.profile.timeouts.image_ms / 1000
        resends = 0
        while self._final is None:
            check()
            self._listen(self._idle_s / 10)
            self._show_newest(show)
            self._ask_if_silent()
            if self._missed_the_image():
                resends += 1
                self._resend(resends)
            elif self._status.finger is Finger.NONE and not self._status.image_ready and self._final is None:
                raise CaptureRetry(
                    "capture.lifted_early", "the finger left the platen", "Keep it still longer."
                )
            if self.clock.monotonic() > deadline:
                raise _fault("reader.image_late", "no whole image before the deadline")
        self._show_newest(show)
        return self._checked(self._final)

    def _lifted(self, wait_s: float) -> bool:
        if self._status.finger is not Finger.NONE:
            self._listen(wait_s)
            self._ask_if_silent()
        return self._status.finger is Finger.NONE

    def _disarm(self) -> None:
        self._command(Type.CANCEL)

    # the wire

    def _command(self, kind: Type, payload: bytes = b"", reply: Type = Type.ACK) -> Message:
        """Send until the answer to it came. Raises ReaderFault reader.no_answer, reader.refused, or LinkError."""
        for _ in range(self.profile.timeouts.retries + 1):
            self._command_number = self._command_number % 0xFFFF + 1
            self.link.write(wire.pack(Message(kind, self._command_number, payload)), self._command_s)
            answer = self._answer(reply)
            if answer is not None and answer.payload != bytes((Ack.MALFORMED,)):
                self._refuse_unless_ok(kind, answer)
                return answer
        raise _fault("reader.no_answer", f"no answer to {kind.name}")

    @property
    def _command_s(self) -> float:
        return self.profile.timeouts.command_ms / 1000

    def _answer(self, reply: Type) -> Message | None:
        """The answer to the last command, or None after command_ms; events on the way are kept."""
        deadline = self.clock.monotonic() + self._command_s
        silent_since = self.clock.monotonic()
        while (now := self.clock.monotonic()) < deadline:
            data = self._read(min(self._idle_s, deadline - now))
            if data:
                silent_since = self.clock.monotonic()
            messages = self._parser.feed(data) if data else self._parser.give_up()
            answers = [one for one in self._events(messages) if one.sequence == self._command_number]
            for answer in answers:
                if answer.type in (reply, Type.ACK):
                    return answer
            if now - silent_since > self._command_s / 2:
                break  # a lost command: ask again rather than wait the whole time
        return None

    @staticmethod
    def _refuse_unless_ok(kind: Type, answer: Message) -> None:
        if answer.type == Type.ACK and answer.payload != bytes((Ack.OK,)):
            raise _fault("reader.refused", f"{kind.name} was refused: {answer.payload.hex()}")

    def _read(self, wait_s: float) -> bytes:
        try:
            return self.link.read(_READ_BYTES, wait_s)
        except LinkError as error:
            if error.code != "link.timeout":
                raise
            return b""

    def _listen(self, wait_s: float) -> None:
        """Take in what arrives within wait_s seconds; returns early once something did."""
        data = self._read(wait_s)
        if data:
            self._heard = self.clock.monotonic()
            self._events(self._parser.feed(data))

    def _ask_if_silent(self) -> None:
        if self.clock.monotonic() - self._heard < self._idle_s and not self._damage:
            return
        self._damage = ""
        self._events(self._parser.give_up())
        reply = self._command(Type.STATUS, b"", Type.STATUS_IS)
        self._heard = self.clock.monotonic()
        self._take_status(reply)

    def _missed_the_image(self) -> bool:
        """The reader says the image was sent, nothing more is under way, and it is not here."""
        silent = self.clock.monotonic() - self._heard > self._idle_s / 2
        return self._final is None and self._status.image_ready and (silent or bool(self._damage))

    def _resend(self, count: int) -> None:
        if count > self.profile.timeouts.retries:
            raise _fault("reader.image_damaged", f"the image arrived damaged {count} times: {self._damage}")
        self._damage = ""
        self._events(self._parser.give_up())
        self._command(Type.RESEND)
        self._heard = self.clock.monotonic()

    def _events(self, messages: Iterable[Message | Damaged]) -> list[Message]:
        """Keep what the messages say about the platen; the other ones, answers, are returned."""
        answers = []
        for message in messages:
            if isinstance(message, Damaged):
                self._damage = message.why
            elif message.type in _EVENTS:
                self._event(message)
            else:
                answers.append(message)
        return answers

    def _event(self, message: Message) -> None:
        try:
            if message.type == Type.FINGER:
                self._take_status(message)
            elif message.type == Type.FAULT:
                code, text = wire.unpack_fault(message.payload)
                raise _fault("reader.device_fault", f"the reader reports fault {code}: {text}")
            else:
                self._take_picture(message)
        except WireError as error:
            self._damage = str(error)

    def _take_status(self, message: Message) -> None:
        try:
            status = Status.unpack(message.payload)
        except WireError as error:
            raise _fault("reader.protocol", str(error)) from error
        if status.capture == self._capture_number:
            self._status = status

    def _take_picture(self, message: Message) -> None:
        picture = Picture.unpack(message.payload)
        if picture.capture != self._capture_number:
            return  # left over from a capture that was given up
        if message.type == Type.FINAL:
            self._final = picture
        else:
            self._previews.append(picture)
            if self._status.finger is Finger.NONE:
                self._status = Status(picture.capture, Finger.SETTLING, image_ready=False)

    def _show_newest(self, show: Show) -> None:
        if self._previews:
            show(self._previews[-1].pixels)
            self._previews.clear()

    def _checked(self, picture: Picture) -> Pixels:
        """The pixels, if size and ppi are what the profile promises for this kind."""
        height, width = picture.pixels.shape
        if (width, height) != self.profile.size_of_kind(self._kind) or picture.ppi != self.info.ppi:
            raise _fault("reader.geometry", f"a {self._kind} of {width} x {height} at {picture.ppi} ppi")
        return picture.pixels

    def _describe(self, identity: wire.Identity) -> ReaderInfo:
        return ReaderInfo(
            id=f"{self.profile.id}-{identity.serial}",
            driver=self.profile.driver,
            profile=self.profile.id,
            make=identity.make,
            model=identity.model,
            serial=identity.serial,
            firmware=identity.firmware,
            ppi=identity.ppi,
            kinds=frozenset(CaptureKind(kind) for kind in identity.kinds),
            certification=self.profile.cert.scheme,
            fap=identity.fap,
            simulated=identity.simulated,
        )


_EVENTS = frozenset({Type.FINGER, Type.PREVIEW, Type.FINAL, Type.FAULT})
_ADVICE = {
    "reader.identity": "This is no FAP 60 reader, or a newer one; check the address in the settings.",
    "reader.no_answer": "Check that the address belongs to this reader; switch it off and on.",
    "reader.refused": "Switch the reader off and on.",
    "reader.device_fault": "Read the reader's own message; switch it off and on.",
    "reader.protocol": "Driver and reader firmware do not fit together.",
    "reader.image_damaged": "Check the cable; try another port.",
    "reader.image_late": "The link is too slow or broken: check the cable.",
    "reader.geometry": "The profile does not belong to this reader: correct it in the settings.",
}


def _fault(code: str, message: str) -> ReaderFault:
    return ReaderFault(code, message, _ADVICE[code])
