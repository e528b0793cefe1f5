"""Driver of every USB image reader that libfprint supports: a helper process and a profile in, frames out.

libfprint is used through its GObject introspection, which Debian has for the system's Python only: the packages
gir1.2-fprint-2.0 and python3-gi. A helper process (_libfprint_helper.py beside this file) holds the reader and speaks
drivers/wires/libfprint.py on a pipe; it is ended whenever it hangs. Training only: nothing is known of the reader's
resolution, and swipe readers assemble their picture.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from drivers import links
from drivers.clock import Clock, synchronised
from drivers.errors import CaptureRetry, ReaderFault
from drivers.links import ByteLink
from drivers.links import address as addresses
from drivers.links.process import ProcessLink
from drivers.links.stream import read_some
from drivers.reader import BaseReader, CaptureRequest, Check, Pixels, ReaderInfo, Show
from drivers.wires.libfprint import Message, Parser, WireError, pack
from firmware_profiles.profile import Profile

OPTIONS = ()

PYTHON = "/usr/bin/python3"
HELPER = Path(__file__).with_name("_libfprint_helper.py")
_READ = 1 << 16
_MM_PER_INCH = 25.4
_PPI_RANGE = (100, 2000)
_SILENT_S = 1.0  # after that long the helper is asked whether it is there, and after twice as long given up
_HALFWAY_S = 2.0  # for one message, on a pipe


def make(profile: Profile, address: str, options: Mapping[str, str], clock: Clock) -> LibfprintReader:
    """The reader at a libfprint address: `libfprint:DRIVER/ID`, or `libfprint:any` for the first. No options."""
    del options
    return LibfprintReader(profile, helper_link(), _wanted(address), clock)


def helper_link() -> ProcessLink:
    """The helper process, not yet started."""
    return ProcessLink([PYTHON, "-I", "-B", str(HELPER)])


def _wanted(address: str) -> str:
    place = addresses.parse(address)
    if place.scheme != "libfprint":
        raise links.link_error("link.address", f"this driver needs a libfprint address, not {address!r}")
    return "" if place.path == "any" else place.path


class LibfprintReader(BaseReader):
    """One reader held by the helper behind a byte link. wanted: its id in libfprint, or how that begins."""

    def __init__(
        self,
        profile: Profile,
        link: ByteLink,
        wanted: str,
        clock: Clock,
        trusted: Callable[[], bool] = synchronised,
    ) -> None:
        super().__init__(clock, trusted)
        self.profile = profile
        self.link = link
        self.wanted = wanted
        self._parser = Parser()
        self._waiting: list[Message] = []
        self._number = 0
        self._running = False
        self._heard_at = self._begun_at = 0.0  # the last bytes; the beginning of a message that is not whole
        self._asked = False  # whether the helper is still there

    # callbacks of BaseReader

    def _open(self) -> ReaderInfo:
        self._parser, self._waiting, self._running = Parser(), [], False
        self.link.open()
        self._heard_at = self._begun_at = self.clock.monotonic()
        self._asked = False
        self._say({"do": "open", "id": self.wanted})
        told = self._answer("opened").facts
        simulated = str(told.get("driver", "")).startswith("virtual")
        info = ReaderInfo.of(self.profile, f"SIM-{told.get('driver')}" if simulated else "", "unknown")
        return replace(info, id=f"libfprint-{told.get('id')}", model=str(told.get("name", "unknown")))

    def _close(self) -> None:
        self.link.close()

    def _arm(self, request: CaptureRequest) -> None:  # noqa: ARG002  one kind, no lamps
        self._number += 1
        self._waiting.clear()
        self._say({"do": "capture", "number": self._number})
        self._running = True

    def _finger(self, wait_s: float) -> bool:
        message = self._next(wait_s)
        if message is None:
            return False
        if message.facts.get("is") == "image":
            self._waiting.insert(0, message)
            return True
        return message.facts.get("is") == "finger" and message.facts.get("present") is True

    def _take(self, show: Show, check: Check) -> Pixels | None:  # noqa: ARG002  libfprint has no previews
        deadline = self.clock.monotonic() + self.profile.timeouts.image_ms / 1000
        while self.clock.monotonic() < deadline:
            check()
            message = self._next(0.1)
            if message is not None and message.facts.get("is") == "image":
                self._running = False
                return self._image_of(message)
        raise _fault("reader.no_answer", "libfprint saw a finger but made no image")

    def _lifted(self, wait_s: float) -> bool:  # noqa: ARG002  its image comes after the lift
        return True

    def _disarm(self) -> None:
        if not self._running:
            return
        self._running = False
        self._say({"do": "cancel"})
        deadline = self.clock.monotonic() + self._command_s
        while self.clock.monotonic() < deadline:
            message = self._next(0.1, retries_too=True)
            if message is not None and message.facts.get("is") in ("cancelled", "image", "retry"):
                return
        raise _fault("reader.no_answer", "libfprint does not end the capture")

    # messages

    def _image_of(self, message: Message) -> Pixels:
        facts = message.facts
        width, height = facts.get("width"), facts.get("height")
        if not isinstance(width, int) or not isinstance(height, int) or width < 1 or height < 1:
            raise _fault("reader.protocol", f"an image of {width} x {height}")
        if width * height != len(message.pixels):
            raise _fault("reader.geometry", f"{len(message.pixels)} pixels, not {width} x {height}")
        self._note_ppi(facts.get("ppmm"))
        return np.frombuffer(message.pixels, np.uint8).reshape(height, width)

    def _note_ppi(self, ppmm: Any) -> None:
        """Pixels per inch, where libfprint knows it; it says 0 where it does not."""
        ppi = round(ppmm * _MM_PER_INCH) if isinstance(ppmm, float) and 0 < ppmm < 100 else 0
        if _PPI_RANGE[0] <= ppi <= _PPI_RANGE[1]:
            self._info = replace(self.info, ppi=ppi)

    def _answer(self, wanted: str) -> Message:
        deadline = self.clock.monotonic() + self._command_s
        while self.clock.monotonic() < deadline:
            message = self._next(max(0.0, deadline - self.clock.monotonic()))
            if message is not None and message.facts.get("is") == wanted:
                return message
        raise _fault("reader.no_answer", f"the libfprint helper does not say {wanted!r}")

    def _next(self, wait_s: float, *, retries_too: bool = False) -> Message | None:
        """The next message of this capture. Raises CaptureRetry, ReaderFault for those that say so; LinkError."""
        if not self._waiting:
            self._waiting += self._heard(wait_s)
        if not self._waiting:
            return None
        message = self._waiting.pop(0)
        facts = message.facts
        if facts.get("is") == "error":
            raise _reported(facts)
        if facts.get("is") == "alive" and not facts.get("doing"):
            raise _fault("reader.no_answer", "what the libfprint helper said was lost")
        if facts.get("number", self._number) != self._number:
            return None  # of a capture that was given up
        if facts.get("is") == "retry" and not retries_too:
            self._running = False
            code = _RETRIES.get(facts.get("code", -1), "capture.refused")
            raise CaptureRetry(code, str(facts.get("message", "")), _ADVICE[code])
        return message

    def _heard(self, wait_s: float) -> list[Message]:
        """What came in wait_s. A helper that is silent is asked whether it is still there. Raises ReaderFault
        reader.protocol for damage, reader.no_answer when it is not."""
        data = read_some(self.link, min(wait_s, _SILENT_S), _READ)
        now = self.clock.monotonic()
        if data:
            self._heard_at, self._asked = now, False
            self._begun_at = self._begun_at if self._parser.halfway else now
        try:
            messages = list(self._parser.feed(data))
        except WireError as error:
            raise _fault("reader.protocol", str(error)) from error
        if messages:
            self._begun_at = now
        elif self._parser.halfway and now - self._begun_at > _HALFWAY_S:
            raise _fault("reader.protocol", "a message does not come to its end")
        if now - self._heard_at > 2 * _SILENT_S:
            raise _fault("reader.no_answer", "the libfprint helper says nothing")
        if now - self._heard_at >= _SILENT_S and not self._asked:
            self._asked = True
            self._say({"do": "alive"})
        return messages

    def _say(self, facts: dict[str, Any]) -> None:
        self.link.write(pack(Message(facts)), self._command_s)

    @property
    def _command_s(self) -> float:
        return self.profile.timeouts.command_ms / 1000


def _reported(facts: dict[str, Any]) -> ReaderFault:
    """The fault that the helper tells of."""
    code, message = str(facts.get("code", "")), str(facts.get("message", ""))
    if code == "missing":
        return _fault("reader.libfprint_missing", message)
    if code == "not-found":
        return links.link_error("link.not_found", message)
    if code.endswith(" 4") and "device-error" in code:  # FP_DEVICE_ERROR_BUSY
        return links.link_error("link.busy", message)
    return _fault("reader.libfprint", f"{message} ({code})")


_RETRIES = {1: "capture.too_short", 2: "capture.moved", 3: "capture.moved"}  # FpDeviceRetry, in its order
_ADVICE = {
    "capture.too_short": "Swipe or touch again, a little longer.",
    "capture.moved": "Put the finger down again, in the middle and still.",
    "capture.refused": "Put the finger down again, flat and still.",
    "reader.libfprint_missing": "Install the packages gir1.2-fprint-2.0 and python3-gi.",
    "reader.libfprint": "Unplug the reader and plug it in again; see whether fprintd holds it.",
    "reader.no_answer": "Unplug the reader and plug it in again; see whether fprintd holds it.",
    "reader.protocol": "This is a defect of the helper; please report it with the log.",
    "reader.geometry": "This reader's image does not fit its own size; please report it with the log.",
}


def _fault(code: str, message: str) -> ReaderFault:
    return ReaderFault(code, message, _ADVICE[code])
