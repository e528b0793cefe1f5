"""The capture service and its remote reader: errors cross whole, and no reader or client takes it down."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import capture_socket, service
from drivers.capture_socket import Ask, ErrorHead, FrameHead, Say
from drivers.clock import SystemClock
from drivers.errors import CaptureRetry, DriverError, LinkError, ReaderFault
from drivers.links import link_error
from drivers.reader import (
    Cancelled,
    CaptureKind,
    CaptureRequest,
    Frame,
    Preview,
    ReaderInfo,
    ReaderState,
)
from drivers.remote import RemoteReader
from drivers.service_job import Job
from drivers.sim.clock import VirtualClock
from tests.kit.helpers import Background, background
from tests.kit.waiting import PATIENCE_S, until

INFO = ReaderInfo("x-1", "x", "x", "m", "m", "s", "f", 500, frozenset({CaptureKind.PLAIN}), "none", 60, True)
REQUEST = CaptureRequest(CaptureKind.PLAIN, (2, 3), options={"a": "b"})


def frame(number: int, *, final: bool = True, size: int = 4) -> Frame:
    pixels = np.full((size, size), number % 256, np.uint8)
    return Frame(pixels, 500, INFO, 1.5, VirtualClock().utcnow(), False, final, number)


class Puppet:
    """A reader whose capture is a function of the test's."""

    def __init__(self) -> None:
        self.info = INFO
        self.state = ReaderState.CLOSED
        self.opened = self.closed = 0
        self.play: Callable[[CaptureRequest, Preview, Cancelled], Frame] = lambda *_: frame(1)
        self.refuse: DriverError | None = None

    def open(self) -> None:
        self.opened += 1
        if self.refuse:
            raise self.refuse
        self.state = ReaderState.IDLE

    def close(self) -> None:
        self.closed += 1
        self.state = ReaderState.CLOSED

    def capture(self, request: CaptureRequest, preview: Any = None, cancelled: Any = None) -> Frame:
        try:
            return self.play(request, preview, cancelled)
        except ReaderFault:
            self.state = ReaderState.FAULT
            raise


class Running:
    """A service in a thread, with what it was given."""

    def __init__(self, path: Path, hung_s: float = 30.0) -> None:
        self.path, self.puppet = path, Puppet()
        self.progress = self.made = 0
        self._stop, self._ready = threading.Event(), threading.Event()
        self._thread = Background(
            service.serve, self.make, path, SystemClock(), self.count,
            stop=self._stop.is_set, ready=self._ready.set, hung_s=hung_s,
        )  # fmt: skip
        assert self._ready.wait(PATIENCE_S), "the service did not start"

    def make(self) -> Puppet:
        self.made += 1
        return self.puppet

    def count(self) -> None:
        self.progress += 1

    def remote(self, **options: Any) -> RemoteReader:
        reader = RemoteReader(self.path, **options)
        reader.open()
        return reader

    def stop(self) -> None:
        self._stop.set()
        self._thread.end()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    made = Running(tmp_path / "s.sock")
    yield made
    made.stop()


def test_a_frame_crosses_the_socket_whole(running: Running) -> None:
    asked: list[CaptureRequest] = []

    def play(request: CaptureRequest, *_: object) -> Frame:
        asked.append(request)
        return frame(9)

    running.puppet.play = play
    got = running.remote().capture(REQUEST)
    sent = frame(9)
    np.testing.assert_array_equal(got.pixels, sent.pixels)
    for name in ("ppi", "reader", "monotonic", "wall", "clock_trusted", "final", "sequence"):
        assert getattr(got, name) == getattr(sent, name)
    assert asked == [REQUEST]


@pytest.mark.parametrize(
    "error",
    [CaptureRetry("capture.moved", "m", "a"), ReaderFault("reader.power", "m", "a"),
     LinkError("link.stall", "m", "a"), DriverError("driver.odd", "m", "a")],
)  # fmt: skip
def test_an_error_crosses_with_class_code_and_advice(running: Running, error: DriverError) -> None:
    reader = running.remote()

    def play(*_: object) -> Frame:
        raise error

    running.puppet.play = play
    with pytest.raises(DriverError) as caught:
        reader.capture(REQUEST)
    assert type(caught.value) is type(error)
    assert (caught.value.code, caught.value.message, caught.value.advice) == (error.code, "m", "a")


def test_a_defect_in_the_driver_is_a_fault_and_the_service_lives(running: Running) -> None:
    reader = running.remote()

    def play(*_: object) -> Frame:
        raise ZeroDivisionError("oops")

    running.puppet.play = play
    with pytest.raises(ReaderFault, match="ZeroDivisionError") as caught:
        reader.capture(REQUEST)
    assert caught.value.code == "reader.internal"
    running.puppet.play = lambda *_: frame(1)
    reader.open()
    assert reader.capture(REQUEST).final


def test_an_absent_reader_is_an_error_until_it_is_there(running: Running) -> None:
    running.puppet.refuse = link_error("link.not_found", "no device")
    reader = RemoteReader(running.path)
    with pytest.raises(LinkError) as caught:
        reader.open()
    assert caught.value.code == "link.not_found"
    assert reader.status()["last_error"]["code"] == "link.not_found"
    running.puppet.refuse = None
    reader.open()
    assert reader.status()["last_error"] is None
    assert reader.state is ReaderState.IDLE


def test_a_faulty_reader_is_made_anew_at_the_next_use(running: Running) -> None:
    reader = running.remote()

    def play(*_: object) -> Frame:
        raise link_error("link.disconnected", "gone")

    running.puppet.play = play
    with pytest.raises(LinkError):
        reader.capture(REQUEST)
    assert reader.state is ReaderState.FAULT
    running.puppet.play = lambda *_: frame(1)
    reader.open()
    reader.capture(REQUEST)
    assert running.made == 2
    assert running.puppet.closed == 1


def test_a_second_client_is_told_busy_and_may_still_ask(running: Running) -> None:
    first, second = running.remote(), running.remote()
    begun, finish = threading.Event(), threading.Event()

    def play(*_: object) -> Frame:
        begun.set()
        finish.wait(PATIENCE_S)
        return frame(1)

    running.puppet.play = play
    thread = Background(first.capture, REQUEST)
    assert begun.wait(PATIENCE_S), "the first capture did not begin"
    with pytest.raises(ReaderFault) as caught:
        second.capture(REQUEST)
    assert caught.value.code == "reader.busy"
    assert second.state is ReaderState.IDLE
    assert second.status()["busy"]
    second.open()  # the info is known
    assert second.info == INFO
    finish.set()
    thread.end()
    assert second.capture(REQUEST).final


def test_status_does_not_open_the_reader(running: Running) -> None:
    status = RemoteReader(running.path).status()
    assert status["state"] == "closed"
    assert running.made == 0


def test_previews_come_and_the_newest_wins(running: Running) -> None:
    reader = running.remote()
    seen: list[int] = []
    first_seen = threading.Event()

    def play(request: CaptureRequest, preview: Preview, cancelled: Cancelled) -> Frame:
        preview(frame(1, final=False))
        first_seen.wait(PATIENCE_S)
        for number in range(2, 50):
            preview(frame(number, final=False))
        return frame(99)

    def look(one: Frame) -> None:
        assert reader.state is not ReaderState.CLOSED
        seen.append(one.sequence)
        first_seen.set()

    running.puppet.play = play
    assert reader.capture(REQUEST, look).sequence == 99
    assert seen[0] == 1
    assert len(seen) < 40
    assert seen == sorted(seen)


def test_a_client_that_reads_slowly_gets_the_newest_preview_and_delays_nobody(running: Running) -> None:
    running.remote()
    taken, go_on = threading.Event(), threading.Event()

    def play(request: CaptureRequest, preview: Preview, cancelled: Cancelled) -> Frame:
        for number in range(200):  # 4 MB each: more than any socket holds
            preview(frame(number, final=False, size=2000))
        taken.set()  # the driver never waited for the client
        go_on.wait(5)
        return frame(255)

    running.puppet.play = play
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(running.path))
        sock.settimeout(5)
        capture_socket.send(sock, Ask("capture", REQUEST))
        assert taken.wait(5)
        seen: list[int] = []
        while not seen or seen[-1] < 199:  # ends with the newest, whatever was left out
            got = capture_socket.receive(sock, Say)
            assert got is not None
            seen += [got[0].frame.sequence] if got[0].frame else []
        go_on.set()
        while got is not None and got[0].kind != "final":
            got = capture_socket.receive(sock, Say)
    assert len(seen) < 20
    assert seen == sorted(seen)


def test_a_client_that_says_nothing_is_dropped(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_QUIET_S", 0.05)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(running.path))
        sock.settimeout(5)
        assert sock.recv(1) == b""


def test_a_reader_that_hangs_at_closing_does_not_stop_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_CLOSE_S", 0.05)
    running = Running(tmp_path / "s.sock")
    running.remote()
    release = threading.Event()
    running.puppet.close = lambda: release.wait(PATIENCE_S) and None  # type: ignore[method-assign]
    running.stop()
    assert not running._thread.running
    release.set()


def test_a_client_that_goes_away_cancels_its_capture(running: Running) -> None:
    running.remote()
    ended = threading.Event()

    def play(request: CaptureRequest, preview: Preview, cancelled: Cancelled) -> Frame:
        while not cancelled():
            threading.Event().wait(0.005)
        ended.set()
        raise CaptureRetry("capture.cancelled", "x")

    running.puppet.play = play
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(running.path))
        capture_socket.send(sock, Ask("capture", REQUEST))
    assert ended.wait(5)
    until(lambda: not RemoteReader(running.path).status()["busy"], "the service to get there")


def test_a_cancel_reaches_the_driver(running: Running) -> None:
    reader = running.remote()

    def play(request: CaptureRequest, preview: Preview, cancelled: Cancelled) -> Frame:
        while not cancelled():
            threading.Event().wait(0.005)
        raise CaptureRetry("capture.cancelled", "x")

    running.puppet.play = play
    with pytest.raises(CaptureRetry) as caught:
        reader.capture(REQUEST, cancelled=lambda: True)
    assert caught.value.code == "capture.cancelled"
    assert reader.state is ReaderState.IDLE


def test_a_hung_driver_is_given_up_and_a_new_one_made(tmp_path: Path) -> None:
    running = Running(tmp_path / "s.sock", hung_s=0.2)
    release = threading.Event()

    def hang(*_: object) -> Frame:
        release.wait(PATIENCE_S)
        return frame(1)

    reader = running.remote()
    running.puppet.play = hang
    with pytest.raises(ReaderFault) as caught:
        reader.capture(REQUEST)
    assert caught.value.code == "reader.hung"
    assert reader.status()["abandoned"] == 1
    running.puppet.play = lambda *_: frame(7)
    reader.open()
    assert reader.capture(REQUEST).sequence == 7
    assert running.made == 2
    release.set()
    until(lambda: running.puppet.closed >= 1, "the service to get there")
    running.stop()


def test_too_many_hung_drivers_stop_the_watchdogs_food(tmp_path: Path) -> None:
    desk = service.CaptureService(Puppet, SystemClock())
    release = threading.Event()
    jobs = [Job(lambda _: release.wait(PATIENCE_S) and None, SystemClock()) for _ in range(3)]
    for job in jobs:
        assert desk.healthy()
        assert desk._abandon(job).code == "reader.hung"
    assert not desk.healthy()
    release.set()
    for job in jobs:
        while not job.wait(5):
            pass
    assert desk.healthy()


def test_the_serving_loop_reports_progress(running: Running) -> None:
    until(lambda: running.progress >= 2, "the service to get there")


def test_an_unknown_request_is_refused(running: Running) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(running.path))
        capture_socket.send(sock, Ask("cancel"))
        capture_socket.send(sock, Ask("dance"))
        got = capture_socket.receive(sock, Say)
    assert got is not None
    assert got[0].error is not None
    assert got[0].error.code == "reader.request"


def test_rubbish_on_the_socket_ends_that_client_only(running: Running) -> None:
    for rubbish in (b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\5\0\0\0\0hello", b"\xff" * 64, b"\0"):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(running.path))
            sock.sendall(rubbish)
            sock.shutdown(socket.SHUT_WR)
            sock.settimeout(PATIENCE_S)
            with suppress(ConnectionResetError):  # what was not read before the end resets the connection
                assert sock.recv(100) == b""
    assert RemoteReader(running.path).status()["state"] == "closed"


def test_no_service_is_not_found_with_advice(tmp_path: Path) -> None:
    reader = RemoteReader(tmp_path / "none.sock")
    with pytest.raises(LinkError) as caught:
        reader.open()
    assert caught.value.code == "link.not_found"
    assert "capture service" in caught.value.advice


def test_a_silent_service_is_a_timeout(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s.sock"))
        listener.listen(1)
        reader = RemoteReader(tmp_path / "s.sock", SystemClock(), silence_s=0.1)
        with pytest.raises(LinkError) as caught:
            reader.status()
    assert caught.value.code == "link.timeout"


def test_a_service_that_ends_in_the_middle_is_disconnected(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s.sock"))
        listener.listen(1)

        def answer() -> None:
            sock, _ = listener.accept()
            with sock:
                sock.recv(1000)

        with background(answer), pytest.raises(LinkError) as caught:
            RemoteReader(tmp_path / "s.sock", SystemClock()).status()
    assert caught.value.code == "link.disconnected"


def test_a_second_service_on_the_same_path_is_refused(running: Running) -> None:
    with pytest.raises(LinkError) as caught:
        service.serve(running.make, running.path, SystemClock(), lambda: None)
    assert caught.value.code == "link.busy"


def test_a_stale_socket_is_replaced_and_removed_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    running = Running(path)
    assert RemoteReader(path).status()["busy"] is False
    assert path.stat().st_mode & 0o777 == 0o660
    running.stop()
    assert not path.exists()


def test_a_path_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LinkError) as caught:
        service.serve(Puppet, tmp_path / "no" / "s.sock", SystemClock(), lambda: None)
    assert caught.value.code == "link.permission"


def test_a_frame_whose_body_has_another_size_is_refused() -> None:
    with pytest.raises(LinkError) as caught:
        FrameHead.of(frame(1)).frame(b"abc")
    assert caught.value.code == "link.io"


def test_an_error_of_an_unknown_class_arrives_as_a_fault() -> None:
    assert type(ErrorHead("Newer", "a.b", "m", "").error()) is ReaderFault


def drain(sock: socket.socket) -> str:
    """Receive until the stream ends; the code of the error that ended it, or nothing."""
    try:
        while capture_socket.receive(sock, Say) is not None:
            pass
    except LinkError as error:
        return error.code
    return ""


@given(st.binary(max_size=200))
def test_any_bytes_on_the_capture_socket_are_a_message_or_a_link_error(data: bytes) -> None:
    left, right = socket.socketpair()
    with left, right:
        left.sendall(data)
        left.close()
        right.settimeout(PATIENCE_S)
        assert drain(right) in {"", "link.io", "link.disconnected"}


def test_a_peer_that_takes_nothing_is_a_timeout() -> None:
    left, right = socket.socketpair()
    with left, right:
        left.settimeout(0.05)
        with pytest.raises(LinkError) as caught:
            capture_socket.send(left, Say("final"), bytes(8 << 20))
        assert caught.value.code == "link.timeout"
        right.settimeout(0.05)


def test_a_broken_socket_is_disconnected_in_both_directions() -> None:
    left, right = socket.socketpair()
    left.close()
    right.close()
    for use in (lambda: capture_socket.send(right, Say("x")), lambda: capture_socket.receive(right, Say)):
        with pytest.raises(LinkError) as caught:
            use()
        assert caught.value.code == "link.disconnected"
