"""Review with the whole-set check: an alarm stops submission until a retake or an answer with a second person."""

from __future__ import annotations

import re

import pytest

from station.errors import BookingError
from station.friction_ridge import FGP
from station.kiosk.set_desk import REMEMBERED, SetCheck
from station.matching.sequence_types import SequenceFinding
from tests.unit.kiosk.fakes import SUBJECT, coded

ALARM = SequenceFinding(
    "sequence.swapped", "Fingers exchanged", "Take both again.", FGP(2), FGP(3), 88.0, 4.0, (FGP(2), FGP(3)), (1, 2),
    True, 1e-5,
)  # fmt: skip
NOTE = SequenceFinding(
    "sequence.cannot_tell",
    "Too little to compare",
    "Look.",
    FGP(4),
    FGP(4),
    9.0,
    9.0,
    (FGP(4),),
    (3, None),
    False,
)
ANSWER = {
    "code": ALARM.code,
    "fgp": 2,
    "reason": "checked_by_eye",
    "second_officer": "morgan",
    "second_pin": "8642",
}


@pytest.fixture
def alarmed(station):
    """A station whose check finds ALARM in every whole set; counts how often it ran."""
    runs = []

    def check(booking, taken, others):
        runs.append(booking.id)
        return (ALARM, NOTE)

    station.desk.sets = SetCheck(station.desk.store, check=check)
    station.runs = runs
    return station


def whole(station):
    booking = station.desk.new_booking(station.officer, SUBJECT)
    for step in booking.steps:
        station.desk.capture(booking.id, step.fgp, station.officer)
    return station.desk.store.booking(booking.id)


def test_the_check_waits_for_the_last_impression_and_runs_once(alarmed):
    booking = alarmed.desk.new_booking(alarmed.officer, SUBJECT)
    alarmed.desk.capture(booking.id, FGP(1), alarmed.officer)
    assert alarmed.desk.sets.findings(alarmed.desk.store.booking(booking.id)) == ()
    booking = whole(alarmed)
    assert alarmed.desk.problems(booking) == alarmed.desk.problems(booking) == ("Fingers exchanged",)
    assert alarmed.runs == [booking.id]


def test_an_open_alarm_stops_submission(alarmed):
    booking = whole(alarmed)
    with pytest.raises(BookingError, match="Fingers exchanged"):
        alarmed.desk.submit(booking.id)
    assert alarmed.submitted == []


def test_an_answer_with_reason_and_second_person_lets_it_go(alarmed, client):
    booking = whole(alarmed)
    answer = client.post(f"/api/v1/bookings/{booking.id}/sequence", json=ANSWER)
    assert (answer.status_code, answer.json()["problems"]) == (200, [])
    kept = alarmed.desk.store.booking(booking.id).overrides[-1]
    assert (kept.fgp, kept.reason, kept.second_officer, kept.check) == (
        2,
        "checked_by_eye",
        "morgan",
        ALARM.code,
    )
    assert alarmed.desk.submit(booking.id)
    findings = client.get(f"/api/v1/bookings/{booking.id}/sequence").json()["findings"]
    assert findings[0]["kept"] == {"reason": "checked_by_eye", "officer": "avery"}


def test_a_retake_asks_again(alarmed, client):
    booking = whole(alarmed)
    client.post(f"/api/v1/bookings/{booking.id}/sequence", json=ANSWER)
    alarmed.desk.capture(booking.id, FGP(2), alarmed.officer)
    assert alarmed.desk.problems(alarmed.desk.store.booking(booking.id)) == ("Fingers exchanged",)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"code": "sequence.officer"}, "booking.no_alarm"),
        ({"fgp": 9}, "booking.no_alarm"),
        ({"reason": "because"}, "booking.reason_unknown"),
        ({"second_officer": "avery", "second_pin": "2468"}, "access."),
        ({"second_pin": "0000"}, "access."),
    ],
)
def test_an_answer_that_is_not_one_changes_nothing(alarmed, client, change, code):
    booking = whole(alarmed)
    answer = client.post(f"/api/v1/bookings/{booking.id}/sequence", json={**ANSWER, **change})
    assert answer.status_code >= 400
    assert answer.json()["code"].startswith(code)
    assert alarmed.desk.problems(alarmed.desk.store.booking(booking.id)) == ("Fingers exchanged",)


def test_the_page_shows_both_pictures_and_what_to_do(alarmed, client):
    booking = whole(alarmed)
    page = client.get(f"/bookings/{booking.id}/review").text
    assert "Fingers exchanged" in page
    assert "about once in 100,000 comparisons" in page
    assert f"/bookings/{booking.id}/attempts/2/1.jpg" in page
    assert f'href="/bookings/{booking.id}/capture?fgp=3">Retake Right middle' in page
    assert "Too little to compare" in page
    assert re.search(r"data-key=\"Enter\" disabled", page)


def test_the_form_keeps_the_set_and_goes_back_to_review(alarmed, client):
    booking = whole(alarmed)
    page = client.get(f"/bookings/{booking.id}/review").text
    csrf = re.search(r'name="csrf" value="([^"]+)"', page).group(1)
    form = {**ANSWER, "csrf": csrf}
    wrong = client.post(f"/bookings/{booking.id}/sequence", data={**form, "second_pin": "0000"})
    assert wrong.status_code >= 400
    assert "Fingers exchanged" in wrong.text
    done = client.post(f"/bookings/{booking.id}/sequence", data=form, follow_redirects=False)
    assert done.headers["location"] == f"/bookings/{booking.id}/review"
    page = client.get(done.headers["location"]).text
    assert "Fingers exchanged: kept (Fingers checked by eye" in page
    assert not re.search(r"data-key=\"Enter\" disabled", page)


def test_an_override_at_capture_says_what_it_overruled(station):
    booking = station.desk.new_booking(station.officer, SUBJECT)
    station.reader.script = [coded([1], 10) for _ in range(3)]
    for _ in range(3):
        station.desk.capture(booking.id, FGP(1), station.officer)
    booking = station.desk.override(booking.id, FGP(1), "skin_condition", station.officer, "morgan", "8642")
    assert booking.overrides[-1].check == "quality"


def test_only_a_few_sets_are_remembered(alarmed):
    first = whole(alarmed)
    for number in range(REMEMBERED):
        alarmed.desk.sets._known[(f"b-{number}",)] = ()
    alarmed.desk.sets._known.popitem(last=False)
    alarmed.desk.sets.findings(first)
    assert len(alarmed.desk.sets._known) <= REMEMBERED
    assert alarmed.runs == [first.id, first.id]


def test_a_clean_set_says_so(station, client):
    booking = whole(station)
    assert station.desk.sets.alarms(booking) == ()
    assert "Submit" in client.get(f"/bookings/{booking.id}/review").text
