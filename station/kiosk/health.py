"""The status bar: what works, what does not, and what still can be done. Probes in, lines out. Answers are kept for a
few seconds, so that a page that asks often does not load the reader or the disk."""

from __future__ import annotations

import contextlib
import shutil
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from drivers.errors import DriverError
from station.kiosk.counter import Health
from station.kiosk.outbox import Outbox
from station.policy import certification

KEEP_S = 2.0
PROBE_S = 10.0


class Clock(Protocol):
    """Time that never steps, injected."""

    def monotonic(self) -> float: ...


class RemoteStatus(Protocol):
    """What the probe asks of `drivers.remote.RemoteReader`."""

    def status(self) -> dict[str, Any]: ...
    def open(self) -> None: ...


class ReaderProbe:
    """Status of the reader behind the capture service. A reader nobody has opened yet is opened, at most once in
    PROBE_S seconds: only then is it known whether it is there and whether it is simulated."""

    def __init__(self, reader: RemoteStatus, clock: Clock) -> None:
        self._reader = reader
        self._clock = clock
        self._tried: float | None = None

    def __call__(self) -> Mapping[str, Any]:
        status = self._reader.status()
        now = self._clock.monotonic()
        unknown = status.get("state") in ("closed", "fault") and not status.get("busy")
        if unknown and (self._tried is None or now - self._tried > PROBE_S):
            self._tried = now
            with contextlib.suppress(DriverError):  # the service keeps it as its last error
                self._reader.open()
            status = self._reader.status()
        return status


class StatusBar:
    """reader_status: what the capture service knows without touching the device, or DriverError."""

    def __init__(
        self,
        *,
        reader_status: Callable[[], Mapping[str, Any]],
        outbox: Outbox,
        folder: Path,
        reserve_bytes: int,
        gateway: str,
        clock: Clock,
        free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
    ) -> None:
        self._reader_status = reader_status
        self._outbox = outbox
        self._folder = folder
        self._reserve = reserve_bytes
        self._gateway = gateway
        self._clock = clock
        self._free_bytes = free_bytes
        self._lock = threading.Lock()
        self._kept: tuple[float, list[Health]] | None = None
        self._reader_simulated = False
        self._reader_marks: tuple[str, ...] = ()

    def lines(self) -> list[Health]:
        """Reader, gateway, disk: fresh, or at most KEEP_S old."""
        with self._lock:
            now = self._clock.monotonic()
            if self._kept is None or now - self._kept[0] > KEEP_S:
                self._kept = (now, [self._reader(), self._link(), self._disk()])
            return list(self._kept[1])

    def band(self) -> str:
        """What the yellow band says; empty when nothing is simulated and the reader may serve a booking."""
        self.lines()
        parts = ["reader"] if self._reader_simulated else []
        parts += ["gateway"] if self._gateway == "simulated" else []
        simulated = (
            f"SIMULATED {' and '.join(parts)}: training only, no real prints, nothing reaches an agency"
        )
        marked = "" if self._reader_simulated else ", ".join(self._reader_marks).lower()
        uncertified = f"UNCERTIFIED reader: training only ({marked})"
        return ". ".join([uncertified] * bool(marked) + [simulated] * bool(parts))

    def _reader(self) -> Health:
        try:
            status = self._reader_status()
        except DriverError as error:
            return Health("reader", False, "✕", "Reader gone", error.advice or "check the cable")
        self._reader_simulated = bool(status.get("simulated")) or self._reader_simulated
        if status.get("certification"):
            fap, limits = status.get("fap"), status.get("limits") or ()
            self._reader_marks = certification.marks(status["certification"], fap, limits)
        last = status.get("last_error")
        if status.get("state") in ("fault", "closed") and last:
            return Health(
                "reader", False, "✕", "Reader fault", str(last.get("advice") or last.get("message"))
            )
        return Health("reader", True, "✓", "Reader ready")

    def _link(self) -> Health:
        overview = self._outbox.overview()["entries"]
        waiting = [entry for entry in overview if entry["state"] in ("ready", "sending", "unknown", "asking")]
        stuck = [entry for entry in waiting if entry["last_error"]]
        if stuck:
            return Health(
                "gateway",
                None,
                "⚠",
                f"Gateway not reached, {len(waiting)} waiting",
                "booking goes on; everything is sent when the line is back",
            )
        if waiting:
            return Health("gateway", True, "⇡", f"{len(waiting)} to send")
        return Health("gateway", True, "✓", "Nothing waiting")

    def _disk(self) -> Health:
        try:
            free = self._free_bytes(self._folder)
        except OSError:
            return Health("disk", False, "✕", "Disk not readable", "call service")
        megabytes = free // (1 << 20)
        if free < self._reserve:
            return Health("disk", False, "✕", f"Disk full: {megabytes} MiB", "no new bookings: make room")
        if free < 4 * self._reserve:
            return Health("disk", None, "⚠", f"Disk low: {megabytes} MiB", "call service soon")
        return Health("disk", True, "✓", "Disk ok")
