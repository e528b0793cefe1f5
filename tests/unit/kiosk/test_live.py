"""The preview: newest frame wins, one in flight, no picture lost to a bad score."""

from __future__ import annotations

import json
import struct

import cv2
import numpy as np
import pytest
from starlette.websockets import WebSocketDisconnect

from station.friction_ridge import QualityCause, QualityReport
from station.imaging.quality import LiveState, LiveVerdict
from station.kiosk import live
from station.kiosk.live import LiveView, View, encode, jpeg
from tests.unit.kiosk.fakes import SUBJECT, coded, fake_tools

LIVE = "ws://127.0.0.1:8080/live"


def split(message: bytes):
    size = struct.unpack(">I", message[:4])[0]
    return json.loads(message[4 : 4 + size]), message[4 + size :]


def assess(pixels, ppi):
    return fake_tools().assess_preview(pixels, ppi)


def test_a_message_holds_state_score_hint_and_a_jpeg():
    frame = coded([2], 20, final=False)
    head, picture = split(encode(View(3, "capture", "b-1", 2, frame), assess, 40))
    assert head["state"] == "capture"
    assert (head["score"], head["hint"], head["threshold"]) == (20, "moisten the finger", 40)
    assert head["sequence"] == frame.sequence
    assert cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_UNCHANGED).shape == (60, 80)


def test_without_a_frame_there_is_no_picture():
    head, picture = split(encode(View(1, "await_finger", "b-1", 2), assess, 40))
    assert picture == b""
    assert head["score"] is None


def test_a_frame_that_cannot_be_scored_is_still_shown():
    def broken(pixels, ppi):
        raise ValueError

    head, picture = split(encode(View(1, "capture", "b", 1, coded([1])), broken, 40))
    assert head["score"] is None
    assert picture[:2] == b"\xff\xd8"


def test_a_frame_without_causes_has_no_hint():
    head, _ = split(encode(View(1, "capture", "b", 1, coded([1])), lambda p, ppi: QualityReport(90, "x"), 40))
    assert head["hint"] == ""


def test_a_slap_is_halved_until_it_fits():
    picture = jpeg(np.zeros((1500, 1600), np.uint8))
    assert cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_UNCHANGED).shape == (750, 800)


def test_a_page_that_was_slow_gets_only_the_newest_view(client, station):
    view: LiveView = station.desk.live
    with client.websocket_connect(LIVE, headers={"origin": "http://127.0.0.1:8080"}) as socket:
        first, _ = split(socket.receive_bytes())
        assert first["state"] == "idle"
        for number in range(1, 6):
            view.show("capture", "b-1", number, coded([1]))
        socket.send_text("ack")
        newest, picture = split(socket.receive_bytes())
        assert (newest["version"], newest["fgp"]) == (5, 5)
        assert picture


def test_a_page_that_left_is_forgotten(client, station):
    with client.websocket_connect(LIVE) as socket:
        socket.receive_bytes()
        assert len(station.desk.live._bells) == 1
    assert station.desk.live._bells == set()


def test_a_page_that_never_acknowledges_is_closed(client, monkeypatch):
    monkeypatch.setattr(live, "ACK_S", 0.01)
    with client.websocket_connect(LIVE) as socket:
        socket.receive_bytes()
        with pytest.raises(WebSocketDisconnect):
            socket.receive_bytes()


def test_a_stranger_sees_no_preview(stranger):
    with pytest.raises(WebSocketDisconnect) as caught, stranger.websocket_connect(LIVE) as socket:
        socket.receive_bytes()
    assert caught.value.code == 1008


def test_a_foreign_page_sees_no_preview(client):
    with (
        pytest.raises(WebSocketDisconnect) as caught,
        client.websocket_connect(LIVE, headers={"origin": "http://evil.example"}) as socket,
    ):
        socket.receive_bytes()
    assert caught.value.code == 1008


def verdict(state, score, *causes, steady=0):
    return LiveVerdict(QualityReport(score, "x", causes), state, steady, 5, 0.1)


def test_a_judged_frame_says_how_long_it_has_been_steady():
    view = View(1, "capture", "b", 1, coded([1]), verdict(LiveState.HOLD, 71, steady=3))
    head, _ = split(encode(view, assess, 40))
    assert (head["contact"], head["steady"], head["needed"], head["score"]) == ("hold", 3, 5, 71)


def test_a_judged_frame_shows_its_worst_cause_and_where_it_is():
    wet = QualityCause("too_wet", 0.9, "dry it", (5, 5, 40, 30))
    frame = coded([1])
    marked = View(1, "capture", "b", 1, frame, verdict(LiveState.ADJUST, 20, wet))
    head, picture = split(encode(marked, assess, 40))
    assert head["hint"] == "dry it"
    assert head["causes"] == [{"code": "too_wet", "severity": 0.9}]
    seen = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR).astype(int)
    assert (np.ptp(seen, axis=2) > 60).any()


def test_a_picture_that_cannot_be_drawn_on_is_shown_as_it_is(monkeypatch):
    def broken(*_):
        raise ValueError

    monkeypatch.setattr(live, "where", broken)
    view = View(1, "capture", "b", 1, coded([1]), verdict(LiveState.ADJUST, 20))
    head, picture = split(encode(view, assess, 40))
    assert head["score"] == 20
    assert picture[:2] == b"\xff\xd8"


def test_the_page_hears_what_the_judge_said_during_a_capture(station, client):
    booking = client.post("/api/v1/bookings", json={"subject": SUBJECT}).json()["id"]
    station.desk.live.show("idle", "", 0)
    seen = []
    show = station.desk.live.show

    def spy(*arguments):
        seen.append(arguments)
        show(*arguments)

    station.desk.live.show = spy
    client.post(f"/api/v1/bookings/{booking}/captures", json={"fgp": 1})
    judged = [one for one in seen if len(one) == 5]
    assert judged[0][0] == "capture"
    assert judged[0][4].report.score == 50
