"""Driver of any reader whose vendor ships a shared library for drivers/vendor/livescan_reader.h: library and profile
in, frames out. docs/readers/vendor-sdk.md.

Address `sdk:/path/to/library.so?unit=0`. Option `config`: text passed on to the library. What the unit can do, it says
itself; what it may be used for, its profile says: a library cannot claim a certificate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from drivers.clock import Clock, synchronised
from drivers.errors import CaptureRetry, ReaderFault
from drivers.links import vendor_abi as wire
from drivers.links.address import parse
from drivers.links.vendor_abi import Identity, Phase, Progress
from drivers.links.vendor_library import VendorLibrary, entry_of, fault
from drivers.reader import BaseReader, CaptureKind, CaptureRequest, Check, Pixels, ReaderInfo, Show
from firmware_profiles.profile import Profile

OPTIONS = ("config",)

_POLL_S = 0.05
_REASONS = MappingProxyType(
    {
        1: ("capture.lifted_early", "the finger left the platen", "Keep it still longer."),
        2: ("capture.moved", "the finger moved", "Keep it still until the lamp goes out."),
        3: (
            "capture.bad_roll",
            "the roll slipped or was too fast",
            "Roll slowly, nail to nail, without sliding.",
        ),
        4: ("capture.dirty_platen", "the platen is not clean", "Clean the platen, then capture again."),
    }
)
_UNKNOWN_REASON = ("capture.retry", "the reader asks for another try", "Try again.")


def make(profile: Profile, address: str, options: Mapping[str, str], clock: Clock) -> VendorSdkReader:
    """The reader at an sdk address. Raises LinkError link.address, ReaderFault reader.option."""
    place = parse(address)
    if place.scheme != "sdk":
        raise fault(
            "link.address", f"this driver needs an address like sdk:/path/lib.so?unit=0, not {address!r}"
        )
    config = options.get("config", "")
    if not config.isprintable():
        raise ReaderFault("reader.option", "config has control characters", "Correct config in the settings.")
    library = VendorLibrary(place.path, lambda: entry_of(place.path))
    return VendorSdkReader(profile, library, clock, unit=place.unit, config=config)


class VendorSdkReader(BaseReader):
    """One unit behind a vendor's library."""

    def __init__(
        self,
        profile: Profile,
        library: VendorLibrary,
        clock: Clock,
        trusted: Callable[[], bool] = synchronised,
        *,
        unit: int = 0,
        config: str = "",
    ) -> None:
        super().__init__(clock, trusted)
        self.profile = profile
        self.library = library
        self._unit, self._config = unit, config
        self._who: Identity | None = None
        self._kind = CaptureKind.PLAIN
        self._shown = 0

    # callbacks of BaseReader

    def _open(self) -> ReaderInfo:
        who = self._who = self.library.open(self._unit, self._config)
        self._preview_scale = (who.preview_ppi or who.ppi) / who.ppi
        kinds = frozenset(CaptureKind(kind) for kind in who.kinds & set(self.profile.kinds))
        if not kinds:
            raise fault(
                "reader.library",
                f"{who.model} takes {', '.join(sorted(who.kinds))}; its profile says otherwise",
            )
        return ReaderInfo(
            id=f"{self.profile.id}-{who.serial or 'unknown'}",
            driver=self.profile.driver,
            profile=self.profile.id,
            make="SIMULATED" if who.simulated else who.make,
            model=who.model,
            serial=who.serial or "unknown",
            firmware=who.firmware,
            ppi=who.ppi,
            kinds=kinds,
            certification=self.profile.cert.scheme,
            fap=self.profile.cert.fap,
            simulated=who.simulated,
        )

    def _close(self) -> None:
        self.library.close()

    def _arm(self, request: CaptureRequest) -> None:
        self._kind = request.kind
        self._shown = 0
        self.library.start(request.kind, request.lamps)

    def _finger(self, wait_s: float) -> bool:
        if self._look().phase in (Phase.CAPTURE, Phase.DONE):
            return True
        self.clock.sleep(min(_POLL_S, wait_s))
        return False

    def _take(self, show: Show, check: Check) -> Pixels | None:
        deadline = self.clock.monotonic() + self.profile.timeouts.image_ms / 1000
        while self.clock.monotonic() < deadline:
            check()
            now = self._look()
            if now.phase is Phase.AWAIT:
                return None  # the finger went away again, and the library goes on waiting
            if now.preview != self._shown and self._identity.preview_ppi:
                self._shown = now.preview
                show(self.library.frame(wire.PREVIEW, self._identity))
            if now.phase is Phase.DONE:
                return self._final()
            self.clock.sleep(_POLL_S)
        raise fault("link.timeout", "the library saw a finger but made no image")

    def _lifted(self, wait_s: float) -> bool:
        if not self.library.poll().present:
            return True
        self.clock.sleep(min(_POLL_S, wait_s))
        return False

    def _disarm(self) -> None:
        self.library.cancel()

    # the library

    @property
    def _identity(self) -> Identity:
        if self._who is None:
            raise fault("link.disconnected", "the library is not open")
        return self._who

    def _look(self) -> Progress:
        """Raises CaptureRetry when the library wants the person to try again."""
        now = self.library.poll()
        if now.phase is Phase.RETRY:
            raise CaptureRetry(*_REASONS.get(now.reason, _UNKNOWN_REASON))
        if now.phase is Phase.IDLE:
            raise fault("reader.library", "the capture ended by itself")
        return now

    def _final(self) -> Pixels:
        pixels = self.library.frame(wire.FINAL, self._identity)
        height, width = pixels.shape
        if int(pixels.min()) == int(pixels.max()):
            raise fault("reader.library", "the image is empty")
        if self.profile.image.sizes and (width, height) != self.profile.size_of_kind(self._kind):
            advice = "The profile does not belong to this reader: correct it in the settings."
            raise ReaderFault("reader.geometry", f"a {self._kind} of {width} x {height}", advice)
        return pixels
