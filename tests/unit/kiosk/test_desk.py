"""The desk: policy before capture and before submission, and what a crash between two writes leaves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from drivers.errors import ReaderFault
from station.errors import BookingError, PolicyError
from station.friction_ridge import FGP
from tests.unit.kiosk.fakes import INFO, SUBJECT, PlainVault, Station, coded


def whole(station):
    booking = station.desk.new_booking(station.officer, SUBJECT)
    for step in booking.steps:
        station.desk.capture(booking.id, step.fgp, station.officer)
    return booking


def test_a_simulated_reader_may_not_capture_for_a_production_gateway(tmp_path):
    station = Station(tmp_path, gateway="production")
    booking = station.desk.new_booking(station.officer, SUBJECT)
    with pytest.raises(PolicyError, match=r"reader.simulated-stays-home"):
        station.desk.capture(booking.id, FGP(1), station.officer)
    assert station.reader.requests == []
    station.close()


def test_a_reader_of_the_listed_class_may(tmp_path):
    station = Station(
        tmp_path, gateway="production", info=replace(INFO, simulated=False, certification="AppF")
    )
    booking = station.desk.new_booking(station.officer, SUBJECT)
    station.reader.script = [replace(coded([1]), reader=station.reader.info)]
    assert station.desk.capture(booking.id, FGP(1), station.officer).accepted
    station.close()


def test_policy_is_asked_again_before_submission(station):
    booking = whole(station)
    station.desk.rules = replace(station.desk.rules, gateway="production")
    with pytest.raises(PolicyError):
        station.desk.submit(booking.id)
    assert station.submitted == []


def test_a_crash_between_queue_and_booking_ends_submitted_once(station, tmp_path):
    booking = whole(station)
    keep = station.desk.store.save

    def crash(*_):
        raise OSError("power cut")

    station.desk.store.save = crash
    with pytest.raises(OSError, match="power cut"):
        station.desk.submit(booking.id)
    station.desk.store.save = keep
    ticket = station.desk.submit(booking.id)
    assert ticket.tcn == "TCN0001"
    assert len(station.queue.rows) == 1
    assert station.desk.submit(booking.id) == ticket


def test_bookings_and_frames_are_resumed_by_a_new_desk(station, tmp_path):
    booking = station.desk.new_booking(station.officer, SUBJECT)
    station.desk.capture(booking.id, FGP(1), station.officer)
    from station.booking_store import BookingStore

    again = BookingStore.open(tmp_path / "bookings.db", PlainVault())
    fresh = Station(tmp_path, store=again)
    fresh.reader.script = [coded([1])]
    attempt = fresh.desk.capture(booking.id, FGP(2), fresh.officer)
    assert attempt.finding.with_fgp == 1
    fresh.close()


def test_a_reader_that_cannot_be_opened_says_so_and_is_asked_again(station):
    booking = station.desk.new_booking(station.officer, SUBJECT)
    station.reader.open_error = ReaderFault("reader.permission", "denied", "join the group")
    with pytest.raises(ReaderFault):
        station.desk.capture(booking.id, FGP(1), station.officer)
    station.reader.open_error = None
    assert station.desk.capture(booking.id, FGP(1), station.officer).accepted


def test_a_reader_that_cannot_even_be_closed_is_opened_anew(station):
    booking = station.desk.new_booking(station.officer, SUBJECT)
    fault = ReaderFault("reader.gone", "gone")
    station.reader.script = [fault]

    def close():
        raise fault

    station.reader.close = close
    with pytest.raises(ReaderFault, match=r"reader.gone"):
        station.desk.capture(booking.id, FGP(1), station.officer)


def test_a_booking_cancelled_during_a_capture_takes_no_frame(station):
    booking = station.desk.new_booking(station.officer, SUBJECT)

    def cancel_meanwhile(request):
        station.desk.cancel_booking(booking.id)
        return coded([1])

    station.reader.script = [cancel_meanwhile]
    with pytest.raises(BookingError, match=r"booking.closed"):
        station.desk.capture(booking.id, FGP(1), station.officer)
    assert station.store.booking(booking.id).attempts == ()


def test_nothing_can_be_overridden_where_nothing_was_refused(station):
    booking = station.desk.new_booking(station.officer, SUBJECT)
    station.desk.capture(booking.id, FGP(1), station.officer)
    for fgp in (1, 2):
        with pytest.raises(BookingError, match=r"booking.nothing_to_override"):
            station.desk.override(booking.id, FGP(fgp), "injury", station.officer, "morgan", "8642")


def test_a_slap_with_too_few_fingers_is_not_the_best_to_keep(station):
    booking = station.desk.new_booking(station.officer, SUBJECT)
    station.reader.script = [coded([2, 3, 4]), coded([2, 3, 4, 5], 30), coded([2, 3])]
    for _ in range(3):
        station.desk.capture(booking.id, FGP.PLAIN_RIGHT_FOUR, station.officer)
    best = station.desk.overridable(station.store.booking(booking.id), FGP.PLAIN_RIGHT_FOUR)
    assert best.number == 2


def test_an_edit_is_refused_when_the_new_values_cannot_be_sent(station):
    booking = station.desk.new_booking(station.officer, SUBJECT)
    with pytest.raises(BookingError, match=r"booking.subject_invalid"):
        station.desk.edit_subject(booking.id, {**SUBJECT, "SEX": "Q"})
    assert station.desk.edit_subject(booking.id, {**SUBJECT, "OCA": "17"}).subject["OCA"] == "17"


def test_the_api_edits_the_person_too(client, station):
    booking = station.desk.new_booking(station.officer, SUBJECT)
    answer = client.put(f"/api/v1/bookings/{booking.id}/subject", json={**SUBJECT, "OCA": "18"})
    assert answer.json()["subject"]["OCA"] == "18"


def test_the_finger_taken_wrongly_before_can_be_the_one_that_is_retaken(station):
    """Right index was taken with the middle finger: the alarm comes at the middle, the index is what is retaken."""
    booking = station.desk.new_booking(station.officer, SUBJECT)
    station.reader.script = [coded([3]), coded([3]), coded([2]), coded([3])]
    results = [
        station.desk.capture(booking.id, FGP(fgp), station.officer).finding is None for fgp in (2, 3, 2, 3)
    ]
    assert results == [True, False, True, True]


def test_under_a_queue_sealed_to_the_gateway_the_draft_goes_once_it_is_queued(station):
    station.desk.rules = replace(station.desk.rules, forgets=True)
    booking = whole(station)
    frame = station.store.taken(booking.id, FGP(1), 1).impression.frame
    ticket = station.desk.submit(booking.id)
    left = station.store.booking(booking.id)
    assert (left.submission, dict(left.subject), len(left.accepted)) == (ticket, {}, 14)
    with pytest.raises(BookingError, match=r"is not there"):
        station.store.taken(booking.id, FGP(1), 1)
    assert station.desk.submit(booking.id) == ticket
    again = station.desk.new_booking(station.officer, SUBJECT)
    station.reader.script = [frame]
    with pytest.raises(BookingError, match=r"already belong to another booking"):
        station.desk.capture(again.id, FGP(1), station.officer)
