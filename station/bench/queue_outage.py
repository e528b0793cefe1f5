"""Campaign `outage`: 72 hours without a network, 1,000 bookings, 20 reboots, the clock in 1970 after half of them.

In: how often, a seed. Out: counts. Booked on a moved clock while the sync process tries in vain; at each reboot the
process dies wherever it is, once in two with an entry in its hands. Then the network is there, the clock is right, and
everything must arrive once and in the order it was booked, within 15 minutes of real time on loopback. In 1970 the
queue must refuse to date or sign anything until an officer has set the clock and confirmed it.
"""

from __future__ import annotations

import datetime as dt
import random
import socket
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from offline_queue.backoff import Backoff
from offline_queue.clock import SystemClock
from offline_queue.errors import ClockUntrusted
from offline_queue.states import State
from offline_queue.store import Queue
from offline_queue.sync import Sync as Worker
from offline_queue.transports import Transport
from offline_queue.trust import Sync
from station.bench.queue_world import FIRST_YEAR, Progress, World
from station.sim.gateway import RunningGateway, running_gateway

HOURS, BOOKINGS, REBOOTS = 72, 1000, 20
DRAIN_LIMIT_S = 15 * 60.0
NEVER_S = 10.0**6


@dataclass
class Outage:
    """One story. bookings and reboots can be made fewer for a quick look."""

    world: World
    chance: random.Random
    bookings: int = BOOKINGS
    reboots: int = REBOOTS
    told: dict[str, int] = field(
        default_factory=lambda: {"booked": 0, "boots_in_1970": 0, "refused_in_1970": 0, "killed_in_hand": 0}
    )

    def book(self) -> None:
        """72 hours: bookings at even distances, reboots between them, the gateway away all the time."""
        self._began = SystemClock().utcnow() - dt.timedelta(hours=HOURS)
        stops = sorted(self.chance.sample(range(1, self.bookings), self.reboots))
        first = 0
        for number, last in enumerate([*stops, self.bookings]):
            self._one_boot(number, range(first + 1, last + 1))
            first = last

    def _one_boot(self, number: int, bookings: range) -> None:
        wrong = bool(number % 2)
        self.told["boots_in_1970"] += wrong
        self.world.reboot(FIRST_YEAR if wrong else self._began + self._passed(bookings[0]))
        said = Sync.NEVER if wrong else Sync.ONCE
        with self.world.open_queue(time_source=lambda: said) as queue:
            away = self.world.transport(_nobody(), 5.0)
            sync = self._sync(queue, away)
            if wrong:
                self._set_clock(queue, sync, bookings[0])
            for n in bookings:
                queue.enqueue(self.world.submission(n), self.world.signer)
                self.told["booked"] += 1
                self._wait(sync)
            away.close()
            if number < self.reboots and self.chance.random() < 0.5:
                self.told["killed_in_hand"] += queue.claim("sync", 90.0) is not None

    def _set_clock(self, queue: Queue, sync: Worker, n: int) -> None:
        """The sync process may try in 1970; a booking may not be dated there."""
        sync.drain()
        try:
            queue.enqueue(self.world.submission(n), self.world.signer)
        except ClockUntrusted:
            self.told["refused_in_1970"] += 1
        self.world.clock.set_wall(self._began + self._passed(n))
        queue.confirm_clock("officer-1")

    def _passed(self, n: int) -> dt.timedelta:
        return dt.timedelta(hours=HOURS) * (n / self.bookings)

    def _wait(self, sync: Worker) -> None:
        """Until the next booking, with one vain pass of the sync process."""
        sync.drain()
        self.world.clock.sleep(HOURS * 3600 / self.bookings)

    def _sync(self, queue: Queue, transport: Transport) -> Worker:
        backoff = Backoff(jitter=self.chance.random)
        return Worker(queue, transport, self.world.verifier(), self.world.clock, "sync", backoff=backoff)

    def drain(self, gateway: RunningGateway) -> float:
        """The network is back and the clock is right. Seconds of real time until nothing waits, or the limit."""
        self.world.reboot(SystemClock().utcnow())
        began = time.monotonic()
        with self.world.open_queue(time_source=lambda: Sync.NOW) as queue:
            transport = self.world.transport(gateway.url, 20.0)
            sync = self._sync(queue, transport)

            def stop() -> bool:
                over = time.monotonic() - began > DRAIN_LIMIT_S
                return over or set(queue.counts()) <= {State.CUSTODY, State.ANSWERED}

            sync.run(stop, lambda: None)
            transport.close()
        return time.monotonic() - began


def run(
    runs: int,
    seed: int,
    progress: Progress = lambda _: None,
    bookings: int = BOOKINGS,
    reboots: int = REBOOTS,
) -> dict[str, Any]:
    """The story `runs` times. `must_be_zero` maps what may not happen to how often it did."""
    stories = [_story(seed + number, progress, bookings, reboots) for number in range(runs)]
    zero = ("lost", "doubled", "falsely_sent", "out_of_order", "too_slow", "audit_broken", "dated_in_1970")
    return {
        "campaign": "outage",
        "runs": runs,
        "seed": seed,
        "hours": HOURS,
        "booked": sum(story["booked"] for story in stories),
        "reboots": reboots * runs,
        "boots_in_1970": sum(story["boots_in_1970"] for story in stories),
        "refused_in_1970": sum(story["refused_in_1970"] for story in stories),
        "killed_in_hand": sum(story["killed_in_hand"] for story in stories),
        "slowest_drain_s": max((story["drain_s"] for story in stories), default=0.0),
        "must_be_zero": {name: sum(story[name] for story in stories) for name in zero},
    }


def _story(seed: int, progress: Progress, bookings: int, reboots: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        outage = Outage(World(Path(folder)), random.Random(seed), bookings, reboots)
        outage.book()
        progress(
            f"{outage.told['booked']} booked, {reboots} reboots, {outage.told['boots_in_1970']} of them in 1970"
        )
        with running_gateway(outage.world.pki, Path(folder) / "gateway", answer_after=NEVER_S) as gateway:
            drain_s = outage.drain(gateway)
            progress(f"drained in {drain_s:.0f} s")
            return outage.told | {"drain_s": round(drain_s, 1)} | _counts(outage, gateway, drain_s)


def _counts(outage: Outage, gateway: RunningGateway, drain_s: float) -> dict[str, int]:
    stored = [one.submission_id for one in gateway.submissions()]
    with outage.world.open_queue() as queue:
        entries = queue.entries()
        broken = not (queue.verify_audit().ok and queue.check().ok)
    sent = [e.submission_id for e in entries if e.state in (State.CUSTODY, State.ANSWERED)]
    booked = [entry.submission_id for entry in entries]
    return {
        "lost": outage.bookings - len(set(stored) & set(booked)),
        "doubled": len(stored) - len(set(stored)),
        "falsely_sent": len(set(sent) - set(stored)),
        "out_of_order": sum(ours != theirs for ours, theirs in zip(booked, stored, strict=False)),
        "too_slow": int(drain_s > DRAIN_LIMIT_S),
        "audit_broken": int(broken),
        "dated_in_1970": sum(entry.created_at.year < 2000 for entry in entries),
    }


def _nobody() -> str:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"https://127.0.0.1:{taken.getsockname()[1]}"
