"""Throws damaged templates at every reader: does each end in a template inside its image, or in a TemplateError?

In: how many inputs, a seed, files to damage too if wanted. Out: how they ended, the slowest, and every input that ended
otherwise, as hexadecimal; exit 1 when there is one.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from station import templates
from station.errors import TemplateError
from station.friction_ridge import MinutiaTemplate, PatternClass, SingularPoint
from station.progress import Progress
from station.records.encode import record_bytes
from station.records.transaction import TaggedRecord, group, repeated, text
from station.templates import incits378_2009, iso19794_2_2011
from station.templates.minutia_record import Record, View

LENGTH_AT = ((8, 2), (8, 4), (10, 4), (15, 4))
"""Where the record formats have a length: (offset, bytes)."""
TYPE_9_LENGTH = re.compile(rb"9\.001:(\d+)\x1d")
INTERESTING = (0, 1, 4, 5, 10, 11, 100, 101, 127, 128, 179, 180, 253, 254, 255)
SPLICE = 40
STEPS = 10


@dataclass
class Tally:
    """ended: how often each way; slowest_ms: of one input; bad: (input, what happened)."""

    ended: Counter[str] = field(default_factory=Counter)
    slowest_ms: float = 0.0
    bad: list[tuple[bytes, str]] = field(default_factory=list)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `station bench fuzz_templates`."""
    parser.add_argument("--inputs", type=int, default=20_000, help="how many (default 20000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--file", action="append", type=Path, default=[], help="a template to damage too")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")


def run(args: argparse.Namespace) -> int:
    """Damage and read. Returns the exit code."""
    begin = time.monotonic()
    whole = [*good_ones(), *(file.read_bytes() for file in args.file)]
    tally = fuzz(whole, args.inputs, args.seed, Progress(STEPS, sys.stderr))
    said = {
        "inputs": args.inputs,
        "seconds": round(time.monotonic() - begin, 1),
        "slowest_ms": round(tally.slowest_ms, 2),
        "ended": dict(tally.ended.most_common()),
        "bad": [{"input": data.hex(), "what": what} for data, what in tally.bad],
    }
    print(json.dumps(said, indent=1) if args.json else _table(said))
    return 1 if tally.bad else 0


def _table(said: dict[str, object]) -> str:
    ended, bad = said["ended"], said["bad"]
    assert isinstance(ended, dict)
    assert isinstance(bad, list)
    lines = [f"{said['inputs']} inputs in {said['seconds']} s, the slowest {said['slowest_ms']} ms"]
    lines += [f"{count:9} {how}" for how, count in ended.items()]
    return "\n".join(lines + ([f"BAD {each['what']}: {each['input']}" for each in bad] or ["none bad"]))


def fuzz(whole: Sequence[bytes], inputs: int, seed: int, progress: Progress | None = None) -> Tally:
    """Read `inputs` damaged ones with the reader that takes them for its own, and with one drawn by lot."""
    chance, tally = random.Random(seed), Tally()
    for number in range(inputs):
        data = damaged(chance, whole)
        begin = time.perf_counter()
        tally.ended[_ending(templates.decode_any, data, tally)] += 1
        _ending(chance.choice(templates.READERS).decode, data, tally)
        tally.slowest_ms = max(tally.slowest_ms, (time.perf_counter() - begin) * 1e3)
        if progress is not None and (number + 1) % max(1, inputs // STEPS) == 0:
            progress.step(f"{number + 1} inputs, {len(tally.bad)} bad")
    return tally


def _ending(read: Callable[[bytes], MinutiaTemplate], data: bytes, tally: Tally) -> str:
    try:
        problem = wrong_with(read(data))
    except TemplateError as error:
        return error.code
    except Exception as error:  # that is what is looked for: every other error is a finding
        tally.bad.append((data, repr(error)))
        return "crash"
    if problem:
        tally.bad.append((data, problem))
        return "nonsense"
    return "read"


def wrong_with(t: MinutiaTemplate) -> str:
    """What a template should not be; empty when nothing."""
    if not (t.width > 0 and t.height > 0 and t.ppi > 0):
        return f"an image of {t.width}×{t.height} at {t.ppi} ppi"
    inside = (t.x >= 0) & (t.x < t.width) & (t.y >= 0) & (t.y < t.height)
    if not (inside & (t.angle >= 0) & (t.angle < 360) & (t.kind <= 2) & (t.quality <= 100)).all():
        return "a minutia outside the image or its ranges"
    if not all(0 <= p.x < t.width and 0 <= p.y < t.height for p in t.singular):
        return "a core or delta outside the image"
    return ""


def damaged(chance: random.Random, whole: Sequence[bytes]) -> bytes:
    """One of the templates with one to six changes; half of them with their lengths put right again, so that what
    lies behind is reached."""
    data = bytearray(chance.choice(whole))
    for _ in range(chance.randint(1, 6)):
        chance.choice((_set, _set, _flip, _cut, _repeat, _splice))(chance, data, whole)
    if len(data) > 20 and chance.random() < 0.7:
        _put_length_right(chance, data)
    return bytes(data)


def _put_length_right(chance: random.Random, data: bytearray) -> None:
    found = TYPE_9_LENGTH.match(data)
    if found is not None:
        data[-1:] = b"\x1c"
        data[slice(*found.span(1))] = f"{len(data):0{len(found[1])}d}".encode()[-len(found[1]) :]
    else:
        at, size = chance.choice(LENGTH_AT)
        data[at : at + size] = (len(data) % 256**size).to_bytes(size, "big")


def _set(chance: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    if data:
        data[chance.randrange(len(data))] = chance.choice(INTERESTING + tuple(b'\x1c\x1d\x1e\x1f09:.{}[]",'))


def _flip(chance: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _cut(chance: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    at = chance.randint(0, len(data))
    del data[at : at + chance.randint(1, SPLICE)]


def _repeat(chance: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    at = chance.randint(0, len(data))
    data[at:at] = data[at : at + chance.randint(0, SPLICE)]


def _splice(chance: random.Random, data: bytearray, whole: Sequence[bytes]) -> None:
    other = chance.choice(whole)
    at, start = chance.randint(0, len(data)), chance.randint(0, len(other))
    data[at : at + SPLICE] = other[start : start + SPLICE]


def good_ones() -> list[bytes]:
    """A template in every format, with cores and deltas, several views, five-byte minutiae, and Type-9 of others."""
    chance = np.random.default_rng(7)
    one = _template(chance, 12, SingularPoint("core", 40, 50, 200), SingularPoint("delta", 9, 8))
    bare = _template(chance, 3)
    written = [templates.encode(name, t, fgp=2, quality=60) for name in templates.CODECS for t in (one, bare)]
    views = Record((View(one, 1), View(bare, 1, number=1), View(bare, 7, quality=20)), owner=259)
    return [*written, incits378_2009.write(views), iso19794_2_2011.write(views), *_type_9_of_others()]


def _template(chance: np.random.Generator, count: int, *singular: SingularPoint) -> MinutiaTemplate:
    return MinutiaTemplate(
        width=300,
        height=200,
        ppi=500,
        x=chance.integers(0, 300, count).astype(np.float32),
        y=chance.integers(0, 200, count).astype(np.float32),
        angle=chance.integers(0, 360, count).astype(np.float32),
        kind=chance.integers(0, 3, count).astype(np.uint8),
        quality=(chance.integers(1, 101, count) * bool(singular)).astype(np.uint8),
        singular=singular,
        pattern=PatternClass.LEFT_LOOP if singular else None,
    )


def _type_9_of_others() -> list[bytes]:
    head = [text(2, "00"), text(3, "0"), text(4, "U")]
    efs = [
        group(300, ("2540", "1270")),
        group(307, ("LS", "", "")),
        repeated(320, [("254", "508", "225")]),
        repeated(321, [("127", "127", "90", "210", "330")]),
        repeated(331, [("254", "508", "45", "E"), ("2539", "0", "359", "B")]),
    ]
    legacy = [repeated(12, [("001", "02540508045", "0", "A"), ("002", "05081016270", "12", "B")])]
    return [record_bytes(TaggedRecord(9, (*head, *block))) for block in (efs, legacy)]
