"""The U.are.U image block against a keystream made one step a byte, and every limit of what counts as an image.

Flags and header are typed from the facts of libfprint 1.94.10 (docs/readers/uru4500.md).
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from drivers.wires import uru4000
from tests.unit.drivers.wire_kit import typed

# U.are.U


def keystream(register: int, count: int) -> tuple[bytes, int]:
    """The register of the public driver, one step a byte; and the register afterwards."""
    made = bytearray()
    for _ in range(count):
        taps = (4, 8, 11, 14, 18, 21, 24, 29)
        made.append(sum((register >> tap & 1) << bit for bit, tap in enumerate(taps)))
        register = register >> 1 | ((register & 0x9248144D).bit_count() & 1) << 31
    return bytes(made), register


@pytest.mark.parametrize("register", [0, 1, 0x544409D6, 0xDB896F5F, 0xFFFFFFFF])
def test_the_keystream_is_that_of_the_public_driver(register: int) -> None:
    stream, after = uru4000.keystream(register, 1000)
    assert (stream.tobytes(), after) == keystream(register, 1000)


def scrambled(lines: np.ndarray, register: int) -> tuple[bytes, int]:  # type: ignore[type-arg]
    """A block as the device sends it: out[i + 1] = in[i] xor stream[i]; its first byte means nothing."""
    plain = lines.reshape(-1)
    stream, after = keystream(register, len(plain))
    return b"\0" + bytes(p ^ s for p, s in zip(plain[:-1].tolist(), stream[:-1], strict=True)), after


def image_raw(blocks: list[tuple[int, int]], lines: int, data: bytes, key: int = 0) -> bytes:
    """64 bytes of header, then the lines."""
    head = bytearray(64)
    head[4:6] = lines.to_bytes(2, "little")
    head[6] = key
    for index, (flags, count) in enumerate(blocks):
        head[16 + 2 * index], head[17 + 2 * index] = flags, count
    return bytes(head) + data


def ridges(lines: int) -> np.ndarray:  # type: ignore[type-arg]
    rows, columns = np.mgrid[:lines, :384]
    return (128 + 60 * np.sin(columns / 1.5 + rows / 5)).astype(np.uint8)


def as_decoded(block: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    """The last byte of a descrambled block is 0."""
    found = block.copy()
    found.reshape(-1)[-1] = 0
    return found


def test_the_flags_of_a_block_say_how_it_is_read() -> None:
    """02 scrambled; 06 the keystream waits, so the lines are in the clear; 00 it runs on unused; 82 the next key."""
    first, clear, unused, last = ridges(2), ridges(3), ridges(1), ridges(2)
    keys = {7: 0x544409D6, 8: 0xDB896F5F}
    data = scrambled(first, keys[7])[0] + clear.tobytes() + unused.tobytes()
    data += scrambled(last, keys[8])[0]
    asked: list[int] = []

    def exchange(number: int) -> int:
        asked.append(number)
        return keys[number]

    raw = image_raw([(0x02, 2), (0x06, 3), (0x00, 1), (0x82, 2), (0x10, 64)], 8, data, key=7)
    found = uru4000.decode(raw, exchange)
    np.testing.assert_array_equal(found, np.concatenate([as_decoded(first), clear, unused, as_decoded(last)]))
    assert asked == [7, 8]


def test_the_keystream_runs_on_over_blocks_and_over_lines_in_the_clear() -> None:
    first, unused, last = ridges(2), ridges(3), ridges(2)
    data, register = scrambled(first, 0x544409D6)
    register = keystream(register, 3 * 384)[1]
    data += unused.tobytes() + scrambled(last, register)[0]
    raw = image_raw([(0x02, 2), (0x00, 3), (0x02, 2)], 7, data)
    found = uru4000.decode(raw, lambda _: 0x544409D6)
    np.testing.assert_array_equal(found, np.concatenate([as_decoded(first), unused, as_decoded(last)]))


def test_the_number_of_a_key_goes_round_at_256() -> None:
    asked: list[int] = []

    def exchange(number: int) -> int:
        asked.append(number)
        return 0x544409D6

    data = scrambled(ridges(2), 0x544409D6)[0] * 2
    uru4000.decode(image_raw([(0x02, 2), (0x82, 2)], 4, data, key=255), exchange)
    assert asked == [255, 0]


def test_a_line_that_is_not_in_the_data_shows_the_next_one_that_is() -> None:
    block = ridges(4)
    data, register = scrambled(block[:2], 0x544409D6)
    register = keystream(register, 384)[1]  # it steps for the line that is not there, too
    data += scrambled(block[2:], register)[0]
    found = uru4000.decode(image_raw([(0x02, 2), (0x03, 1), (0x02, 2)], 4, data), lambda _: 0x544409D6)
    first, last = as_decoded(block[:2]), as_decoded(block[2:])
    np.testing.assert_array_equal(found, np.concatenate([first, last[:1], last]))


@pytest.mark.parametrize(("lines", "good"), [(0, False), (1, True), (289, True), (290, False)])
def test_an_image_block_has_1_to_289_lines(lines: int, good: bool) -> None:
    raw = image_raw([(0, min(lines, 255)), (0, 255)], lines, bytes(max(lines, 1) * 384))
    if good:
        assert uru4000.decode(raw, lambda _: 0).shape == (lines, 384)
        with pytest.raises(uru4000.ImageError, match=f"{lines} lines"):
            uru4000.decode(raw[:-1], lambda _: 0)
    else:
        with pytest.raises(uru4000.ImageError, match=f"{lines} lines"):
            uru4000.decode(raw, lambda _: 0)


def test_a_header_is_64_bytes_with_15_blocks() -> None:
    raw = bytes(4) + typed("0101 09") + bytes(9) + bytes(range(1, 31)) + bytes(18)
    header = uru4000.Header.unpack(raw + bytes(0x101 * 384))
    assert (header.lines, header.key_number) == (0x101, 9)
    assert header.blocks == tuple((n, n + 1) for n in range(1, 31, 2))
    assert header.pack() == raw
    with pytest.raises(uru4000.ImageError, match="63 bytes are no image"):
        uru4000.Header.unpack(raw[:63])


@pytest.mark.parametrize(("grey", "scrambled"), [(149, False), (150, True)])
def test_scrambled_means_that_two_lines_added_vary_by_5000_or_more(grey: int, scrambled: bool) -> None:
    lines = np.zeros((3, 384), np.uint8)
    lines[0, :128], lines[1, :128] = 100, grey - 100  # a third of the columns: the variance is grey² * 2 / 9
    lines[2] = np.random.default_rng(1).integers(0, 256, 384)  # the third line does not count
    assert float(lines[:2].sum(axis=0).var()) == pytest.approx(grey**2 * 2 / 9)
    assert uru4000.is_scrambled(lines) == scrambled


@pytest.mark.parametrize(("grey", "noise"), [(89, False), (90, True)])
def test_a_row_that_varies_less_than_2000_is_no_noise(grey: int, noise: bool) -> None:
    row = np.tile(np.uint8([1, 0, 1, 0, 1, 0, 1, 0, 0]) * np.uint8(grey), 40)  # neighbours differ
    assert float(row.var()) == pytest.approx(grey**2 * 20 / 81)
    assert uru4000.is_noise(row) == noise


@pytest.mark.parametrize(
    ("signs", "agree", "noise"),
    [("+++---++---+", 3 / 12, False), ("++---++---++--++--++", 3 / 20, True), ("+-" * 10, -19 / 20, True)],
)
def test_a_row_whose_neighbours_agree_by_a_quarter_is_no_noise(signs: str, agree: float, noise: bool) -> None:
    row = np.array([228 if sign == "+" else 28 for sign in signs], np.uint8)
    values = [1 if sign == "+" else -1 for sign in signs]
    assert sum(values) == 0
    assert sum(a * b for a, b in itertools.pairwise(values)) / len(values) == agree
    assert uru4000.is_noise(row) == noise
