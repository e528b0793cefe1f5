"""Trust in the wall clock: every case in a table typed from what it means, and each limit at its edge."""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Callable
from typing import Any

import pytest

from offline_queue import trust
from offline_queue.store import Queue
from offline_queue.trust import Sync, Trust
from tests.conftest import FrozenClock

# What is known of the clock before, and what the machine says now.
# none       nobody has vouched for it on this station: the machine alone decides, if only of some time of this boot
# below      the clock shows less than it has shown already: never, whatever the machine says
# other      the floor is of an earlier boot: nothing of that boot counts, the machine decides
# together   the floor is of this boot and both clocks moved alike: as it was trusted, or better
# apart      of this boot, but somebody set the clock: only a machine that is synchronised now counts
MEANING = """
                        now           once          never
none                    synchronised  synchronised  unknown
below confirmed         unknown       unknown       unknown
below synchronised      unknown       unknown       unknown
other confirmed         synchronised  synchronised  unknown
other synchronised      synchronised  synchronised  unknown
together confirmed      synchronised  confirmed     confirmed
together synchronised   synchronised  synchronised  synchronised
apart confirmed         synchronised  unknown       unknown
apart synchronised      synchronised  unknown       unknown
"""
CASES = [
    (" ".join(words[:-3]), said, wanted)
    for words in (line.split() for line in MEANING.strip().splitlines()[1:])
    for said, wanted in zip(("now", "once", "never"), words[-3:], strict=True)
]


def test_the_table_has_every_case() -> None:
    ways = itertools.product(("below", "other", "together", "apart"), ("confirmed", "synchronised"))
    floors = ["none", *map(" ".join, ways)]
    assert {(floor, said) for floor, said, _ in CASES} == set(itertools.product(floors, map(str, Sync)))
    assert {str(member) for member in Trust} == {"synchronised", "confirmed", "unknown"}


class Says:
    """What the machine says."""

    def __init__(self) -> None:
        self.word = Sync.NEVER

    def __call__(self) -> Sync:
        return self.word


@pytest.fixture
def machine() -> Says:
    return Says()


def observed(queue: Queue) -> Trust:
    with queue.database.write() as tables:
        return trust.observe(queue.database, tables)


def floor_at(queue: Queue) -> str:
    return str(queue.database.sql("SELECT at FROM clock_floor")[0][0])


@pytest.mark.parametrize(("floor", "said", "wanted"), CASES)
def test_each_case_is_trusted_as_it_is_meant(
    opened: Callable[..., Queue], machine: Says, clock: FrozenClock, floor: str, said: str, wanted: str
) -> None:
    queue = opened(time_source=machine)
    where, _, how = floor.partition(" ")
    if how == "confirmed":
        queue.confirm_clock("0117")
    elif how == "synchronised":
        machine.word = Sync.NOW
        assert observed(queue) is Trust.SYNCHRONISED
    clock.move(5)
    clock.step_wall({"below": -60.0, "apart": 60.0}.get(where, 0.0))
    if where == "other":
        queue = opened(time_source=machine, boot=lambda: "boot-2")
    machine.word = Sync(said)
    assert queue.clock_trust() == wanted


@pytest.fixture
def confirmed(opened: Callable[..., Queue], machine: Says) -> Queue:
    queue = opened(time_source=machine)
    queue.confirm_clock("0117")
    return queue


@pytest.mark.parametrize(
    ("passed_s", "step_s", "trusted"),
    [
        (0, 2.000, True),
        (0, 2.001, False),
        (0, -1.999, True),
        (0, -2.000, False),
        (1000, 3.000, True),  # 2 s and a thousandth of what passed
        (1000, 3.001, False),
        (1000, -3.000, True),
        (1000, -3.001, False),
    ],
)
def test_both_clocks_may_move_apart_by_2_seconds_and_a_thousandth(
    confirmed: Queue, clock: FrozenClock, passed_s: float, step_s: float, trusted: bool
) -> None:
    clock.move(passed_s)
    clock.step_wall(step_s)
    assert confirmed.clock_trust() is (Trust.CONFIRMED if trusted else Trust.UNKNOWN)


def test_a_clock_slightly_below_its_floor_is_not_below_it(
    confirmed: Queue, machine: Says, clock: FrozenClock
) -> None:
    machine.word = Sync.NOW
    clock.step_wall(-1.999)
    assert confirmed.clock_trust() is Trust.SYNCHRONISED
    clock.step_wall(-0.001)
    assert confirmed.clock_trust() is Trust.UNKNOWN


def test_the_floor_is_written_once_a_minute_and_when_the_trust_changes(
    confirmed: Queue, machine: Says, clock: FrozenClock
) -> None:
    clock.move(59.999)
    observed(confirmed)
    assert floor_at(confirmed) == "2026-03-02T09:30:00.000Z"
    clock.move(0.001)
    observed(confirmed)
    assert floor_at(confirmed) == "2026-03-02T09:31:00.000Z"
    machine.word = Sync.NOW
    clock.move(1)
    assert observed(confirmed) is Trust.SYNCHRONISED
    assert floor_at(confirmed) == "2026-03-02T09:31:01.000Z"


def test_a_clock_that_is_not_trusted_leaves_the_floor(confirmed: Queue, clock: FrozenClock) -> None:
    clock.step_wall(3600)
    assert observed(confirmed) is Trust.UNKNOWN
    assert floor_at(confirmed) == "2026-03-02T09:30:00.000Z"


# the kernel's own word: adjtimex(2)


class Kernel:
    """libc with an adjtimex of the test's own. status: STA_UNSYNC is 0x40 (linux/timex.h)."""

    def __init__(self, state: int, status: int) -> None:
        self._state, self._status = state, status

    def adjtimex(self, buffer: Any) -> int:
        field = buffer._obj
        for place, byte in enumerate(self._status.to_bytes(4, "little")):
            field[40 + place] = byte  # modes, four longs, then status, on machines of 64 bits
        return self._state


@pytest.mark.parametrize(
    ("state", "status", "synchronised"),
    [
        (0, 0x0000, True),  # TIME_OK
        (0, 0x2001, True),  # STA_NANO, STA_PLL
        (0, 0x0040, False),
        (0, 0x2041, False),
        (0, 0x4000, True),
        (1, 0x2001, True),  # TIME_INS: a leap second comes
        (4, 0x2001, True),  # TIME_WAIT
        (5, 0x2001, False),  # TIME_ERROR
        (5, 0x0040, False),
        (-1, 0x0000, False),  # the call failed
    ],
)
def test_the_kernels_clock_is_disciplined_as_adjtimex_says(
    monkeypatch: pytest.MonkeyPatch, state: int, status: int, synchronised: bool
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: Kernel(state, status))
    assert trust.kernel_synchronised() is synchronised


def test_a_kernel_that_cannot_be_asked_says_no(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_: object) -> None:
        raise OSError("no libc")

    monkeypatch.setattr(ctypes, "CDLL", gone)
    assert trust.kernel_synchronised() is False
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    assert trust.kernel_synchronised() is False
    monkeypatch.setattr(ctypes, "CDLL", lambda _: Kernel(0, 0))
    monkeypatch.setattr(ctypes, "sizeof", lambda _: 4)  # where long has 32 bits, status stands elsewhere
    assert trust.kernel_synchronised() is False


def test_the_marker_of_timesyncd_is_where_it_puts_it() -> None:
    assert str(trust.MARKER) == "/run/systemd/timesync/synchronized"
