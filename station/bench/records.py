"""Records: time to build, read and check a transaction, and damaged files against every reader of them.

In: nothing (synthetic prints), or a folder of prints. Out: CPU seconds and MB/s; with --fuzz the number of damaged
inputs, and 1 when one of them crashed a reader, took too long or was not written back as it was read.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import random
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

from drivers.sim.contact import render
from drivers.sim.finger import subject_finger
from drivers.sim.finger_types import Platen
from drivers.sim.hand import render_slap
from station.errors import RecordError
from station.friction_ridge import FGP, IMP, SLAP_FINGERS
from station.imaging import codecs
from station.records.decode import decode
from station.records.encode import encode
from station.records.header import Header
from station.records.prints import TenprintImage
from station.records.reading import read
from station.records.submission import Form
from station.records.tot import car
from station.records.transaction import FS, GS, RS, US
from station.records.validate import validate

TOO_SLOW_S = 2.0
VALIDATED = 8
"""of so many damaged files one is validated too: validating costs ten times the reading."""
MEMORY_FACTOR = 4
CONSTANT = 8 * 2**20
"""bytes that tables, findings and the largest number of fields may take besides."""
HEADER = Header(
    "BENCH-0000000001",
    "EXSIB0000",
    "XX0010000",
    dt.date(2026, 1, 2),
    dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--fuzz", type=int, default=0, metavar="N", help="damaged inputs instead of times")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")


def run(args: argparse.Namespace) -> int:
    """0 when nothing crashed."""
    told = fuzz(args.fuzz, args.seed) if args.fuzz else times(args.repeat)
    if args.json:
        print(json.dumps(told))
    else:
        for name, value in told.items():
            print(f"{name:44} {value}")
    return 1 if told.get("bad") else 0


def pictures() -> list[tuple[FGP, IMP, Any]]:
    """The fourteen pictures of one synthetic person."""
    shown: list[tuple[FGP, IMP, Any]] = []
    for position in range(1, 11):
        finger = subject_finger(1, position)
        shown.append(
            (FGP(position), IMP.LIVESCAN_ROLLED, render(finger, Platen(800, 750, 500), "rolled").pixels)
        )
    for slap in (13, 14):
        fingers = [subject_finger(1, int(each)) for each in SLAP_FINGERS[FGP(slap)]]
        shown.append((FGP(slap), IMP.LIVESCAN_PLAIN, render_slap(fingers, Platen(1600, 1500, 500)).pixels))
    for thumb, position in ((11, 1), (12, 6)):
        one = render(subject_finger(1, position), Platen(500, 1000, 500), "plain")
        shown.append((FGP(thumb), IMP.LIVESCAN_PLAIN, one.pixels))
    return shown


def compressed(shown: list[tuple[FGP, IMP, Any]]) -> list[TenprintImage]:
    """The same as WSQ."""
    codec = codecs.by_name("WSQ20")
    return [
        TenprintImage(
            fgp,
            imp,
            pixels.shape[1],
            pixels.shape[0],
            500,
            "WSQ20",
            codec.encode(pixels, 500),
            "M",
            "M",
            "S",
            True,
        )
        for fgp, imp, pixels in shown
    ]


def built(images: list[TenprintImage], form: Form = "14") -> bytes:
    """A CAR of these images."""
    return encode(car.example(HEADER, images, form))


def times(repeat: int) -> dict[str, Any]:
    """CPU seconds, the least of `repeat` runs."""
    shown = pictures()
    images = compressed(shown)
    content = built(images)
    txn = decode(content)
    decoders = {"WSQ20": codecs.by_name("WSQ20").decode}
    read_s = _least(lambda: [decode(content) for _ in range(50)], repeat) / 50
    write_s = _least(lambda: [encode(txn) for _ in range(50)], repeat) / 50
    return {
        "file_bytes": len(content),
        "encode_cpu_s (14 images, WSQ included)": round(_least(lambda: built(compressed(shown)), repeat), 3),
        "decode_and_validate_cpu_s": round(_least(lambda: validate(decode(content)), repeat), 3),
        "the same with every image decoded": round(
            _least(lambda: validate(decode(content), decoders=decoders), repeat), 3
        ),
        "codec_reading_mb_per_s": round(len(content) / read_s / 1e6, 1),
        "codec_writing_mb_per_s": round(len(content) / write_s / 1e6, 1),
    }


def _least(job: Callable[[], Any], repeat: int) -> float:
    best = float("inf")
    for _ in range(repeat):
        start = time.process_time()
        job()
        best = min(best, time.process_time() - start)
    return best


def fuzz(count: int, seed: int) -> dict[str, Any]:
    """Damage small files in many ways and read them with every reader."""
    chance = random.Random(seed)
    bases = _bases()
    bad: list[str] = []
    slowest, kinds = 0.0, dict.fromkeys(DAMAGES, 0)
    for number in range(count):
        name = chance.choice(list(DAMAGES))
        kinds[name] += 1
        content = DAMAGES[name](chance.choice(bases), chance)
        start = time.perf_counter()
        try:
            _one(content, number % VALIDATED == 0)
        except Exception as error:
            bad.append(f"{number}: {name}: {type(error).__name__}: {error}")
        slowest = max(slowest, time.perf_counter() - start)
    most_memory, most = _memory()
    if most_memory > MEMORY_FACTOR:
        bad.append(f"{most} takes {most_memory:.1f} times its size")
    if slowest > TOO_SLOW_S:
        bad.append(f"an input took {slowest:.1f} s")
    return {
        "inputs": count,
        "damages": kinds,
        "slowest_ms": round(slowest * 1e3, 1),
        f"memory_times_input (above {CONSTANT >> 20} MB)": f"{most_memory:.2f} ({most})",
        "bad": bad[:20],
    }


def _memory() -> tuple[float, str]:
    """The hungriest of the large hostile files: memory above CONSTANT as a share of its size, and its name."""
    worst = (0.0, "")
    for name, content in HUNGRY.items():
        tracemalloc.start()
        try:
            _one(content)
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        worst = max(worst, (max(peak - CONSTANT, 0) / len(content), name))
    return worst


def _one(content: bytes, checked: bool = True) -> None:
    """Every reader once. What is read whole must be written back as it was; checked: validated too."""
    reading = read(content)
    if checked and reading.transaction is not None:
        validate(reading.transaction)
    try:
        txn = decode(content)
    except RecordError:
        if reading.whole:
            raise AssertionError("read says whole and decode refuses") from None
        return
    if encode(txn) != content:
        raise AssertionError("not written back as it was read")


def _bases() -> list[bytes]:
    data = b"\xff\xa0\xff\xa2\x00\x11\x00\xff\x00K\x00P" + b"\0" * 9 + b"\xff\xa1"
    images = [
        TenprintImage(FGP(fgp), IMP.LIVESCAN_ROLLED, 80, 75, 500, "WSQ20", data, "M", "M", "S", True)
        for fgp in (1, 2, 3)
    ]
    return [built(images), built(images, "4"), built(images[:1])]


def _flip(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content))
    return content[:at] + bytes([chance.randrange(256)]) + content[at + 1 :]


def _several(content: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.randrange(2, 12)):
        content = _flip(content, chance)
    return content


def _cut(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content))]


def _drop(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content))
    return content[:at] + content[at + chance.randrange(1, 40) :]


def _double(content: bytes, chance: random.Random) -> bytes:
    at, size = chance.randrange(len(content)), chance.randrange(1, 200)
    return content[: at + size] + content[at : at + size] + content[at + size :]


def _separator(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content))
    return content[:at] + bytes([chance.choice((0x1C, 0x1D, 0x1E, 0x1F))]) + content[at:]


def _digits(content: bytes, chance: random.Random) -> bytes:
    places = [at for at, byte in enumerate(content[:2000]) if 48 <= byte <= 57]
    at = chance.choice(places or [0])
    return content[:at] + str(chance.choice((0, 9, 99999999, 7))).encode() + content[at + 1 :]


def _noise(content: bytes, chance: random.Random) -> bytes:
    del content
    return b"1.001:" + chance.randbytes(chance.randrange(600))


def _many(content: bytes, chance: random.Random) -> bytes:
    del content
    rows = b"\x1e".join(b"4" + US + b"00" for _ in range(chance.randrange(1200)))
    return b"1.001:%d\x1d1.003:1\x1f9\x1e%s\x1c" % (chance.randrange(9999), rows)


DAMAGES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "one byte": _flip,
    "several bytes": _several,
    "cut short": _cut,
    "bytes lost": _drop,
    "bytes doubled": _double,
    "a separator more": _separator,
    "other digits": _digits,
    "noise": _noise,
    "endless contents": _many,
}


def _file(body: bytes, record_type: int = 2) -> bytes:
    """A header that lists one record, and that record with a body."""
    head = b"%d.001:" % record_type
    length = len(head) + len(body) + 2
    length += len(str(length + 8))
    record = head + b"%d" % length + GS + body + FS
    rest = (
        GS.join((b"1.002:0502", b"1.003:1" + US + b"1" + RS + b"%d" % record_type + US + b"00", b"1.004:CAR"))
        + FS
    )
    size = len(b"1.001:") + len(GS) + len(rest)
    size += len(str(size + 2))
    return b"1.001:%d" % size + GS + rest + record


_MANY = 2_000_000
HUNGRY = {
    "items": _file(b"2.002:00" + GS + b"2.018:" + US * _MANY),
    "subfields": _file(b"2.002:00" + GS + b"2.047:" + RS * _MANY),
    "fields": _file(b"2.002:00" + (GS + b"2.3:") * (_MANY // 5)),
    "one long value": _file(b"2.002:00" + GS + b"2.075:" + b"A" * _MANY),
    "image data of separators": _file(
        b"14.002:00" + GS + b"14.999:" + (US + RS + GS + FS) * (_MANY // 4), 14
    ),
}
