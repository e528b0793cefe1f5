"""Every parser of device bytes against bytes no device would send: names of targets in, inputs tried and findings out.

An input is a conversation as a peer would say it, hurt at random: bits, bytes, pieces and numbers changed, dropped,
doubled, spliced. A finding is an exception that the parser does not promise, bytes hoarded without bound, an input
that takes long, or (whole drivers against a babbling line) a hang in simulated time.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

from drivers.sim.fuzz_targets import Target as Target
from drivers.sim.fuzz_targets import targets as targets

SLOW_S = 0.5  # CPU, for one input: far above what any takes, far below what a person would call hung
_INTERESTING = (
    b"\x00",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\xff\xff",
    b"\x00\x00",
    b"\xff\xff\xff\xff",
    b"\x00\x00\x00\x80",
)


@dataclass
class Report:
    """inputs tried, slowest (CPU seconds), and findings: (target, input, what happened)."""

    inputs: dict[str, int]
    slowest_s: dict[str, float]
    findings: list[tuple[str, bytes, str]]


def run(count: int, seed: int = 1, only: Sequence[str] = ()) -> Report:
    """Try count inputs, shared among the targets; the same for the same seed."""
    chosen = [one for one in targets() if not only or one.name in only]
    report = Report({}, {}, [])
    total = sum(one.share for one in chosen)
    for target in chosen:
        chance = random.Random(f"{seed} {target.name}")
        for _ in range(max(1, count * target.share // total)):
            _try(target, mutated(chance, target.seeds), report)
    return report


def _try(target: Target, data: bytes, report: Report) -> None:
    began = time.process_time()
    try:
        target.try_one(data)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        report.findings.append((target.name, data, f"{type(error).__name__}: {error}"))
    took = time.process_time() - began
    if took > SLOW_S:
        report.findings.append((target.name, data, f"took {took:.2f} s"))
    report.inputs[target.name] = report.inputs.get(target.name, 0) + 1
    report.slowest_s[target.name] = max(report.slowest_s.get(target.name, 0.0), took)


def mutated(chance: random.Random, seeds: Sequence[bytes]) -> bytes:
    """One of the seeds, hurt in one to eight places; now and then nothing but noise."""
    if chance.random() < 0.05:
        return chance.randbytes(chance.randrange(200))
    data = bytearray(chance.choice(seeds))
    for _ in range(chance.randrange(1, 9)):
        _hurt(chance, data, seeds)
    return bytes(data)


def _hurt(chance: random.Random, data: bytearray, seeds: Sequence[bytes]) -> None:
    at = chance.randrange(len(data) + 1)
    span = 1 << chance.randrange(8)
    match chance.randrange(7):
        case 0 if at < len(data):
            data[at] ^= 1 << chance.randrange(8)
        case 1:
            del data[at : at + span]
        case 2:
            data[at:at] = data[at : at + span]
        case 3:
            data[at:at] = chance.randbytes(span % 17)
        case 4:
            new = chance.choice(_INTERESTING)
            data[at : at + len(new)] = new
        case 5:
            other = chance.choice(seeds)
            place = chance.randrange(len(other) + 1)
            data[at : at + span] = other[place : place + span]
        case _:
            del data[at:]
