"""Bookings and frames on disk: sealed, bound to one booking, there after a kill."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from offline_queue.vault import Vault
from station import booking as bookings
from station.booking import Booking
from station.booking_store import BookingStore
from station.capture import CaptureRules, examine
from station.errors import BookingError, EnvironmentFault
from station.friction_ridge import AMP, FGP
from tests.kit.helpers import running
from tests.unit.kiosk.fakes import SUBJECT, PlainVault, coded, fake_tools

NOW = dt.datetime(2026, 1, 2, 12, tzinfo=dt.UTC)


def draft(booking_id="b-1") -> Booking:
    return Booking(booking_id, "CAR", "tenprint", SUBJECT, "avery", NOW, NOW, missing={FGP(9): AMP.AMPUTATED})


def taken(booking, fgp, frame, quality=80):
    from station.booking_store import Taken

    number = len(booking.attempts_of(FGP(fgp))) + 1
    outcome = examine(
        frame, booking.step(FGP(fgp)), {}, fake_tools(), CaptureRules(), officer="avery", number=number
    )
    return outcome.attempt(), Taken(outcome.impression, outcome.template, outcome.report)


@pytest.fixture
def store(tmp_path):
    made = BookingStore.open(tmp_path / "b.db", PlainVault())
    yield made
    made.close()


def test_a_booking_comes_back_equal(store):
    store.save(draft())
    assert store.booking("b-1") == draft()
    assert store.bookings() == [draft()]


def test_a_frame_comes_back_with_pixels_template_and_report(store):
    frame = coded([1], 30)
    attempt, one = taken(draft(), 1, frame)
    booking = bookings.with_attempt(draft(), attempt, NOW)
    store.save(booking, one)
    again = store.taken("b-1", FGP(1), 1)
    assert (again.impression.frame.pixels == frame.pixels).all()
    assert again.impression.frame.reader == frame.reader
    assert again.impression.frame.wall == frame.wall
    assert list(again.template.angle) == [1.0]
    assert again.report == one.report
    assert store.booking("b-1").attempts == (attempt,)


def test_accepted_impressions_come_in_the_order_of_the_plan(store):
    booking = draft()
    for fgp in (3, 1):
        attempt, one = taken(booking, fgp, coded([fgp]))
        booking = bookings.with_attempt(booking, attempt, NOW)
        store.save(booking, one)
    assert list(store.accepted(store.booking("b-1"))) == [FGP(1), FGP(3)]


def test_the_same_pixels_belong_to_one_booking_and_the_refused_one_is_not_written(store):
    frame = coded([1], salt=5)
    for booking_id in ("b-1", "b-2"):
        store.save(draft(booking_id))
    attempt, one = taken(draft(), 1, frame)
    store.save(bookings.with_attempt(draft(), attempt, NOW), one)
    with pytest.raises(BookingError, match=r"booking.impression_reused"):
        store.save(bookings.with_attempt(draft("b-2"), attempt, NOW), one)
    assert store.booking("b-2").attempts == ()


def test_the_same_pixels_twice_in_one_booking_are_two_attempts(store):
    frame, booking = coded([1], 20, salt=6), draft()
    for _ in range(2):
        attempt, one = taken(booking, 1, frame)
        booking = bookings.with_attempt(booking, attempt, NOW)
        store.save(booking, one)
    assert len(store.booking("b-1").attempts_of(FGP(1))) == 2


def test_names_and_pixels_are_not_in_the_file_in_clear(tmp_path):
    vault = Vault(b"k" * 32)
    store = BookingStore.open(tmp_path / "b.db", vault)
    attempt, one = taken(draft(), 1, coded([1]))
    store.save(bookings.with_attempt(draft(), attempt, NOW), one)
    store.close()
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"SYNTHETIC" not in content
    assert b"avery" not in content
    assert attempt.digest.encode() in content


def test_what_is_not_there_is_said(store):
    with pytest.raises(BookingError, match=r"booking.unknown"):
        store.booking("b-9")
    with pytest.raises(BookingError, match=r"booking.no_impression"):
        store.taken("b-9", FGP(1), 1)


def test_the_file_checks_itself(store):
    assert store.check() == "ok"


def test_a_folder_that_cannot_be_used_is_an_environment_fault(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(EnvironmentFault, match=r"environment.booking_database"):
        BookingStore.open(tmp_path / "file" / "b.db", PlainVault())


def test_a_database_that_cannot_take_a_pragma_is_refused(monkeypatch):
    monkeypatch.setattr("station.booking_store._pragma", lambda database, name: "delete")
    with pytest.raises(EnvironmentFault, match="PRAGMA journal_mode is delete"):
        BookingStore.open(Path(":memory:"), PlainVault())


def test_a_full_disk_is_told_and_the_booking_before_it_stays(store):
    store.save(draft())
    store._database.execute_sql("PRAGMA max_page_count=1")
    pixels = np.random.default_rng(1).integers(0, 255, (400, 400), np.uint8)
    pixels[0, :3] = 1, 1, 80
    attempt, one = taken(draft(), 1, replace(coded([1]), pixels=pixels))
    with pytest.raises(EnvironmentFault, match=r"environment.booking_write"):
        store.save(bookings.with_attempt(draft(), attempt, NOW), one)
    assert store.booking("b-1") == draft()


WRITER = """
import sys
from pathlib import Path
from tests.unit.booking.test_booking_store import *
store = BookingStore.open(Path(sys.argv[1]), PlainVault())
booking = draft()
store.save(booking)
for fgp in (1, 2, 2, 3):
    attempt, one = taken(booking, fgp, coded([fgp], 20 if len(booking.attempts) == 1 else 80))
    booking = bookings.with_attempt(booking, attempt, NOW)
    store.save(booking, one)
    print(len(booking.attempts), flush=True)
sys.stdin.read()
"""


def test_every_attempt_that_was_confirmed_survives_a_kill(tmp_path):
    """The writer confirms each attempt on its output; after SIGKILL all of them are there."""
    root = Path(__file__).parents[3]
    with running(
        [sys.executable, "-c", WRITER, str(tmp_path / "b.db")],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as writer:
        confirmed = [int(writer.stdout.readline()) for _ in range(4)]
    assert writer.returncode == -signal.SIGKILL
    store = BookingStore.open(tmp_path / "b.db", PlainVault())
    booking = store.booking("b-1")
    assert confirmed[-1] == len(booking.attempts) == 4
    assert [one.accepted for one in booking.attempts_of(FGP(2))] == [False, True]
    assert [store.taken("b-1", one.fgp, one.number).impression.fgp for one in booking.attempts] == [
        1,
        2,
        2,
        3,
    ]
    assert store.check() == "ok"
    store.close()
