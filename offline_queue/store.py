"""The queue: submissions go in sealed and signed, leave when the gateway signed that it has them, and are
never lost.

`Queue.open(path, vault, clock, station_id=...)`. Every change is one durable transaction with its audit row.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import peewee

from offline_queue import audit, audit_seal, claims, cms, countersign, inbox, keyhold, statements, trust
from offline_queue.audit import AuditReport
from offline_queue.clock import Clock, boot_id, stamp
from offline_queue.database import Database
from offline_queue.envelope import Manifest, check
from offline_queue.errors import DamagedEntry, QueueConflict, VaultError
from offline_queue.lookup import Lookup, payload_aad
from offline_queue.models import (
    CheckReport,
    Claim,
    Entry,
    Outcome,
    QuarantinedResponse,
    StoredResponse,
    Submission,
    Tables,
)
from offline_queue.revocation import Revocation
from offline_queue.room import Limits, Room, free_bytes
from offline_queue.sealed import digest_beside, is_for_gateway, parse
from offline_queue.signers import Signer
from offline_queue.states import Event, State
from offline_queue.trust import TimeSource, Trust
from offline_queue.vault import Vault

__all__ = ["Limits", "Queue", "free_bytes"]

HEAD_BYTES = 4096  # of sealed bytes: more than stands before the ciphertext


class Queue(Lookup):
    """One queue file. Safe to use from several threads and processes; close it, or use it as a context
    manager."""

    def __init__(
        self, database: Database, vault: Vault, station_id: str, limits: Limits, free: Callable[[Path], int]
    ) -> None:
        super().__init__(database, vault)
        self.station_id = station_id
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
        row = self._find(submission)
        if row is None:
            countersign.require_fit(self, signer)
            self.room.check(len(submission.payload))  # the clock is looked at when it is dated
            sealed = self._vault.seal_submission(submission.payload, payload_aad(submission.submission_id))
            row = self._stored(submission, digest, sealed, signer)
        return self._same(row, submission, digest)

    def _stored(self, submission: Submission, digest: str, sealed: bytes, signer: Signer) -> dict[str, Any]:
        """The row it has now; another's, where another process was quicker with this id or TCN."""
        try:
            with self.database.write() as tables:
                return self._insert(tables, submission, digest, sealed, signer)
        except peewee.IntegrityError:
            row = self._find(submission)
            if row is None:
                raise
            return row

    def _insert(
        self, tables: Tables, submission: Submission, digest: str, sealed: bytes, signer: Signer
    ) -> dict[str, Any]:
        aad = payload_aad(submission.submission_id)
        if not self._vault.is_current(sealed[:HEAD_BYTES]):  # a rotation came between
            sealed = self._vault.renewed(sealed, aad)
        now, trusted = self.database.clock.utcnow(), trust.assess(self.database, tables)
        if trusted is Trust.UNKNOWN:  # the clock was set since check_room
            raise trust.untrusted(now)
        clear = self._clear_columns(submission, digest, stamp(now)) | {"clock_trust": str(trusted)}
        row = statements.add_submission(self.database, clear)
        seq = row["seq"]
        manifest = Manifest(
            submission_id=submission.submission_id,
            tcn=submission.tcn,
            tot=submission.tot,
            ori=submission.ori,
            station_id=self.station_id,
            seq=seq,
            created_at=now,
            sha256=digest,
            size=len(submission.payload),
            prev_audit=statements.audit_head(self.database)[1].hex(),
        ).to_bytes()
        signature = cms.sign_detached(manifest, signer, now)
        stored = {"seq": seq, "sealed": sealed, "sealed_sha256": digest_beside(sealed)}
        statements.add(self.database, "payload", stored)
        statements.add(self.database, "envelope", {"seq": seq, "manifest": manifest, "signature": signature})
        detail = {
            "sha256": digest,
            "size": len(submission.payload),
            "tcn": submission.tcn,
            "tot": submission.tot,
        }
        detail["manifest_sha256"] = hashlib.sha256(manifest).hexdigest()
        if is_for_gateway(sealed):
            detail["sealed_to"] = parse(sealed[:HEAD_BYTES]).key_id.hex()
        audit.append(self.database, tables, "enqueued", submission.submission_id, detail)
        audit_seal.seal(self.database, tables, signer, self.station_id, "submission")
        return row

    def _clear_columns(self, submission: Submission, digest: str, created_at: str) -> dict[str, Any]:
        return {
            "submission_id": submission.submission_id,
            "tcn": submission.tcn,
            "tot": submission.tot,
            "ori": submission.ori,
            "station_id": self.station_id,
            "priority": submission.priority,
            "state": str(State.READY),
            "size": len(submission.payload),
            "sha256": digest,
            "created_at": created_at,
            "boot": self.database.boot,
            "monotonic_ms": claims.now_ms(self.database),
        }

    def _find(self, submission: Submission) -> dict[str, Any] | None:
        return statements.submission_like(self.database, submission.submission_id, submission.tcn)

    def _same(self, row: dict[str, Any], submission: Submission, digest: str) -> Entry:
        wanted = (submission.submission_id, submission.tcn, digest)
        if (row["submission_id"], row["tcn"], row["sha256"]) != wanted:
            raise QueueConflict(
                "queue.conflict",
                f"id {submission.submission_id} or TCN {submission.tcn} is used by submission {row['submission_id']}",
                "give the new submission its own id and TCN",
            )
        return self._entry(row)

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
