"""Parsers of device bytes against a sample of hurt conversations; `station bench fuzz` tries a million."""

from __future__ import annotations

import random

import pytest

from drivers.sim import fuzz
from drivers.sim.fuzz_targets import Target

NAMES = [target.name for target in fuzz.targets()]


@pytest.mark.parametrize("name", NAMES)
def test_hurt_bytes_are_understood_or_refused_and_nothing_is_hoarded(name: str) -> None:
    report = fuzz.run(20 if name.endswith("driver") else 600, seed=7, only=[name])
    assert report.findings == []
    assert report.inputs[name] >= 20


@pytest.mark.parametrize("name", NAMES)
def test_what_a_device_says_unhurt_is_no_finding(name: str) -> None:
    target = next(one for one in fuzz.targets() if one.name == name)
    for seed in target.seeds:
        target.try_one(seed)


def test_every_wire_has_a_target() -> None:
    import pkgutil

    from drivers import wires

    families = {module.name for module in pkgutil.iter_modules(wires.__path__)}
    families -= {"libfprint"}  # our own pipe between two processes, with its own tests
    assert {family for family in families if not any(name.startswith(family) for name in NAMES)} == set()


def test_the_same_seed_makes_the_same_inputs_and_another_others() -> None:
    def some(seed: int) -> list[bytes]:
        chance = random.Random(seed)
        return [fuzz.mutated(chance, (b"abcdefgh", b"12345678")) for _ in range(30)]

    assert some(1) == some(1)
    assert some(1) != some(2)


def test_a_parser_that_breaks_or_dawdles_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(data: bytes) -> None:
        raise IndexError(len(data))

    monkeypatch.setattr(fuzz, "targets", lambda: [Target("bad", breaks, (b"x" * 50,))])
    report = fuzz.run(5, only=["bad"])
    assert [one[2].split(":")[0] for one in report.findings] == ["IndexError"] * 5
    monkeypatch.setattr(fuzz, "SLOW_S", -1.0)
    monkeypatch.setattr(fuzz, "targets", lambda: [Target("slow", lambda data: None, (b"x",))])
    assert "took" in fuzz.run(1).findings[0][2]
