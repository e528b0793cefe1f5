"""The image block of U.are.U 4000-family readers: device bytes in, unscrambled raw lines out; and their AES answer.

Source: facts of libfprint 1.94.10 uru4000.c and a recording of a 4500. Each byte of a scrambled line is combined with
a 32-bit shift register's bits. The register is linear over GF(2), so its whole output is the exclusive-or of 32
streams computed once: descrambling an image is a few numpy operations.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

WIDTH = 384
MAX_LINES = 290
HEADER_BYTES = 64
BLOCKS = 15
READ_BYTES = HEADER_BYTES + MAX_LINES * WIDTH

NOT_IN_DATA, SCRAMBLED, KEEP_KEY, CHANGE_KEY = 0x01, 0x02, 0x04, 0x80
NOISE_VARIANCE = 5000.0  # of the sum of two lines; uniform random bytes give 10 900
NOISE_POWER = 2000.0  # variance of one line; uniform random bytes give 5 460
NOISE_CORRELATION = 0.25  # of neighbours; 384 random bytes stay below 0.2 (four standard deviations)

_TAPS = tuple(bit for bit in range(32) if 0x9248144D >> bit & 1)
_OUTPUT_BITS = (4, 8, 11, 14, 18, 21, 24, 29)  # register bits that make bits 0 to 7 of a keystream byte


class ImageError(ValueError):
    """The block is not an image: too short, impossible line count, or still noise after descrambling."""


@dataclass(frozen=True)
class Header:
    """lines: lines of data after the header; key_number: of the first key; blocks: (flags, lines)."""

    lines: int
    key_number: int
    blocks: tuple[tuple[int, int], ...]

    def pack(self) -> bytes:
        raw = bytearray(HEADER_BYTES)
        struct.pack_into("<H", raw, 4, self.lines)
        raw[6] = self.key_number
        for index, block in enumerate(self.blocks):
            raw[16 + 2 * index : 18 + 2 * index] = bytes(block)
        return bytes(raw)

    @classmethod
    def unpack(cls, raw: bytes) -> Header:
        """Raises ImageError when the block is too short for its own line count, or the count is impossible."""
        if len(raw) < HEADER_BYTES:
            raise ImageError(f"{len(raw)} bytes are no image")
        (lines,) = struct.unpack_from("<H", raw, 4)
        if not 0 < lines < MAX_LINES or len(raw) < HEADER_BYTES + lines * WIDTH:
            raise ImageError(f"{lines} lines in {len(raw)} bytes")
        pairs = raw[16 : 16 + 2 * BLOCKS]
        return cls(lines, raw[6], tuple(zip(pairs[::2], pairs[1::2], strict=True)))


KeyExchange = Callable[[int], int]
"""key number → the register to start from."""


def decode(raw: bytes, exchange: KeyExchange) -> NDArray[np.uint8]:
    """Raw lines, uint8 [lines, 384] as the sensor saw them (light ridges, device orientation).

    exchange is called for the first key when the image is scrambled, and at every change of key. A line that is not
    in the data repeats the next one that is. Raises ImageError.
    """
    header = Header.unpack(raw)
    data = (
        np.frombuffer(raw, np.uint8, header.lines * WIDTH, HEADER_BYTES).reshape(header.lines, WIDTH).copy()
    )
    source = _source(header)
    if is_scrambled(data):
        if not source:
            raise ImageError("no block says where the lines are")
        _descramble(header, data, exchange)
        return data[source]
    whole = bool(source) and source[-1] == header.lines - 1
    return data[source] if whole else data


def _blocks(header: Header) -> Iterator[tuple[int, int, int]]:
    """(flags, first line of data, lines) of the blocks that mean something."""
    done = 0
    for flags, wanted in header.blocks:
        if wanted == 0 or done == header.lines:
            return  # what follows is rubbish
        lines = min(wanted, header.lines - done)
        yield flags, done, lines
        done += 0 if flags & NOT_IN_DATA else lines


def _source(header: Header) -> list[int]:
    """Which line of data each line of the image shows, as far as the blocks say."""
    source: list[int] = []
    for flags, first, lines in _blocks(header):
        source += [first] * lines if flags & NOT_IN_DATA else range(first, first + lines)
    return source


def _descramble(header: Header, data: NDArray[np.uint8], exchange: KeyExchange) -> None:
    """Descrambles data in place."""
    key_number, register = header.key_number, exchange(header.key_number)
    for flags, first, lines in _blocks(header):
        if flags & CHANGE_KEY:
            key_number = (key_number + 1) & 0xFF
            register = exchange(key_number)
        if not flags & KEEP_KEY:
            stream, register = keystream(register, lines * WIDTH)
            if flags & SCRAMBLED and not flags & NOT_IN_DATA:
                block = data[first : first + lines].reshape(-1)
                block[:-1] = block[1:] ^ stream[:-1]
                block[-1] = 0
                if is_noise(block):
                    raise ImageError("the lines are noise: wrong key, or damaged")


def is_scrambled(lines: NDArray[np.uint8]) -> bool:
    """True when the first two lines, added, vary as scrambled bytes do (the public driver's test)."""
    total = lines[:2].astype(np.float64).sum(axis=0)
    return float(total.var()) >= NOISE_VARIANCE


def is_noise(pixels: NDArray[np.uint8]) -> bool:
    """True when neighbouring pixels of a long row have nothing to do with each other.

    Ridges 9 pixels apart give a correlation near 0.75, a wrong key one near 0; a flat row is no noise.
    """
    values = pixels.astype(np.float32)
    values -= values.mean()
    power = float(np.dot(values, values))
    if power < NOISE_POWER * len(values):
        return False
    return float(np.dot(values[:-1], values[1:])) < NOISE_CORRELATION * power


def keystream(register: int, count: int) -> tuple[NDArray[np.uint8], int]:
    """count keystream bytes from a register, uint8 [count], and the register after them."""
    if count > _CHUNK:
        first, register = keystream(register, _CHUNK)
        rest, register = keystream(register, count - _CHUNK)
        return np.concatenate((first, rest)), register
    size = (count + 32 + 7) // 8
    chosen = [basis[:size] for bit, basis in enumerate(_basis()) if register >> bit & 1]
    if not chosen:
        return np.zeros(count, np.uint8), 0
    bits = np.unpackbits(np.bitwise_xor.reduce(chosen, axis=0), bitorder="little")
    stream = np.zeros(count, np.uint8)
    for position, tap in enumerate(_OUTPUT_BITS):
        stream |= bits[tap : tap + count] << position
    after = int.from_bytes(np.packbits(bits[count : count + 32], bitorder="little").tobytes(), "little")
    return stream, after


_CHUNK = MAX_LINES * WIDTH


@lru_cache(maxsize=1)
def _basis() -> NDArray[np.uint8]:
    """The register's bit stream for each single initial bit, packed little-endian; uint8 [32, bytes]."""
    depends = _dependence(_CHUNK + 64)
    return np.stack(
        [np.packbits(((depends >> bit) & 1).astype(np.uint8), bitorder="little") for bit in range(32)]
    )


def _dependence(count: int) -> NDArray[np.uint32]:
    """For every bit of the stream, the set of initial bits it is the exclusive-or of, as a mask.

    The recurrence b[n + 32] = xor of b[n + tap]; squared k times it holds with all distances times 2 ** k, which lets
    numpy extend the stream in ever longer pieces.
    """
    masks = np.zeros(count, np.uint32)
    masks[:32] = np.uint32(1) << np.arange(32, dtype=np.uint32)
    done = 32
    while done < count:
        step = 1 << ((done // 32).bit_length() - 1)
        stop = min(done + step, count)
        base = np.arange(done, stop) - 32 * step
        for tap in _TAPS:
            masks[done:stop] ^= masks[base + tap * step]
        done = stop
    return masks


def warm_up() -> None:
    """Compute the basis streams now rather than during the first image."""
    _basis()


def answer_challenge(challenge: bytes, key: bytes) -> bytes:
    """The 16 bytes that readers with challenge and response (045e:00ca) expect: AES-128-ECB of the challenge."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    encryptor = Cipher(algorithms.AES128(key), modes.ECB()).encryptor()  # noqa: S305  the device's own choice
    return encryptor.update(challenge) + encryptor.finalize()
