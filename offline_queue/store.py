"""The queue: submissions go in sealed and signed, leave when the gateway signed that it has them, and are
never lost.

`Queue.open(path, vault, clock, station_id=...)`. Every change is one durable transaction with its audit row.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from offline_queue import audit, audit_seal, claims, countersign, entrance, inbox, keyhold, statements, trust
from offline_queue.audit import AuditReport
from offline_queue.clock import Clock, boot_id
from offline_queue.database import Database
from offline_queue.envelope import check
from offline_queue.errors import DamagedEntry, VaultError
from offline_queue.lookup import Lookup
from offline_queue.models import (
    CheckReport,
    Claim,
    Entry,
    Outcome,
    QuarantinedResponse,
    StoredResponse,
    Submission,
)
from offline_queue.revocation import Revocation
from offline_queue.room import Limits, Room, free_bytes
from offline_queue.signers import Signer
from offline_queue.states import Event
from offline_queue.trust import TimeSource, Trust
from offline_queue.vault import Vault

__all__ = ["Limits", "Queue", "free_bytes"]


class Queue(Lookup):
    """One queue file. Safe to use from several threads and processes; close it, or use it as a context
    manager."""

    def __init__(
        self, database: Database, vault: Vault, station_id: str, limits: Limits, free: Callable[[Path], int]
    ) -> None:
        super().__init__(database, vault)
        self.station_id = station_id
        self._entrance = entrance.Entrance(database, vault, station_id)
        self.room = Room(database, limits, free)
        self._hold = keyhold.hold(database.path, vault)

    @classmethod
    def open(
        cls,
        path: str | Path,
        vault: Vault,
        clock: Clock,
        *,
        station_id: str,
        limits: Limits | None = None,
        free: Callable[[Path], int] = free_bytes,
        boot: Callable[[], str] = boot_id,
        time_source: TimeSource | None = None,
        revocation: Revocation | None = None,
    ) -> Queue:
        """Open or create. StoreFault with a code when the disk, the file or its settings are not right. time_source:
        `trust.system`, or None where somebody else vouches for the clock (simulations). revocation: as in Lookup."""
        database = Database.open(Path(path), clock, boot)
        database.time_source = time_source
        queue = cls(database, vault, station_id, limits or Limits(), free)
        queue.revocation = revocation
        return queue

    def close(self) -> None:
        self.database.close()
        if self._hold is not None:
            os.close(self._hold)
            self._hold = None

    def __enter__(self) -> Queue:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # what goes in

    def check_room(self, size: int = 0) -> None:
        """QueueFull (`queue.disk_low`, `queue.full`) when `size` more bytes would not fit, ClockUntrusted when it
        could not be dated. Ask before a capture."""
        self.check_clock()
        self.room.check(size)

    def tidy(self) -> None:
        """For the pauses of the sync process: see Room.tidy."""
        self.room.tidy()

    def clock_trust(self) -> Trust:
        """What the wall clock's time rests on at this moment."""
        with self.database.read() as tables:
            return trust.assess(self.database, tables)

    def check_clock(self) -> None:
        """ClockUntrusted `clock.untrusted` when nobody vouches for the clock: nothing may be dated or signed."""
        if self.clock_trust() is Trust.UNKNOWN:
            raise trust.untrusted(self.database.clock.utcnow())

    def confirm_clock(self, officer: str) -> None:
        """An officer (id, no name) compared the clock with a watch. Holds for this boot, until the clock is set."""

        def confirm() -> None:
            with self.database.write() as tables:
                detail = {"officer": officer, "floor": trust.confirm(self.database, tables)}
                audit.append(self.database, tables, "clock_confirmed", None, detail)

        self.room.used_by(confirm)

    def enqueue(self, submission: Submission, signer: Signer) -> Entry:
        """Seal, sign, store and audit in one transaction; once this returns, the submission survives a
        power cut.

        The same id with the same bytes gives the entry that is there. QueueConflict when the id or the TCN
        is taken; SignerError `signer.certificate_revoked`.
        """
        check(submission, self.station_id)
        digest = hashlib.sha256(submission.payload).hexdigest()
        row = self._entrance.find(submission)
        if row is None:
            countersign.require_fit(self, signer)
            self.room.check(len(submission.payload))  # the clock is looked at when it is dated
            row = self._entrance.put(submission, digest, signer)
        return self._entry(entrance.same(row, submission, digest))

    # sending

    def claim(self, worker: str, lease_s: float) -> Claim | None:
        """The next due entry, leased to `worker`; None when nothing is due."""
        return self.room.used_by(lambda: claims.claim(self.database, worker, lease_s))

    def settle(self, claim: Claim, outcome: Outcome) -> Entry:
        """How the attempt ended. LeaseLost when the lease ran out and another worker has it."""
        return self.room.used_by(lambda: claims.settle(self.database, claim, outcome))

    def recover(self, worker: str) -> int:
        """Call when the one worker of this name starts: its former leases end. Returns how many there
        were."""
        return self.room.used_by(lambda: claims.recover(self.database, worker))

    def hold(self, submission_id: str, reason: str = "") -> Entry:
        """Stop an entry that waits."""
        return self._step(submission_id, Event.HOLD, reason)

    def release(self, submission_id: str, reason: str = "") -> Entry:
        """Let a held entry go on: the gateway is asked first whether it has it."""
        return self._step(submission_id, Event.RELEASE, reason)

    def retry(self, submission_id: str, reason: str = "") -> Entry:
        """Take an entry out of quarantine: the gateway is asked first whether it has it."""
        return self._step(submission_id, Event.RETRY, reason)

    def _step(self, submission_id: str, event: Event, reason: str) -> Entry:
        return self.room.used_by(lambda: claims.step(self.database, submission_id, event, reason))

    # responses

    def keep_response(self, seq: int, tcr: str, content: bytes, *, tot: str, signature: bytes) -> bool:
        """Keep a verified response once and move the cursor. True when it is new."""
        return self.room.used_by(
            lambda: inbox.keep(self.database, self._vault, seq, tcr, content, tot, signature), small=False
        )

    def quarantine_response(self, seq: int | None, code: str, message: str, raw: bytes) -> bool:
        """Keep, apart from the rest, a response that may not be believed."""
        return self.room.used_by(
            lambda: inbox.quarantine(self.database, self._vault, seq, code, message, raw), small=False
        )

    def responses(self, after: int = 0) -> list[StoredResponse]:
        """Responses with a number above `after`, in order."""
        return list(inbox.kept(self.database, self._vault, after))

    def quarantined_responses(self) -> list[QuarantinedResponse]:
        return list(inbox.quarantined(self.database, self._vault))

    def cursor(self) -> int:
        """The number of the last response that was pulled."""
        return inbox.cursor(self.database)

    def move_cursor(self, seq: int) -> None:
        self.room.used_by(lambda: inbox.advance(self.database, seq))

    # proof

    def seal_audit(self, signer: Signer, reason: str = "request") -> bool:
        """Sign the head of the audit chain now. False when it already is, or the clock is not trusted."""
        if statements.is_sealed(self.database, statements.audit_head(self.database)[0]):
            return False
        countersign.require_fit(self, signer)

        def seal() -> bool:
            with self.database.write() as tables:
                return audit_seal.seal(self.database, tables, signer, self.station_id, reason)

        return self.room.used_by(seal)

    def seal_audit_when_due(self, signer: Signer) -> str | None:
        """Sign the head at the first call of a boot and then each hour. Returns the reason, None if not due."""
        countersign.require_fit(self, signer)
        return self.room.used_by(lambda: audit_seal.seal_when_due(self.database, signer, self.station_id))

    def counter_sign_held(self, signer: Signer) -> tuple[str, ...]:
        """Vouch for what is held because its certificate ran out, and let it go on (countersign.py)."""
        return countersign.held(self, signer)

    def counter_to_send(self, submission_id: str) -> bytes:
        """The counter-signature that goes with it, b"" for none; CertificateError when one is needed first."""
        return countersign.needed(self, submission_id)

    def verify_audit(self) -> AuditReport:
        """Walk the audit chain and compare it with manifests and receipts."""
        with self.database.read() as tables:
            return audit.verify(tables)

    def check(self) -> CheckReport:
        """Damage anywhere: SQLite's own check, then every payload and response against its digest."""
        problems = [
            f"database: {row[0]}" for row in self.database.sql("PRAGMA quick_check") if row[0] != "ok"
        ]
        problems += [
            f"database: broken reference in {row[0]}" for row in self.database.sql("PRAGMA foreign_key_check")
        ]
        entries = self.entries()
        for entry in entries:
            for look in (self.outgoing, self.signature):
                try:
                    look(entry.submission_id)
                except (DamagedEntry, VaultError) as error:
                    if error.code != "vault.erased":  # that is as it should be
                        problems.append(f"{entry.submission_id}: {error.message}")
                        break
        problems += [f"response {seq}: damaged" for seq in inbox.damaged(self.database, self._vault)]
        return CheckReport(not problems, len(entries), tuple(problems))
