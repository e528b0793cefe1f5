"""What the libfprint driver believes of its helper, each claim and each wait at its edge."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from drivers.errors import CaptureRetry, LinkError, ReaderFault
from drivers.links import link_error
from drivers.models.libfprint import LibfprintReader, _reported
from drivers.reader import CaptureKind, CaptureRequest
from drivers.sim.clock import VirtualClock
from drivers.wires.libfprint import Message, Parser, pack
from firmware_profiles.profile import load

PROFILE = load("libfprint")
IMAGE = {"is": "image", "width": 4, "height": 2, "ppmm": 0.0}


class Pipe:
    """A helper that says what is due at its time, and keeps what it was asked."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.due: list[tuple[float, bytes]] = []
        self.asked: list[str] = []
        self.asked_at: list[float] = []
        self._parser = Parser()

    def says(self, in_s: float, facts: dict[str, Any], pixels: bytes = b"") -> None:
        self.due.append((self.clock.now + in_s, pack(Message(facts, pixels))))

    def open(self) -> None: ...
    def close(self) -> None: ...

    def write(self, data: bytes, timeout_s: float) -> None:
        assert timeout_s == 8.0  # command_ms of the profile
        for message in self._parser.feed(data):
            self.asked.append(message.facts["do"])
            self.asked_at.append(self.clock.now)
            if message.facts["do"] == "open":
                self.says(0.0, {"is": "opened", "id": "x/0", "driver": "x", "name": "X"})

    def read(self, limit: int, timeout_s: float) -> bytes:
        end = self.clock.now + timeout_s
        if self.due and self.due[0][0] <= end:
            at, data = self.due.pop(0)
            self.clock.sleep(max(0.0, at - self.clock.now))
            return data
        self.clock.sleep(timeout_s)
        raise link_error("link.timeout", "silent")


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def pipe(clock: VirtualClock) -> Pipe:
    return Pipe(clock)


@pytest.fixture
def reader(pipe: Pipe, clock: VirtualClock) -> LibfprintReader:
    made = LibfprintReader(PROFILE, pipe, "", clock)  # type: ignore[arg-type]
    made.open()
    return made


def image(reader: LibfprintReader, pixels: bytes = bytes(8), **changes: Any) -> Any:
    return reader._image_of(Message(IMAGE | changes, pixels))


@pytest.mark.parametrize(
    ("changes", "pixels", "code"),
    [
        ({"width": 0}, 0, "reader.protocol"),
        ({"height": 0}, 0, "reader.protocol"),
        ({"width": -4, "height": -2}, 8, "reader.protocol"),
        ({"width": "4"}, 8, "reader.protocol"),
        ({"height": None}, 8, "reader.protocol"),
        ({}, 7, "reader.geometry"),
        ({}, 9, "reader.geometry"),
    ],
)
def test_an_image_that_is_none_is_a_fault(
    reader: LibfprintReader, changes: dict[str, Any], pixels: int, code: str
) -> None:
    with pytest.raises(ReaderFault) as caught:
        image(reader, bytes(pixels), **changes)
    assert caught.value.code == code


def test_an_image_comes_row_by_row(reader: LibfprintReader) -> None:
    assert image(reader, bytes(range(8))).tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert image(reader, b"x", width=1, height=1).shape == (1, 1)


@pytest.mark.parametrize(
    ("ppmm", "ppi"),
    [
        (0.0, 500),  # not known: the profile's
        (-1.0, 500),
        (3.9, 500),  # 99 ppi
        (3.94, 100),
        (19.685, 500),
        (39.37, 1000),
        (78.74, 2000),
        (78.77, 500),  # 2001 ppi
        (99.9, 500),
        (100.0, 500),
        (20, 500),  # a whole number is none of libfprint's
        (None, 500),
    ],
)
def test_a_resolution_is_believed_between_100_and_2000_ppi(
    reader: LibfprintReader, ppmm: Any, ppi: int
) -> None:
    image(reader, ppmm=ppmm)
    assert reader.info.ppi == ppi


def test_a_helper_that_is_silent_is_asked_after_a_second_and_given_up_after_two(
    reader: LibfprintReader, pipe: Pipe, clock: VirtualClock
) -> None:
    began = clock.now
    with pytest.raises(ReaderFault) as caught:
        reader.capture(CaptureRequest(CaptureKind.PLAIN))
    assert caught.value.code == "reader.no_answer"
    assert pipe.asked == ["open", "capture", "alive"], "once is enough"
    assert pipe.asked_at[2] - began == pytest.approx(1.0, abs=0.15)
    assert clock.now - began == pytest.approx(2.0, abs=0.2)


def test_a_helper_that_says_that_it_is_alive_is_waited_for(
    reader: LibfprintReader, pipe: Pipe, clock: VirtualClock
) -> None:
    for n in range(1, 4):
        pipe.says(1.5 * n, {"is": "alive", "doing": "capture"})
    pipe.says(5.0, IMAGE | {"number": 1}, bytes(8))
    frame = reader.capture(CaptureRequest(CaptureKind.PLAIN))
    assert (frame.pixels.shape, frame.final) == ((2, 4), True)
    assert pipe.asked.count("alive") >= 3


def test_a_helper_that_does_nothing_though_it_should_is_a_fault(reader: LibfprintReader, pipe: Pipe) -> None:
    pipe.says(0.5, {"is": "alive", "doing": ""})
    with pytest.raises(ReaderFault, match="was lost"):
        reader.capture(CaptureRequest(CaptureKind.PLAIN))


@pytest.mark.parametrize(("rest_s", "good"), [(1.9, True), (2.3, False)])
def test_a_message_comes_to_its_end_within_two_seconds(
    reader: LibfprintReader, pipe: Pipe, clock: VirtualClock, rest_s: float, good: bool
) -> None:
    raw = pack(Message(IMAGE | {"number": 1}, bytes(8)))
    pipe.due = [(clock.now + 0.1, raw[:20])]
    pipe.due += [(clock.now + 0.1 + at, raw[20 + n : 21 + n]) for n, at in enumerate((0.9, 1.8))]
    pipe.due += [(clock.now + 0.1 + rest_s, raw[22:])]
    if good:
        assert reader.capture(CaptureRequest(CaptureKind.PLAIN)).final
    else:
        with pytest.raises(ReaderFault, match="does not come to its end"):
            reader.capture(CaptureRequest(CaptureKind.PLAIN))


@pytest.mark.parametrize(("number", "taken"), [(1, True), (None, True), (0, False), (2, False)])
def test_an_image_of_another_capture_is_passed_over(
    reader: LibfprintReader, pipe: Pipe, number: int | None, taken: bool
) -> None:
    facts = IMAGE | ({} if number is None else {"number": number})
    pipe.says(0.1, facts, bytes(8))
    pipe.says(0.5, IMAGE | {"number": 1, "width": 8, "height": 1}, bytes(8))
    frame = reader.capture(CaptureRequest(CaptureKind.PLAIN))
    assert frame.pixels.shape == ((2, 4) if taken else (1, 8))


@pytest.mark.parametrize(
    ("facts", "there"),
    [
        ({"is": "finger", "present": True}, True),
        ({"is": "finger", "present": False}, False),
        ({"is": "finger", "present": 1}, False),
        ({"is": "other", "present": True}, False),
        (IMAGE, True),
    ],
)
def test_a_finger_is_there_when_it_is_said_or_its_image_comes(
    reader: LibfprintReader, pipe: Pipe, facts: dict[str, Any], there: bool
) -> None:
    pipe.says(0.0, facts, bytes(8) if facts is IMAGE else b"")
    assert reader._finger(0.1) == there
    assert reader._finger(0.0) == (facts is IMAGE), "an image is kept until it is taken"


# FpDeviceRetry by number; what is not in it is told as it is
@pytest.mark.parametrize(
    ("code", "retry"),
    [(0, "refused"), (1, "too_short"), (2, "moved"), (3, "moved"), (4, "refused"), (None, "refused")],
)
def test_each_retry_of_libfprint_asks_the_person(
    reader: LibfprintReader, pipe: Pipe, code: int | None, retry: str
) -> None:
    pipe.says(0.1, {"is": "retry", "message": "again"} | ({} if code is None else {"code": code}))
    with pytest.raises(CaptureRetry) as caught:
        reader.capture(CaptureRequest(CaptureKind.PLAIN))
    assert (caught.value.code, caught.value.message) == (f"capture.{retry}", "again")
    assert "cancel" not in pipe.asked, "it has ended already"


@pytest.mark.parametrize("word", ["cancelled", "image", "retry"])
def test_a_capture_that_is_given_up_is_ended_by_any_of_three_words(
    reader: LibfprintReader, pipe: Pipe, word: str
) -> None:
    reader._arm(CaptureRequest(CaptureKind.PLAIN))
    pipe.says(0.3, IMAGE | {"is": word}, bytes(8))
    reader._disarm()
    assert pipe.asked[-1] == "cancel"
    reader._disarm()
    assert pipe.asked.count("cancel") == 1


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("missing", "reader.libfprint_missing"),
        ("not-found", "link.not_found"),
        ("fp-device-error-quark 4", "link.busy"),
        ("fp-device-error-quark 14", "reader.libfprint"),
        ("fp-device-error-quark 3", "reader.libfprint"),
        ("g-io-error-quark 4", "reader.libfprint"),
        ("", "reader.libfprint"),
    ],
)
def test_each_error_of_the_helper_is_the_fault_of_its_meaning(code: str, fault: str) -> None:
    found = _reported({"code": code, "message": "x"})
    assert found.code == fault
    assert isinstance(found, LinkError) == fault.startswith("link.")


@pytest.mark.parametrize(("driver", "simulated"), [("virtual_image", True), ("uru4000", False)])
def test_a_virtual_reader_is_marked(pipe: Pipe, clock: VirtualClock, driver: str, simulated: bool) -> None:
    pipe.says(0.0, {"is": "opened", "id": f"{driver}/0", "driver": driver, "name": "N"})
    reader = LibfprintReader(PROFILE, pipe, "", clock)  # type: ignore[arg-type]
    reader.open()
    assert (reader.info.simulated, reader.info.model, reader.info.id) == (
        simulated,
        "N",
        f"libfprint-{driver}/0",
    )


def test_a_picture_that_does_not_come_though_a_finger_was_there_is_a_fault(
    reader: LibfprintReader, pipe: Pipe, clock: VirtualClock
) -> None:
    for n in range(400):
        pipe.says(0.1 * n, {"is": "finger", "present": True})
    began = clock.now
    with pytest.raises(ReaderFault, match="made no image"):
        reader.capture(CaptureRequest(CaptureKind.PLAIN))
    assert clock.now - began == pytest.approx(30.0, abs=0.3)


def test_a_picture_may_take_as_long_as_the_profile_says(
    pipe: Pipe, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    timeouts = msgspec.structs.replace(PROFILE.timeouts, image_ms=1_000_000)
    profile = msgspec.structs.replace(PROFILE, timeouts=timeouts)
    reader = LibfprintReader(profile, pipe, "", clock)  # type: ignore[arg-type]
    monkeypatch.setattr(reader, "_next", lambda wait_s: clock.sleep(0.5))
    began = clock.now
    with pytest.raises(ReaderFault, match="made no image"):
        reader._take(lambda _: None, lambda: None)
    assert clock.now - began == 1000.0
