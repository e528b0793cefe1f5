"""The JSON interface over a reader that shows coded pixels."""

from __future__ import annotations

import threading

import cv2
import numpy as np
import pytest

from drivers.errors import CaptureRetry, LinkError, ReaderFault
from station.imaging.draw import STAMP_COLOUR, STAMP_HEIGHT
from tests.unit.kiosk.fakes import SUBJECT, FakeResponse, coded


@pytest.fixture
def booking(client):
    answer = client.post("/api/v1/bookings", json={"subject": SUBJECT, "tot": "CAR", "missing": {"9": "XX"}})
    assert answer.status_code == 201, answer.text
    return answer.json()


def take(client, booking, fgp):
    return client.post(f"/api/v1/bookings/{booking['id']}/captures", json={"fgp": fgp})


def take_all(client, booking):
    for step in booking["plan"]:
        if step["status"] == "todo":
            answer = take(client, booking, step["fgp"])
            assert answer.json()["result"] == "accepted", answer.text


def test_nothing_is_shown_to_somebody_who_has_not_signed_in(stranger):
    answer = stranger.get("/api/v1/bookings")
    assert answer.status_code == 401
    assert answer.json()["code"] == "access.required"
    assert answer.json()["advice"]


def test_a_wrong_pin_and_an_unknown_officer_are_refused_alike(stranger):
    wrong = stranger.post("/api/v1/session", json={"officer": "avery", "pin": "0000"})
    unknown = stranger.post("/api/v1/session", json={"officer": "nobody", "pin": "2468"})
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json() == unknown.json()


def test_the_session_cookie_is_same_site_and_not_for_scripts(stranger):
    answer = stranger.post("/api/v1/session", json={"officer": "avery", "pin": "2468"})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


def test_signing_out_ends_the_session(client):
    assert client.delete("/api/v1/session").status_code == 200
    assert client.get("/api/v1/bookings").status_code == 401


def test_an_idle_session_is_closed(client, station):
    station.clock.forward(1801)
    assert client.get("/api/v1/bookings").status_code == 401


def test_a_new_booking_shows_its_plan_with_the_missing_finger_skipped(booking):
    assert [step["fgp"] for step in booking["plan"]] == [*range(1, 11), 13, 14, 11, 12]
    skipped = [step["fgp"] for step in booking["plan"] if step["status"] == "skipped"]
    assert skipped == [9]
    assert booking["next"] == 1
    assert booking["plan"][11]["fingers"] == [7, 8, 10]


def test_the_same_request_id_opens_one_booking(client):
    body = {"subject": SUBJECT, "request_id": "r-1"}
    first = client.post("/api/v1/bookings", json=body).json()
    again = client.post("/api/v1/bookings", json=body).json()
    assert first["id"] == again["id"]
    assert len(client.get("/api/v1/bookings").json()["bookings"]) == 1


def test_a_separator_byte_in_a_field_is_refused_before_capture_and_named(client):
    answer = client.post("/api/v1/bookings", json={"subject": {**SUBJECT, "NAM": "A\x1d,B"}})
    assert answer.status_code == 422
    assert answer.json()["code"] == "booking.subject_invalid"
    assert "NAM" in answer.json()["fields"]
    assert client.get("/api/v1/bookings").json()["bookings"] == []


def test_a_capture_is_accepted_with_its_score_and_minutiae(client, booking):
    answer = take(client, booking, 1).json()
    assert answer["result"] == "accepted"
    assert answer["score"] == 80
    assert answer["minutiae"] == 1
    assert client.get(f"/api/v1/bookings/{booking['id']}").json()["next"] == 2


def test_a_dry_finger_asks_for_a_retake_with_cause_and_advice(client, booking, station):
    station.reader.script = [coded([1], 20)]
    answer = take(client, booking, 1).json()
    assert answer["result"] == "retake"
    assert answer["causes"] == [{"code": "too_dry", "advice": "moisten the finger"}]
    again = take(client, booking, 1).json()
    assert (again["result"], again["attempt"]) == ("accepted", 2)


def test_a_wrong_finger_is_not_accepted_and_names_the_other(client, booking, station):
    take(client, booking, 1)
    station.reader.script = [coded([1])]
    answer = take(client, booking, 2).json()
    assert answer["result"] == "wrong_finger"
    assert answer["finding"]["with_fgp"] == 1
    plan = client.get(f"/api/v1/bookings/{booking['id']}").json()["plan"]
    assert plan[1]["status"] == "todo"


def test_a_supervisor_can_override_a_wrong_finger_alarm(client, booking, station):
    take(client, booking, 1)
    station.reader.script = [coded([1])]
    take(client, booking, 2)
    path = f"/api/v1/bookings/{booking['id']}/captures/2/override"
    body = {"reason": "checked_by_eye", "second_officer": "morgan", "second_pin": "8642"}
    assert client.post(path, json={**body, "second_officer": "avery"}).json()["code"] == "access.same_person"
    refused = client.post(path, json={**body, "second_pin": "1111"})
    assert (refused.status_code, refused.json()["code"]) == (403, "access.second_refused")
    assert client.post(path, json={**body, "reason": "because"}).status_code == 422
    done = client.post(path, json=body)
    assert done.status_code == 200
    assert done.json()["plan"][1]["status"] == "done"
    assert done.json()["plan"][1]["overridden"] is True


def test_nobody_on_the_glass_is_504_and_a_lost_reader_is_503(client, booking, station):
    station.reader.script = [
        CaptureRetry("capture.no_finger", "no finger", "place it"),
        ReaderFault("reader.gone", "the reader is gone", "check the cable"),
        LinkError("link.timeout", "no bytes", "check the cable"),
    ]
    codes = [
        (answer.status_code, answer.json()["code"]) for answer in (take(client, booking, 1) for _ in range(3))
    ]
    assert codes == [(504, "capture.no_finger"), (503, "reader.gone"), (503, "link.timeout")]
    assert take(client, booking, 1).json()["result"] == "accepted"
    assert station.reader.opened == 3


def test_only_one_capture_runs_at_a_time(client, booking, station):
    station.reader.hold = threading.Event()
    run = station.desk.start_capture(booking["id"], 1, station.officer)
    assert station.reader.entered.wait(5)
    busy = take(client, booking, 2)
    assert (busy.status_code, busy.json()["code"]) == (409, "booking.capture_busy")
    assert client.delete("/api/v1/capture").json() == {"cancelled": True}
    with pytest.raises(CaptureRetry):
        station.desk.room.wait(run)


def test_pictures_come_plain_and_annotated(client, booking):
    take(client, booking, 1)
    path = f"/api/v1/bookings/{booking['id']}/impressions/1.png"
    plain, drawn = client.get(path), client.get(path + "?annotated=1")
    assert plain.headers["content-type"] == "image/png"
    decoded = cv2.imdecode(np.frombuffer(plain.content, np.uint8), cv2.IMREAD_UNCHANGED)
    assert decoded.shape == (60, 80)
    annotated = cv2.imdecode(np.frombuffer(drawn.content, np.uint8), cv2.IMREAD_UNCHANGED)
    assert annotated.shape == (60 + STAMP_HEIGHT, 80, 3)
    assert tuple(annotated[0, 0]) == STAMP_COLOUR  # the yellow band of a simulated reader
    missing = client.get(f"/api/v1/bookings/{booking['id']}/impressions/2.png")
    assert (missing.status_code, missing.json()["code"]) == (404, "booking.no_impression")


def test_an_incomplete_booking_is_not_submitted_and_says_why(client, booking, station):
    answer = client.post(f"/api/v1/bookings/{booking['id']}/submit", json={})
    assert (answer.status_code, answer.json()["code"]) == (409, "booking.not_complete")
    assert "Right thumb" in answer.json()["message"]
    assert station.submitted == []


def test_a_whole_booking_is_submitted_once(client, booking, station):
    take_all(client, booking)
    assert client.get(f"/api/v1/bookings/{booking['id']}").json()["state"] == "complete"
    first = client.post(f"/api/v1/bookings/{booking['id']}/submit", json={})
    again = client.post(f"/api/v1/bookings/{booking['id']}/submit", json={})
    assert first.status_code == again.status_code == 202
    assert first.json() == again.json()
    assert station.submitted == [booking["id"]]
    queue = client.get("/api/v1/queue").json()
    assert queue["entries"][0]["tcn"] == first.json()["tcn"]
    late = take(client, booking, 1)
    assert (late.status_code, late.json()["code"]) == (409, "booking.closed")


def test_responses_of_other_control_numbers_are_not_shown(client, booking, station):
    path = f"/api/v1/bookings/{booking['id']}/responses"
    assert client.get(path).json() == {"responses": []}
    take_all(client, booking)
    tcn = client.post(f"/api/v1/bookings/{booking['id']}/submit", json={}).json()["tcn"]
    station.queue.answers = [
        FakeResponse("OTHER", b"not ours"),
        FakeResponse(tcn, b"a candidate for comparison"),
    ]
    found = client.get(path).json()["responses"]
    assert [each["plain"] for each in found] == [["a candidate for comparison"]]


def test_the_same_pixels_are_refused_in_a_second_booking(client, booking, station):
    frame = coded([1], salt=77)
    station.reader.script = [frame, frame]
    assert take(client, booking, 1).json()["result"] == "accepted"
    other = client.post("/api/v1/bookings", json={"subject": SUBJECT}).json()
    answer = take(client, other, 1)
    assert (answer.status_code, answer.json()["code"]) == (409, "booking.impression_reused")
    assert client.get(f"/api/v1/bookings/{other['id']}").json()["plan"][0]["attempts"] == []


def test_marking_a_finger_can_be_taken_back(client, booking):
    path = f"/api/v1/bookings/{booking['id']}/missing"
    assert client.put(path, json={"9": None}).json()["missing"] == {}
    assert client.put(path, json={"2": "UP"}).json()["missing"] == {"2": "UP"}
    assert client.put(path, json={"2": "ZZ"}).status_code == 400
    assert client.put(path, json={"13": "UP"}).status_code == 422
    assert client.put(path, json={"x": "UP"}).json()["code"] == "request.fgp"


def test_a_cancelled_booking_takes_nothing_more(client, booking):
    assert client.post(f"/api/v1/bookings/{booking['id']}/cancel", json={}).json()["state"] == "cancelled"
    assert take(client, booking, 1).status_code == 409
    assert (
        client.post(f"/api/v1/bookings/{booking['id']}/cancel", json={}).json()["code"]
        == "booking.illegal_step"
    )


def test_bodies_that_are_not_json_objects_are_refused(client):
    refused = [
        client.post("/api/v1/bookings", content=b"{", headers={"content-type": "application/json"}),
        client.post("/api/v1/bookings", content=b"[]", headers={"content-type": "application/json"}),
        client.post("/api/v1/bookings", content=b"a=1", headers={"content-type": "text/plain"}),
        client.post("/api/v1/session", json={"officer": "avery"}),
    ]
    assert [answer.status_code for answer in refused] == [400] * 4
    assert all(answer.json()["code"].startswith("request.") for answer in refused)


def test_an_unknown_booking_and_an_unknown_kind_are_told_apart(client):
    assert client.get("/api/v1/bookings/nope").status_code == 404
    answer = client.post("/api/v1/bookings", json={"subject": SUBJECT, "tot": "XYZ"})
    assert (answer.status_code, answer.json()["code"]) == (422, "booking.tot_unknown")


def test_health_is_alive_and_ready_names_what_is_missing(stranger, station):
    from station.kiosk.counter import Health

    assert stranger.get("/healthz").json() == {"ok": True}
    assert stranger.get("/readyz").status_code == 200
    station.lines.append(Health("disk", False, "!", "Disk full", "make room"))
    answer = stranger.get("/readyz")
    assert (answer.status_code, answer.json()["not_ready"]) == (503, ["disk"])


def test_an_error_nobody_foresaw_is_500_without_details(client, station, caplog):
    station.desk.store.bookings = lambda: 1 / 0
    answer = client.get("/api/v1/bookings")
    assert answer.status_code == 500
    assert "ZeroDivision" not in answer.text
    assert "unexpected error" in caplog.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"content-length": "99999999"}, 413),
        ({"host": "localhost:8080", "origin": "http://localhost:8080"}, 401),
    ],
)
def test_only_this_machines_own_page_may_act(stranger, headers, status):
    answer = stranger.post("/api/v1/bookings", headers=headers)
    assert answer.status_code == status
    assert "content-security-policy" in answer.headers
