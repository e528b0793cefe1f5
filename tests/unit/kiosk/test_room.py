"""One capture at a time, with a deadline, whoever waits."""

from __future__ import annotations

import threading

import pytest

from drivers.errors import CaptureRetry, ReaderFault
from station.errors import BookingError
from station.friction_ridge import FGP
from station.kiosk import room as rooms
from station.kiosk.room import CaptureRoom, Phase
from tests.unit.kiosk.fakes import FakeClock


@pytest.fixture
def clock():
    return FakeClock()


def test_a_run_gives_what_its_job_gave_and_tells_every_phase(clock):
    seen = []
    room = CaptureRoom(clock, lambda run: seen.append(run.phase))

    def job(run):
        room.enter(run, Phase.EXAMINE)
        return "attempt"

    run = room.start("b", FGP(1), 60, job)
    assert room.wait(run) == "attempt"
    assert seen == [Phase.EXAMINE, Phase.DONE]
    assert not room.busy


def test_what_the_job_raised_reaches_whoever_waits(clock):
    room = CaptureRoom(clock)

    def job(run):
        raise CaptureRetry("capture.moved", "moved")

    run = room.start("b", FGP(1), 60, job)
    with pytest.raises(CaptureRetry):
        room.wait(run)
    assert run.phase is Phase.FAILED


def test_a_second_capture_waits_its_turn(clock):
    room, hold = CaptureRoom(clock), threading.Event()
    run = room.start("b", FGP(1), 60, lambda run: hold.wait(5))
    with pytest.raises(BookingError, match=r"booking.capture_busy"):
        room.start("b", FGP(2), 60, lambda run: None)
    hold.set()
    assert room.wait(run)


def test_cancelling_asks_the_job_and_says_whether_there_was_one(clock):
    room = CaptureRoom(clock)
    assert room.cancel() is False
    run = room.start("b", FGP(1), 60, lambda run: run.stop.wait(5))
    assert room.cancel() is True
    assert room.wait(run) is True
    assert room.cancelled(run)


def test_a_job_that_outlives_its_deadline_shuts_the_room_until_it_ends(clock, monkeypatch):
    monkeypatch.setattr(rooms, "GRACE_S", 0.05)
    room, hold = CaptureRoom(clock), threading.Event()
    run = room.start("b", FGP(1), 0.01, lambda run: hold.wait(5))
    with pytest.raises(ReaderFault, match=r"reader.hung"):
        room.wait(run)
    assert run.stop.is_set()
    clock.forward(1)
    assert room.hung
    assert room.cancelled(run)
    with pytest.raises(ReaderFault, match=r"reader.hung"):
        room.start("b", FGP(2), 60, lambda run: None)
    hold.set()
    assert run.finished.wait(5)
    assert room.wait(room.start("b", FGP(2), 60, lambda run: "again")) == "again"
