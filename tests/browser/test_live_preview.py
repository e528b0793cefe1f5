"""What the officer sees while a finger is on the glass: the worst cause, where it is, and how long to hold still."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from drivers.sim.finger import Platen, Touch, render, subject_finger
from station.imaging.quality import LiveJudge, assess
from tests.browser.test_kiosk import new_booking, sign_in, strike, until
from tests.unit.kiosk.fakes import coded

pytestmark = pytest.mark.browser

PLATEN = Platen(800, 750, 500)


def frame_of(number, **touch):
    pixels = render(subject_finger(1, 1), PLATEN, "plain", Touch(**touch)).pixels
    return replace(coded([1], final=False), pixels=pixels, monotonic=0.1 * number)


def show(station, judge, frame):
    run = station.desk.room.run
    verdict = judge.see(frame.pixels, frame.ppi, frame.monotonic)
    station.desk.live.show("capture", run.booking_id, int(run.fgp), frame, verdict)
    return verdict


def test_the_officer_sees_the_cause_its_place_and_how_long_to_hold_still(screen, station, shots):
    sign_in(screen)
    new_booking(screen)
    screen.click("button.primary")
    screen.wait_for_selector("#panel")
    lifted = threading.Event()

    def until_lifted(_request):
        lifted.wait(60)
        return coded([1])

    station.reader.script = [until_lifted]
    strike(screen, "Space")
    screen.wait_for_selector("#panel.running")
    assert station.reader.entered.wait(5)
    try:
        judge = LiveJudge(assess, 40)
        show(station, judge, frame_of(1, moisture=1.0))
        until(screen, "() => document.querySelector('#hint').textContent.includes('wet')")
        shots(screen, "live-too-wet")
        steady = frame_of(2)
        for number in range(2, 6):
            verdict = show(station, judge, replace(steady, monotonic=0.1 * number))
        assert verdict.steady == 3
        until(screen, "() => document.querySelector('#hint').textContent === 'Hold still: 3 of 5'")
        shots(screen, "live-hold-still")
        assert screen.text_content("#meter-value") == str(verdict.report.score)
    finally:
        lifted.set()
