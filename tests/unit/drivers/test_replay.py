"""The pcapng parser and the recorded device, on recordings made here."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.sim.replay import Recording, RecordingError, urbs

DEVICE = bytes.fromhex("1201000200000040ba050a00030101020301")
CONFIGURATION = bytes.fromhex("0902200001010080640904000002ffffff000705810340000807058202400000")


def block(kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    size = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + size + body + size


SECTION = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
INTERFACE = block(1, struct.pack("<HHI", 220, 0, 0))


def packet(data: bytes, interface: int = 0) -> bytes:
    return block(6, struct.pack("<IIIII", interface, 0, 0, len(data), len(data)) + data)


def urb(
    number: int,
    kind: str,
    transfer: int,
    endpoint: int,
    data: bytes = b"",
    setup: bytes = b"",
    status: int = 0,
) -> bytes:
    head = struct.pack("<QBBBB", number, ord(kind), transfer, endpoint, 1).ljust(28, b"\0")
    head += struct.pack("<i", status)
    return packet(head.ljust(40, b"\0") + setup.ljust(8, b"\0") + bytes(16) + data)


def control(number: int, setup: bytes, out: bytes = b"", back: bytes = b"") -> bytes:
    endpoint = setup[0] & 0x80
    return urb(number, "S", 2, endpoint, out, setup) + urb(number, "C", 2, endpoint, back)


def setup(kind: int, value: int, length: int, request: int = 4) -> bytes:
    return struct.pack("<BBHHH", kind, request, value, 0, length)


HEAD = SECTION + INTERFACE
DESCRIPTORS = control(1, setup(0x80, 0x0100, 18, 6), back=DEVICE) + control(
    2, setup(0x80, 0x0200, 32, 6), back=CONFIGURATION
)


def test_requests_are_answered_as_recorded_and_in_order() -> None:
    content = HEAD + DESCRIPTORS + control(3, setup(0xC0, 7, 1), back=b"\x81")
    content += control(3, setup(0x40, 7, 1), out=b"\x01")
    recording = Recording(content)
    assert (recording.device, recording.configuration) == (DEVICE, CONFIGURATION)
    assert recording.control_in(4, 7, 1) == b"\x81"
    assert not recording.finished
    recording.control_out(4, 7, b"\x01")
    assert recording.finished


def test_a_request_that_was_not_recorded_is_refused_and_noted() -> None:
    recording = Recording(HEAD + DESCRIPTORS + control(3, setup(0xC0, 7, 1), back=b"\x81"))
    with pytest.raises(Exception, match="not in the recording"):
        recording.control_in(4, 8, 1)
    assert "instead of 00 c004" in recording.mismatches[0]
    recording.control_in(4, 7, 1)
    with pytest.raises(Exception, match="not in the recording"):
        recording.control_in(4, 7, 1)
    assert "instead of the end" in recording.mismatches[1]


def test_an_interrupt_waits_for_the_requests_that_came_before_it() -> None:
    content = HEAD + DESCRIPTORS + urb(9, "S", 1, 0x81) + control(3, setup(0xC0, 7, 1), back=b"\x81")
    content += urb(9, "C", 1, 0x81, b"\x56\xaa")
    recording = Recording(content)
    with pytest.raises(Exception, match="nothing recorded now"):
        recording.read(0x81, 64, 0.001)
    recording.control_in(4, 7, 1)
    assert recording.read(0x81, 64, 0.001) == b"\x56\xaa"


def test_a_recorded_error_happens_again() -> None:
    content = HEAD + DESCRIPTORS + urb(9, "S", 3, 0x82) + urb(9, "C", 3, 0x82, status=-32)
    with pytest.raises(Exception, match="recorded error"):
        Recording(content).read(0x82, 64, 0.001)


def test_an_answer_to_nothing_asked_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "r.pcapng"
    path.write_bytes(HEAD + urb(5, "C", 1, 0x81, b"x") + DESCRIPTORS)
    with pytest.raises(Exception, match="nothing recorded now"):
        Recording.load(path).read(0x81, 64, 0.0)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "descriptors"),
        (HEAD, "descriptors"),
        (b"\x0a\x0d\x0d\x0a", "cut off"),
        (INTERFACE, "not a pcapng"),
        (block(0x0A0D0D0A, b"\x1a\x2b\x3c\x4d" + bytes(12)), "little-endian"),
        (SECTION + struct.pack("<III", 1, 13, 0), "a block of 13"),
        (SECTION + struct.pack("<III", 1, 4000, 0), "a block of 4000"),
        (SECTION + packet(b"x"), "contradicts"),
        (HEAD + block(6, b"short"), "too short"),
        (HEAD + packet(b"short"), "cut off"),
        (SECTION + block(1, struct.pack("<HHI", 1, 0, 0)) + packet(bytes(64)), "link type 1"),
    ],
)
def test_what_is_no_usb_recording_is_refused_by_name(content: bytes, why: str) -> None:
    with pytest.raises(RecordingError, match=why):
        Recording(content)


@given(st.binary(max_size=300), st.integers(0, 400))
def test_any_file_is_a_recording_or_refused(data: bytes, cut: int) -> None:
    whole = HEAD + DESCRIPTORS + data
    for content in (data, whole, whole[:cut]):
        try:
            list(urbs(content))
        except RecordingError:
            continue
