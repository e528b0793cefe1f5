"""The contract of a fingerprint reader, the Frame it delivers, and the base class that owns the states of a capture.

A reader does not know which finger it sees. It turns bytes from a link into frames, or raises CaptureRetry (for the
person) or ReaderFault (for the machine). A driver is seven callbacks; `BaseReader` walks `STEPS` and keeps deadlines.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from drivers.clock import Clock as Clock  # part of this contract, though links need it too
from drivers.clock import synchronised
from drivers.errors import CaptureRetry, DriverError, ReaderFault
from drivers.frame import CaptureKind as CaptureKind
from drivers.frame import CaptureRequest as CaptureRequest
from drivers.frame import Frame as Frame
from drivers.frame import ReaderInfo as ReaderInfo
from drivers.states import STEPS as STEPS
from drivers.states import Event as Event
from drivers.states import ReaderState as ReaderState
from drivers.states import next_state as next_state
from firmware_profiles import fit
from firmware_profiles.profile import Profile

_log = logging.getLogger(__name__)


Preview = Callable[[Frame], None]
Cancelled = Callable[[], bool]


class Reader(Protocol):
    """What the station may ask of a reader. One thread at a time."""

    @property
    def info(self) -> ReaderInfo: ...
    @property
    def state(self) -> ReaderState: ...

    def open(self) -> None: ...
    def close(self) -> None: ...

    def capture(
        self, request: CaptureRequest, preview: Preview | None = None, cancelled: Cancelled | None = None
    ) -> Frame: ...


Pixels = NDArray[np.uint8]
Show = Callable[[Pixels], None]
Check = Callable[[], None]

_SLICE_S = 0.1  # longest wait in a callback before the base looks at deadline and cancel again
_ADVICE = {
    "capture.no_finger": "Put the finger on the platen when the reader asks for it.",
    "capture.not_lifted": "Take the finger off the platen, then capture again.",
    "capture.cancelled": "Start the capture again when ready.",
    "reader.not_open": "Open the reader; after a fault it must be opened anew.",
    "reader.kind": "Choose a reader that can take this kind of impression.",
    "reader.internal": "This is a defect of the driver; please report it with the log.",
    "reader.firmware": "Use a reader with a firmware its profile lists, or have this one tested and listed.",
}


class BaseReader(ABC):
    """State, deadlines, cancelling and frame numbering for every driver; a driver supplies the callbacks below.

    A CaptureRetry leaves the reader IDLE. A ReaderFault closes the link and leaves it in FAULT until open().
    """

    def __init__(self, clock: Clock, trusted: Callable[[], bool] = synchronised) -> None:
        self.clock = clock
        self._trusted = trusted
        self._state = ReaderState.CLOSED
        self._info: ReaderInfo | None = None
        self._sequence = 0

    # What a driver supplies. Each may raise ReaderFault; those with a person in view also CaptureRetry.

    @abstractmethod
    def _open(self) -> ReaderInfo:
        """Open the link, bring the device up, say who it is."""

    @abstractmethod
    def _close(self) -> None:
        """Close the link; called after faults too, must not need a working device."""

    @abstractmethod
    def _arm(self, request: CaptureRequest) -> None:
        """Get ready for a finger."""

    @abstractmethod
    def _finger(self, wait_s: float) -> bool:
        """Wait up to wait_s seconds; True once a finger is on the platen."""

    @abstractmethod
    def _take(self, show: Show, check: Check) -> Pixels | None:
        """The image, uint8 [h, w], dark ridges, upright; None when there was nothing after all. Call check() often:
        it raises when the capture was cancelled. show(pixels) passes on a live preview."""

    @abstractmethod
    def _lifted(self, wait_s: float) -> bool:
        """Wait up to wait_s seconds; True once the platen is free."""

    @abstractmethod
    def _disarm(self) -> None:
        """Make the device quiet again; called after every capture, however it ended (but not after a fault)."""

    @property
    def info(self) -> ReaderInfo:
        """Who the reader is. Raises ReaderFault reader.not_open before the first open()."""
        if self._info is None:
            raise self._fault("reader.not_open", "the reader was never open")
        return self._info

    @property
    def state(self) -> ReaderState:
        return self._state

    def open(self) -> None:
        """Bring the reader to IDLE, from CLOSED or FAULT; does nothing when it is IDLE already."""
        if self._state is ReaderState.IDLE:
            return
        next_state(self._state, Event.OPENED)
        try:
            self._info = self._limited(self._open())
        except BaseException:
            self._fail()
            raise
        self._sequence = 0
        self._step(Event.OPENED)

    def _limited(self, info: ReaderInfo) -> ReaderInfo:
        """With what limits its use, from the profile of the driver. Raises ReaderFault reader.firmware."""
        profile: Profile | None = getattr(self, "profile", None)
        if profile is None:
            return info
        known, told = profile.firmware, info.firmware
        if known.unknown == "refuse" and fit.firmware_is(known, told) == "unknown":
            raise self._fault("reader.firmware", f"nobody knows firmware {told!r} of {info.model}")
        if effect := fit.known_effect(known, told):
            _log.warning("%s: firmware %s: %s", info.id, told, effect)
        return replace(info, limits=fit.limits(profile, model=info.model, firmware=told, ppi=info.ppi))

    def close(self) -> None:
        """Give the device back; may be called twice. Raises ReaderFault reader.illegal_step during a capture."""
        next_state(self._state, Event.CLOSED)
        with suppress(DriverError):
            self._close()
        self._step(Event.CLOSED)

    def capture(
        self, request: CaptureRequest, preview: Preview | None = None, cancelled: Cancelled | None = None
    ) -> Frame:
        """One impression, from the empty platen to the empty platen.

        Raises CaptureRetry capture.no_finger, capture.not_lifted, capture.cancelled or what the driver adds;
        ReaderFault reader.not_open, reader.kind, link.* or what the driver adds.
        """
        self._refuse_unless_possible(request)
        check = _checker(cancelled)
        try:
            self._step(Event.ARMED)
            self._arm(request)
            frame = self._frame(self._pixels(request, preview, check), final=True)
            self._step(Event.IMAGE_TAKEN)
            self._wait(self._lifted, request.lift_s, check, "capture.not_lifted")
            self._disarm()
        except CaptureRetry:
            self._give_up()
            raise
        except BaseException as error:
            self._fail()
            if isinstance(error, Exception) and not isinstance(error, DriverError):
                message = f"{type(error).__name__}: {error}"
                raise self._fault("reader.internal", message) from error
            raise
        self._step(Event.LIFTED)
        return frame

    def _pixels(self, request: CaptureRequest, preview: Preview | None, check: Check) -> Pixels:
        def show(pixels: Pixels) -> None:
            if preview is not None:
                preview(self._frame(pixels, final=False))

        deadline = self.clock.monotonic() + request.finger_s
        while True:
            self._wait(self._finger, deadline - self.clock.monotonic(), check, "capture.no_finger")
            self._step(Event.FINGER_ON)
            pixels = self._take(show, check)
            if pixels is not None:
                return pixels
            self._step(Event.NOTHING_TAKEN)
            if self.clock.monotonic() >= deadline:
                code = "capture.no_finger"
                raise CaptureRetry(code, f"no picture within {request.finger_s:.1f} s", _ADVICE[code])

    def _wait(self, until: Callable[[float], bool], seconds: float, check: Check, code: str) -> None:
        """Call until(slice) again and again; raises CaptureRetry code when the deadline passes."""
        deadline = self.clock.monotonic() + seconds
        while True:
            check()
            left = deadline - self.clock.monotonic()
            if until(max(0.0, min(_SLICE_S, left))):
                return
            if left <= 0:
                raise CaptureRetry(code, f"nothing happened for {seconds:.1f} s", _ADVICE[code])

    def _frame(self, pixels: Pixels, *, final: bool) -> Frame:
        info = self.info
        self._sequence += 1
        return Frame(
            pixels=np.ascontiguousarray(pixels),
            ppi=info.ppi if final else round(info.ppi * self._preview_scale),
            reader=info,
            monotonic=self.clock.monotonic(),
            wall=self.clock.utcnow(),
            clock_trusted=self._trusted(),
            final=final,
            sequence=self._sequence,
        )

    _preview_scale = 1.0  # a driver whose previews are smaller than its images says by how much

    def _refuse_unless_possible(self, request: CaptureRequest) -> None:
        if self._state is not ReaderState.IDLE:
            raise self._fault("reader.not_open", f"the reader is {self._state}")
        if request.kind not in self.info.kinds:
            raise self._fault("reader.kind", f"{self.info.model} cannot take a {request.kind}")

    def _give_up(self) -> None:
        try:
            self._disarm()
        except DriverError:
            self._fail()  # the retry is what the person needs to hear; the fault shows at the next use
        else:
            self._step(Event.GIVEN_UP)

    def _fail(self) -> None:
        self._step(Event.FAILED)
        with suppress(DriverError):
            self._close()

    def _step(self, event: Event) -> None:
        self._state = next_state(self._state, event)

    def _fault(self, code: str, message: str) -> ReaderFault:
        return ReaderFault(code, message, _ADVICE[code])


def _checker(cancelled: Cancelled | None) -> Check:
    def check() -> None:
        if cancelled is not None and cancelled():
            raise CaptureRetry("capture.cancelled", "the capture was cancelled", _ADVICE["capture.cancelled"])

    return check
