"""Driver of the UPEK / AuthenTec TouchChip coprocessor: USB link and profile in, plain frames of 381 ppi out.

Source: facts of libfprint 1.94.10 upektc_img.c and upek_proto.c, and a recording; bytes in drivers/wires/upektc.py. The
same USB id is used for area and for swiped strip sensors: what the device says of its sensor decides, and the profile
follows it. The device assembles a swipe by itself. It does not tell of a finger that is lifted after the image.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from drivers.clock import Clock, synchronised
from drivers.errors import CaptureRetry, LinkError, ReaderFault
from drivers.links.usb import UsbLink, usb_link
from drivers.reader import BaseReader, CaptureRequest, Check, Pixels, ReaderInfo, Show
from drivers.wires import upektc as wire
from drivers.wires.upektc import Message, Sensor
from firmware_profiles.profile import Profile, load

OPTIONS = ()
AREA, STRIP = "upek-area", "upek-strip"  # the profiles of the two kinds of sensor

_OUT, _IN = 0x02, 0x81
_WAKE_REQUEST, _WAKE_VALUE, _WAKE_INDEX = 0x0C, 0x0100, 0x0400
_STALE_FRAMES = 64  # an interrupted session leaves at most the parts of one image behind
_LOOK_S = 0.5  # one read while a finger is awaited: a read that is withdrawn may lose what was just coming
_FAREWELL_S = 0.5
_EMPTY_READS, _AFTER_EMPTY_S = 3, 0.5
_SILENCE_S = 1.0  # in an image, after which it is taken anew; the whole of one took 0.2 s in the recording
_HEALS = ("link.timeout", "link.io")


def make(profile: Profile, address: str, options: Mapping[str, str], clock: Clock) -> UpektcReader:
    """The reader at a usb address. No options."""
    del options
    return UpektcReader(profile, usb_link(address, profile.match.interface_class), clock)


class _NothingBehindIt(wire.WireError):
    """A transfer came without a byte, and no other after it."""


class UpektcReader(BaseReader):
    """One reader behind a USB link. profile: of either kind; after opening, of the one that it is."""

    def __init__(
        self, profile: Profile, link: UsbLink, clock: Clock, trusted: Callable[[], bool] = synchronised
    ) -> None:
        super().__init__(clock, trusted)
        self.profile = profile
        self.link = link
        self._sensor: Sensor = wire.SENSORS[0]
        self._awake = False
        self._sequence_out = 0
        self._first_part: Message | None = None
        self._bad_images = 0
        self._heard_at = 0.0  # when the last frame came

    # callbacks of BaseReader

    def _open(self) -> ReaderInfo:
        self.link.open()
        firmware = self._wake()
        self.profile = load(AREA if self._sensor.area else STRIP)
        return ReaderInfo.of(self.profile, self.link.serial, firmware)

    def _close(self) -> None:
        self._awake = False
        self.link.close()

    def _arm(self, request: CaptureRequest) -> None:  # noqa: ARG002  one kind, no lamps
        self._bad_images = 0
        self._await_finger()

    def _finger(self, wait_s: float) -> bool:
        try:
            frame = self._heard(max(wait_s, _LOOK_S) if wait_s else 0.0)
            return frame is not None and self._is_finger(frame)
        except _NothingBehindIt:  # it may have been the word of a finger, and no image was hurt
            self._awake = False
            self._await_finger()
            return False
        except wire.WireError as error:
            self._begin_again(str(error))
            return False

    def _take(self, show: Show, check: Check) -> Pixels | None:  # noqa: ARG002  this wire has no previews
        try:
            image = self._image(check)
            width, height = self._sensor.size
            if len(image) != width * height:
                raise wire.WireError(f"{len(image)} pixels, not {width} x {height}")
            return np.frombuffer(image, np.uint8).reshape(height, width)
        except wire.WireError as error:
            self._begin_again(str(error))
        except LinkError as error:
            if error.code not in _HEALS:
                raise
            self._begin_again(error.message)
        return None

    def _lifted(self, wait_s: float) -> bool:  # noqa: ARG002  see the module's docstring
        return True

    def _disarm(self) -> None:
        """Ends what it is doing. It is woken again for the next capture, so no answer is no fault yet."""
        self._awake = False
        try:
            self._send(wire.RESET, wire.RESET_IT)
            self._until(wire.RESET_DONE, _FAREWELL_S)
        except wire.WireError:
            return
        except LinkError as error:
            if error.code not in _HEALS:
                raise

    # what is said

    def _wake(self) -> str:
        """Power up, ask which sensor it is; the firmware's version. Once more when what came was not understood, or
        nothing came. Raises ReaderFault reader.protocol, reader.geometry, LinkError."""
        try:
            return self._wake_once()
        except wire.WireError:
            pass
        except LinkError as error:
            if error.code not in _HEALS:
                raise
        try:
            return self._wake_once()
        except wire.WireError as error:
            raise _fault("reader.protocol", str(error)) from error

    def _wake_once(self) -> str:
        self._sequence_out = 0
        self._rouse()
        self._ask(wire.POWER, wire.POWER_LOW, wire.POWER_SET)
        self._ask(wire.RESET, wire.RESET_IT, wire.RESET_DONE)
        version = self._rouse()
        self._ask(wire.POWER, wire.POWER_HIGH, wire.POWER_SET)
        told = self._ask(wire.COMMAND, wire.ASK_INFO, wire.COMMAND)
        try:
            self._sensor = wire.sensor(told.payload)
        except wire.WireError as error:
            raise _fault("reader.geometry", str(error)) from error
        self._awake = True
        return version.payload[1:].decode("ascii", "replace") or "unknown"

    def _rouse(self) -> Message:
        self.link.control_out(_WAKE_REQUEST, _WAKE_VALUE, b"\0", self._command_s, _WAKE_INDEX)
        return self._until(wire.READY)

    def _ask(self, kind: int, payload: bytes, answer: int) -> Message:
        self._send(kind, payload, 0)
        return self._until(answer)

    def _await_finger(self) -> None:
        """Raises ReaderFault."""
        self._first_part = None
        if not self._awake:
            self._wake()
        self._send_next(wire.capture(self._sensor))

    def _begin_again(self, why: str) -> None:
        """What came was damaged: reset the device, and await a finger anew."""
        self._bad_images += 1
        if self._bad_images > self.profile.timeouts.retries:
            raise _fault("reader.image_damaged", f"{self._bad_images} images in a row were unusable: {why}")
        self._awake = False
        self._await_finger()

    # what is heard

    def _is_finger(self, frame: Message) -> bool:
        """True when a finger is there, by a status or because its image begins. Raises CaptureRetry, WireError."""
        if frame.kind == wire.FIRST_PART:
            self._first_part = frame
            return True
        return frame.kind == wire.STATUS and self._noted(frame) == wire.FINGER

    def _noted(self, frame: Message) -> int:
        """The status, acknowledged. Raises CaptureRetry for one that asks the person, WireError."""
        code = wire.status(frame.payload)
        if code in _RETRIES:
            raise CaptureRetry(*_RETRIES[code])
        if code not in (wire.NO_FINGER, wire.KEEP_FINGER, wire.FINGER, wire.LIFTED):
            raise CaptureRetry("capture.refused", f"the reader refused the finger, status {code:02x}", _AGAIN)
        self._send_next(wire.GO_ON)
        return code

    def _image(self, check: Check) -> bytes:
        """The pixels of one image. Raises WireError, CaptureRetry, LinkError link.timeout and others."""
        deadline = self.clock.monotonic() + self.profile.timeouts.image_ms / 1000
        frame, image = self._first_part, bytearray()
        self._heard_at = self.clock.monotonic()
        while True:
            check()
            if frame is None:
                frame = self._heard(_SILENCE_S)
            if frame is None:
                if self.clock.monotonic() >= min(deadline, self._heard_at + _SILENCE_S):
                    raise wire.WireError("the image did not come to its end")
            elif frame.kind in (wire.FIRST_PART, wire.NEXT_PART, wire.LAST_PART):
                if (frame.kind == wire.FIRST_PART) == bool(image):
                    raise wire.WireError("an image part out of place")
                image += wire.pixels(frame)
                if frame.kind == wire.LAST_PART:
                    return bytes(image)
                self._send_next(wire.NEXT)
            elif frame.kind == wire.STATUS:
                self._noted(frame)
            frame = None

    def _heard(self, wait_s: float) -> Message | None:
        """The next frame that answers our last command; None when none came, or it was answered here."""
        try:
            frame = self._message(wait_s)
        except LinkError as error:
            if error.code == "link.timeout":
                return None
            raise
        if frame.type == wire.ALIVE:
            self._send(wire.ALIVE_TOO, b"", 0)
            return None
        if frame.type != wire.COMMAND or frame.sequence != self._sequence_out:
            raise wire.WireError(f"frame {frame.sequence} came where {self._sequence_out} was due")
        return frame

    def _until(self, wanted: int, wait_s: float | None = None) -> Message:
        """The next frame of that type; others are left over from before. Raises WireError, LinkError."""
        for _ in range(_STALE_FRAMES):
            try:
                frame = self._message(self._command_s if wait_s is None else wait_s)
            except wire.WireError:
                continue
            if frame.type == wanted:
                return frame
        raise wire.WireError(f"no frame of type {wanted:02x} came")

    # the link

    def _message(self, wait_s: float) -> Message:
        """One frame. Raises WireError, LinkError."""
        raw = self.link.bulk_in(_IN, wire.FIRST_READ, wait_s)
        for _ in range(_EMPTY_READS - 1):
            if raw:
                break
            try:  # an empty transfer means: ask again
                raw = self.link.bulk_in(_IN, wire.FIRST_READ, min(wait_s, _AFTER_EMPTY_S))
            except LinkError as error:
                if error.code == "link.timeout":
                    raise _NothingBehindIt("an empty transfer, and nothing after it") from error
                raise
        if wire.whole_bytes(raw) > wire.FIRST_READ:
            raw += self.link.bulk_in(_IN, wire.REST_READ, self._command_s)
        self._heard_at = self.clock.monotonic()
        return wire.unpack(raw)

    def _send_next(self, payload: bytes) -> None:
        self._sequence_out = (self._sequence_out + 1) & 0x0F
        self._send(wire.COMMAND, payload, self._sequence_out)

    def _send(self, kind: int, payload: bytes, sequence: int | None = None) -> None:
        if sequence is None:
            sequence = self._sequence_out = (self._sequence_out + 1) & 0x0F
        self.link.bulk_out(_OUT, wire.pack(Message(kind, sequence, payload)), self._command_s)

    @property
    def _command_s(self) -> float:
        return self.profile.timeouts.command_ms / 1000


_AGAIN = "Put the finger down again, flat and still."
_RETRIES = {
    wire.TOO_SHORT: ("capture.too_short", "the finger was too short on the sensor", _AGAIN),
    wire.MOVED: ("capture.moved", "the finger moved sideways", _AGAIN),
}
_ADVICE = {
    "reader.protocol": "Unplug the reader and plug it in again.",
    "reader.geometry": "This sensor is not one of the known ones; please report it with the log.",
    "reader.image_damaged": "Clean the sensor; unplug the reader and plug it in again.",
}


def _fault(code: str, message: str) -> ReaderFault:
    return ReaderFault(code, message, _ADVICE[code])
