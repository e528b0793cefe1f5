"""The state table of readers, and the base class on a driver made of plain answers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from drivers.errors import CaptureRetry, LinkError, ReaderFault
from drivers.reader import (
    BaseReader,
    CaptureKind,
    CaptureRequest,
    Check,
    Event,
    Frame,
    Pixels,
    ReaderInfo,
    ReaderState,
    Show,
    next_state,
)
from drivers.sim.clock import VirtualClock
from tests.kit import matrix

INFO = ReaderInfo("x", "x", "x", "m", "m", "s", "f", 500, frozenset({CaptureKind.PLAIN}), "none", None, False)
REQUEST = CaptureRequest(CaptureKind.PLAIN, finger_s=1.0, lift_s=1.0)


class Scripted(BaseReader):
    """A driver whose callbacks do what the test says."""

    def __init__(self) -> None:
        self.virtual = VirtualClock()
        super().__init__(self.virtual, lambda: True)
        self.calls: list[str] = []
        self.fingers: Callable[[], bool] = lambda: True
        self.takes: Callable[[Show, Check], Pixels | None] = lambda show, check: np.zeros((4, 4), np.uint8)
        self.lifts: Callable[[], bool] = lambda: True
        self.disarms: Callable[[], None] = lambda: None

    def _open(self) -> ReaderInfo:
        self.calls.append("open")
        return INFO

    def _close(self) -> None:
        self.calls.append("close")

    def _arm(self, request: CaptureRequest) -> None:
        self.calls.append("arm")

    def _finger(self, wait_s: float) -> bool:
        self.virtual.sleep(wait_s)
        return self.fingers()

    def _take(self, show: Show, check: Check) -> Pixels | None:
        return self.takes(show, check)

    def _lifted(self, wait_s: float) -> bool:
        self.virtual.sleep(wait_s)
        return self.lifts()

    def _disarm(self) -> None:
        self.calls.append("disarm")
        self.disarms()


@pytest.fixture
def reader() -> Scripted:
    made = Scripted()
    made.open()
    return made


def fails(error: BaseException) -> Callable[..., bool]:
    def fail(*_: object) -> bool:
        raise error

    return fail


# closed        no device is held; a device that cannot be opened is a fault
# idle          open, nothing wanted
# await_finger  armed: a finger comes, or the time is up or the officer stops
# capture       a finger lies there: an image comes, or what came was no image and the finger is waited for again
# await_lift    the image is there, the finger still is: it goes, or is not waited for any longer
# fault         nothing is to be had until the device is opened anew, or closed
# Whoever holds an open device may only close it where no capture runs; anything may fail at any time.
MEANING = """
              opened armed        finger_on nothing_taken image_taken lifted given_up failed closed
closed        idle   -            -         -             -           -      -        fault  closed
idle          -      await_finger -         -             -           -      -        fault  closed
await_finger  -      -            capture   -             -           -      idle     fault  -
capture       -      -            -         await_finger  await_lift  -      idle     fault  -
await_lift    -      -            -         -             -           idle   idle     fault  -
fault         idle   -            -         -             -           -      -        fault  closed
"""


def test_every_step_leads_where_its_meaning_says_or_is_refused() -> None:
    def step(state: str, event: str) -> str:
        return str(next_state(ReaderState(state), Event(event)))

    assert matrix.wrong_cells(MEANING, ReaderState, Event, step, ReaderFault, "reader.illegal_step") == []


def test_every_open_state_can_fail_and_a_fault_can_be_opened_anew() -> None:
    assert {next_state(state, Event.FAILED) for state in ReaderState} == {ReaderState.FAULT}
    assert next_state(ReaderState.FAULT, Event.OPENED) is ReaderState.IDLE


def test_opening_twice_opens_the_device_once(reader: Scripted) -> None:
    reader.open()
    assert reader.calls == ["open"]


def test_a_capture_walks_the_states_in_order(reader: Scripted) -> None:
    seen: list[ReaderState] = []

    def look(result: object) -> Callable[..., object]:
        def answer(*_: object) -> object:
            seen.append(reader.state)
            return result

        return answer

    reader.fingers = look(True)  # type: ignore[assignment]
    reader.takes = look(np.zeros((2, 2), np.uint8))  # type: ignore[assignment]
    reader.lifts = look(True)  # type: ignore[assignment]
    reader.capture(REQUEST)
    assert seen == [ReaderState.AWAIT_FINGER, ReaderState.CAPTURE, ReaderState.AWAIT_LIFT]
    assert reader.state is ReaderState.IDLE
    assert reader.calls == ["open", "arm", "disarm"]


def test_nothing_taken_waits_for_the_finger_again_until_the_deadline(reader: Scripted) -> None:
    reader.takes = lambda show, check: None
    with pytest.raises(CaptureRetry) as caught:
        reader.capture(REQUEST)
    assert caught.value.code == "capture.no_finger"
    assert reader.virtual.monotonic() == pytest.approx(1001.0, abs=0.2)


def test_a_finger_that_stays_is_a_retry(reader: Scripted) -> None:
    reader.lifts = lambda: False
    with pytest.raises(CaptureRetry) as caught:
        reader.capture(REQUEST)
    assert caught.value.code == "capture.not_lifted"
    assert reader.state is ReaderState.IDLE


def test_a_fault_closes_the_device_until_it_is_opened_anew(reader: Scripted) -> None:
    reader.fingers = fails(LinkError("link.disconnected", "gone"))
    with pytest.raises(LinkError):
        reader.capture(REQUEST)
    assert reader.state is ReaderState.FAULT
    assert reader.calls[-1] == "close"
    with pytest.raises(ReaderFault) as caught:
        reader.capture(REQUEST)
    assert caught.value.code == "reader.not_open"
    reader.open()
    assert reader.state is ReaderState.IDLE


def test_a_defect_in_a_driver_becomes_a_fault(reader: Scripted) -> None:
    reader.takes = fails(ZeroDivisionError("oops"))  # type: ignore[assignment]
    with pytest.raises(ReaderFault, match="ZeroDivisionError") as caught:
        reader.capture(REQUEST)
    assert caught.value.code == "reader.internal"
    assert reader.state is ReaderState.FAULT


def test_an_interrupt_of_the_program_passes_through_and_closes(reader: Scripted) -> None:
    reader.takes = fails(KeyboardInterrupt())  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        reader.capture(REQUEST)
    assert reader.state is ReaderState.FAULT


def test_a_retry_whose_cleaning_up_fails_leaves_a_fault(reader: Scripted) -> None:
    reader.fingers = lambda: False
    reader.disarms = fails(LinkError("link.timeout", "x"))  # type: ignore[assignment]
    with pytest.raises(CaptureRetry):
        reader.capture(REQUEST)
    assert reader.state is ReaderState.FAULT


def test_a_device_that_does_not_open_is_left_in_fault_and_closed() -> None:
    reader = Scripted()
    reader._open = fails(LinkError("link.busy", "x"))  # type: ignore[assignment, method-assign]
    with pytest.raises(LinkError):
        reader.open()
    assert reader.state is ReaderState.FAULT
    assert reader.calls == ["close"]


def test_closing_during_a_capture_is_refused(reader: Scripted) -> None:
    reader.takes = lambda show, check: reader.close()  # type: ignore[func-returns-value]
    with pytest.raises(ReaderFault) as caught:
        reader.capture(REQUEST)
    assert caught.value.code == "reader.illegal_step"


def test_previews_are_numbered_before_the_final_frame(reader: Scripted) -> None:
    def take(show: Show, check: Check) -> Pixels:
        show(np.zeros((2, 2), np.uint8))
        check()
        return np.ones((4, 4), np.uint8)

    reader.takes = take
    previews: list[Frame] = []
    final = reader.capture(REQUEST, previews.append)
    assert [one.sequence for one in previews] == [1]
    assert (final.sequence, final.final, final.clock_trusted) == (2, True, True)


def test_a_cancel_in_the_middle_of_an_image_is_heard(reader: Scripted) -> None:
    cancelled = False

    def take(show: Show, check: Check) -> None:
        nonlocal cancelled
        cancelled = True
        check()

    reader.takes = take
    with pytest.raises(CaptureRetry) as caught:
        reader.capture(REQUEST, cancelled=lambda: cancelled)
    assert caught.value.code == "capture.cancelled"


def test_a_frame_of_the_wrong_type_is_refused() -> None:
    clock = VirtualClock()
    with pytest.raises(ValueError, match="uint8"):
        Frame(np.zeros((2, 2)), 500, INFO, 0.0, clock.utcnow(), True, True, 1)  # type: ignore[arg-type]
