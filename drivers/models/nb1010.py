"""Driver of the NextBiometrics NB-1010-U: USB link and profile in, small plain single-finger frames out.

Source: facts of libfprint 1.94.10 nb1010.c and a recording; bytes in drivers/wires/nb1010.py. The reader is polled for
a finger and sends 90 pieces of two rows. It is not asked whether the finger was lifted before it is asked for the next
one: a finger that still lies there then is no new impression.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from drivers.clock import Clock, synchronised
from drivers.errors import CaptureRetry, LinkError, ReaderFault
from drivers.links.usb import UsbLink, usb_link
from drivers.reader import BaseReader, CaptureRequest, Check, Pixels, ReaderInfo, Show
from drivers.wires import nb1010 as wire
from firmware_profiles.profile import Profile

OPTIONS = ()

_OUT, _IN = 0x02, 0x83
_POLL_S = 0.050
_DRAIN_S = 0.020
_LOOK_EVERY = 10  # pieces between two looks at cancel
_HEALS = (
    "link.timeout",
    "link.io",
)  # an image cut short, or an answer that is longer than what was asked for


def make(profile: Profile, address: str, options: Mapping[str, str], clock: Clock) -> Nb1010Reader:
    """The reader at a usb address. No options."""
    del options
    return Nb1010Reader(profile, usb_link(address, profile.match.interface_class), clock)


class Nb1010Reader(BaseReader):
    """One reader behind a USB link."""

    def __init__(
        self, profile: Profile, link: UsbLink, clock: Clock, trusted: Callable[[], bool] = synchronised
    ) -> None:
        super().__init__(clock, trusted)
        self.profile = profile
        self.link = link
        self._taken = False  # the finger of the last image may still lie there
        self._lift_by = 0.0
        self._bad_images = 0

    # callbacks of BaseReader

    def _open(self) -> ReaderInfo:
        self.link.open()
        self._taken = False
        self._level()
        return ReaderInfo.of(self.profile, self.link.serial, f"{self.link.bcd:04x}")

    def _close(self) -> None:
        self.link.close()

    def _arm(self, request: CaptureRequest) -> None:
        self._bad_images = 0
        self._lift_by = self.clock.monotonic() + request.lift_s

    def _finger(self, wait_s: float) -> bool:
        there = self._level() > wire.FINGER_LEVEL
        if there and not self._taken:
            return True
        self._taken = self._taken and there
        if self._taken and self.clock.monotonic() >= self._lift_by:
            raise CaptureRetry(
                "capture.not_lifted", "the finger was not lifted", _ADVICE["capture.not_lifted"]
            )
        self.clock.sleep(min(_POLL_S, wait_s))
        return False

    def _take(self, show: Show, check: Check) -> Pixels | None:  # noqa: ARG002  this wire has no previews
        try:
            pixels = self._image(check)
        except wire.WireError as error:
            self._count_bad_image(str(error))
        except LinkError as error:
            if error.code not in _HEALS:
                raise
            self._count_bad_image(error.message)
        else:
            self._taken = True
            return pixels
        self._drain()
        return None

    def _lifted(self, wait_s: float) -> bool:  # noqa: ARG002  see the module's docstring
        return True

    def _disarm(self) -> None:
        """It does nothing unasked."""

    # the wire

    def _level(self) -> int:
        """How much of a finger lies there. What an interrupted session left behind is read away first."""
        for tries_left in reversed(range(self.profile.timeouts.retries + 1)):
            try:
                return wire.finger_level(self._ask(wire.ASK))
            except wire.WireError as error:
                if not tries_left:
                    raise _fault("reader.protocol", str(error)) from error
            except LinkError as error:
                if error.code not in _HEALS or not tries_left:
                    raise
            self._drain()
        raise AssertionError("the loop ends by itself")

    def _image(self, check: Check) -> Pixels:
        """One image, uint8 [180, 256]. Raises WireError, LinkError."""
        wire.check_answer(self._ask(wire.PREPARE), wire.PREPARE)
        wire.check_answer(self._ask(wire.TAKE), wire.TAKE)
        pieces = []
        for index in range(wire.PIECES):
            if index % _LOOK_EVERY == 0:
                check()
            pieces.append(wire.rows(self._read(wire.PIECE_BYTES), index))
        return np.concatenate(pieces)

    def _ask(self, command: bytes) -> bytes:
        self.link.bulk_out(_OUT, command, self._command_s)
        return self._read(wire.ANSWER_BYTES)

    def _read(self, size: int) -> bytes:
        return self.link.bulk_in(_IN, size, self._command_s)

    @property
    def _command_s(self) -> float:
        return self.profile.timeouts.command_ms / 1000

    def _count_bad_image(self, why: str) -> None:
        self._bad_images += 1
        if self._bad_images > self.profile.timeouts.retries:
            raise _fault("reader.image_damaged", f"{self._bad_images} images in a row were unusable: {why}")

    def _drain(self) -> None:
        """Read away what is still on its way: at most one image."""
        for _ in range(wire.PIECES + 1):
            try:
                self.link.bulk_in(_IN, wire.PIECE_BYTES, _DRAIN_S)
            except LinkError as error:
                if error.code == "link.timeout":
                    return
                if error.code not in _HEALS:
                    raise


_ADVICE = {
    "capture.not_lifted": "Take the finger off the platen, then put it down again.",
    "reader.protocol": "Unplug the reader and plug it in again; is it a NB-1010-U?",
    "reader.image_damaged": "Clean the platen; unplug the reader and plug it in again.",
}


def _fault(code: str, message: str) -> ReaderFault:
    return ReaderFault(code, message, _ADVICE[code])
