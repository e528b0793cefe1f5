"""A process that works on queues below one folder, each time in a child that can be killed, refused or recorded.

In: jobs, one JSON object a line on standard input: folder, arm [n, action] (queue_shim.c), mutant, stages. Out: one
JSON line a job: killed, the stage it was in, the code of the error that ended it, how many changes it made. Synthetic
data only.
"""

from __future__ import annotations

import contextlib
import ctypes
import datetime as dt
import hashlib
import json
import os
import select
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from offline_queue import database as store_file
from offline_queue import erasure, keyring, rotation, upkeep
from offline_queue.clock import SystemClock
from offline_queue.database import PAGE_SIZE
from offline_queue.errors import QueueError
from offline_queue.models import Entry, Submission
from offline_queue.outward import Openers
from offline_queue.receipts import Verifier
from offline_queue.signers import load_signer
from offline_queue.states import TRANSITIONS, Event, State
from offline_queue.store import Limits, Queue
from offline_queue.sync import Sync
from offline_queue.vault import Vault
from station.bench import queue_old
from station.bench.queue_gate import FolderGateway, submission
from station.sim.pki import PkiPaths, make_pki

STATION = "ST-BENCH"
SEAL_TO = "seal_to.pem"
STAGES = (
    "migrate",
    "seal_sign_enqueue",
    "claim_send_receipt",
    "rotate",
    "seal_sign_enqueue_more",
    "backup",
    "claim_send_receipt_rest",
    "purge",
    "vacuum",
    "checkpoint",
    "audit",
)
PAGES = (queue_old.PAGE, PAGE_SIZE)  # of files made by older programs, and by this one
OLD, FIRST, MORE = range(1, 5), range(5, 15), range(15, 19)  # OLD: were there in schema 1


class Shim:
    """The preloaded library, or nothing at all where it is not."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None) if "qshim" in os.environ.get("LD_PRELOAD", "") else None

    def arm(self, at: int, action: int) -> None:
        if self._library is not None:
            self._library.qshim_arm(ctypes.c_long(at), ctypes.c_long(action))

    def step(self) -> None:
        if self._library is not None:
            self._library.qshim_step()

    def count(self) -> int:
        return int(self._library.qshim_count()) if self._library is not None else 0


class Work:
    """One folder `q-…` with its queue, keys and marks (what the officer was told), and its gateway `g-…` beside it."""

    def __init__(
        self, folder: Path, shim: Shim | None = None, tell: Callable[[str], None] = lambda _: None
    ) -> None:
        self.folder, self.shim, self.tell = folder, shim or Shim(), tell
        self.gate = folder.with_name("g" + folder.name[1:])
        self.gate.mkdir(exist_ok=True)
        self.pki: PkiPaths = make_pki(folder.parent / "pki", SystemClock())
        openers = Openers.load([self.pki.gateway_sealing_key])
        receipts = load_signer(self.pki.receipt_signing_uri)
        self.gateway = FolderGateway(self.gate, receipts, self.shim.step, openers)
        self.signer = load_signer(self.pki.signing_uri)

    def prepare(self, page: int = PAGE_SIZE) -> None:
        """Keys, and a queue file of schema 1 with the OLD ones in it, as an older program left it. page: bytes of its
        pages, one of PAGES."""
        self.folder.mkdir()
        shutil.copytree(self.gate.parent / "keys", self.folder / "keys")
        shutil.copyfile(self.gate.parent / "old.marks", self.folder / "marks")
        shutil.copyfile(self.gate.parent / f"old-{page}.db", self.folder / "queue.db")

    def open(self) -> Queue:
        limits = Limits(reserve_bytes=0, open_entries=10**6)
        return Queue.open(
            self.folder / "queue.db", self.vault(), SystemClock(), station_id=STATION, limits=limits
        )

    def vault(self) -> Vault:
        """Of the folder's keys; with a file `seal_to.pem` below the base, submissions are sealed to the gateway."""
        seal_to = self.folder.parent / SEAL_TO
        return Vault.load(self.folder / "keys", seal_to if seal_to.exists() else None)

    def mark(self, words: str) -> None:
        with (self.folder / "marks").open("a") as marks:
            marks.write(words + "\n")

    def marks(self) -> list[list[str]]:
        return [line.split() for line in (self.folder / "marks").read_text().splitlines()]

    def run(self, stages: tuple[str, ...] = STAGES) -> None:
        """The whole story, or what of it is still to be done."""
        self.tell("migrate")
        with self.open() as queue:
            queue.recover("sync")
            for stage in stages:
                self.tell(stage)
                getattr(self, f"_{stage}")(queue)

    def _migrate(self, _: Queue) -> None:
        """Opening did it."""

    def _seal_sign_enqueue(self, queue: Queue) -> None:
        self._put(queue, FIRST)

    def _seal_sign_enqueue_more(self, queue: Queue) -> None:
        self._put(queue, MORE)

    def _put(self, queue: Queue, numbers: range) -> None:
        for n in numbers:
            entry = self._enqueued(queue, submission(n))
            self.mark(f"saved {entry.submission_id} {entry.sha256}")

    def _enqueued(self, queue: Queue, wanted: Submission) -> Entry:
        return queue.enqueue(wanted, self.signer)

    def _claim_send_receipt(self, queue: Queue) -> None:
        clock = SystemClock()
        verifier = Verifier(self.pki.gateway_ca.read_bytes(), clock)
        Sync(queue, self.gateway, verifier, clock, "sync").drain()
        for state in (State.CUSTODY, State.ANSWERED):
            for entry in queue.entries(state):
                self.mark(f"sent {entry.submission_id}")

    def _claim_send_receipt_rest(self, queue: Queue) -> None:
        self._claim_send_receipt(queue)

    def _backup(self, queue: Queue) -> None:
        target = self.folder / "copy.db"
        for path in (target, upkeep.sidecar(target)):
            path.unlink(missing_ok=True)
        upkeep.backup(queue, target)
        self.mark("copied copy.db")

    def _rotate(self, queue: Queue) -> None:
        """A new station key, everything wrapped anew, the old keys gone."""
        rotation.rotate(self.folder / "keys", queue, rotation.of_queue(queue))

    def _purge(self, queue: Queue) -> None:
        for name in erasure.erase_due(queue.database, dt.timedelta(0)):
            self.mark(f"erased {name}")

    def _checkpoint(self, queue: Queue) -> None:
        queue.database.checkpoint()

    def _vacuum(self, queue: Queue) -> None:
        upkeep.vacuum(queue)

    def _audit(self, queue: Queue) -> None:
        if not queue.verify_audit().ok:
            raise QueueError("queue.audit_broken", "the audit chain does not hold")


class EarlyWord(Work):
    """Broken on purpose: the officer is told before the transaction is committed."""

    def _enqueued(self, queue: Queue, wanted: Submission) -> Entry:
        digest = hashlib.sha256(wanted.payload).hexdigest()
        self.mark(f"saved {wanted.submission_id} {digest}")
        return super()._enqueued(queue, wanted)


def break_build(mutant: str) -> type[Work]:
    """Make this process a broken build: `normal`, `ack_first`, `no_idempotency`, or whole with ''. Folder syncs are
    left out by the shim (`no_dirsync`)."""
    if mutant == "normal":
        store_file.PRAGMAS["synchronous"] = 1
    if mutant == "no_idempotency":  # an attempt of unknown outcome is sent again without asking
        for state in (State.SENDING, State.ASKING):
            for event in (Event.LEASE_EXPIRED, Event.UNSURE):
                TRANSITIONS[(state, event)] = State.READY
    return EarlyWord if mutant == "ack_first" else Work


def make_base(base: Path, *, sealed: bool = False) -> None:
    """What all jobs of a campaign share: keys, and queue files of schema 1 in which the OLD ones wait. sealed: what
    is enqueued after that is sealed to the gateway."""
    pki = make_pki(base / "pki", SystemClock())
    if sealed:
        shutil.copyfile(pki.gateway_sealing_cert, base / SEAL_TO)
    keyring.create(base / "keys", pki.station_vault_key.read_bytes())
    signer = load_signer(pki.signing_uri)
    vault, wanted = Vault.load(base / "keys"), [submission(n) for n in OLD]
    for page in PAGES:
        made = queue_old.make(base / f"old-{page}.db", vault, signer, STATION, wanted, page=page)
    (base / "old.marks").write_text(
        "".join(f"saved {entry.submission_id} {entry.sha256}\n" for entry in made)
    )


def one(job: dict[str, Any], shim: Shim) -> dict[str, Any]:
    """Do a job in a child of this process."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        told: dict[str, Any] = {}
        try:
            told = _inside(job, shim, lambda stage: _tell(writing, {"stage": stage}))
        finally:
            _tell(writing, told)
            os._exit(0)
    os.close(writing)
    heard = b"".join(iter(lambda: os.read(reading, 65536), b""))
    os.close(reading)
    _, status = os.waitpid(child, 0)
    whole: dict[str, Any] = {"killed": os.WIFSIGNALED(status)}
    for line in heard.splitlines():
        whole |= json.loads(line)
    return whole


def _tell(pipe: int, what: dict[str, Any]) -> None:
    os.write(pipe, json.dumps(what).encode() + b"\n")


def _inside(job: dict[str, Any], shim: Shim, tell: Callable[[str], None]) -> dict[str, Any]:
    work = break_build(job.get("mutant", ""))(Path(job["folder"]), shim, tell)
    if not work.folder.exists():
        work.prepare(job.get("page", PAGE_SIZE))
    if job.get("prepare_only"):
        return {"error": "", "count": 0}
    work.gateway.die_at = job.get("die_at_effect", 0)
    shim.arm(*job.get("arm", (0, 0)))
    try:
        work.run(tuple(job.get("stages", STAGES)))
        return {"error": "", "count": shim.count()}
    except QueueError as error:
        return {"error": error.code, "count": shim.count()}
    except BaseException as error:
        return {"error": "", "unclear": f"{type(error).__name__}: {error}", "count": shim.count()}


def jobs() -> Iterator[dict[str, Any]]:
    """What the campaign asks for, until it closes the pipe."""
    for line in sys.stdin:
        yield json.loads(line)


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        select.select([sys.stdin], [], [])
        here = Shim()
        for each in jobs():
            print(json.dumps(one(each, here)), flush=True)
