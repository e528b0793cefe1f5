"""The write-ahead log of SQLite, read without SQLite: what it would drop in silence, and a copy with nothing dropped.

SQLite stops at the first frame whose checksum is wrong. After a power cut that is right: what follows was never
promised. When a sector went bad later, it drops transactions that were. In: the database's path. Format:
sqlite.org/fileformat2, section 4.
"""

from __future__ import annotations

import shutil
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HEADER, FRAME = 32, 24
MAGIC = 0x377F0682  # plus one where the checksums are big-endian
WORDS = struct.Struct(">IIIIIIII")
HEAD = struct.Struct(">IIIIII")
MASK = 0xFFFFFFFF


@dataclass(frozen=True)
class Frame:
    """page: its number; commit: pages of the database after this frame, 0 when the transaction goes on; data: the
    page; whole: SQLite would take it, if it got this far."""

    page: int
    commit: int
    data: bytes
    whole: bool


def frames(log: bytes) -> list[Frame]:
    """The frames of the present round, in order, damaged ones too as long as they bear its salts. Empty when there is
    no log to speak of."""
    if len(log) < HEADER + FRAME:
        return []
    magic, _, size, _, *salts, sum0, sum1 = WORDS.unpack_from(log)
    order = ">" if magic & 1 else "<"
    sums = _checksum(order, log[:24], (0, 0))
    good = magic | 1 == MAGIC | 1 and sums == (sum0, sum1)
    if not good:  # the head is damaged: the frames still say which round they are of
        size, order, salts = _guessed(log)
    found, before = [], (sum0, sum1)
    for start in range(HEADER, len(log) - FRAME - size + 1, FRAME + size):
        page, commit, *own, check0, check1 = HEAD.unpack_from(log, start)
        data = log[start + FRAME : start + FRAME + size]
        if own == salts and page:
            sums = _checksum(order, log[start : start + 8] + data, before)
            found.append(Frame(page, commit, data, good and sums == (check0, check1)))
        else:
            found.append(Frame(0, 0, b"", whole=False))
        before = (check0, check1)
    while found and not found[-1].page:
        found.pop()
    return found


def dropped_commits(database: Path) -> int:
    """Transactions in the log that SQLite would drop when it opens the file. One may be what a power cut left of the
    last; more never are."""
    commits, stopped = 0, False
    for frame in frames(_read(Path(f"{database}-wal"))):
        stopped = stopped or not frame.whole
        commits += stopped and frame.commit > 0
    return commits


def replayed(database: Path, copy: Path, log: Path, *, to_the_end: bool = False) -> None:
    """A copy of the database with every frame of the log in its place, up to the last commit that is there.
    to_the_end: beyond it too, because that a commit followed is known from elsewhere. What a damaged frame or page
    holds is for the reader of the copy to judge."""
    shutil.copyfile(database, copy)
    taken = frames(_read(log))
    while taken and not taken[-1].commit and not to_the_end:
        taken.pop()
    with copy.open("r+b") as file:
        for frame in taken:
            if frame.page:
                file.seek((frame.page - 1) * len(frame.data))
                file.write(frame.data)
        file.seek(18)
        file.write(b"\x01\x01")  # no log belongs to it any more


def _read(log: Path) -> bytes:
    try:
        return log.read_bytes()
    except OSError:
        return b""


def _guessed(log: bytes) -> tuple[int, str, list[int]]:
    """Page size, byte order and salts when the head of the log is damaged: those on which the most frames agree."""
    best: tuple[int, int, list[int]] = (0, 4096, [0, 0])
    for size in (4096, 1024, 512, 2048, 8192, 16384, 32768, 65536):
        seen: dict[tuple[int, int], int] = {}
        for salts in _salts(log, size):
            seen[salts] = seen.get(salts, 0) + 1
        if seen:
            salts = max(seen, key=lambda each: seen[each])
            best = max(best, (seen[salts], size, list(salts)))
    return best[1], "<", best[2]


def _salts(log: bytes, size: int) -> Iterator[tuple[int, int]]:
    for start in range(HEADER, len(log) - FRAME, FRAME + size):
        yield struct.unpack_from(">II", log, start + 8)


def _checksum(order: str, data: bytes, start: tuple[int, int]) -> tuple[int, int]:
    one, two = start
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for first, second in zip(words[::2], words[1::2], strict=True):
        one = (one + first + two) & MASK
        two = (two + second + one) & MASK
    return one, two
