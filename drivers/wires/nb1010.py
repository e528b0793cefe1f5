"""The NextBiometrics NB-1010-U wire: commands as bytes out; finger level, acknowledges and pairs of rows from bytes in.

Source: facts of libfprint 1.94.10 nb1010.c. The meaning of the 25 bytes before each pair of rows is read off one
recording (a unit with release 0.01): length, row number and width are the same in all 90 pieces, or count.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 256, 180
ANSWER_BYTES = 16
HEADER_BYTES, TRAILER_BYTES = 25, 3
ROWS = 2  # in a piece
PIECE_BYTES = HEADER_BYTES + ROWS * WIDTH + TRAILER_BYTES
PIECES = HEIGHT // ROWS
FINGER_LEVEL = 0x30  # above it, a finger lies there

ASK = bytes.fromhex("8038010008000000")
PREPARE = bytes.fromhex("800d03000c00000000040000")
TAKE = bytes.fromhex("80120400200000000200").ljust(28, b"\0") + bytes.fromhex("20000000")

_HEAD = struct.Struct("<BBHI")  # 80, kind, number of the command, length of the whole
_PIECE = struct.Struct("<BBHIIIIIB")  # as above, then 0, 1 while more follow, last row, width, 1
_ANSWER_MARK, _PIECE_KIND = 0x80, 0x21


class WireError(ValueError):
    """The bytes are not what this reader sends at this place."""


def check_answer(answer: bytes, command: bytes) -> bytes:
    """The answer to a command, uint8 [16] as bytes. Raises WireError when it is short or answers something else."""
    if len(answer) != ANSWER_BYTES:
        raise WireError(f"{len(answer)} bytes are no answer")
    mark, _, number, length = _HEAD.unpack_from(answer)
    if mark != _ANSWER_MARK or length != ANSWER_BYTES or number != _HEAD.unpack_from(command)[2]:
        raise WireError(f"{answer.hex()} does not answer {command[:8].hex()}")
    return answer


def finger_level(answer: bytes) -> int:
    """How much of a finger lies there, 0 to 255, from the answer to ASK. Raises WireError."""
    return check_answer(answer, ASK)[12]


def rows(piece: bytes, index: int) -> NDArray[np.uint8]:
    """Rows 2 * index and the next, uint8 [2, 256], dark ridges on light. Raises WireError for any other piece."""
    if len(piece) != PIECE_BYTES:
        raise WireError(f"a piece of {len(piece)} bytes")
    mark, kind, _, length, _, _, last_row, width, _ = _PIECE.unpack_from(piece)
    if (mark, kind, length, width) != (_ANSWER_MARK, _PIECE_KIND, PIECE_BYTES, WIDTH):
        raise WireError(f"{piece[:HEADER_BYTES].hex()} does not begin two rows")
    if last_row != ROWS * index + 1:
        raise WireError(f"row {last_row} came where {ROWS * index + 1} was due")
    return np.frombuffer(piece, np.uint8, ROWS * WIDTH, HEADER_BYTES).reshape(ROWS, WIDTH)


# The device's side, for the peer.


def answer(command: bytes, level: int = 0) -> bytes:
    """What the device says to a command; level: of the finger, in the answer to ASK."""
    kind = 0x37 if command == ASK else 0x20
    number = _HEAD.unpack_from(command)[2]
    return _HEAD.pack(_ANSWER_MARK, kind, number, ANSWER_BYTES) + bytes((0, 0, 0, 0, level, 0, 0, 0))


def piece(pixels: NDArray[np.uint8], index: int) -> bytes:
    """Piece number index of pixels uint8 [180, 256]."""
    more = int(index < PIECES - 1)
    head = _PIECE.pack(_ANSWER_MARK, _PIECE_KIND, 0, PIECE_BYTES, 0, more, ROWS * index + 1, WIDTH, 1)
    return head + pixels[ROWS * index : ROWS * (index + 1)].tobytes() + bytes(TRAILER_BYTES)
