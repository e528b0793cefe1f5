"""`station sync`: send what is queued, fetch receipts and responses, until SIGTERM. It opens no device."""

from __future__ import annotations

import argparse
import datetime as dt
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from offline_queue import salvage
from offline_queue.backoff import Backoff
from offline_queue.breaker import Circuit
from offline_queue.clock import Clock, SystemClock
from offline_queue.crl_fetch import Fetcher
from offline_queue.errors import StoreFault
from offline_queue.receipts import Verifier
from offline_queue.revocation import Guarded
from offline_queue.room import Limits, of_settings
from offline_queue.store import Queue
from offline_queue.sync import StepReport, Sync
from offline_queue.transports import Transport, load_transport
from offline_queue.trust import TimeSource, Trust
from offline_queue.vault import Vault
from station.errors import EnvironmentFault
from station.revocation import Watch, watch
from station.sdnotify import notify
from station.settings import Settings, load_settings

WORKER = "sync"


@dataclass(frozen=True)
class Parts:
    """All a sync process is made of. Durations in seconds."""

    database: Path
    station_key: Path
    station_id: str
    url: str
    ca: Path
    client_cert: Path
    client_key: Path
    receipt_ca: Path
    total_deadline_s: float
    poll_s: float
    retry_cap_s: float = 60.0
    refusals: int = 1
    limits: Limits = field(default_factory=Limits)
    more: Mapping[str, str] = field(default_factory=dict)
    time_source: TimeSource | None = None
    watch: Watch | None = None

    @classmethod
    def of(cls, settings: Settings) -> Parts:
        gateway = settings.gateway
        return cls(
            database=settings.queue.database,
            station_key=settings.queue.station_key,
            station_id=settings.station.id,
            url=gateway.url,
            ca=gateway.ca,
            client_cert=gateway.client_cert,
            client_key=gateway.client_key,
            receipt_ca=gateway.receipt_ca,
            total_deadline_s=gateway.total_deadline_s,
            poll_s=gateway.poll_s,
            retry_cap_s=gateway.retry_cap_s,
            refusals=gateway.refusals,
            limits=of_settings(settings.queue.reserve_mib, settings.queue.ballast_mib),
            more=gateway.options,
            time_source=settings.time_source(),
            watch=watch(settings),
        )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, required=True, help="station.toml")
    parser.add_argument(
        "--once", action="store_true", help="one pass, then end: 0 when nothing waits, else 1"
    )


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT; the watchdog is fed by every exchange and every wait."""
    parts = Parts.of(load_settings(args.config))
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with ExitStack() as stack:
        queue, sync = build(parts, SystemClock(), stack)
        if args.once:
            for _ in parts.watch.section.urls if parts.watch else ():  # a list in each pause
                sync.pause()
            _say(sync.step(stop.is_set))
            return 1 if {"ready", "unknown", "sending", "asking"} & queue.counts().keys() else 0
        serve(sync, stop.is_set)
    return 0


def build(parts: Parts, clock: Clock, stack: ExitStack) -> tuple[Queue, Sync]:
    """Open everything; what is wrong with keys, certificates or the file raises its typed error now."""
    _only_one(parts.database, stack)
    vault = Vault.load(parts.station_key)
    _refuse_damage(parts)
    seen = parts.watch
    queue = stack.enter_context(
        Queue.open(
            parts.database,
            vault,
            clock,
            station_id=parts.station_id,
            limits=parts.limits,
            time_source=parts.time_source,
            revocation=seen.own if seen else None,
        )
    )
    transport = _transport(parts, queue, clock, stack)
    verifier = Verifier(_receipt_ca(parts.receipt_ca), clock, seen.receipts if seen else None)
    fetcher = _fetcher(seen, queue, clock) if seen else None

    def pause() -> None:
        queue.tidy()
        if fetcher is not None:
            fetcher.pause(away=sync.breaker.state is not Circuit.CLOSED)

    sync = Sync(
        queue,
        transport,
        verifier,
        clock,
        WORKER,
        deadline_s=parts.total_deadline_s,
        poll_s=parts.poll_s,
        backoff=Backoff(cap_s=parts.retry_cap_s),
        refusals=parts.refusals,
        idle=pause,
    )
    return queue, sync


def _transport(parts: Parts, queue: Queue, clock: Clock, stack: ExitStack) -> Transport:
    """The way to the gateway, which a missing or old revocation list closes if the settings say so."""
    options = {
        "ca": str(parts.ca),
        "client_cert": str(parts.client_cert),
        "client_key": str(parts.client_key),
        "total_deadline_s": str(parts.total_deadline_s),
        **parts.more,
    }
    if not parts.url.startswith("https:"):  # by mail, refusals are believed by their signature only
        options.setdefault("receipt_ca", str(parts.receipt_ca))
    seen = parts.watch
    if seen is not None:
        options["crl_folder"] = str(seen.own.lists.folder)
    transport = load_transport(parts.url, options, clock)
    stack.callback(transport.close)
    if seen is None or not seen.section.required:
        return transport
    return Guarded(transport, lambda: seen.require_current(_trusted_now(queue, clock)))


def _trusted_now(queue: Queue, clock: Clock) -> dt.datetime | None:
    """None on a clock that nobody vouches for."""
    return None if queue.clock_trust() is Trust.UNKNOWN else clock.utcnow()


def _fetcher(seen: Watch, queue: Queue, clock: Clock) -> Fetcher:
    """For the pauses: a list that cannot be had is said and tried again, and stops nothing."""
    return Fetcher(
        seen.section.urls,
        clock,
        take=lambda data: seen.keep(data, _trusted_now(queue, clock)),
        get=lambda url: seen.get(url, clock),
        say=lambda line: print(line, flush=True),
    )


def _refuse_damage(parts: Parts) -> None:
    """What is damaged is found before anything is sent. StoreFault `queue.needs_mending`, `queue.not_examined`.

    In a process of its own: looking takes memory for the whole log and the whole audit chain, and this process, which
    runs for months, would keep it. What else is wrong with the file is said when it is opened.
    """
    if not parts.database.exists():
        return
    command = [sys.executable, "-m", __name__, str(parts.database), str(parts.station_key), parts.station_id]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    try:
        problems = json.loads(done.stdout)
    except ValueError:
        raise StoreFault(
            "queue.not_examined",
            f"{parts.database} could not be looked at (status {done.returncode})",
            "see the lines above; then: station queue verify",
        ) from None
    if problems:
        raise StoreFault(
            "queue.needs_mending",
            f"{parts.database} is damaged: {problems[0]}",
            "start the station again, or stop livescan-web and livescan-sync, then: station queue mend",
        )


def _look(database: str, station_key: str, station_id: str) -> list[str]:
    """What is wrong with the file; a fault of another kind is left to whoever opens it next."""
    try:
        return salvage.look(Path(database), Vault.load(station_key), SystemClock(), station_id)
    except StoreFault:
        return []


def serve(sync: Sync, stop: Callable[[], bool]) -> None:
    """Run under a supervisor: READY, WATCHDOG, STATUS, STOPPING."""
    notify("READY=1")
    print("ready", flush=True)
    sync.run(stop, _fed, _say)
    notify("STOPPING=1")


def _fed() -> None:
    notify("WATCHDOG=1")


def _say(report: StepReport) -> None:
    """One line a pass in which something happened: counts and codes, never content."""
    words = [
        f"{value} {name}"
        for name, value in vars(report).items()
        if isinstance(value, int) and value and name != "retry_after_s"
    ]
    if report.fault is not None:
        words.append(str(report.fault))
    if words:
        print("; ".join(words), flush=True)
        notify(f"STATUS={'; '.join(words)}"[:300])


def _receipt_ca(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise EnvironmentFault(
            "environment.receipt_ca", f"{path}: {error.strerror}", "check gateway.receipt_ca in station.toml"
        ) from error


def _only_one(database: Path, stack: ExitStack) -> None:
    """Two sync processes would end each other's leases. The lock ends with the process, however it ends."""
    path = f"{database}.sync-lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660)
    except OSError as error:
        raise EnvironmentFault(
            "environment.queue_folder", f"{path}: {error.strerror}", "check the folder, its owner and mode"
        ) from error
    stack.callback(os.close, descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise EnvironmentFault(
            "environment.sync_running",
            f"another sync works on {database}",
            "see: systemctl status livescan-sync",
        ) from None


if __name__ == "__main__":
    print(json.dumps(_look(*sys.argv[1:])))
