"""Campaign `relay`: many stations hand in at once, workers are killed, and everything arrives once.

In: how many submissions, a seed. Out: counts and rates. A real PostgreSQL server, `station relay` as it ships, stations
over mutual TLS in processes of their own, a counting bureau; all on this machine. `must_be_zero` holds what was lost,
doubled or changed, exactly: the set the stations have receipts for is the set the bureau has.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import multiprocessing
import os
import random
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from offline_queue.transports import Parcel
from station.sim.ledger_bureau import read_ledger
from station.sim.postgres import Server, postgres
from station.sim.relay_world import County, SimStation, make_county, process, put

Progress = Callable[[str], None]
STATIONS, CLIENTS, SIZE = 20, 4, 600 * 1024
KILLS = 4
TRIES = 200
PATIENCE_S = 900.0
TUNING = ("shared_buffers=512MB", "max_wal_size=4GB", "checkpoint_timeout=10min", "max_connections=100")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--runs", type=int, default=2000, metavar="N", help="submissions (2000)")
    parser.add_argument("--seed", type=int, default=1)


def run(runs: int, seed: int, progress: Progress) -> dict[str, Any]:
    """Two parts: intake alone (the rate stations see), then everything at once with workers killed."""
    with tempfile.TemporaryDirectory(prefix="relay-") as name, postgres(settings=TUNING) as server:
        county = make_county(Path(name), STATIONS)
        intake = _intake(county, server, runs, seed, progress)
        killed = _killed(county, server, runs, seed, progress)
    return {
        "campaign": "relay",
        "bytes": SIZE,
        "stations": STATIONS,
        "cpus": os.cpu_count(),
        **intake,
        **killed,
        "must_be_zero": {
            name: intake.pop(name, 0) + killed.pop(name, 0)
            for name in ("lost", "doubled", "invented", "altered", "refused", "audit_broken")
        },
    }


# ---------------------------------------------------------------- intake alone


def _intake(county: County, server: Server, runs: int, seed: int, progress: Progress) -> dict[str, Any]:
    """Nothing answers as bureau: what the stations' connections, the checks and the database cost."""
    config = county.config(server.url, "https://localhost:9", processes=2, workers=1)
    with process("station", "relay", "--config", str(config)) as (_, (port, page)):
        progress(f"intake: {runs} submissions of {SIZE // 1024} KiB by {STATIONS} stations")
        sent, seconds = _load(county, port, runs, f"i{seed}")
        counts = _states(page)
    kept = sum(counts.values())
    return {
        "intake_submissions": len(sent),
        "intake_per_s": round(len(sent) / seconds, 1),
        "lost": len(sent) - kept if kept < len(sent) else 0,
        "refused": runs - len(sent),
    }


# ---------------------------------------------------------------- with kills


def _killed(county: County, server: Server, runs: int, seed: int, progress: Progress) -> dict[str, Any]:
    """A database of its own; senders and intake processes are killed with SIGKILL while stations hand in."""
    server.sql("CREATE DATABASE killed", "postgres")
    url, ledger = server.url_of("killed"), county.folder / "ledger"
    arguments = ["--pki", str(county.folder / "pki"), "--ledger", str(ledger)]
    with process("station.sim.ledger_bureau", *arguments) as (_, (bureau,)):
        config = county.config(url, f"https://localhost:{bureau}", processes=2, workers=3)
        with process("station", "relay", "--config", str(config)) as (relay, (port, page)):
            progress(f"with kills: {runs} submissions, {KILLS} rounds of SIGKILL")
            done = threading.Event()
            killer = _Killer(relay.pid, random.Random(seed), done)
            killer.start()
            began = time.monotonic()
            sent, seconds = _load(county, port, runs, f"k{seed}")
            done.set()
            killer.join()
            _wait(page, len(sent), progress)
            through = time.monotonic() - began
        taken, again = read_ledger(ledger)
        broken = _check(config)
    return {
        "with_kills_submissions": len(sent),
        "with_kills_intake_per_s": round(len(sent) / seconds, 1),
        "with_kills_through_per_s": round(len(sent) / through, 1),
        "killed": killer.killed,
        "handed_in_again_after_custody": len(again),
        "lost": len(sent.keys() - taken.keys()),
        "invented": len(taken.keys() - sent.keys()),
        "doubled": len(again),
        "altered": sum(taken[name] != digest for name, digest in sent.items() if name in taken),
        "refused": runs - len(sent),
        "audit_broken": int(broken),
    }


class _Killer(threading.Thread):
    """Kills one child of the relay after another, at moments of the seed's choosing."""

    def __init__(self, parent: int, chance: random.Random, done: threading.Event) -> None:
        super().__init__(name="killer")
        self._parent = parent
        self._chance = chance
        self._done = done
        self.killed = 0

    def run(self) -> None:
        for number in range(KILLS):
            if self._done.wait(self._chance.uniform(0.1, 2.0)) and number:
                return  # but never without a round: what was handed in by then still has to go through
            for part in (b"sender", b"intake"):
                with contextlib.suppress(OSError):  # it ended by itself in this moment
                    of_part = [pid for pid in _children(self._parent) if part in _command(pid)]
                    if of_part:
                        os.kill(int(self._chance.choice(of_part)), signal.SIGKILL)
                        self.killed += 1


def _children(parent: int) -> list[str]:
    return Path(f"/proc/{parent}/task/{parent}/children").read_text().split()


def _command(pid: str) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def _wait(page: int, wanted: int, progress: Progress) -> None:
    """Until the bureau has everything, or nothing moved for long."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        counts = _states(page)
        with_bureau = counts.get("custody", 0) + counts.get("answered", 0)
        if with_bureau >= wanted:
            return
        progress(f"with the bureau: {with_bureau} of {wanted}")
        time.sleep(1.0)


def _states(page: int) -> dict[str, int]:
    """state → entries, as /metrics says."""
    with urllib.request.urlopen(f"http://127.0.0.1:{page}/metrics", timeout=30) as answer:
        text = answer.read().decode()
    counts: dict[str, int] = {}
    for line in text.splitlines():
        if line.startswith("livescan_relay_submissions{"):
            state = line.split('state="')[1].partition('"')[0]
            counts[state] = counts.get(state, 0) + int(float(line.rpartition(" ")[2]))
    return counts


def _check(config: Path) -> bool:
    command = [sys.executable, "-m", "station", "relay", "--config", str(config), "--check"]
    return subprocess.run(command, capture_output=True, check=False).returncode != 0


# ---------------------------------------------------------------- the stations


def _load(county: County, port: int, runs: int, prefix: str) -> tuple[dict[str, str], float]:
    """All stations hand in at once, from CLIENTS processes. id → digest of what has a believed receipt; seconds from
    the first upload to the last receipt (signing beforehand)."""
    context = multiprocessing.get_context("fork")
    results: Any = context.Queue()
    gate = context.Barrier(CLIENTS + 1)
    workers = [
        context.Process(target=_client, args=(county, n, port, runs, prefix, gate, results), daemon=True)
        for n in range(CLIENTS)
    ]
    for worker in workers:
        worker.start()
    gate.wait()
    began = time.monotonic()
    sent: dict[str, str] = {}
    for _ in workers:
        sent |= results.get()
    seconds = time.monotonic() - began
    for worker in workers:
        worker.join()
    return sent, seconds


def _client(county: County, n: int, port: int, runs: int, prefix: str, gate: Any, results: Any) -> None:
    block = os.urandom(SIZE)
    prepared: list[tuple[SimStation, Parcel]] = []
    for i in range(n, runs, CLIENTS):
        station = county.stations[i % len(county.stations)]
        name = f"{prefix}-{i:07d}"
        prepared.append((station, _light(station.parcel(name, _payload(block, name)))))
    contexts = {station.id: _context(county, station) for station, _ in prepared}
    gate.wait()
    sent: dict[str, str] = {}
    for station, light in prepared:
        parcel = Parcel(
            light.submission_id, _payload(block, light.submission_id), light.manifest, light.signature
        )
        if _handed_in(contexts[station.id], port, parcel):
            sent[parcel.submission_id] = json.loads(parcel.manifest)["parts"][0]["sha256"]
    results.put(sent)


def _handed_in(context: ssl.SSLContext, port: int, parcel: Parcel) -> bool:
    """Until there is a receipt for this very id: a station never gives up."""
    for _ in range(TRIES):
        try:
            status, body = put(context, port, parcel)
        except OSError:
            time.sleep(0.05)
            continue
        if status in (200, 201):
            return parcel.submission_id.encode() in _receipt(body)
        time.sleep(0.05)
    return False


def _receipt(body: bytes) -> bytes:
    return base64.b64decode(json.loads(body)["receipt"])


def _context(county: County, station: SimStation) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(county.relay_ca))
    context.load_cert_chain(station.client_cert, station.client_key)
    return context


def _payload(block: bytes, name: str) -> bytes:
    """600 KiB that no other submission has."""
    return name.encode().ljust(64) + block[64:]


def _light(parcel: Parcel) -> Parcel:
    """Without its bytes, which are made again when it is sent."""
    return Parcel(parcel.submission_id, b"", parcel.manifest, parcel.signature)
