"""Whether the wall clock may be believed: a board without a clock of its own starts in 1970 or where it stopped.

In: what the machine says about synchronisation, the two clocks, and the floor kept in the queue (`clock_floor`: the
latest wall time that was trusted, with boot and monotonic time). Out: a Trust, which stands in every audit row.

Trust is earned by synchronisation (`synchronised`) or by an officer who compared the clock with a watch (`confirmed`),
and holds for the rest of that boot as long as wall and monotonic time move together. A clock below the floor is never
trusted, whatever the machine says; only an officer's confirmation, which is an audit row, can lower the floor.
"""

from __future__ import annotations

import ctypes
import datetime as dt
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from offline_queue.clock import from_stamp, stamp
from offline_queue.errors import ClockUntrusted

if TYPE_CHECKING:
    from offline_queue.database import Database
    from offline_queue.models import Tables

STA_UNSYNC = 0x40  # linux/timex.h
TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
STATUS_OFFSET = 40  # of `status` in struct timex where long has 64 bits
MARKER = Path("/run/systemd/timesync/synchronized")
SLACK_MS = 2_000  # seconds that wall and monotonic time may move apart at once
DRIFT_PER_MILLE = 1  # and beside: a free-running clock, slewed, gains or loses less than 1 ms a second
FLOOR = ("at", "boot", "monotonic_ms", "trust")
_FLOOR_ROW = f"SELECT {', '.join(FLOOR)} FROM clock_floor"  # noqa: S608 - our words
FLOOR_STEP_MS = 60_000  # the floor is written at most once a minute


class Trust(StrEnum):
    """What the wall clock's time rests on."""

    SYNCHRONISED = "synchronised"
    CONFIRMED = "confirmed"
    UNKNOWN = "unknown"


class Sync(StrEnum):
    """What the machine says: synchronised now; was at some time of this boot; no."""

    NOW = "now"
    ONCE = "once"
    NEVER = "never"


TimeSource = Callable[[], Sync]


def kernel_synchronised() -> bool:
    """adjtimex(2): the kernel's clock is disciplined. A step by hand clears it. False where it cannot be asked."""
    if ctypes.sizeof(ctypes.c_long) != 8:
        return False
    buffer = (ctypes.c_ubyte * 256)()
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.byref(buffer))
    except (OSError, AttributeError):
        return False
    status = int.from_bytes(bytes(buffer[STATUS_OFFSET : STATUS_OFFSET + 4]), "little")
    return 0 <= state < TIME_ERROR and not status & STA_UNSYNC


def system(kernel: Callable[[], bool] = kernel_synchronised, marker: Path = MARKER) -> Sync:
    """What this machine says. systemd-timesyncd's marker stays after the clock was stepped, so it says only `once`."""
    if kernel():
        return Sync.NOW
    return Sync.ONCE if marker.exists() else Sync.NEVER


def assess(database: Database, _: Tables) -> Trust:
    """Trust of the wall clock at this moment, inside a transaction. No source set: confirmed by whoever set the
    station up."""
    if database.time_source is None:
        return Trust.CONFIRMED
    said, floor = database.time_source(), _floor(database)
    if floor is None:
        return Trust.UNKNOWN if said is Sync.NEVER else Trust.SYNCHRONISED
    gone = _gone_ms(database, floor)
    if gone < 0:
        return Trust.UNKNOWN
    if floor["boot"] != database.boot:
        return Trust.UNKNOWN if said is Sync.NEVER else Trust.SYNCHRONISED
    if said is Sync.NOW:
        return Trust.SYNCHRONISED
    passed = _now_ms(database) - floor["monotonic_ms"]
    together = abs(gone - passed) <= SLACK_MS + passed * DRIFT_PER_MILLE // 1000
    return Trust(floor["trust"]) if together else Trust.UNKNOWN


def observe(database: Database, tables: Tables) -> Trust:
    """`assess`, and raise the floor with a trusted clock. Inside the caller's transaction."""
    trust = assess(database, tables)
    if database.time_source is None or trust is Trust.UNKNOWN:
        return trust
    floor = _floor(database)
    known = floor is not None and (floor["boot"], floor["trust"]) == (database.boot, str(trust))
    if floor is None or not known or _gone_ms(database, floor) >= FLOOR_STEP_MS:
        _write(database, tables, trust)
    return trust


def confirm(database: Database, tables: Tables) -> str | None:
    """An officer says that the wall clock is right: a new floor, even a lower one. Returns the floor before."""
    floor = _floor(database)
    _write(database, tables, Trust.CONFIRMED)
    return None if floor is None else str(floor["at"])


def untrusted(now: dt.datetime) -> ClockUntrusted:
    """The refusal to date or sign anything."""
    return ClockUntrusted(
        "clock.untrusted",
        f"nobody vouches for the station's clock, which shows {stamp(now)}",
        "connect to the network, or let an officer compare it with a watch: station clock confirm",
    )


def _floor(database: Database) -> dict[str, Any] | None:
    row = database.one_row(_FLOOR_ROW)
    return dict(zip(FLOOR, row, strict=True)) if row else None


def _gone_ms(database: Database, floor: dict[str, Any]) -> int:
    """Wall time since the floor; negative when the clock is below it."""
    gone = database.clock.utcnow() - from_stamp(floor["at"])
    milliseconds = int(gone / dt.timedelta(milliseconds=1))
    return 0 if -SLACK_MS < milliseconds < 0 else milliseconds


def _now_ms(database: Database) -> int:
    return int(database.clock.monotonic() * 1000)


def _write(database: Database, tables: Tables, trust: Trust) -> None:
    row = {
        "at": stamp(database.clock.utcnow()),
        "boot": database.boot,
        "monotonic_ms": _now_ms(database),
        "trust": str(trust),
    }
    if _floor(database) is None:
        tables.clock_floor.insert(row | {"one": 1}).execute()
    else:
        tables.clock_floor.update(**row).execute()
    database.changed(_FLOOR_ROW, tuple(row[name] for name in FLOOR))
