"""Campaign `network`: fifteen faults of networks and gateways, each on `runs` submissions, against the real gateway.

In: submissions per fault, a seed. Out: counts; what the station believes to be in custody must be exactly what the
gateway has. The queue's clock is moved, not waited for; sockets, TLS and the gateway are real, over loopback.
Every submission meets its fault at its first exchange and, by the seed, at up to two more (also while it is asked for).
"""

from __future__ import annotations

import random
import socket
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from offline_queue.backoff import Backoff
from offline_queue.states import State
from offline_queue.store import Queue
from offline_queue.sync import Sync
from offline_queue.transports import Parcel, Transport
from offline_queue.wire import ResponsePage, SignedReceipt
from station.bench.queue_world import Progress, World
from station.sim.fault_gate import AT_THE_GATE, FaultGate
from station.sim.gateway import RunningGateway, running_gateway

FAULTS = ("refused", "name_not_resolved", *AT_THE_GATE)
SHORT_S, LONG_S = 0.15, 20.0
SILENT = frozenset({"half_open", "slow_loris"})
MOST_PASSES = 40
NEVER_S = 10.0**6


@dataclass
class Switch:
    """A Transport that uses `now`, which the campaign exchanges between passes."""

    now: Transport
    asked: Counter[str] = field(default_factory=Counter)

    def submit(self, parcel: Parcel) -> SignedReceipt:
        self.asked["submit"] += 1
        return self.now.submit(parcel)

    def status(self, submission_id: str) -> SignedReceipt | None:
        self.asked["status"] += 1
        return self.now.status(submission_id)

    def responses(self, after: int, limit: int) -> ResponsePage:
        return self.now.responses(after, limit)

    def close(self) -> None:
        self.now.close()


@dataclass
class _Line:
    """The ways to the gateway: whole, spoiled at the gate, to nobody, to no name."""

    world: World
    gate: FaultGate
    ways: dict[str, Transport] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        self.ways = {
            "whole": self.world.transport(self.gate.url, LONG_S),
            "silent": self.world.transport(self.gate.url, SHORT_S),
            "refused": self.world.transport(f"https://127.0.0.1:{port}", LONG_S),
            "name_not_resolved": self.world.transport("https://gateway.invalid:8443", LONG_S),
        }

    def use(self, switch: Switch, fault: str) -> None:
        """From now on every exchange meets this fault; "" for none."""
        self.gate.fault = fault
        way = fault if fault in self.ways else "silent" if fault in SILENT else "whole"
        switch.now = self.ways[way]

    def close(self) -> None:
        for way in self.ways.values():
            way.close()


def run(runs: int, seed: int, progress: Progress = lambda _: None) -> dict[str, Any]:
    """`runs` submissions for each of the fifteen faults. `must_be_zero`: what may not happen, and how often it did."""
    chance, faults = random.Random(seed), dict[str, dict[str, int]]()
    with tempfile.TemporaryDirectory() as folder:
        for fault in FAULTS:
            faults[fault] = one_fault(fault, runs, chance, Path(folder) / fault)
            progress(f"{fault}: {faults[fault]['in_custody']} of {runs} in custody")
    zero = ("lost", "doubled", "falsely_sent", "sent_again_unasked", "sets_differ", "fault_never_struck")
    return {
        "campaign": "network",
        "runs": runs * len(FAULTS),
        "seed": seed,
        "faults": faults,
        "must_be_zero": {name: sum(counts[name] for counts in faults.values()) for name in zero},
    }


def one_fault(fault: str, runs: int, chance: random.Random, folder: Path) -> dict[str, int]:
    """All submissions of one fault through one queue, one gate and one gateway."""
    world = World(folder)
    with (
        running_gateway(world.pki, folder / "gateway", answer_after=NEVER_S) as gateway,
        FaultGate(world.pki, gateway.url) as gate,
        world.open_queue() as queue,
    ):
        line = _Line(world, gate)
        switch = Switch(line.ways["whole"])
        backoff = Backoff(jitter=chance.random)
        sync = Sync(queue, switch, world.verifier(), world.clock, "sync", backoff=backoff)
        passes = 0
        for n in range(1, runs + 1):
            queue.enqueue(world.submission(n), world.signer)
            passes += _through(line, sync, switch, fault, queue, chance.randint(1, 3))
        line.close()
        return _counts(queue, gateway, gate, fault, runs) | {"passes": passes}


def _through(line: _Line, sync: Sync, switch: Switch, fault: str, queue: Queue, times: int) -> int:
    """Passes until nothing waits: the first `times` of them under the fault."""
    for number in range(MOST_PASSES):
        line.use(switch, fault if number < times else "")
        report = sync.drain()
        line.world.clock.sleep(max(61.0, report.retry_after_s or 0.0))
        if not {"ready", "unknown", "sending", "asking"} & queue.counts().keys():
            return number + 1
    return MOST_PASSES


def _counts(queue: Queue, gateway: RunningGateway, gate: FaultGate, fault: str, runs: int) -> dict[str, int]:
    entries = queue.entries()
    ours = {(e.submission_id, e.tcn, e.sha256) for e in entries if e.state in (State.CUSTODY, State.ANSWERED)}
    stored = gateway.submissions()
    theirs = {(s.submission_id, s.tcn, s.sha256) for s in stored}
    struck = gate.struck[fault] if fault in AT_THE_GATE else _failures(queue)
    return {
        "in_custody": len(ours),
        "lost": runs - len({s.submission_id for s in stored} & {e.submission_id for e in entries}),
        "doubled": len(stored) - len({s.tcn for s in stored}),
        "falsely_sent": len(ours - theirs),
        "sent_again_unasked": _again(gate),
        "sets_differ": len(ours ^ theirs),
        "fault_never_struck": int(struck < runs),
        "struck": struck,
        "uploads": sum(count for (_, cause), count in gate.puts.items() if cause == "station"),
    }


def _again(gate: FaultGate) -> int:
    """Uploads by the station of what the gateway already had: it must ask first, and then know."""
    return sum(count - 1 for (_, cause), count in gate.puts.items() if cause == "station")


def _failures(queue: Queue) -> int:
    tries = (queue.attempts(entry.submission_id) for entry in queue.entries())
    return sum(attempt.outcome == "not_sent" for attempts in tries for attempt in attempts)
