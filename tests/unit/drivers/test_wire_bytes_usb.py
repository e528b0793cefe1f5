"""The wires of NB-1010, UPEK and the libfprint helper byte for byte, with every length at its limit.

Nothing expected here went through the encoder it judges: bytes are those of the public recordings and of the facts of
libfprint 1.94.10 (docs/readers/nb1010.md, upek.md).
"""

from __future__ import annotations

import json
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.wires import libfprint, nb1010, upektc
from tests.unit.drivers.wire_kit import crc_ccitt, typed

# NB-1010


def test_the_three_nb1010_commands_are_those_of_the_recording() -> None:
    assert typed("80 38 01 00 08 00 00 00") == nb1010.ASK
    assert typed("80 0D 03 00 0C 00 00 00 00 04 00 00") == nb1010.PREPARE
    assert typed("80 12 04 00 20 00 00 00 02") + bytes(19) + typed("20 00 00 00") == nb1010.TAKE


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (nb1010.ASK, "80 37 01 00 10 00 00 00 00 00 00 00 F7 00 00 00"),
        (nb1010.PREPARE, "80 20 03 00 10 00 00 00 00 00 00 00 F7 00 00 00"),
        (nb1010.TAKE, "80 20 04 00 10 00 00 00 00 00 00 00 F7 00 00 00"),
    ],
)
def test_an_nb1010_answer_is_believed_with_its_mark_number_and_length_only(
    command: bytes, answer: str
) -> None:
    raw = typed(answer)
    assert nb1010.check_answer(raw, command) == raw
    assert nb1010.answer(command, 0xF7) == raw
    for place in (0, 2, 3, 4, 5, 6, 7):
        hurt = bytearray(raw)
        hurt[place] += 1
        with pytest.raises(nb1010.WireError):
            nb1010.check_answer(bytes(hurt), command)
    for wrong in (raw[:-1], raw + b"\0"):
        with pytest.raises(nb1010.WireError, match="are no answer"):
            nb1010.check_answer(wrong, command)


def test_the_level_of_a_finger_is_byte_12() -> None:
    assert nb1010.finger_level(typed("80 37 01 00 10 00 00 00 01 02 03 04 31 05 06 07")) == 0x31


def nb1010_piece(row: int, more: int) -> bytes:
    head = (
        typed("80 21 00 00 1C 02 00 00 00 00 00 00") + more.to_bytes(4, "little") + row.to_bytes(4, "little")
    )
    return head + typed("00 01 00 00 01") + bytes(range(256)) + bytes(256) + bytes(3)


def test_an_nb1010_piece_is_25_bytes_two_rows_and_3_bytes() -> None:
    for index, row, more in ((0, 1, 1), (88, 177, 1), (89, 179, 0)):
        raw = nb1010_piece(row, more)
        assert len(raw) == 540
        rows = nb1010.rows(raw, index)
        assert (rows.shape, rows[0].tolist(), int(rows[1].max())) == ((2, 256), list(range(256)), 0)
        image = np.zeros((180, 256), np.uint8)
        image[2 * index] = range(256)
        assert nb1010.piece(image, index) == raw
    for wrong in (nb1010_piece(1, 1)[:-1], nb1010_piece(1, 1) + b"\0"):
        with pytest.raises(nb1010.WireError, match="a piece of"):
            nb1010.rows(wrong, 0)


# UPEK


def ciao(kind: int, sequence: int, payload: bytes) -> bytes:
    body = bytes((kind, sequence << 4 | len(payload) >> 8, len(payload) & 0xFF)) + payload
    return b"Ciao" + body + crc_ccitt(body)


@given(st.integers(0, 255), st.integers(0, 15), st.binary(max_size=300) | st.just(bytes(4095)))
def test_a_upek_frame_is_ciao_type_sequence_length_payload_and_crc(
    kind: int, sequence: int, payload: bytes
) -> None:
    message = upektc.Message(kind, sequence, payload)
    raw = ciao(kind, sequence, payload)
    assert upektc.pack(message) == raw
    assert upektc.unpack(raw) == message
    assert upektc.whole_bytes(raw[:7]) == len(raw)


def test_a_upek_frame_of_one_byte_less_is_refused() -> None:
    raw = ciao(0, 1, b"abc")
    with pytest.raises(upektc.WireError, match="no frame begins"):
        upektc.whole_bytes(raw[:6])
    with pytest.raises(upektc.WireError, match="11 of 12 bytes"):
        upektc.unpack(raw[:-1])


def test_the_upek_commands_are_those_of_the_recording() -> None:
    assert typed("01 00 46 00 00 00 00 00 01 01 00 00 00") == upektc.POWER_LOW
    assert typed("01 00 BC 02 00 00 00 00 01 01 00 00 00") == upektc.POWER_HIGH
    assert (upektc.RESET_IT, upektc.NEXT) == (b"\x01", b"\x30")
    assert typed("28 04 00 00 00 06 04") == upektc.ASK_INFO
    assert typed("28 05 00 00 00 00 30 01") == upektc.GO_ON
    area, strip = upektc.SENSORS[0], upektc.SENSORS[4]
    assert upektc.capture(area) == typed("28 0B 00 00 00 0E 02 FE FF FF FF 02 01 02")
    assert upektc.capture(strip) == typed("28 0B 00 00 00 0E 02 FE FF FF FF 02 00 02")


@pytest.mark.parametrize("sensor", upektc.SENSORS, ids=lambda one: one.name)
def test_a_upek_sensor_is_told_by_bytes_49_to_53_of_the_frame(sensor: upektc.Sensor) -> None:
    payload = bytearray(54)
    payload[0] = 0x28
    payload[49 - 7] = 0x64 if sensor.area else 0xE4
    payload[50 - 7 : 54 - 7] = sensor.width.to_bytes(2, "little") + sensor.height.to_bytes(2, "little")
    assert upektc.sensor(bytes(payload)) == sensor
    assert upektc.sensor(bytes(payload[:47])) == sensor
    told = upektc.info(sensor)
    assert (told[0], told[42:47]) == (0x28, bytes(payload[42:47]))
    for hurt in (bytes(payload[:46]), b"\x29" + bytes(payload[1:])):
        with pytest.raises(upektc.WireError, match="do not tell of a sensor"):
            upektc.sensor(hurt)
    payload[49 - 7] ^= 0x80
    with pytest.raises(upektc.WireError, match="no known sensor"):
        upektc.sensor(bytes(payload))


def test_a_upek_status_is_byte_18_of_the_frame() -> None:
    payload = typed("28 11 00 00 00 00 20 01 00 00 00 1D")
    assert upektc.status(payload) == 0x1D
    assert upektc.say_status(0x1D) == payload + bytes(8)
    with pytest.raises(upektc.WireError):
        upektc.status(payload[:11])


@pytest.mark.parametrize(
    ("kind", "head", "tail"), [(0x2C, 10, 0), (0x24, 0, 0), (0x20, 0, 4)], ids=["first", "next", "last"]
)
def test_a_upek_image_part_is_its_pixels_and_little_else(kind: int, head: int, tail: int) -> None:
    payload = bytes((kind,)) + bytes(head) + b"pixels" + bytes(tail)
    assert upektc.pixels(upektc.Message(0, 3, payload)) == b"pixels"
    least = payload.replace(b"pixels", b"")
    assert upektc.pixels(upektc.Message(0, 3, least)) == b""
    with pytest.raises(upektc.WireError):
        upektc.pixels(upektc.Message(0, 3, least[:-1]) if len(least) > 1 else upektc.Message(4, 3, b""))


def test_a_upek_image_travels_in_parts_of_2043_bytes() -> None:
    image = bytes(range(256)) * 20
    parts = upektc.parts(image)
    assert [len(part) for part in parts] == [2043, 2043, 5120 - 2032 - 2042 + 5]
    assert parts[0][:11] == typed("2C 0C140000 0E 12 00140000")
    assert [part[0] for part in parts] == [0x2C, 0x24, 0x20]
    assert parts[-1][-4:] == bytes(4)
    exact = upektc.parts(bytes(2032 + 2038))  # what just fits behind the first into one last part
    assert [len(part) for part in exact] == [2043, 2043]
    assert [len(part) for part in upektc.parts(bytes(2032 + 2039))] == [2043, 2040, 5]


# libfprint's helper


def message(facts: bytes, pixels: bytes = b"") -> bytes:
    sizes = len(facts).to_bytes(4, "little") + len(pixels).to_bytes(4, "little")
    return b"FPb1" + sizes + zlib.crc32(facts + pixels).to_bytes(4, "little") + facts + pixels


def test_a_helpers_message_is_its_magic_two_sizes_a_crc_and_both_parts() -> None:
    sent = libfprint.Message({"say": "image"}, b"\1\2\3")
    raw = libfprint.pack(sent)
    assert raw == message(json.dumps({"say": "image"}).encode(), b"\1\2\3")
    for cut in range(1, len(raw)):
        parser = libfprint.Parser()
        assert list(parser.feed(raw[:cut])) == []
        assert parser.halfway
        assert list(parser.feed(raw[cut:])) == [sent]
        assert not parser.halfway


@pytest.mark.parametrize(("facts", "pixels"), [(65536, 0), (0, 16777216)])
def test_a_helpers_message_has_at_most_64_kib_of_facts_and_16_mib_of_pixels(facts: int, pixels: int) -> None:
    def head(more: int) -> bytes:
        sizes = [size + (more if size else 0) for size in (facts, pixels)]
        return b"FPb1" + b"".join(size.to_bytes(4, "little") for size in sizes) + bytes(4)

    assert list(libfprint.Parser().feed(head(0))) == []
    with pytest.raises(libfprint.WireError, match="no message begins"):
        list(libfprint.Parser().feed(head(1)))
