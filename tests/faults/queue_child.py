"""A process that works on a queue and is killed (SIGKILL) at its n-th SQL statement or gateway step.

`python queue_child.py FOLDER POINT...` forks one child per point: each enqueues, sends and pulls, and dies at its
point; then one more, unharmed, finishes the work. The gateway is a folder: a file per submission, made once, so that
what it holds is an effect that outlives every child. Prints one JSON line per point.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from offline_queue import canonical
from offline_queue.clock import SystemClock
from offline_queue.outward import Openers
from offline_queue.receipts import Verifier
from offline_queue.signers import load_signer
from offline_queue.store import Queue
from offline_queue.sync import Sync
from offline_queue.transports import Parcel
from offline_queue.vault import Vault
from offline_queue.wire import SignedReceipt
from station.sim.pki import PkiPaths, make_pki
from tests.unit.offline_queue.kit import MemoryGateway, Stored, plain, receipt_bytes, sign, submission

COUNT = 3


class Killer:
    """Counts statements and steps; ends this process, as a power cut would, at the chosen one."""

    def __init__(self, at: int) -> None:
        self.left = at
        self.seen = 0

    def step(self, *_: object) -> None:
        self.seen += 1
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


class FolderGateway(MemoryGateway):
    """Effects are files; each arrival beyond the first of a submission is one more line in `again`."""

    folder: Path
    step: Callable[[], None]

    def submit(self, parcel: Parcel) -> SignedReceipt:
        self.step()
        path = self.folder / parcel.submission_id
        tcn = canonical.loads(parcel.manifest)["tcn"]
        content = plain(parcel, self.openers)
        stored = Stored(parcel.submission_id, tcn, hashlib.sha256(content).hexdigest(), len(content))
        if not path.exists():
            path.write_text(json.dumps(dataclasses.asdict(stored)))
            with (self.folder.parent / "effects").open("a") as effects:
                effects.write(parcel.submission_id + "\n")
        self.step()
        return self._signed(path)

    def status(self, submission_id: str) -> SignedReceipt | None:
        self.step()
        path = self.folder / submission_id
        return self._signed(path) if path.exists() else None

    def _signed(self, path: Path) -> SignedReceipt:
        return sign(receipt_bytes(Stored(**json.loads(path.read_text()))), self.signer, self.at())


def vault_of(pki: PkiPaths) -> Vault:
    """With SEAL_TO in the environment, submissions are sealed to the gateway."""
    return Vault.load(pki.station_vault_key, pki.gateway_sealing_cert if os.environ.get("SEAL_TO") else None)


def work(folder: Path, killer: Killer) -> None:
    """Open, enqueue what is not yet there, send, pull. Writes each id to `saved` after the officer would see it."""
    clock, pki = SystemClock(), make_pki(folder.parent / "pki", SystemClock())
    queue = Queue.open(folder / "queue.db", vault_of(pki), clock, station_id="ST-1")
    queue.database.raw().set_trace_callback(killer.step)
    signer = load_signer(pki.signing_uri)
    for n in range(1, COUNT + 1):
        entry = queue.enqueue(submission(n), signer)
        with (folder / "saved").open("a") as saved:
            saved.write(f"{entry.submission_id} {entry.sha256}\n")
    openers = Openers.load([pki.gateway_sealing_key])
    gateway = FolderGateway(load_signer(pki.receipt_signing_uri), at=clock.utcnow, openers=openers)
    gateway.folder, gateway.step = folder / "gateway", killer.step
    for n in range(1, COUNT + 1):
        gateway.answer(n, f"TCN{n:07}", b"answer %d" % n)
    queue.recover("sync")
    sync = Sync(queue, gateway, Verifier(pki.gateway_ca.read_bytes(), clock), clock, "sync")
    sync.step()
    queue.close()


def forked(folder: Path, at: int) -> tuple[bool, int]:
    """Work in a child. (was it killed, how many points it passed: known only when it was not)"""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        killer = Killer(at)
        try:
            work(folder, killer)
            os.write(writing, str(killer.seen).encode())
        finally:
            os._exit(0)
    os.close(writing)
    seen = os.read(reading, 20)
    os.close(reading)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status), int(seen or b"0")


def run(base: Path, point: int) -> dict[str, object]:
    folder = base / f"point-{point}"
    (folder / "gateway").mkdir(parents=True)
    killed, _ = forked(folder, point)
    before = (folder / "saved").read_text().split("\n")[:-1] if (folder / "saved").exists() else []
    again, seen = forked(folder, 0)
    return {"point": point, "killed": killed, "again": again, "seen": seen, **judge(base, folder, before)}


def judge(base: Path, folder: Path, saved_before: list[str]) -> dict[str, object]:
    """What is lost, doubled or falsely in custody at the end."""
    pki = make_pki(base / "pki", SystemClock())
    with Queue.open(folder / "queue.db", vault_of(pki), SystemClock(), station_id="ST-1") as queue:
        entries = {entry.submission_id: entry for entry in queue.entries()}
        kept = {path.name: json.loads(path.read_text()) for path in (folder / "gateway").iterdir()}
        effects = (folder / "effects").read_text().split()
        promised = dict(line.split() for line in saved_before)
        return {
            "saved_before": len(saved_before),
            "lost": [name for name, digest in promised.items() if kept.get(name, {}).get("sha256") != digest],
            "doubled": [name for name in kept if effects.count(name) != 1],
            "false": [
                n for n, e in entries.items() if e.receipt_at and kept.get(n, {}).get("sha256") != e.sha256
            ],
            "states": sorted({str(entry.state) for entry in entries.values()}),
            "responses": len(queue.responses()),
            "audit": queue.verify_audit().ok,
            "check": queue.check().ok,
            "entries": len(entries),
            "sealed": sum(queue.sealed_to(name) is not None for name in entries),
        }


if __name__ == "__main__":
    where, *points = sys.argv[1:]
    make_pki(Path(where) / "pki", SystemClock())
    for each in points:
        sys.stdout.write(json.dumps(run(Path(where), int(each))) + "\n")
