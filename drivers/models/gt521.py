"""Driver of ADH-Tech GT-511C1R, GT-511C3 and GT-521F32/F52: serial link and profile in, plain finger frames out.

Source: public headers of SparkFun and brianrho (GT5X); wire format in drivers/wires/gt521.py. The module starts at
9600 baud after every power-up and is brought to the profile's speed each time. Its data does not say how long it is:
the size comes from the profile, by the firmware version that the module told, and must be what arrives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress

import numpy as np

from drivers.clock import Clock, synchronised
from drivers.errors import ReaderFault
from drivers.links import ByteLink
from drivers.links.address import byte_link
from drivers.links.stream import drain, find_baud, read_some
from drivers.reader import BaseReader, CaptureKind, CaptureRequest, Check, Pixels, ReaderInfo, Show
from drivers.wires import gt521 as wire
from drivers.wires.gt521 import ACK, Code, DeviceInfo, Op, Packet
from firmware_profiles.profile import Profile

OPTIONS = ("baud",)

_PROBE_S = 0.2
_QUIET_S = 0.003  # before a command: answers carry no number
_SETTLE_S = 0.05  # after damage: adapters hold bytes back for up to 16 ms
_TAIL_S = 0.02  # behind an image nothing may follow
_POLL_S = 0.05
_CAPTURE_S = 3.0  # CaptureFinger of the better kind looks more than once
_BUDGET = 1.5  # of the pure line time of an image
_BEST = 1


class _Damage(Exception):
    """An answer or an image did not arrive whole; it is asked for again."""


def make(profile: Profile, address: str, options: Mapping[str, str], clock: Clock) -> Gt521Reader:
    """The reader at a serial address. Option baud: tried first."""
    try:
        baud = int(options.get("baud", profile.link.baud_default))
    except ValueError as error:
        raise _fault("reader.option", f"baud is a number: {error}") from error
    return Gt521Reader(profile, byte_link(address, baud), clock, baud=baud)


class Gt521Reader(BaseReader):
    """One module behind a byte link. baud: the speed to try first."""

    def __init__(
        self,
        profile: Profile,
        link: ByteLink,
        clock: Clock,
        trusted: Callable[[], bool] = synchronised,
        baud: int = 9600,
    ) -> None:
        super().__init__(clock, trusted)
        self.profile = profile
        self.link = link
        self.baud = baud
        self._stream = wire.Stream()
        self._device = DeviceInfo(0, 0, "")
        self._raw = "raw-image-only" in profile.quirks

    # callbacks of BaseReader

    def _open(self) -> ReaderInfo:
        self.link.open()
        self._find((self.baud, self.profile.link.baud_default, *self.profile.link.baud_probe))
        if self.baud != self.profile.link.baud_work:
            self._change_baud(self.profile.link.baud_work)
        if self._size() is None:
            raise _fault(
                "reader.firmware", f"no image size is known for firmware {self._device.firmware:08x}"
            )
        return self._describe(self._device)

    def _close(self) -> None:
        self.link.close()

    def _arm(self, request: CaptureRequest) -> None:  # noqa: ARG002  no lamps of fingers, one kind
        self._good(Packet(Op.CMOS_LED, 1))

    def _disarm(self) -> None:
        self._good(Packet(Op.CMOS_LED, 0))

    def _finger(self, wait_s: float) -> bool:
        if self._pressed():
            return True
        self.clock.sleep(min(wait_s, _POLL_S))
        return False

    def _lifted(self, wait_s: float) -> bool:
        return not self._finger(wait_s)

    def _take(self, show: Show, check: Check) -> Pixels | None:  # noqa: ARG002  this wire has no previews
        if not self._raw and not self._captured():
            return None
        size = self._size()
        assert size is not None  # _open saw to it
        width, height = size
        data = self._image(width * height, check)
        return np.frombuffer(data, np.uint8).reshape(height, width)

    # bringing it up

    def _find(self, bauds: tuple[int, ...]) -> None:
        found = find_baud(self.link, bauds, self._answers_at)
        if found is None:
            raise _fault("reader.no_answer", "no answer at any baud rate")
        self.baud = found

    def _answers_at(self, baud: int) -> bool:
        self.baud = baud
        try:
            if self._exchange(Packet(Op.OPEN, 1), _PROBE_S).word != ACK:
                return False
            self._device = DeviceInfo.unpack(self._data(wire.INFO_BYTES, _PROBE_S, lambda: None))
        except _Damage:
            return False
        return True

    def _change_baud(self, baud: int) -> None:
        """The answer comes at the old speed. If it was lost, trying tells at which speed the module is now; one that
        will not change stays where it is."""
        before = self.baud
        for _ in range(self.profile.timeouts.retries + 1):
            with suppress(_Damage):
                self._exchange(Packet(Op.CHANGE_BAUDRATE, baud), self._command_s)
            self._find((baud, before, *self.profile.link.baud_probe))
            if self.baud == baud:
                return

    def _size(self) -> tuple[int, int] | None:
        return self.profile.size_of_firmware(f"{self._device.firmware:08x}")

    def _describe(self, device: DeviceInfo) -> ReaderInfo:
        simulated = device.serial.startswith("SIM")
        return ReaderInfo(
            id=f"{self.profile.id}-{device.serial}",
            driver=self.profile.driver,
            profile=self.profile.id,
            make="SIMULATED" if simulated else self.profile.vendor,
            model=self.profile.model,
            serial=device.serial,
            firmware=f"{device.firmware:08x}",
            ppi=self.profile.ppi.nominal,
            kinds=frozenset(CaptureKind(kind) for kind in self.profile.kinds),
            certification=self.profile.cert.scheme,
            fap=self.profile.cert.fap,
            simulated=simulated,
        )

    # the finger

    def _pressed(self) -> bool:
        """ACK with 0 means pressed; a NACK `finger is not pressed` is understood too."""
        answer = self._command(Packet(Op.IS_PRESS_FINGER))
        if answer.word != ACK and answer.param != Code.NOT_PRESSED:
            raise _refused(Op.IS_PRESS_FINGER, answer.param)
        return answer.word == ACK and answer.param == 0

    def _captured(self) -> bool:
        answer = self._command(Packet(Op.CAPTURE_FINGER, _BEST), _CAPTURE_S)
        if answer.word == ACK:
            return True
        if answer.param in (Code.NOT_PRESSED, Code.BAD_FINGER, Code.TIMEOUT):
            return False
        raise _refused(Op.CAPTURE_FINGER, answer.param)

    # commands

    @property
    def _command_s(self) -> float:
        return self.profile.timeouts.command_ms / 1000

    def _good(self, command: Packet) -> None:
        """A command that must be acknowledged. Raises ReaderFault."""
        answer = self._command(command)
        if answer.word != ACK:
            raise _refused(Op(command.word), answer.param)

    def _command(self, command: Packet, wait_s: float | None = None) -> Packet:
        """The answer to a command, asked again when it did not arrive. Raises ReaderFault reader.no_answer."""
        why = ""
        for _ in range(self.profile.timeouts.retries + 1):
            try:
                answer = self._exchange(command, wait_s or self._command_s)
            except _Damage as damage:
                why = str(damage)
                self._await_quiet(_SETTLE_S)
                continue
            if answer.word == ACK or answer.param != Code.COMMUNICATION:
                return answer
            why = "the module received it damaged"
        raise _fault("reader.no_answer", f"no good answer to {Op(command.word).name}: {why}")

    def _exchange(self, command: Packet, wait_s: float) -> Packet:
        """Send, and the next answer. Raises _Damage."""
        self._await_quiet(_QUIET_S)
        self.link.write(wire.pack(command), wait_s)
        deadline = self.clock.monotonic() + wait_s
        while (answer := self._stream.packet()) is None:
            data = read_some(self.link, deadline - self.clock.monotonic())
            if not data:
                raise _Damage("no answer")
            self._stream.feed(data)
        if answer.word not in (ACK, wire.NACK):
            raise _Damage(f"an answer {answer.word:#x}")
        return answer

    def _await_quiet(self, quiet_s: float, check: Check = lambda: None) -> None:
        """Drop what still comes of an image or an answer. Raises ReaderFault reader.noise."""
        largest = max(size.width * size.height for size in self.profile.image.sizes)
        if not drain(self.link, self.clock, quiet_s, self._image_s(largest), check):
            raise _fault("reader.noise", "bytes come without end, and none was asked for")
        self._stream.reset()

    # the image

    def _image(self, count: int, check: Check) -> bytes:
        """One whole image of count bytes. Raises ReaderFault reader.image_damaged, reader.geometry."""
        op = Op.GET_RAW_IMAGE if self._raw else Op.GET_IMAGE
        why, others = "", []
        for _ in range(self.profile.timeouts.retries + 1):
            answer = self._command(Packet(op), _CAPTURE_S)
            if answer.word != ACK:
                raise _refused(op, answer.param)
            try:
                return self._data(count, self._idle_s, check)
            except _Damage as damage:
                why = str(damage)
                others.append(self._whole_count())
                self._await_quiet(_SETTLE_S, check)
        if others[0] is not None and len(set(others)) == 1:
            raise _fault("reader.geometry", f"images have {others[0]} bytes, the profile says {count}")
        raise _fault("reader.image_damaged", f"the image never arrived whole: {why}")

    def _data(self, count: int, idle_s: float, check: Check) -> bytes:
        """Data of count bytes and nothing behind it. Raises _Damage, once the module is silent."""
        deadline = self.clock.monotonic() + self._image_s(count)
        data: bytes | None = None
        while True:
            check()
            if data is None:
                data = self._stream.data(count)
            if data is not None and len(self._stream):
                raise _Damage(f"more than {count} bytes")
            wait_s = _TAIL_S if data is not None else min(idle_s, deadline - self.clock.monotonic())
            more = read_some(self.link, wait_s) if len(self._stream) < wire.MAX_DATA else b""
            if not more and data is not None:
                return data
            if not more:
                raise _Damage(f"{self._stream.seek_data()} of {count} bytes, or a wrong sum")
            self._stream.feed(more)

    def _whole_count(self) -> int | None:
        """The size of the data that arrived instead, if its sum is right."""
        here = self._stream.seek_data()
        data = self._stream.data(here - 2) if here > 2 else None
        return None if data is None else len(data)

    @property
    def _idle_s(self) -> float:
        return self.profile.timeouts.packet_idle_ms / 1000

    def _image_s(self, count: int) -> float:
        """The time allowed for count bytes of data."""
        return (count + wire.DATA_OVERHEAD) * wire.BITS_PER_BYTE / self.baud * _BUDGET + self._idle_s


_ADVICE = {
    "reader.option": "Correct the options of this reader in the settings.",
    "reader.no_answer": "Check power, the crossed TX and RX wires, and that no serial console uses the port.",
    "reader.refused": "Switch the module off and on; if it stays so, this is another model: choose its profile.",
    "reader.firmware": "Add the image size of this firmware to the profile, after measuring it.",
    "reader.image_damaged": "Shorten the cable, check ground and supply, or use a lower baud rate.",
    "reader.noise": "Another program or device speaks on this port, or the baud rate of the adapter is wrong.",
    "reader.geometry": "This is another sensor than the profile says: choose or write the right profile.",
}


def _fault(code: str, message: str) -> ReaderFault:
    return ReaderFault(code, message, _ADVICE[code])


def _refused(op: Op, reason: int) -> ReaderFault:
    return _fault("reader.refused", f"{op.name}: {wire.CODE_TEXT.get(reason, f'unknown reason {reason:#x}')}")
