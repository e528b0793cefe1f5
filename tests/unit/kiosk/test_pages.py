"""The screens as the browser gets them."""

from __future__ import annotations

import re
import threading

import pytest

from drivers.errors import CaptureRetry
from station.kiosk import room as rooms
from station.kiosk.panel import panel_view, panel_view_after
from tests.unit.kiosk.fakes import SUBJECT, FakeResponse, coded


def csrf(client) -> str:
    return re.search(r'name="csrf" value="([^"]+)"', client.get("/").text)[1]


@pytest.fixture
def booking(client, station):
    return station.desk.new_booking(station.officer, SUBJECT)


def post(client, path, **values):
    return client.post(path, data={"csrf": csrf(client), **values}, follow_redirects=False)


def press(client, path, **values):
    """As `post`, by the page's own script."""
    data = {"csrf": csrf(client), **values}
    return client.post(path, data=data, headers={"hx-request": "true"}, follow_redirects=False)


def captured(client, station, booking, fgp, frame=None):
    """Press Capture and come back when it has ended, as the page does."""
    station.reader.script = [frame] if frame is not None else []
    path = f"/bookings/{booking.id}"
    answer = client.post(
        f"{path}/capture", data={"csrf": csrf(client), "fgp": fgp}, headers={"hx-request": "true"}
    )
    assert answer.status_code == 200
    assert station.desk.room.run.finished.wait(5)
    return client.get(f"{path}/panel?waiting=1", headers={"hx-request": "true"}).text


FORM = {
    "surname": "Synthetic",
    "given": "Person",
    "DOB": "1985-07-04",
    "SEX": "X",
    "RAC": "U",
    "POB": "zz",
    "EYE": "XXX",
    "HAI": "XXX",
    "feet": "5",
    "inches": "8",
    "WGT": "65",
    "DOA": "2026-01-02",
    "charge": "Simulated offense",
    "missing_9": "XX",
}


def test_a_page_without_a_session_leads_to_the_sign_in(stranger):
    answer = stranger.get("/queue", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    part = stranger.get("/queue", headers={"hx-request": "true"})
    assert (part.status_code, part.headers["hx-redirect"]) == (204, "/sign-in")


def test_signing_in_on_the_page_opens_the_worklist(stranger):
    wrong = stranger.post("/sign-in", data={"officer": "avery", "pin": "1111"})
    assert wrong.status_code == 401
    assert "officer and PIN do not agree" in wrong.text.replace("Officer", "officer")
    right = stranger.post("/sign-in", data={"officer": " Avery ", "pin": "2468"})
    assert "Worklist" in right.text
    out = post(stranger, "/sign-out")
    assert out.headers["location"] == "/sign-in"
    assert "Sign in" in stranger.get("/").text


def test_every_screen_carries_the_yellow_band_and_the_security_headers(client, booking):
    paths = (
        "/",
        "/bookings/new",
        f"/bookings/{booking.id}/capture",
        f"/bookings/{booking.id}/review",
        "/queue",
    )
    for path in paths:
        answer = client.get(path)
        assert 'class="band"' in answer.text, path
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert not re.search(r"https?://", answer.text), path
        assert not re.search(r"<script(?! src)|\sstyle=|\son[a-z]+=", answer.text), path


def test_the_band_is_absent_when_nothing_is_simulated(client, station):
    object.__setattr__(station.counter, "simulated", lambda: "")
    assert 'class="band"' not in client.get("/").text


def test_a_form_of_another_session_is_refused(client, station):
    answer = client.post("/bookings/new", data={"csrf": "guess", **FORM})
    assert answer.status_code == 403
    assert "out of date" in answer.text
    assert station.store.bookings() == []


def test_the_form_becomes_a_booking_and_goes_to_capture(client, station):
    answer = post(client, "/bookings/new", **FORM, request_id="r1")
    again = post(client, "/bookings/new", **FORM, request_id="r1")
    (booking,) = station.store.bookings()
    assert answer.headers["location"] == again.headers["location"] == f"/bookings/{booking.id}/capture"
    assert booking.subject["NAM"] == "SYNTHETIC,PERSON"
    assert (booking.subject["HGT"], booking.subject["WGT"], booking.subject["POB"]) == ("508", "065", "ZZ")
    assert booking.subject["ASL"] == {"AOL": "Simulated offense"}
    assert {int(key): str(code) for key, code in booking.missing.items()} == {9: "XX"}


def test_a_mistake_shows_the_form_again_with_what_was_typed(client, station):
    answer = post(client, "/bookings/new", **{**FORM, "surname": "<b>1", "DOB": ""})
    assert answer.status_code == 422
    assert "&lt;b&gt;1" in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert 'name="missing_9" value="XX"' in answer.text
    assert station.store.bookings() == []


def test_editing_keeps_other_fields_and_changes_marks(client, station, booking):
    station.desk.mark_missing(booking.id, {2: "UP"})
    page = client.get(f"/bookings/{booking.id}/edit").text
    assert 'value="SYNTHETIC"' in page
    assert 'name="missing_2" value="UP"' in page
    assert 'value="1985-07-04"' in page
    wrong = post(client, f"/bookings/{booking.id}/edit", **{**FORM, "WGT": "9999"})
    assert wrong.status_code == 422
    right = post(client, f"/bookings/{booking.id}/edit", **{**FORM, "surname": "Other"})
    assert right.status_code == 303
    changed = station.store.booking(booking.id)
    assert changed.subject["NAM"] == "OTHER,PERSON"
    assert {int(key): str(code) for key, code in changed.missing.items()} == {9: "XX"}


def test_a_booking_opens_where_it_goes_on(client, station, booking):
    def goes_to():
        return (
            client.get(f"/bookings/{booking.id}", follow_redirects=False)
            .headers["location"]
            .rsplit("/", 1)[1]
        )

    assert goes_to() == "capture"
    for step in booking.steps:
        station.desk.capture(booking.id, step.fgp, station.officer)
    assert goes_to() == "review"
    assert "All impressions taken" in client.get(f"/bookings/{booking.id}/capture").text
    assert post(client, f"/bookings/{booking.id}/submit").headers["location"].endswith("/receipt")
    assert goes_to() == "receipt"
    late = client.get(f"/bookings/{booking.id}/capture", follow_redirects=False)
    assert late.status_code == 303


def test_an_accepted_finger_brings_the_next_one_with_good_news(client, station, booking):
    panel = captured(client, station, booking, 1)
    assert "Right thumb accepted" in panel
    assert ">Right index</h1>" in panel
    assert "Retake right thumb" in panel


def test_a_retake_says_what_to_do_and_shows_the_attempt(client, station, booking):
    panel = captured(client, station, booking, 1, coded([1], 20))
    assert "Retake: quality 20, needed 40" in panel
    assert "Moisten the finger" in panel
    assert f"/bookings/{booking.id}/attempts/1/1.jpg" in panel
    again = client.get(f"/bookings/{booking.id}/capture").text
    assert "Retake: quality 20" in again


def test_a_wrong_finger_shows_both_pictures_and_both_ways_out(client, station, booking):
    captured(client, station, booking, 1)
    panel = captured(client, station, booking, 2, coded([1]))
    assert "Wrong finger?" in panel
    assert "/attempts/2/1.jpg?annotated=1" in panel
    assert "/attempts/1/1.jpg?annotated=1" in panel
    assert "Retake Right thumb instead" in panel
    assert "Keep attempt 1 with a supervisor" in panel


def test_an_override_on_the_page_needs_the_supervisors_pin(client, station, booking):
    captured(client, station, booking, 1)
    captured(client, station, booking, 2, coded([1]))
    values = {"fgp": "2", "reason": "checked_by_eye", "second_officer": "Morgan "}
    refused = press(client, f"/bookings/{booking.id}/override?fgp=2", **values, second_pin="0000")
    assert "do not agree" in refused.text
    kept = press(client, f"/bookings/{booking.id}/override?fgp=2", **values, second_pin="8642")
    assert kept.status_code == 200
    assert station.store.booking(booking.id).accepted[2].number == 1
    assert "override" in client.get(f"/bookings/{booking.id}/review").text


def test_low_quality_may_be_kept_only_after_three_attempts_and_then_the_best(client, station, booking):
    for number, quality in enumerate((10, 30, 20), start=1):
        panel = captured(client, station, booking, 1, coded([1], quality))
        assert ("with a supervisor" in panel) == (number == 3)
    assert "Keep attempt 2" in panel


def test_an_error_of_the_reader_is_told_on_the_panel(client, station, booking):
    panel = captured(
        client, station, booking, 1, CaptureRetry("capture.no_finger", "no finger came", "place it")
    )
    assert "No finger came" in panel
    assert "Place it" in panel


def test_a_capture_that_may_not_begin_is_told_on_the_panel(client, station, booking):
    station.desk.mark_missing(booking.id, {3: "XX"})
    answer = press(client, f"/bookings/{booking.id}/capture", fgp="3")
    assert "is marked XX" in answer.text


def test_a_page_that_waits_gets_nothing_new_until_the_capture_ends(client, station, booking):
    station.reader.hold = threading.Event()
    press(client, f"/bookings/{booking.id}/capture", fgp="1")
    path = f"/bookings/{booking.id}/panel?waiting=1"
    assert client.get(path).status_code == 204
    assert 'data-mode="running"' in client.get(f"/bookings/{booking.id}/capture").text
    assert press(client, f"/bookings/{booking.id}/capture/stop").status_code == 204
    assert station.desk.room.run.finished.wait(5)
    assert "cancelled" in client.get(path).text


def test_a_reader_that_hangs_is_told_to_the_page_that_waits(client, station, booking, monkeypatch):
    monkeypatch.setattr(rooms, "GRACE_S", 0.0)
    hold = threading.Event()
    station.reader.script = [lambda request: hold.wait(5) and coded([1])]
    press(client, f"/bookings/{booking.id}/capture", fgp="1")
    station.clock.forward(1000)
    panel = client.get(f"/bookings/{booking.id}/panel?waiting=1").text
    hold.set()
    assert "reader.hung" in panel
    assert station.desk.room.run.finished.wait(5)


def test_a_slap_names_the_fingers_that_are_there(client, station, booking):
    station.desk.mark_missing(booking.id, {9: "XX"})
    panel = client.get(f"/bookings/{booking.id}/panel?fgp=14").text
    assert "Lay the left index, middle and little flat on the glass together" in panel
    assert ">Right thumb</h1>" in client.get(f"/bookings/{booking.id}/panel?fgp=9").text


def test_review_shows_fourteen_boxes_and_a_disabled_submit_with_reasons(client, booking):
    page = client.get(f"/bookings/{booking.id}/review").text
    assert len(re.findall(r'<li class="box ', page)) == 14
    assert "disabled>Submit" in page
    assert "Right thumb is not accepted yet" in page
    refused = post(client, f"/bookings/{booking.id}/submit")
    assert refused.status_code == 409
    assert "booking.not_complete" in refused.text


def test_the_receipt_follows_custody_and_answers(client, station, booking):
    assert client.get(f"/bookings/{booking.id}/receipt", follow_redirects=False).status_code == 303
    for step in booking.steps:
        station.desk.capture(booking.id, step.fgp, station.officer)
    post(client, f"/bookings/{booking.id}/submit")
    assert "No answer yet" in client.get(f"/bookings/{booking.id}/receipt").text
    station.queue.answers = [FakeResponse("TCN0001", b"<i>rejected</i>")]
    part = client.get(f"/bookings/{booking.id}/receipt", headers={"hx-request": "true"}).text
    assert "<html" not in part
    assert "&lt;i&gt;rejected" in part
    review = client.get(f"/bookings/{booking.id}/review", follow_redirects=False)
    assert review.headers["location"].endswith("/receipt")


def test_giving_up_a_booking_removes_it_from_the_worklist(client, station, booking):
    assert SUBJECT["NAM"] in client.get("/").text
    post(client, f"/bookings/{booking.id}/cancel")
    assert SUBJECT["NAM"] not in client.get("/").text


def test_the_status_bar_and_the_queue_come_as_parts(client, station):
    assert "Reader ready" in client.get("/status").text
    part = client.get("/queue", headers={"hx-request": "true"}).text
    assert "Nothing has been submitted" in part


def test_the_status_bar_does_not_keep_a_session_alive(client, station):
    for _ in range(4):
        station.clock.forward(600)
        assert client.get("/status").status_code == 200
    assert client.get("/", follow_redirects=False).status_code == 303


def test_pictures_of_attempts_are_for_those_signed_in(client, station, booking):
    captured(client, station, booking, 1)
    path = f"/bookings/{booking.id}/attempts/1/1.jpg"
    for query in ("", "?small=1", "?annotated=1"):
        assert client.get(path + query).content[:2] == b"\xff\xd8"
    assert client.get(f"/bookings/{booking.id}/attempts/1/7.jpg").status_code == 404


def test_a_slaps_picture_shows_its_boxes(client, station, booking):
    captured(client, station, booking, 13)
    plain = client.get(f"/bookings/{booking.id}/attempts/13/1.jpg").content
    boxed = client.get(f"/bookings/{booking.id}/attempts/13/1.jpg?annotated=1").content
    assert plain != boxed


def test_an_unknown_booking_is_a_page_that_says_so(client):
    answer = client.get("/bookings/none/capture")
    assert answer.status_code == 404
    assert "To the worklist" in answer.text
    part = client.get("/bookings/none/panel", headers={"hx-request": "true"})
    assert "<html" not in part.text


def test_an_error_nobody_foresaw_is_a_page_without_details(client, station, caplog):
    station.desk.store.bookings = lambda: 1 / 0
    answer = client.get("/")
    assert answer.status_code == 500
    assert "ZeroDivision" not in answer.text


def test_a_button_pressed_before_the_script_runs_brings_the_whole_page(client, station, booking):
    station.reader.hold = threading.Event()
    path = f"/bookings/{booking.id}/capture"
    for answer in (post(client, path, fgp="1"), post(client, path + "/stop")):
        assert (answer.status_code, answer.headers["location"]) == (303, path)
    station.reader.hold.set()
    station.desk.room.run.finished.wait(5)


def test_a_panel_asked_for_just_before_the_verdict_shows_the_verdict(client, station, booking):
    """The page read the booking, then the capture ended with a finding: the panel must not be half of each."""
    stale = station.desk.store.booking(booking.id)
    captured(client, station, booking, "1")
    captured(client, station, booking, "2", coded([1]))
    for view in (panel_view(station.desk, stale, None), panel_view_after(station.desk, stale, None)):
        assert view["mode"] == "wrong_finger"
        assert view["last"]["finding"]["message"]


def test_the_pages_of_a_booking_whose_draft_is_gone_still_answer(client, station, booking):
    for step in booking.steps:
        station.desk.capture(booking.id, step.fgp, station.officer)
    ticket = station.desk.submit(booking.id)
    station.store.forget(station.store.booking(booking.id))
    assert ticket.tcn in client.get(f"/bookings/{booking.id}/receipt").text
    assert SUBJECT["NAM"] not in client.get("/").text
    assert client.get("/").status_code == 200
    assert client.get(f"/api/v1/bookings/{booking.id}").status_code == 200
