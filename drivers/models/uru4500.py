"""Driver of the U.are.U 4000, 4000B, 4500 and the Microsoft readers: USB link and profile in, plain frames out.

Source: facts of libfprint 1.94.10 uru4000.c and a recording. The reader is driven by vendor requests that read and
write registers, tells of fingers by interrupts, and sends a scrambled image block (drivers/wires/uru4000.py).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping

import numpy as np

from drivers.clock import Clock, synchronised
from drivers.errors import LinkError, ReaderFault
from drivers.links.usb import UsbLink, usb_link
from drivers.links.usb_threads import Interrupts, Pending
from drivers.reader import BaseReader, CaptureRequest, Check, Pixels, ReaderInfo, Show
from drivers.wires import uru4000 as wire
from firmware_profiles.profile import Profile

OPTIONS = ("host_seed",)

_REQUEST = 0x04
_HWSTAT, _SCRAMBLE_INDEX, _SCRAMBLE_KEY, _MODE, _INFO = 0x07, 0x33, 0x34, 0x4E, 0xF0
_RESPONSE, _CHALLENGE = 0x2000, 0x2010
_LOW_POWER, _FAULTY, _READY = 0x80, 0x04, 0x01
_AWAIT_ON, _AWAIT_OFF, _CAPTURE, _OFF = 0x10, 0x12, 0x20, 0x70
_INTERRUPT, _BULK, _INTERRUPT_BYTES, _WORD_BYTES = 0x81, 0x82, 64, 2
_POWER_ON, _FINGER_ON, _FINGER_OFF, _DEATH = 0x56AA, 0x0101, 0x0200, 0x0800
_POLLS, _POLL_S = 100, 0.010
_BABBLE = 100  # interrupts in one wait that are not the wanted one: then the base class looks at its deadline
_LOOK_S = 0.05
_FEWEST_LINES = 280  # recordings have 289 and one that is repeated; less is a piece of an image


def make(profile: Profile, address: str, options: Mapping[str, str], clock: Clock) -> Uru4500Reader:
    """The reader at a usb address. Option host_seed: 32-bit number in hex, for replaying recordings; else random."""
    link = usb_link(address, profile.match.interface_class)
    try:
        seed = int(options["host_seed"], 16) if "host_seed" in options else None
    except ValueError as error:
        raise _fault("reader.option", f"host_seed is a hex number: {error}") from error
    return Uru4500Reader(profile, link, clock, host_seed=seed)


class Uru4500Reader(BaseReader):
    """One reader behind a USB link. host_seed: our half of the scrambling; any value works, random by default."""

    def __init__(
        self,
        profile: Profile,
        link: UsbLink,
        clock: Clock,
        trusted: Callable[[], bool] = synchronised,
        host_seed: int | None = None,
    ) -> None:
        super().__init__(clock, trusted)
        self.profile = profile
        self.link = link
        self._host_seed = host_seed
        self._interrupts: Interrupts | None = None
        self._bad_images = 0

    # callbacks of BaseReader

    def _open(self) -> ReaderInfo:
        self.link.open()
        self._interrupts = self.link.listen(_INTERRUPT, _INTERRUPT_BYTES)  # before anything else is said
        wire.warm_up()
        for _ in range(self.profile.timeouts.retries):
            self._power_up()
            if self._heard(_POWER_ON, self.profile.link.power_on_ms / 1000):
                return self._describe(self._read(_INFO, 16))
        raise _fault("reader.power", "the scanner does not report power")

    def _close(self) -> None:
        self._interrupts = None
        self.link.close()  # and with it the listening

    def _arm(self, request: CaptureRequest) -> None:  # noqa: ARG002  one kind, no lamps
        self._bad_images = 0
        self._forget_interrupts()
        self._write(_MODE, _AWAIT_ON)

    def _finger(self, wait_s: float) -> bool:
        return self._heard(_FINGER_ON, wait_s, _AWAIT_ON)

    def _take(self, show: Show, check: Check) -> Pixels | None:  # noqa: ARG002  this wire has no previews
        raw = self._scan(check)
        try:
            lines = wire.decode(raw, self._exchange_key) if raw else None
            if lines is not None and not _FEWEST_LINES <= len(lines) <= wire.MAX_LINES:
                raise wire.ImageError(f"an image of {len(lines)} lines")
        except wire.ImageError as error:
            lines = None
            self._count_bad_image(str(error))
        if lines is None:
            self._write(_MODE, _AWAIT_ON)
            return None
        self._write(_MODE, _AWAIT_OFF)
        return self._upright(lines)

    def _lifted(self, wait_s: float) -> bool:
        return self._heard(_FINGER_OFF, wait_s, _AWAIT_OFF)

    def _disarm(self) -> None:
        self._write(_MODE, _OFF)

    # registers

    def _read(self, register: int, count: int = 1) -> bytes:
        return self.link.control_in(_REQUEST, register, count, self._command_s)

    def _write(self, register: int, *values: int) -> None:
        self.link.control_out(_REQUEST, register, bytes(values), self._command_s)

    @property
    def _command_s(self) -> float:
        return self.profile.timeouts.command_ms / 1000

    # bringing it up

    def _power_up(self) -> None:
        """Through `faulty` and `low power` to awake. Raises ReaderFault reader.power."""
        status = self._read(_HWSTAT)[0]
        if status & (_LOW_POWER | _FAULTY) == _LOW_POWER | _FAULTY:
            self._write(_HWSTAT, status & 0x0F)
            status = self._poll(lambda now: bool(now & _READY))
        if not status & _LOW_POWER:
            self._write(_HWSTAT, status | _LOW_POWER)
        self._poll(lambda now: not now & _LOW_POWER, wake=status & 0x0F)

    def _poll(self, good: Callable[[int], bool], wake: int | None = None) -> int:
        """Read the status, every 10 ms, until it is good; wake: written before each look.

        A reader that asks for it gets the answer to its challenge in between. Raises ReaderFault reader.power, and
        reader.auth when it was answered and still sleeps."""
        asked = self.profile.auth.kind == "aes-ecb"
        for _ in range(_POLLS):
            if wake is not None:
                self._write(_HWSTAT, wake)
            status = self._read(_HWSTAT)[0]
            if good(status):
                return status
            self.clock.sleep(_POLL_S)
            if wake is not None and asked:
                challenge = self._read(_CHALLENGE, 16)
                self._write(
                    _RESPONSE, *wire.answer_challenge(challenge, bytes.fromhex(self.profile.auth.key))
                )
        if wake is not None and asked:
            raise _fault("reader.auth", "the scanner does not accept our answers to its challenges")
        raise _fault("reader.power", "the scanner does not wake up")

    def _describe(self, info: bytes) -> ReaderInfo:
        return ReaderInfo.of(self.profile, self.link.serial, f"{info[10:12].hex()}.{info[4:6].hex()}")

    # interrupts

    def _heard(self, wanted: int, wait_s: float, mode: int | None = None) -> bool:
        """Wait up to wait_s for one kind of interrupt; others (repeats of 56AA, late ones) pass by. mode: the one in
        which it is told; set anew when an interrupt ended before its word did, so that it is told again."""
        assert self._interrupts is not None  # set by _open
        deadline = self.clock.monotonic() + wait_s
        for _ in range(_BABBLE):
            data = self._interrupts.next(max(0.0, deadline - self.clock.monotonic()))
            if data is not None and int.from_bytes(data[:_WORD_BYTES], "big") == wanted:
                return True
            if data is None:
                break
            if len(data) < _WORD_BYTES and mode is not None:
                self._write(_MODE, mode)
        return False

    def _forget_interrupts(self) -> None:
        assert self._interrupts is not None  # set by _open
        while self._interrupts.next(0.0) is not None:
            pass

    # the image

    def _scan(self, check: Check) -> bytes:
        """One image block; empty when the reader had none."""
        timeout_s = self.profile.timeouts.image_ms / 1000
        with Pending(self.link, _BULK, wire.READ_BYTES, timeout_s) as pending:
            self._write(_MODE, _CAPTURE)
            while not pending.done(_LOOK_S):
                check()
        try:
            return pending.result()
        except LinkError as error:
            if error.code != "link.timeout":
                raise
            self._count_bad_image("no image came")
            return b""

    def _count_bad_image(self, why: str) -> None:
        self._bad_images += 1
        if self._bad_images > self.profile.timeouts.retries:
            raise _fault("reader.image_damaged", f"{self._bad_images} images in a row were unusable: {why}")

    def _exchange_key(self, number: int) -> int:
        """The register for a key number: the reader's answer without our seed in it."""
        seed = secrets.randbits(32) if self._host_seed is None else self._host_seed
        self._write(_SCRAMBLE_INDEX, number, *seed.to_bytes(4, "little"))
        return int.from_bytes(self._read(_SCRAMBLE_KEY, 4), "little") ^ seed

    def _upright(self, lines: Pixels) -> Pixels:
        """Dark ridges on light ground, upright, whatever the reader's orientation."""
        pixels = 255 - lines if self.profile.image.invert else lines
        return np.ascontiguousarray(np.rot90(pixels, 2) if self.profile.image.rotate == 180 else pixels)


_ADVICE = {
    "reader.option": "Correct the options of this reader in the settings.",
    "reader.auth": "Check that the profile is this model's; unplug the reader and plug it in again.",
    "reader.power": "Unplug the reader and plug it in again; try a port without a hub.",
    "reader.image_damaged": "Clean the platen; unplug the reader and plug it in again.",
}


def _fault(code: str, message: str) -> ReaderFault:
    return ReaderFault(code, message, _ADVICE[code])
