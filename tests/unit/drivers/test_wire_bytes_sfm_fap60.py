"""The wires of SFM and FAP 60 byte for byte: sums made another way, and every length at its limit.

Nothing expected here went through the encoder it judges: bytes are typed from Suprema's UF_Protocol_Manual and
docs/readers/fap60-protocol.md.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.wires import fap60, sfm
from tests.unit.drivers.wire_kit import crc32, typed

# SFM


@pytest.mark.parametrize(
    ("packet", "raw"),
    [
        (sfm.Packet(0x03, flag=0x6E), "40 03 00000000 00000000 6E B1 0A"),  # read the firmware version
        (sfm.Packet(0x01, size=0x30, flag=0x6C), "40 01 00000000 30000000 6C DD 0A"),  # 8-bit gray
        (sfm.Packet(0x01, size=0x32, flag=0x62), "40 01 00000000 32000000 62 D5 0A"),  # give up after 2 s
        (sfm.Packet(0x83, size=16384), "40 83 00000000 00400000 00 03 0A"),  # scan, in blocks of 16 KiB
        (sfm.Packet(0x83, flag=0x83), "40 83 00000000 00000000 83 46 0A"),  # block received
        (sfm.Packet(0x60), "40 60 00000000 00000000 00 A0 0A"),  # cancel
        (sfm.Packet(0x15, 0x01020304, 0x05060708, 0x61), "40 15 04030201 08070605 61 DA 0A"),
    ],
)
def test_each_sfm_packet_is_made_byte_for_byte(packet: sfm.Packet, raw: str) -> None:
    assert sfm.pack(packet) == typed(raw)
    stream = sfm.Stream()
    stream.feed(typed(raw))
    assert stream.packet() == packet
    assert stream.skipped == 0


def test_an_sfm_packet_that_does_not_end_in_0a_is_passed_over() -> None:
    stream = sfm.Stream()
    stream.feed(typed("40 60 00000000 00000000 00 A0 0B") + typed("40 60 00000000 00000000 00 A0 0A"))
    assert stream.packet() == sfm.Packet(0x60)
    assert stream.skipped == 13


def test_sfm_counts_what_it_skips_and_waits_for_the_last_byte() -> None:
    raw = typed("40 60 00000000 00000000 00 A0 0A")
    for cut in range(1, len(raw)):
        stream = sfm.Stream()
        stream.feed(b"ab" + raw[:cut])
        assert stream.packet() is None
        stream.feed(raw[cut:])
        assert stream.packet() == sfm.Packet(0x60)
        assert stream.skipped == 2
        assert stream.take(1) is None


def test_sfm_gives_raw_bytes_only_when_all_of_them_are_there() -> None:
    stream = sfm.Stream()
    stream.feed(b"abc")
    assert stream.take(4) is None
    assert stream.take(3) == b"abc"
    assert stream.take(0) == b""


def test_sfm_blocks_are_numbered_from_0_and_each_has_its_sum() -> None:
    assert sfm.pack_blocks(0x83, b"\xff\xff\xff\xff\1\2", 4) == [
        typed("40 83 02000000 04000000 61 2A 0A FFFFFFFF FC030000"),
        typed("40 83 02000100 02000000 61 29 0A 0102 03000000"),
    ]


def test_the_sum_of_an_sfm_block_has_32_bits() -> None:
    assert sfm.block_sum(b"\xff" * 70000) == (255 * 70000).to_bytes(4, "little")


def image_header(**changes: int) -> bytes:
    """Seven i32: width, height, compressed, encrypted, format, image bytes, template bytes."""
    fields = {
        "width": 8,
        "height": 6,
        "compressed": 0,
        "encrypted": 0,
        "format": 0,
        "image": 48,
        "template": 0,
    }
    return b"".join(value.to_bytes(4, "little", signed=True) for value in (fields | changes).values())


def test_an_sfm_image_header_is_seven_numbers() -> None:
    fields = sfm.ImageHeader(
        width=8, height=6, compressed=1, encrypted=2, format=3, image_bytes=48, template_bytes=5
    )
    raw = image_header(compressed=1, encrypted=2, format=3, template=5)
    assert fields.pack() == raw
    assert sfm.ImageHeader.unpack(raw) == fields
    assert sfm.ImageHeader(8, 6).pack() == image_header()


@pytest.mark.parametrize("odd", ["compressed", "encrypted", "format"])
def test_an_sfm_image_that_is_not_plain_gray_is_refused(odd: str) -> None:
    with pytest.raises(sfm.ImageError):
        sfm.pixels(image_header(**{odd: 1}) + bytes(48), {})


@pytest.mark.parametrize(
    ("changes", "extra", "explained"),
    [
        ({}, 0, True),
        ({}, 1, False),
        ({}, -1, False),
        ({"width": 1, "height": 1, "image": 1}, 0, True),
        ({"width": 0}, 0, False),
        ({"height": 0}, 0, False),
        ({"width": -1}, 0, False),
        ({"width": 4096}, 0, True),
        ({"width": 4097}, 0, False),
        ({"height": 4096}, 0, True),
        ({"height": 4097}, 0, False),
        ({"format": 3}, 0, True),
        ({"format": 4}, 0, False),
        ({"format": -1}, 0, False),
        ({"image": 0}, 0, False),
    ],
)
def test_an_sfm_header_explains_an_image_of_its_own_size_only(
    changes: dict[str, int], extra: int, explained: bool
) -> None:
    header = sfm.ImageHeader.unpack(image_header(**changes))
    assert header.explains(28 + header.image_bytes + extra) == explained


def test_sfm_pixels_come_row_by_row_with_or_without_a_header() -> None:
    gray = bytes(range(48))
    for data in (gray, image_header() + gray):
        found = sfm.pixels(data, {48: (8, 6)})
        assert found is not None
        assert found.tolist() == [list(range(8 * row, 8 * row + 8)) for row in range(6)]
    assert sfm.pixels(image_header(height=7) + gray, {}) is None  # 8 x 7 are not 48
    assert sfm.pixels(bytes(28), {28: (7, 4)}) is not None  # no header, but as many bytes as one


# FAP 60


def f60(kind: int, sequence: int, payload: bytes) -> bytes:
    """A frame as its page has it."""
    head = typed("463630A5") + bytes((kind, 0)) + sequence.to_bytes(2, "little")
    head += len(payload).to_bytes(4, "little")
    head += crc32(head).to_bytes(4, "little")
    return head + payload + crc32(head + payload).to_bytes(4, "little")


def test_the_crc_of_this_test_is_the_one_of_ieee() -> None:
    assert crc32(b"123456789") == 0xCBF43926  # the check value of the catalogue of CRCs


@given(st.integers(0, 255), st.integers(0, 0xFFFF), st.binary(max_size=100))
def test_a_fap60_frame_is_its_pages_table_of_fields(kind: int, sequence: int, payload: bytes) -> None:
    message = fap60.Message(kind, sequence, payload)
    assert fap60.pack(message) == f60(kind, sequence, payload)
    assert list(fap60.Parser().feed(f60(kind, sequence, payload))) == [message]


def test_a_fap60_sequence_number_goes_round_at_65536() -> None:
    assert fap60.pack(fap60.Message(1, 0x10002)) == f60(1, 2, b"")


@pytest.mark.parametrize(("length", "refused"), [(4 << 20, False), ((4 << 20) + 1, True)])
def test_a_fap60_payload_has_at_most_4_mib(length: int, refused: bool) -> None:
    head = typed("463630A5 92 00 0100") + length.to_bytes(4, "little")
    found = list(fap60.Parser().feed(head + crc32(head).to_bytes(4, "little")))
    assert bool(found) == refused  # else the payload is waited for


def test_fap60_waits_for_every_byte_and_keeps_half_a_magic() -> None:
    raw = f60(0x90, 3, b"abc")
    for cut in range(1, len(raw)):
        parser = fap60.Parser()
        assert list(parser.feed(raw[:cut])) == []
        assert list(parser.feed(raw[cut:])) == [fap60.Message(0x90, 3, b"abc")]
    parser = fap60.Parser()
    assert list(parser.feed(b"noise" + raw[:3])) == [fap60.Damaged("5 bytes without a header")]
    assert list(parser.feed(raw[3:])) == [fap60.Message(0x90, 3, b"abc")]


def test_a_frame_swallowed_by_a_hurt_length_is_found_when_the_rest_is_given_up() -> None:
    head = typed("463630A5 92 00 0100 00010000")
    good = f60(0x90, 3, b"abc")
    parser = fap60.Parser()
    assert list(parser.feed(head + crc32(head).to_bytes(4, "little") + good)) == []
    found = list(parser.give_up())
    assert found[0] == fap60.Damaged("cut short")
    assert found[-1] == fap60.Message(0x90, 3, b"abc")
    assert list(parser.give_up()) == []


def test_fap60_payloads_are_those_of_its_page() -> None:
    assert fap60.pack_start(7, "slap") == typed("07000000 03")
    assert fap60.unpack_start(typed("09000000 01")) == (9, "roll")
    assert fap60.Status(7, fap60.Finger.SETTLED, True).pack() == typed("07000000 02 01")
    assert fap60.Status.unpack(typed("01020000 01 00")) == fap60.Status(0x201, fap60.Finger.SETTLING, False)
    assert fap60.pack_fault(0x102, "hot") == typed("0201") + b"hot"
    assert fap60.unpack_fault(typed("0201") + b"hot") == (0x102, "hot")
    assert fap60.unpack_fault(typed("0300")) == (3, "")
    identity = fap60.Identity("M", "mo", "SIM-1", "", 500, ("roll", "slap"), 60, True)
    raw = typed("01 F401 0A 3C 01") + b"\1M\2mo\5SIM-1\0"
    assert identity.pack() == raw
    assert fap60.Identity.unpack(raw) == identity


@pytest.mark.parametrize("kind", ["roll", "plain", "slap"])
def test_a_fap60_reader_says_each_kind_by_its_own_bit(kind: str) -> None:
    bit = {"roll": "02", "plain": "04", "slap": "08"}[kind]
    raw = typed("01 F401" + bit + "3C 00") + b"\1a\1b\1c\1d"
    assert fap60.Identity.unpack(raw) == fap60.Identity("a", "b", "c", "d", 500, (kind,), 60, False)


@pytest.mark.parametrize(
    ("unpack", "raw"),
    [
        (fap60.unpack_start, "07000000"),
        (fap60.unpack_start, "07000000 03 00"),
        (fap60.unpack_start, "07000000 00"),
        (fap60.unpack_start, "07000000 04"),
        (fap60.Status.unpack, "07000000 02"),
        (fap60.Status.unpack, "07000000 02 01 00"),
        (fap60.Status.unpack, "07000000 03 01"),
        (fap60.unpack_fault, "01"),
        (fap60.Identity.unpack, "00 F401 0A 3C 01 00 00 00 00"),
        (fap60.Identity.unpack, "02 F401 0A 3C 01 00 00 00 00"),
        (fap60.Identity.unpack, "01 F401 0A 3C 01 00 00 00"),
        (fap60.Picture.unpack, "05000000 0200 0100 FA00"),
        (fap60.Picture.unpack, "05000000 0200 0100 FA00 00 01"),
        (fap60.Picture.unpack, "05000000 0200 0100 FA00 00 010203"),
        (fap60.Picture.unpack, "05000000 0000 0000 FA00 00"),
        (fap60.Picture.unpack, "05000000 0200 0100 FA00 02 0102"),
    ],
)
def test_a_fap60_payload_that_is_not_of_its_page_is_refused(unpack: object, raw: str) -> None:
    with pytest.raises(fap60.WireError):
        unpack(typed(raw))  # type: ignore[operator]


def test_a_fap60_picture_is_its_pages_fields_and_rows() -> None:
    raw = typed("05000000 0300 0200 FA00 00 010203 040506")
    picture = fap60.Picture.unpack(raw)
    assert (picture.capture, picture.ppi, picture.pixels.tolist()) == (5, 250, [[1, 2, 3], [4, 5, 6]])
    assert fap60.Picture(5, np.array([[1, 2, 3], [4, 5, 6]], np.uint8), 250).pack() == raw
