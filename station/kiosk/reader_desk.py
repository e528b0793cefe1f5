"""The reader as the desk uses it: opened when it is needed, watched while it captures, given up after a fault.

In: a Run of the capture room and a step of the plan. Out: the frame the reader or the judge settled on; the live view
is told on the way.
"""

from __future__ import annotations

from collections.abc import Callable

from drivers.errors import CaptureRetry, DriverError, ReaderFault
from drivers.reader import Frame, Reader, ReaderInfo, ReaderState
from station import booking_plan
from station.capture import CaptureRules, Instruments
from station.capture_watch import watch
from station.imaging.quality import LiveVerdict
from station.kiosk.live import LiveView
from station.kiosk.room import CaptureRoom, Phase, Run


class ReaderDesk:
    """One reader in front of one officer. Its caller sees to it that only one capture runs."""

    def __init__(
        self,
        reader: Reader,
        rules: CaptureRules,
        tools: Instruments,
        live: LiveView,
        room: Callable[[], CaptureRoom],
    ) -> None:
        self.last_info: ReaderInfo | None = None
        self._reader = reader
        self._rules = rules
        self._tools = tools
        self._live = live
        self._room = room

    def ready(self) -> ReaderInfo:
        """The reader, opened if need be; after a fault it is opened anew."""
        if self._reader.state in (ReaderState.CLOSED, ReaderState.FAULT):
            self._reader.open()
        self.last_info = self._reader.info
        return self.last_info

    def take(self, run: Run, step: booking_plan.Step) -> Frame:
        """One capture. Raises CaptureRetry for the person, ReaderFault for the machine."""

        def show(frame: Frame, verdict: LiveVerdict | None) -> None:
            run.phase = Phase.CAPTURE
            self._live.show(run.phase, run.booking_id, int(run.fgp), frame, verdict)

        self._room().enter(run, Phase.AWAIT_FINGER)
        try:
            return watch(
                self._reader,
                step,
                self._rules,
                self._tools.assess_preview,
                show,
                lambda: self._room().cancelled(run),
            )
        except DriverError as error:
            if not isinstance(error, CaptureRetry):
                self._give_up()
            raise

    def _give_up(self) -> None:
        """After a fault the next capture opens the reader anew."""
        try:
            self._reader.close()
        except ReaderFault:
            return  # a reader that cannot even be closed will say so again when it is opened

    def show_phase(self, run: Run) -> None:
        """Tell the live view how far a run is."""
        view = self._live.view
        same = view.booking_id == run.booking_id and view.fgp == int(run.fgp)
        frame = view.frame if same and run.phase not in (Phase.AWAIT_FINGER, Phase.FAILED) else None
        self._live.show(run.phase, run.booking_id, int(run.fgp), frame)
