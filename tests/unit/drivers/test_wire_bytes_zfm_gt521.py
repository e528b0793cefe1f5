"""The wires of ZFM and GT-521 byte for byte: sums made another way, and every length at its limit.

Nothing expected here went through the encoder it judges: bytes are typed from the manuals of ZFM-20 and R503 and from
SparkFun's header.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.wires import gt521, zfm
from tests.unit.drivers.wire_kit import added, typed

# ZFM


@pytest.mark.parametrize(
    ("payload", "raw"),
    [
        ("01", "EF01 FFFFFFFF 01 0003 01 0005"),  # GenImg
        ("0A", "EF01 FFFFFFFF 01 0003 0A 000E"),  # UpImage
        ("0F", "EF01 FFFFFFFF 01 0003 0F 0013"),  # ReadSysPara
        ("3C", "EF01 FFFFFFFF 01 0003 3C 0040"),  # ReadProdInfo
        ("0E 06 02", "EF01 FFFFFFFF 01 0005 0E 06 02 001C"),  # SetSysPara: packets of 128 bytes
        ("13 12345678", "EF01 FFFFFFFF 01 0007 13 12345678 012F"),  # VfyPwd
    ],
)
def test_each_zfm_command_is_made_byte_for_byte(payload: str, raw: str) -> None:
    packet = zfm.Packet(0x01, typed(payload))
    assert zfm.pack(packet) == typed(raw)
    assert list(zfm.Parser().feed(typed(raw))) == [packet]


@given(st.sampled_from([1, 2, 7, 8]), st.binary(max_size=256), st.integers(0, 0xFFFFFFFF))
def test_a_zfm_packet_is_the_manuals_table_of_fields(pid: int, payload: bytes, address: int) -> None:
    counted = bytes((pid,)) + (len(payload) + 2).to_bytes(2, "big") + payload
    raw = typed("EF01") + address.to_bytes(4, "big") + counted + added(counted, 1 << 16).to_bytes(2, "big")
    assert zfm.pack(zfm.Packet(pid, payload, address)) == raw
    assert list(zfm.Parser().feed(raw)) == [zfm.Packet(pid, payload, address)]


def zfm_raw(pid: int, length: int) -> bytes:
    """A packet with that length field, as many zero bytes behind it as it announces, and the right sum."""
    counted = bytes((pid,)) + length.to_bytes(2, "big")
    total = added(counted, 1 << 16).to_bytes(2, "big")
    return typed("EF01 FFFFFFFF") + counted + bytes(max(0, length - 2)) + total


@pytest.mark.parametrize(("length", "good"), [(1, False), (2, True), (258, True), (259, False)])
def test_a_zfm_packet_announces_2_to_258_bytes(length: int, good: bool) -> None:
    found = next(iter(zfm.Parser().feed(zfm_raw(2, length))))
    assert isinstance(found, zfm.Packet) == good


def test_only_the_four_identifiers_of_the_manual_begin_a_zfm_packet() -> None:
    good = [
        pid for pid in range(256) if isinstance(next(iter(zfm.Parser().feed(zfm_raw(pid, 2)))), zfm.Packet)
    ]
    assert good == [1, 2, 7, 8]


def test_zfm_counts_the_bytes_it_skips_and_keeps_half_a_header() -> None:
    parser = zfm.Parser()
    assert list(parser.feed(b"\x55")) == [zfm.Damaged("1 bytes without a header")]
    assert list(parser.feed(b"ab\xef")) == [zfm.Damaged("2 bytes without a header")]
    assert list(parser.feed(typed("01 FFFFFFFF 07 0003 00 000A"))) == [zfm.Packet(7, b"\0")]


def test_zfm_waits_for_the_last_byte_of_a_packet() -> None:
    raw = typed("EF01 FFFFFFFF 07 0003 00 000A")
    for cut in range(1, len(raw)):
        parser = zfm.Parser()
        assert list(parser.feed(raw[:cut])) == []
        assert list(parser.feed(raw[cut:])) == [zfm.Packet(7, b"\0")]


def test_a_hurt_zfm_packet_costs_its_header_and_no_more() -> None:
    bad, good = typed("EF01 FFFFFFFF 07 0003 00 000B"), typed("EF01 FFFFFFFF 07 0003 02 000C")
    found = list(zfm.Parser().feed(bad + good))
    assert found == [
        zfm.Damaged("checksum"),
        zfm.Damaged("10 bytes without a header"),
        zfm.Packet(7, b"\2"),
    ]


@pytest.mark.parametrize(
    ("code", "size"), [("0000", 32), ("0001", 64), ("0002", 128), ("0003", 256), ("0004", None)]
)
def test_system_parameters_are_the_16_bytes_of_the_manual(code: str, size: int | None) -> None:
    raw = typed("0005 0009 00C8 0003 89ABCDEF" + code + "000C")
    if size is None:
        with pytest.raises(ValueError, match="packet code 4"):
            zfm.SystemParameters.unpack(raw)
        return
    told = zfm.SystemParameters.unpack(raw)
    assert told == zfm.SystemParameters(5, 9, 200, 3, 0x89ABCDEF, size, 115200)
    assert told.pack() == raw


def test_product_information_is_the_46_bytes_of_the_manual() -> None:
    raw = (
        b"R503".ljust(16, b"\0") + b"0A1B" + b"12345678" + typed("0102") + b"GRX\0\0\0\0\0"
        + typed("00C0 00A0 0600 00C8")
    )  # fmt: skip
    told = zfm.ProductInfo.unpack(raw)
    assert told == zfm.ProductInfo("R503", "0A1B", "12345678", "1.2", "GRX", 192, 160)
    assert told.pack() == raw[:-4] + bytes(4)  # nobody asks for the size and number of templates


@pytest.mark.parametrize("unpack", [zfm.SystemParameters.unpack, zfm.ProductInfo.unpack])
def test_an_answer_of_one_byte_more_or_less_is_refused(unpack: object) -> None:
    size = {zfm.SystemParameters.unpack: 16, zfm.ProductInfo.unpack: 46}[unpack]  # type: ignore[index]
    unpack(bytes(size))  # type: ignore[operator]
    for wrong in (size - 1, size + 1):
        with pytest.raises(ValueError, match=f"{wrong} bytes"):
            unpack(bytes(wrong))  # type: ignore[operator]


@pytest.mark.parametrize(
    ("image", "packet", "wire"),
    [(0, 128, 12), (1, 32, 12 + 1 + 11), (32, 32, 12 + 32 + 11), (33, 32, 12 + 33 + 22)],
)
def test_a_last_zfm_packet_that_is_not_full_counts_as_one(image: int, packet: int, wire: int) -> None:
    assert zfm.image_wire_bytes(image, packet) == wire


# GT-511, GT-521


@pytest.mark.parametrize(
    ("word", "param", "raw"),
    [
        (0x01, 1, "55AA 0100 01000000 0100 0201"),  # Open, with information
        (0x04, 115200, "55AA 0100 00C20100 0400 C701"),  # ChangeBaudrate
        (0x12, 0, "55AA 0100 00000000 1200 1201"),  # CmosLed off
        (0x26, 0, "55AA 0100 00000000 2600 2601"),  # IsPressFinger
        (0x60, 1, "55AA 0100 01000000 6000 6101"),  # CaptureFinger, the better kind
        (0x62, 0, "55AA 0100 00000000 6200 6201"),  # GetImage
        (0x63, 0, "55AA 0100 00000000 6300 6301"),  # GetRawImage
        (0x31, 0x1012, "55AA 0100 12100000 3100 5301"),  # NACK: finger is not pressed
    ],
)
def test_each_gt521_packet_is_made_byte_for_byte(word: int, param: int, raw: str) -> None:
    assert gt521.pack(gt521.Packet(word, param)) == typed(raw)
    stream = gt521.Stream()
    stream.feed(typed(raw))
    assert stream.packet() == gt521.Packet(word, param)
    assert len(stream) == 0


@given(st.binary(max_size=400))
def test_gt521_data_is_its_header_the_data_and_the_sum_of_both(data: bytes) -> None:
    body = typed("5AA5 0100") + data
    raw = body + added(body, 1 << 16).to_bytes(2, "little")
    assert gt521.pack_data(data) == raw
    stream = gt521.Stream()
    stream.feed(raw)
    assert stream.data(len(data)) == data


def test_the_sum_of_a_large_gt521_image_runs_over_65536() -> None:
    assert gt521.checksum(b"\xff" * 52116) == ((255 * 52116) % 65536).to_bytes(2, "little")


def test_an_answer_of_another_device_is_passed_over() -> None:
    stream = gt521.Stream()
    stream.feed(typed("55AA 0200 00000000 3000 3101") + typed("55AA 0100 00000000 3000 3001"))
    assert stream.packet() == gt521.Packet(0x30)


def test_gt521_takes_nothing_before_the_last_byte_is_there() -> None:
    answer, data = typed("55AA 0100 00000000 3000 3001"), typed("5AA5 0100 010203 0601")
    for cut in range(1, len(answer)):
        stream = gt521.Stream()
        stream.feed(answer[:cut])
        assert stream.packet() is None
        stream.feed(answer[cut:])
        assert stream.packet() == gt521.Packet(0x30)
    for cut in range(1, len(data)):
        stream = gt521.Stream()
        stream.feed(data[:cut])
        assert stream.data(3) is None
        stream.feed(data[cut:])
        assert stream.data(3) == b"\1\2\3"
        assert len(stream) == 0


def test_gt521_says_how_much_stands_behind_a_data_header() -> None:
    stream = gt521.Stream()
    stream.feed(b"xyz" + typed("5AA5 01"))
    assert stream.seek_data() == 0
    stream.feed(typed("00"))
    assert stream.seek_data() == 0
    stream.feed(b"\7\7\7")
    assert stream.seek_data() == 3
    assert gt521.Stream().seek_data() == 0


def test_gt521_drops_what_cannot_become_a_header() -> None:
    stream = gt521.Stream()
    stream.feed(b"abcdef")
    assert stream.packet() is None
    assert len(stream) == 1  # the first half of a header may be the last byte
    other = gt521.Stream()
    other.feed(b"abcdef")
    assert other.data(3) is None
    assert len(other) == 3


def test_device_information_is_two_numbers_and_16_bytes() -> None:
    raw = typed("01004051 00CB0000") + b"0123456789ABCDEF"
    told = gt521.DeviceInfo.unpack(raw)
    assert told == gt521.DeviceInfo(0x51400001, 0xCB00, "0123456789ABCDEF")
    assert told.pack() == raw
    for wrong in (23, 25):
        with pytest.raises(ValueError, match=f"{wrong} bytes"):
            gt521.DeviceInfo.unpack(bytes(wrong))
