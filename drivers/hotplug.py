"""Readers that come, go, move and hang: how to open one and where to look in, a Reader and events out.

A unit is known again by what it answers (driver, profile, serial number), not by its port. Another unit in its place is
used too, and said: `reader.swapped`. Nothing is ever replaced by a simulated reader.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drivers.clock import Clock
from drivers.errors import DriverError, LinkError
from drivers.links import address as addresses
from drivers.links import usb
from drivers.reader import Reader, ReaderInfo, ReaderState
from drivers.registry import Candidate
from drivers.watch import Event

_KEEP = 32  # events
_RESET_S = 5.0
_LOOK_S = 2.0  # between looks at all ports while the reader is away
_SYS_USB = Path("/sys/bus/usb/devices")
_GONE = frozenset({"link.not_found", "link.disconnected"})
# After these the device itself is in doubt, so it is reset before it is opened again.
DOUBTFUL = frozenset({"link.timeout", "link.stall", "link.io", "reader.no_answer", "reader.hung"})


@dataclass(frozen=True)
class Place:
    """Where a reader was configured or found."""

    driver: str
    profile: str
    address: str


class Hotplug:
    """open: opens a reader at a place, or raises DriverError; look: what is attached now; there: whether the device of
    an address is attached; reset: resets the device of an address. All four are the machine's by default."""

    def __init__(
        self,
        configured: Place,
        open_at: Callable[[Place], Reader],
        clock: Clock,
        look: Callable[[], Sequence[Candidate]] = list,
        there: Callable[[str], bool] | None = None,
        reset: Callable[[str], None] | None = None,
    ) -> None:
        self._configured = self._last = configured
        self._open_at = open_at
        self._clock = clock
        self._look = look
        self._there = there or is_there
        self._reset = reset or reset_device
        self._known: ReaderInfo | None = None
        self._doubt = ""
        self._lost = False
        self._looked = -_LOOK_S
        self._seen: frozenset[str] = frozenset()
        self._events: deque[Event] = deque(maxlen=_KEEP)

    # the service's reader factory

    def __call__(self) -> Reader:
        """The unit that was there before, wherever it is plugged in now; else what is at its place.

        Raises the DriverError of its own place when nothing can be opened anywhere."""
        self._reset_if_doubtful()
        try:
            return self._accept(self._last, self._opened(self._last))
        except LinkError as error:
            if error.code not in _GONE:
                raise
            found = self._elsewhere()
            if found is None:
                raise
            return self._accept(*found)

    def _opened(self, place: Place) -> Reader:
        reader = self._open_at(place)
        if reader.state is not ReaderState.IDLE:
            reader.open()
        return reader

    def _elsewhere(self) -> tuple[Place, Reader] | None:
        """The same unit at another port; before any was known, or back at the configured one, any of that model."""
        for place in self._other_places():
            try:
                reader = self._opened(place)
            except DriverError:
                continue
            if self._known is None or same_unit(self._known, reader.info) or place == self._configured:
                return place, reader
            with suppress(DriverError):
                reader.close()
        return None

    def _other_places(self) -> list[Place]:
        """Only readers of that driver, and only ports that say what hangs on them, or the same kind of port."""
        found = [Place(one.driver, one.profile, one.address) for one in self._look() if not one.simulated]
        wanted = self._known.profile if self._known else self._configured.profile
        same = [one for one in found if one.driver == self._configured.driver and wanted in ("", one.profile)]
        if self._last != self._configured:
            same.insert(0, self._configured)
        return [one for one in same if one.address != self._last.address]

    def _accept(self, place: Place, reader: Reader) -> Reader:
        known, info = self._known, reader.info
        if known is not None and not same_unit(known, info):
            self._note("reader.swapped", f"{known.id} was exchanged for {info.id}")
        elif place.address != self._last.address and known is not None:
            self._note("reader.moved", f"{info.id} is at {place.address} now")
        elif known is None or self._lost:
            self._note("reader.attached", f"{info.id} at {place.address}")
        self._known, self._last, self._lost = info, place, False
        return reader

    # Watch

    def present(self) -> bool:
        """Whether something is attached where the reader was last, or, when not, came new at another port."""
        if self._there(self._last.address):
            return True
        now = self._clock.monotonic()
        if now - self._looked < _LOOK_S:
            return False
        self._looked = now
        seen, self._seen = self._seen, frozenset(place.address for place in self._other_places())
        return bool(self._seen - seen)

    def lost(self) -> None:
        """The reader went away while nobody used it."""
        if not self._lost:
            self._lost = True
            who = self._known.id if self._known else self._last.address
            self._note("reader.lost", f"{who} is not attached")

    def doubt(self, code: str) -> None:
        """A capture ended with that fault; after some the device is reset before it is opened again."""
        if code in DOUBTFUL:
            self._doubt = code
        elif code in _GONE:
            self.lost()

    def free(self, reader: Reader) -> None:
        """Make a hung driver let go: its link is closed under its feet, and the device reset at the next opening."""
        self._doubt = "reader.hung"
        link = getattr(getattr(reader, "reader", reader), "link", None)
        if link is not None:
            _within(_RESET_S, link.close)

    def events(self) -> tuple[Event, ...]:
        """The newest events, oldest first."""
        return tuple(self._events)

    def _reset_if_doubtful(self) -> None:
        code, self._doubt = self._doubt, ""
        if not code:
            return
        address = self._last.address
        done = _within(_RESET_S, lambda: self._reset(address))
        self._note(
            "reader.reset", f"{address} after {code}" + ("" if done else ": no answer to the reset either")
        )

    def _note(self, code: str, message: str) -> None:
        self._events.append(Event(code, message, self._clock.utcnow().isoformat()))


def same_unit(known: ReaderInfo, found: ReaderInfo) -> bool:
    """The same driver, profile and serial number. Units that tell none cannot be told apart: the same model counts."""
    return (known.driver, known.profile, known.serial) == (found.driver, found.profile, found.serial)


def is_there(address: str, sys_usb: Path = _SYS_USB) -> bool:
    """Whether the device of an address is attached, without touching it; True where that cannot be known."""
    place = addresses.parse(address)
    if place.scheme == "serial":
        return Path(place.path).exists()
    if place.scheme != "usb" or not sys_usb.is_dir():
        return True
    folders = [sys_usb / place.where] if place.where else sorted(sys_usb.glob("*-*"))
    return any(_has_ids(folder, place.vendor, place.product) for folder in folders)


def _has_ids(folder: Path, vendor: int, product: int) -> bool:
    try:
        found = [int((folder / name).read_text(), 16) for name in ("idVendor", "idProduct")]
    except (OSError, ValueError):
        return False
    return found == [vendor, product]


def reset_device(address: str) -> None:
    """USB: a port reset, after which the device begins anew. Serial: nothing, opening the port anew is all there is."""
    place = addresses.parse(address)
    if place.scheme == "usb":
        usb.reset(place.vendor, place.product, place.where)


def _within(seconds: float, action: Callable[[], Any]) -> bool:
    """Do it in a thread of its own: what cannot be ended must not be waited for. True when it ended in time, well."""
    done = threading.Event()

    def work() -> None:
        with suppress(DriverError, OSError):
            action()
            done.set()

    thread = threading.Thread(target=work, daemon=True, name="reader-reset")
    thread.start()
    thread.join(seconds)
    return done.is_set()
