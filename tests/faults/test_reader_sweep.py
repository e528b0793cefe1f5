"""Every trouble at (nearly) every byte of every driver's conversation: no wrong picture, no hang, recovery in 3 s.

A sample of what `station bench readers` tries in full; byte streams in simulated time, USB rigs in real time and so
at a handful of places only.
"""

from __future__ import annotations

import pytest

from drivers import registry
from drivers.sim import sweep
from drivers.sim.clock import VirtualClock
from drivers.sim.sweep import RECOVERY_S, TROUBLES, Subject, Tally

SUBJECTS = {one.name: one for driver in registry.drivers() for one in sweep.subjects([driver])}
_PLACES = 40  # per trouble, of a byte stream
_PLACES_USB = 3
_PLACES_QUICK = 6


def stride(subject: Subject, thorough: bool) -> int:
    """So that about the wanted number of bytes is tried."""
    usual = sweep.clean(subject)
    virtual = isinstance(subject.make(None).clock, VirtualClock)
    return max(1, usual.heard // ((_PLACES if thorough else _PLACES_QUICK) if virtual else _PLACES_USB))


def complaint(tally: Tally) -> str:
    return (
        f"{tally.subject}, {tally.trouble}: {tally.wrong} wrong, {tally.hung} hung, {tally.stuck} stuck, "
        f"recovery {tally.recovery_s:.2f} s, at bytes {tally.bad_at[:10]}: {dict(tally.outcomes)}"
    )


@pytest.mark.parametrize("name", SUBJECTS)
def test_no_trouble_on_the_wire_brings_a_wrong_picture_a_hang_or_a_slow_recovery(
    name: str, thorough: bool
) -> None:
    subject = SUBJECTS[name]
    step = stride(subject, thorough)
    virtual = isinstance(subject.make(None).clock, VirtualClock)
    # a finger that nobody tells of is waited for, in real time
    troubles = [name for name in TROUBLES if virtual or name != "transfer lost"]
    tallies = list(sweep.sweep(subject, step, troubles, sent_stride=5, first=step // 3))
    assert [complaint(tally) for tally in tallies if tally.bad_at] == []
    assert {tally.trouble for tally in tallies} >= {"flip", "lose", "double", "stall", "unplug"}
    assert all(tally.recovery_s <= RECOVERY_S for tally in tallies)


@pytest.mark.parametrize(
    "name", [name for name in SUBJECTS if name.split()[0] in {"zfm", "sfm", "gt521", "fap60"}]
)
def test_the_first_bytes_of_a_conversation_survive_all_trouble(name: str) -> None:
    subject = SUBJECTS[name]
    usual = sweep.clean(subject)
    for make in TROUBLES.values():
        for at in range(0, 40, 3):
            run = sweep.one(subject, make(at), usual)
            assert run.good, (make(at).kind, run)


def test_a_picture_that_did_not_lie_there_is_noticed_by_the_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = SUBJECTS["zfm"]
    usual = sweep.clean(subject)
    monkeypatch.setattr("drivers.wires.zfm.checksum", lambda pid, payload: 0)  # a driver that checks nothing
    run = sweep.one(subject, TROUBLES["flip"](usual.heard - 100), usual)
    assert run.wrong
    assert not run.good


def test_a_driver_that_waits_for_ever_is_noticed_by_the_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = SUBJECTS["zfm"]
    usual = sweep.clean(subject)

    def wait(self: object, *_: object) -> bytes:
        while True:
            self.clock.sleep(1.0)  # type: ignore[attr-defined]

    monkeypatch.setattr("drivers.models.zfm.ZfmReader._upload", wait)
    run = sweep.one(subject, TROUBLES["flip"](300), usual)
    assert run.hung
    assert not run.good


@pytest.mark.parametrize("trouble", ["transfer lost", "transfer doubled"])
@pytest.mark.parametrize("name", [name for name in SUBJECTS if name.split()[0] in {"nb1010", "upektc"}])
def test_no_transfer_that_the_device_forgets_or_repeats_holds_the_reader_up(name: str, trouble: str) -> None:
    (tally,) = sweep.sweep(SUBJECTS[name], troubles=[trouble])
    assert tally.runs == len(sweep.clean(SUBJECTS[name]).transfers)
    assert tally.bad_at == [], complaint(tally)
    assert set(tally.outcomes) <= {"right", "capture.no_finger"}
    assert tally.outcomes["capture.no_finger"] <= 2


def test_only_a_device_forgets_transfers_so_byte_streams_are_not_asked() -> None:
    assert list(sweep.sweep(SUBJECTS["zfm"], troubles=["transfer lost", "transfer doubled"])) == []


@pytest.mark.parametrize("into", [0, 1, 2, 63])
def test_an_interrupt_that_ends_before_its_word_does_is_asked_for_again(into: int) -> None:
    subject = SUBJECTS["uru4500 interrupts"]
    usual = sweep.clean(subject)
    assert len(usual.transfers) >= 3  # power, finger on, finger off
    runs = [sweep.one(subject, TROUBLES["short reads"](at + into), usual) for at in usual.transfers]
    assert [(run.outcome, run.good) for run in runs] == [("right", True)] * len(runs)
