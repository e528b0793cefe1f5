"""The byte formats: published vectors, round trips, and streams of anything."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.sim.peers import uru4500 as uru_peer
from drivers.wires import fap60, uru4000, zfm
from firmware_profiles.profile import load

SIZES = st.lists(st.integers(1, 50), max_size=40)


def chunks(data: bytes, sizes: list[int]) -> list[bytes]:
    pieces, at = [], 0
    for size in sizes:
        pieces.append(data[at : at + size])
        at += size
    return [*pieces, data[at:]]


# ZFM


def test_the_manuals_verify_password_packet_is_made_byte_for_byte() -> None:
    packet = zfm.Packet(zfm.Pid.COMMAND, bytes((zfm.Op.VFY_PWD, 0, 0, 0, 0)))
    assert zfm.pack(packet).hex() == "ef01ffffffff01000713000000" + "00001b"


def test_the_manuals_acknowledge_is_understood() -> None:
    found = list(zfm.Parser().feed(bytes.fromhex("ef01ffffffff07000300000a")))
    assert found == [zfm.Packet(zfm.Pid.ACK, b"\0")]


def test_a_flipped_checksum_byte_is_refused() -> None:
    found = list(zfm.Parser().feed(bytes.fromhex("ef01ffffffff07000300000b")))
    assert isinstance(found[0], zfm.Damaged)


def test_a_payload_over_256_bytes_is_not_sent() -> None:
    with pytest.raises(ValueError, match="257"):
        zfm.pack(zfm.Packet(zfm.Pid.DATA, bytes(257)))


ZFM_PACKETS = st.lists(
    st.builds(
        zfm.Packet, st.sampled_from(list(zfm.Pid)), st.binary(max_size=256), st.integers(0, 0xFFFFFFFF)
    ),
    max_size=5,
)


@given(ZFM_PACKETS, SIZES)
def test_zfm_packets_survive_any_cutting_of_the_stream(packets: list[zfm.Packet], sizes: list[int]) -> None:
    parser = zfm.Parser()
    stream = b"".join(zfm.pack(one) for one in packets)
    assert [one for piece in chunks(stream, sizes) for one in parser.feed(piece)] == packets


@given(st.binary(max_size=200), st.builds(zfm.Packet, st.sampled_from(list(zfm.Pid)), st.binary(max_size=40)))
def test_a_zfm_packet_is_found_behind_anything_that_ends(noise: bytes, packet: zfm.Packet) -> None:
    parser = zfm.Parser()
    found = list(parser.feed(noise + zfm.pack(packet) + bytes(300)))
    assert packet in found


@given(st.binary(max_size=100), st.integers(0, 10_000), st.integers(0, 7))
def test_a_zfm_packet_with_any_bit_flipped_is_never_taken_for_it(data: bytes, where: int, bit: int) -> None:
    packet = zfm.Packet(zfm.Pid.DATA, data)
    raw = bytearray(zfm.pack(packet))
    raw[where % len(raw)] ^= 1 << bit
    assert packet not in list(zfm.Parser().feed(bytes(raw) + bytes(300)))


@given(st.binary(max_size=400))
def test_the_zfm_parser_takes_any_bytes(data: bytes) -> None:
    list(zfm.Parser().feed(data))


def test_a_reset_zfm_parser_forgets_half_a_packet() -> None:
    parser = zfm.Parser()
    raw = zfm.pack(zfm.Packet(zfm.Pid.ACK, b"\0"))
    assert list(parser.feed(raw[:5])) == []
    parser.reset()
    assert list(parser.feed(raw)) == [zfm.Packet(zfm.Pid.ACK, b"\0")]


def test_four_bits_become_eight_over_the_whole_range() -> None:
    pixels = zfm.expand(bytes((0x0F, 0xF0, 0x12, 0x34)), 4, 2)
    assert pixels.tolist() == [[0, 255, 255, 0], [17, 34, 51, 68]]


def test_the_wire_bytes_of_an_image_agree_with_the_arithmetic() -> None:
    assert zfm.image_wire_bytes(36864, 128) == 40_044
    assert zfm.image_wire_bytes(36864, 256) == 38_460
    assert zfm.image_wire_bytes(18432, 128) == 20_028


@given(st.binary(max_size=60))
def test_system_and_product_answers_are_understood_or_refused(data: bytes) -> None:
    for unpack in (zfm.SystemParameters.unpack, zfm.ProductInfo.unpack):
        try:
            unpack(data)
        except ValueError:
            continue


def test_system_parameters_and_product_information_come_back_as_sent() -> None:
    told = zfm.SystemParameters(1, 9, 200, 3, 0xFFFFFFFF, 128, 57600)
    assert zfm.SystemParameters.unpack(told.pack()) == told
    product = zfm.ProductInfo("R503", "A1", "12345678", "1.2", "GRX", 192, 192)
    assert zfm.ProductInfo.unpack(product.pack()) == product


def test_an_impossible_packet_code_is_refused() -> None:
    raw = bytearray(zfm.SystemParameters(0, 0, 0, 0, 0, 32, 9600).pack())
    raw[13] = 4
    with pytest.raises(ValueError, match="packet code 4"):
        zfm.SystemParameters.unpack(bytes(raw))


# FAP 60

MESSAGES = st.lists(
    st.builds(fap60.Message, st.integers(0, 255), st.integers(0, 0xFFFF), st.binary(max_size=300)), max_size=5
)


@given(MESSAGES, SIZES)
def test_fap60_messages_survive_any_cutting_of_the_stream(
    messages: list[fap60.Message], sizes: list[int]
) -> None:
    parser = fap60.Parser()
    stream = b"".join(fap60.pack(one) for one in messages)
    assert [one for piece in chunks(stream, sizes) for one in parser.feed(piece)] == messages


@given(st.binary(max_size=200), st.builds(fap60.Message, st.just(0x90), st.just(7), st.binary(max_size=30)))
def test_a_fap60_message_is_found_behind_anything(noise: bytes, message: fap60.Message) -> None:
    parser = fap60.Parser()
    found = list(parser.feed(noise + fap60.pack(message)))
    found += list(parser.give_up())
    assert message in found


@given(st.binary(max_size=80), st.integers(0, 10_000), st.integers(0, 7))
def test_a_fap60_message_with_any_bit_flipped_is_noticed(data: bytes, where: int, bit: int) -> None:
    raw = bytearray(fap60.pack(fap60.Message(0x92, 3, data)))
    raw[where % len(raw)] ^= 1 << bit
    parser = fap60.Parser()
    found = [*parser.feed(bytes(raw)), *parser.give_up()]
    assert all(isinstance(one, fap60.Damaged) for one in found)
    assert found


def test_a_length_nobody_would_send_is_refused_at_once() -> None:
    import struct
    import zlib

    head = struct.pack("<4sBBHI", fap60.MAGIC, 0x92, 0, 1, fap60.MAX_PAYLOAD + 1)
    found = list(fap60.Parser().feed(head + struct.pack("<I", zlib.crc32(head))))
    assert "length" in found[0].why  # type: ignore[union-attr]


def test_a_reset_fap60_parser_forgets_half_a_message() -> None:
    parser = fap60.Parser()
    list(parser.feed(fap60.pack(fap60.Message(1, 1, b"abc"))[:10]))
    parser.reset()
    assert list(parser.give_up()) == []


@given(st.binary(max_size=80))
def test_fap60_payloads_are_understood_or_refused(data: bytes) -> None:
    for unpack in (
        fap60.Identity.unpack, fap60.Status.unpack, fap60.Picture.unpack, fap60.unpack_start, fap60.unpack_fault
    ):  # fmt: skip
        try:
            unpack(data)  # type: ignore[operator]
        except fap60.WireError:
            continue


def test_fap60_payloads_come_back_as_sent() -> None:
    identity = fap60.Identity("SIMULATED", "m", "SIM-1", "1", 500, ("roll", "slap"), 60, True)
    assert fap60.Identity.unpack(identity.pack()) == identity
    status = fap60.Status(7, fap60.Finger.SETTLED, True)
    assert fap60.Status.unpack(status.pack()) == status
    assert fap60.unpack_start(fap60.pack_start(9, "slap")) == (9, "slap")
    assert fap60.unpack_fault(fap60.pack_fault(3, "hot")) == (3, "hot")


@given(st.integers(1, 30), st.integers(1, 30), st.booleans())
def test_a_picture_comes_back_raw_or_compressed(height: int, width: int, compress: bool) -> None:
    pixels = np.arange(height * width, dtype=np.uint8).reshape(height, width)
    again = fap60.Picture.unpack(fap60.Picture(5, pixels, 250).pack(compress=compress))
    np.testing.assert_array_equal(again.pixels, pixels)
    assert (again.capture, again.ppi) == (5, 250)


def test_a_small_picture_that_unpacks_to_a_huge_one_is_refused() -> None:
    import zlib

    honest = fap60.Picture(1, np.zeros((4, 4), np.uint8), 500).pack(compress=True)
    bomb = honest[: -len(zlib.compress(bytes(16), 1))] + zlib.compress(bytes(10_000_000))
    with pytest.raises(fap60.WireError, match="17 bytes for 4 x 4"):
        fap60.Picture.unpack(bomb)


def test_an_identity_of_another_protocol_version_is_refused() -> None:
    raw = bytearray(fap60.Identity("a", "b", "c", "d", 500, ("roll",), 60, True).pack())
    raw[0] = 2
    with pytest.raises(fap60.WireError, match="version 2"):
        fap60.Identity.unpack(bytes(raw))


def test_a_text_cut_off_in_an_identity_is_refused() -> None:
    raw = fap60.Identity("abc", "b", "c", "def", 500, ("roll",), 60, True).pack()
    with pytest.raises(fap60.WireError):
        fap60.Identity.unpack(raw[:-1])


# U.are.U


@settings(max_examples=25)
@given(st.integers(0, 0xFFFFFFFF), st.integers(1, 2000))
def test_the_fast_keystream_is_the_slow_one(register: int, count: int) -> None:
    stream, after = uru4000.keystream(register, count)
    assert stream.tobytes() == uru_peer.scalar_keystream.__wrapped__(register, count)
    rest, _ = uru4000.keystream(after, 50)
    assert rest.tobytes() == uru_peer.scalar_keystream.__wrapped__(register, count + 50)[count:]


def test_a_keystream_longer_than_one_image_goes_on() -> None:
    whole, end = uru4000.keystream(0x544409D6, 3 * 384 * 290 + 5)
    first, middle = uru4000.keystream(0x544409D6, 384 * 290)
    second, _ = uru4000.keystream(middle, 1000)
    np.testing.assert_array_equal(whole[: 384 * 290], first)
    np.testing.assert_array_equal(whole[384 * 290 : 384 * 290 + 1000], second)
    assert end


def ridges() -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    rows, columns = np.mgrid[:290, :384]
    return (128 + 60 * np.sin(columns / 1.5 + rows / 5)).astype(np.uint8)


def test_a_scrambled_block_comes_back_for_any_key() -> None:
    raw = uru_peer.image_block(ridges())
    lines = uru4000.decode(raw, uru_peer.device_key)
    np.testing.assert_array_equal(np.rot90(255 - lines, 2), uru_peer.as_delivered(ridges()))


def test_a_wrong_key_is_noticed_not_delivered() -> None:
    raw = uru_peer.image_block(ridges())
    with pytest.raises(uru4000.ImageError, match="noise"):
        uru4000.decode(raw, lambda number: uru_peer.device_key(number) ^ 0x10)


def test_a_wrong_key_after_a_change_of_key_is_noticed_too() -> None:
    raw = uru_peer.image_block(ridges())
    with pytest.raises(uru4000.ImageError, match="noise"):
        uru4000.decode(raw, lambda number: uru_peer.device_key(min(number, uru_peer.FIRST_KEY)))


def test_an_image_in_the_clear_is_left_alone() -> None:
    plain = np.full((10, 384), 7, np.uint8)
    raw = uru4000.Header(10, 0, ((0, 10),)).pack() + plain.tobytes()
    np.testing.assert_array_equal(uru4000.decode(raw, lambda _: 1), plain)


def test_an_image_in_the_clear_repeats_the_line_that_is_not_in_its_data() -> None:
    lines = np.arange(4 * 384, dtype=np.uint32).astype(np.uint8).reshape(4, 384) // 8
    header = uru4000.Header(4, 0, ((0, 1), (uru4000.NOT_IN_DATA, 1), (0, 3)))
    decoded = uru4000.decode(header.pack() + lines.tobytes(), lambda _: 0)
    np.testing.assert_array_equal(decoded, lines[[0, 1, 1, 2, 3]])
    short = uru4000.Header(4, 0, ((0, 2),))
    np.testing.assert_array_equal(uru4000.decode(short.pack() + lines.tobytes(), lambda _: 0), lines)


def test_a_scrambled_image_without_blocks_is_refused() -> None:
    noise = np.random.default_rng(1).integers(0, 256, 384 * 4, dtype=np.uint8)
    with pytest.raises(uru4000.ImageError, match="no block"):
        uru4000.decode(uru4000.Header(4, 0, ()).pack() + noise.tobytes(), lambda _: 1)


@given(st.binary(max_size=1200))
def test_any_block_is_an_image_or_refused(raw: bytes) -> None:
    try:
        lines = uru4000.decode(raw, lambda number: number * 77)
    except uru4000.ImageError:
        return
    assert lines.shape[1] == 384


@given(st.binary(min_size=32, max_size=32), st.integers(1, 3), st.randoms())
def test_any_block_table_is_an_image_or_refused(table: bytes, lines: int, random: object) -> None:
    raw = bytearray(64 + lines * 384)
    raw[4] = lines
    raw[16:46] = table[:30]
    raw[64:] = np.random.default_rng(lines).integers(0, 256, lines * 384, dtype=np.uint8).tobytes()
    try:
        uru4000.decode(bytes(raw), lambda number: number + 1)
    except uru4000.ImageError:
        return


@pytest.mark.parametrize(
    ("challenge", "response"),  # of two units, from public recordings
    [
        ("4dae5a0b1247a86c9fbf29fdcc178a74", "329351371e4adfb1f35f09f329c6ab46"),
        ("f84c843148ded8c003fe759b135e4d1a", "3c9b013b71b593a3dbbafdf385351d50"),
    ],
)
def test_the_recorded_challenges_have_the_recorded_answers(challenge: str, response: str) -> None:
    key = bytes.fromhex(load("ms-reader-v2").auth.key)
    assert uru4000.answer_challenge(bytes.fromhex(challenge), key).hex() == response
