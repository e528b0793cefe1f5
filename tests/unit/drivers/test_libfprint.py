"""The libfprint bridge: its messages, the program as a link, the helper's manners, the driver's; and the real libfprint
with its virtual reader, where the Debian packages are installed."""

from __future__ import annotations

import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.clock import SystemClock
from drivers.errors import CaptureRetry, LinkError, ReaderFault
from drivers.links.memory import MemoryLink
from drivers.links.process import ProcessLink
from drivers.models import _libfprint_helper as libfprint_helper
from drivers.models import libfprint as model
from drivers.models.libfprint import LibfprintReader
from drivers.reader import CaptureKind, CaptureRequest, ReaderState
from drivers.registry import make_reader
from drivers.sim import rig as rigs
from drivers.sim.clock import VirtualClock
from drivers.sim.faults import Fault, Kind
from drivers.sim.peers import libfprint as peer
from drivers.wires import libfprint as wire
from drivers.wires.libfprint import Message
from firmware_profiles.profile import load
from tests.kit.waiting import PATIENCE_S, until

REQUEST = CaptureRequest(CaptureKind.PLAIN, finger_s=8.0, lift_s=3.0)
PROFILE = load("libfprint")
FACTS = st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5) | st.booleans(), max_size=4)


# messages


@given(st.lists(st.builds(Message, FACTS, st.binary(max_size=300)), max_size=4), st.integers(1, 50))
def test_messages_survive_any_cutting_of_the_stream(messages: list[Message], step: int) -> None:
    data = b"".join(wire.pack(one) for one in messages)
    parser = wire.Parser()
    heard = [one for at in range(0, len(data), step) for one in parser.feed(data[at : at + step])]
    assert heard == messages


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_messages_or_refused(data: bytes, marked: bool) -> None:
    try:
        list(wire.Parser().feed(wire.MAGIC + data if marked else data))
    except wire.WireError:
        return


@pytest.mark.parametrize("text", [b"[1]", b"{", b"\xff", b"[" * 60_000])
def test_what_is_no_json_object_is_refused(text: bytes) -> None:
    import zlib

    raw = struct.pack("<4sIII", wire.MAGIC, len(text), 0, zlib.crc32(text)) + text
    with pytest.raises(wire.WireError, match="JSON"):
        list(wire.Parser().feed(raw))


def test_a_message_that_claims_to_be_huge_is_refused_at_once() -> None:
    with pytest.raises(wire.WireError, match="no message begins"):
        list(wire.Parser().feed(struct.pack("<4sIII", wire.MAGIC, 5, 1 << 31, 0)))


# a program as a link


@pytest.fixture
def cat() -> Any:
    code = "import os\nwhile data := os.read(0, 64): os.write(1, data)"
    link = ProcessLink([sys.executable, "-c", code])
    link.open()
    yield link
    link.close()


def test_bytes_go_to_a_program_and_come_back(cat: ProcessLink) -> None:
    cat.write(b"x" * 100, 5.0)
    heard = b""
    while len(heard) < 100:
        heard += cat.read(64, 5.0)
    assert heard == b"x" * 100
    cat.set_baud(9600)
    cat.discard()
    with pytest.raises(LinkError) as caught:
        cat.read(1, 0.0)
    assert caught.value.code == "link.timeout"


def test_a_program_that_ended_is_disconnected() -> None:
    link = ProcessLink([sys.executable, "-c", "pass"])
    link.open()
    with pytest.raises(LinkError) as caught:
        link.read(1, 20.0)
    assert caught.value.code == "link.disconnected"
    assert link._process is not None
    link._process.wait(20)
    with pytest.raises(LinkError) as caught:
        link.write(b"x", 1.0)
    assert caught.value.code == "link.disconnected"
    link.close()
    with pytest.raises(LinkError) as caught:
        link.read(1, 1.0)
    assert caught.value.code == "link.disconnected"


def test_a_program_that_takes_nothing_is_a_timeout_and_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drivers.links.process._GOODBYE_S", 0.05)
    link = ProcessLink([sys.executable, "-c", "import time; time.sleep(100)"])
    link.open()
    process = link._process
    with pytest.raises(LinkError) as caught:
        link.write(bytes(1 << 20), 0.05)
    assert caught.value.code == "link.timeout"
    link.close()
    assert process is not None
    assert process.poll() is not None


def test_a_program_that_is_not_there_or_not_ours_is_named(tmp_path: Path) -> None:
    for path, code in ((tmp_path / "none", "link.not_found"), (tmp_path, "link.permission")):
        with pytest.raises(LinkError) as caught:
            ProcessLink([str(path)]).open()
        assert caught.value.code == code


# the helper, on a libfprint made of cardboard


class Cardboard:
    """Context, device and image of libfprint, as far as the helper uses them."""

    DeviceFeature = SimpleNamespace(CAPTURE=1)
    ScanType = SimpleNamespace(SWIPE=0, PRESS=1)
    FingerStatusFlags = SimpleNamespace(PRESENT=2)

    def __init__(self, images: bool = True) -> None:
        self.Context = SimpleNamespace(new=lambda: self)
        self.images = images
        self.outcome: Any = None
        self.notify: Any = None
        self.captured: Any = None

    def get_devices(self) -> list[Any]:
        return [self]

    def get_driver(self) -> str:
        return "cardboard"

    def get_device_id(self) -> str:
        return "0"

    def get_name(self) -> str:
        return "Cardboard reader"

    def get_scan_type(self) -> int:
        return 1

    def has_feature(self, feature: int) -> bool:
        return self.images and feature == 1

    def open(self, _: object, call: Any) -> None:
        call(self, None)

    def open_finish(self, _: object) -> None:
        if isinstance(self.outcome, Exception):
            raise self.outcome

    def connect(self, name: str, call: Any) -> None:
        assert name == "notify::finger-status"
        self.notify = call

    def get_finger_status(self) -> int:
        return 3

    def capture(self, wait: bool, cancel: Any, call: Any) -> None:
        assert wait
        self.captured = call

    def capture_finish(self, _: object) -> Any:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return SimpleNamespace(
            get_width=lambda: 2, get_height=lambda: 1, get_ppmm=lambda: 0.0, get_data=lambda: b"ab"
        )


class GError(Exception):
    def __init__(self, domain: str, code: int) -> None:
        super().__init__(domain)
        self.domain, self.code, self.message = domain, code, "as libfprint says it"


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[Message]:
    said: list[Message] = []
    monkeypatch.setattr(
        libfprint_helper, "say", lambda facts, pixels=b"": said.append(Message(facts, pixels))
    )
    return said


def gio(cancelled: list[bool]) -> Any:
    return SimpleNamespace(Cancellable=lambda: SimpleNamespace(cancel=lambda: cancelled.append(True)))


def test_the_helper_lists_opens_and_captures(heard: list[Message]) -> None:
    board, cancelled = Cardboard(), list[bool]()
    helper = libfprint_helper.Helper(board, gio(cancelled))
    for facts in ({"do": "list"}, {"do": "open", "id": "card"}, {"do": "capture", "number": 7}):
        helper.obey(facts)
    board.notify(board, None)
    helper.obey({"do": "cancel"})
    assert cancelled == [True]
    board.captured(board, None)
    helper.obey({"do": "cancel"})
    helper.obey({"do": "alive"})
    helper.obey({"do": "dance"})
    said = [one.facts["is"] for one in heard]
    assert said == ["devices", "opened", "finger", "image", "cancelled", "alive", "error"]
    assert heard[0].facts["devices"][0]["id"] == heard[1].facts["id"] == "cardboard/0"
    assert heard[2].facts == {"is": "finger", "number": 7, "present": True}
    assert (heard[3].facts["width"], heard[3].pixels) == (2, b"ab")


@pytest.mark.parametrize(
    ("domain", "kind"),
    [
        ("fp-device-retry-quark", "retry"),
        ("g-io-error-quark", "cancelled"),
        ("fp-device-error-quark", "error"),
    ],
)
def test_what_libfprint_raises_is_said(heard: list[Message], domain: str, kind: str) -> None:
    board = Cardboard()
    helper = libfprint_helper.Helper(board, gio([]))
    helper.obey({"do": "open", "id": ""})
    helper.obey({"do": "capture", "number": 1})
    board.outcome = GError(domain, 1)
    board.captured(board, None)
    assert heard[-1].facts["is"] == kind
    helper.obey({"do": "open", "id": ""})
    assert heard[-1].facts["is"] == kind


def test_a_reader_without_images_is_not_found(heard: list[Message]) -> None:
    libfprint_helper.Helper(Cardboard(images=False), gio([])).obey({"do": "open", "id": ""})
    assert heard[-1].facts["code"] == "not-found"


def test_the_helper_says_what_is_missing_under_a_python_without_introspection() -> None:
    code = (
        "import sys; sys.modules['gi'] = None; import runpy; runpy.run_path(sys.argv[1], run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(model.HELPER)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=50,
    )
    (message,) = wire.Parser().feed(done.stdout)
    assert (done.returncode, message.facts["code"]) == (3, "missing")


# the driver


class Told:
    """A helper that says what the test tells it to, after being asked to open or to capture."""

    def __init__(self, *after_capture: Message, after_open: Message | None = None, doing: str = "x") -> None:
        opened = Message({"is": "opened", "id": "x/0", "driver": "x", "name": "X"})
        self._answers = {
            "open": [after_open or opened],
            "capture": list(after_capture),
            "cancel": [],
            "alive": [Message({"is": "alive", "doing": doing})],
        }
        self._said = b""
        self.asked: list[str] = []

    def hear(self, data: bytes, now: float) -> None:
        for message in wire.Parser().feed(data):
            self.asked.append(message.facts["do"])
            self._said += b"".join(wire.pack(one) for one in self._answers[message.facts["do"]])

    def speak(self, now: float) -> bytes:
        said, self._said = self._said, b""
        return said

    def wakes_at(self) -> float | None:
        return None

    def set_baud(self, baud: int) -> None: ...


def reader_on(far: Any) -> LibfprintReader:
    clock = VirtualClock()
    return LibfprintReader(PROFILE, MemoryLink(far, clock), "", clock)


def image(**facts: Any) -> Message:
    told = {"is": "image", "number": 1, "width": 3, "height": 2, "ppmm": 0.0, **facts}
    return Message(told, b"abcdef")


def test_what_the_reader_is_comes_from_libfprint() -> None:
    reader = reader_on(Told(image(ppmm=20.0)))
    reader.open()
    assert (reader.info.id, reader.info.model, reader.info.simulated) == ("libfprint-x/0", "X", False)
    frame = reader.capture(REQUEST)
    np.testing.assert_array_equal(frame.pixels, [[97, 98, 99], [100, 101, 102]])
    assert frame.ppi == 508


@pytest.mark.parametrize("ppmm", [0.0, -1.0, 1e9, 0.5, None, "20"])
def test_a_resolution_that_makes_no_sense_is_not_believed(ppmm: Any) -> None:
    reader = reader_on(Told(image(ppmm=ppmm)))
    reader.open()
    assert reader.capture(REQUEST).ppi == PROFILE.ppi.nominal


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"width": 4}, "reader.geometry"),
        ({"width": 0}, "reader.protocol"),
        ({"width": "3"}, "reader.protocol"),
    ],
)
def test_an_image_that_contradicts_itself_is_a_fault(facts: dict[str, Any], code: str) -> None:
    reader = reader_on(Told(image(**facts)))
    reader.open()
    with pytest.raises(ReaderFault) as caught:
        reader.capture(REQUEST)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("number", "code"), [(0, "capture.refused"), (1, "capture.too_short"), (2, "capture.moved")]
)
def test_a_finger_libfprint_refuses_is_for_the_person(number: int, code: str) -> None:
    far = Told(Message({"is": "retry", "number": 1, "code": number, "message": "again"}))
    reader = reader_on(far)
    reader.open()
    with pytest.raises(CaptureRetry) as caught:
        reader.capture(REQUEST)
    assert caught.value.code == code
    assert reader.state is ReaderState.IDLE
    assert "cancel" not in far.asked


@pytest.mark.parametrize(
    ("reported", "code"),
    [
        ("missing", "reader.libfprint_missing"),
        ("not-found", "link.not_found"),
        ("fp-device-error-quark 4", "link.busy"),
        ("fp-device-error-quark 5", "reader.libfprint"),
    ],
)
def test_what_the_helper_cannot_do_is_typed_with_advice(reported: str, code: str) -> None:
    reader = reader_on(Told(after_open=Message({"is": "error", "code": reported, "message": "why"})))
    with pytest.raises(ReaderFault) as caught:
        reader.open()
    assert caught.value.code == code
    assert caught.value.advice


def test_an_image_of_a_capture_that_was_given_up_is_dropped() -> None:
    reader = reader_on(Told(image(number=0), image()))
    reader.open()
    assert reader.capture(REQUEST).final


def test_a_helper_that_says_nothing_is_given_up() -> None:
    reader = reader_on(Told(after_open=Message({"is": "devices"})))
    with pytest.raises(ReaderFault) as caught:
        reader.open()
    assert caught.value.code == "reader.no_answer"
    silent = reader_on(Told(Message({"is": "finger", "number": 1, "present": True})))
    silent.open()
    with pytest.raises(ReaderFault) as caught:
        silent.capture(REQUEST)
    assert caught.value.code == "reader.no_answer"


def test_a_helper_that_is_idle_while_it_should_work_has_lost_something() -> None:
    reader = reader_on(Told(doing=""))
    reader.open()
    with pytest.raises(ReaderFault, match="lost") as caught:
        reader.capture(REQUEST)
    assert caught.value.code == "reader.no_answer"


def test_a_capture_that_does_not_end_when_cancelled_faults_at_the_next_use() -> None:
    reader = reader_on(Told())
    reader.open()
    with pytest.raises(CaptureRetry):
        reader.capture(REQUEST)
    assert reader.state is ReaderState.FAULT


def test_a_helper_that_hangs_is_noticed_within_seconds_and_started_anew() -> None:
    fault = Fault(Kind.STALL, 500)
    rig = peer.rig(rigs.person(), fault)
    rig.reader.open()
    began = rig.clock.monotonic()
    with pytest.raises(ReaderFault) as caught:
        rig.reader.capture(REQUEST)
    assert caught.value.code in {"reader.no_answer", "reader.protocol"}
    assert rig.clock.monotonic() - began < 4
    fault.progress.ended = True
    rig.reader.open()
    assert rig.reader.state is ReaderState.IDLE


def test_a_helper_that_ended_is_disconnected() -> None:
    rig = peer.rig(rigs.person(), Fault(Kind.FLIP, 0, sent=True))
    with pytest.raises(LinkError) as caught:
        rig.reader.open()
    assert caught.value.code == "link.disconnected"
    rig.reader.open()


@pytest.mark.parametrize("kind", [Kind.FLIP, Kind.LOSE, Kind.DOUBLE])
@pytest.mark.parametrize("at", [0, 20, 200, 5000])
def test_hurt_bytes_are_a_fault_never_a_picture(kind: Kind, at: int) -> None:
    rig = peer.rig(rigs.person(), Fault(kind, at))

    def use() -> None:
        rig.reader.open()
        rig.reader.capture(REQUEST)

    with pytest.raises(ReaderFault):
        use()


def test_only_libfprint_addresses_make_a_reader() -> None:
    reader = make_reader("libfprint", "", "libfprint:uru4000/0", {}, SystemClock())
    assert isinstance(reader, LibfprintReader)
    assert reader.wanted == "uru4000/0"
    with pytest.raises(LinkError):
        make_reader("libfprint", "", "usb:05ba:000a", {}, SystemClock())


# the real one


def has_libfprint() -> bool:
    code = "import gi; gi.require_version('FPrint', '2.0'); from gi.repository import FPrint"
    try:
        return subprocess.run([model.PYTHON, "-c", code], capture_output=True, timeout=30).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


@pytest.fixture
def virtual(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    if not has_libfprint():
        pytest.skip("libfprint cannot be loaded (Debian: gir1.2-fprint-2.0 python3-gi)")
    path = tmp_path / "virtual.sock"
    monkeypatch.setenv("FP_VIRTUAL_IMAGE", str(path))
    return path


class Toucher(threading.Thread):
    """Sends one image to libfprint's virtual reader, once it listens: two numbers, then the pixels."""

    def __init__(self, path: Path, pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
        super().__init__(daemon=True)
        self.path, self.pixels = path, pixels

    def run(self) -> None:
        with socket.socket(socket.AF_UNIX) as end:
            until(lambda: end.connect_ex(str(self.path)) == 0, "libfprint's virtual reader to listen")
            height, width = self.pixels.shape
            end.sendall(struct.pack("ii", width, height) + self.pixels.tobytes())
            end.recv(1)  # until libfprint closes


def test_libfprints_virtual_reader_delivers_its_picture(virtual: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (200, 150), np.uint8)
    reader = make_reader("libfprint", "", "libfprint:virtual_image", {}, SystemClock())
    reader.open()
    try:
        assert reader.info.simulated
        Toucher(virtual, pixels).start()
        frame = reader.capture(CaptureRequest(CaptureKind.PLAIN, finger_s=PATIENCE_S))
    finally:
        reader.close()
    np.testing.assert_array_equal(frame.pixels, pixels)


def test_libfprints_virtual_reader_can_be_cancelled_and_used_again(virtual: Path) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (200, 150), np.uint8)
    reader = make_reader("libfprint", "", "libfprint:virtual_image", {}, SystemClock())
    reader.open()
    try:
        with pytest.raises(CaptureRetry) as caught:
            reader.capture(CaptureRequest(CaptureKind.PLAIN, finger_s=0.3))
        assert caught.value.code == "capture.no_finger"
        assert reader.state is ReaderState.IDLE
        Toucher(virtual, pixels).start()
        frame = reader.capture(CaptureRequest(CaptureKind.PLAIN, finger_s=PATIENCE_S))
    finally:
        reader.close()
    np.testing.assert_array_equal(frame.pixels, pixels)
