"""How a submission gets into the queue: sealed, signed, stored and audited, in one transaction.

In: a submission whose shape was checked, its digest, a signer. Out: its row in `submission`. Whether there is room and
whether the signer may sign is asked before (store.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import peewee

from offline_queue import audit, audit_seal, claims, cms, statements, trust
from offline_queue.clock import stamp
from offline_queue.database import Database
from offline_queue.envelope import Manifest
from offline_queue.errors import QueueConflict
from offline_queue.lookup import payload_aad
from offline_queue.models import Submission, Tables
from offline_queue.sealed import digest_beside, is_for_gateway, parse
from offline_queue.signers import Signer
from offline_queue.states import State
from offline_queue.trust import Trust
from offline_queue.vault import Vault

Row = dict[str, Any]
HEAD_BYTES = 4096  # of sealed bytes: more than stands before the ciphertext


@dataclass(frozen=True)
class Entrance:
    """Of one queue file."""

    database: Database
    vault: Vault
    station_id: str

    def find(self, submission: Submission) -> Row | None:
        """What uses its id or its TCN already."""
        return statements.submission_like(self.database, submission.submission_id, submission.tcn)

    def put(self, submission: Submission, digest: str, signer: Signer) -> Row:
        """The row it has now; another's, where another process was quicker with this id or TCN. ClockUntrusted
        `clock.untrusted`, SignerError, StoreFault: nothing was stored."""
        sealed = self.vault.seal_submission(submission.payload, payload_aad(submission.submission_id))
        try:
            with self.database.write() as tables:
                return self._insert(tables, submission, digest, self._current(sealed, submission), signer)
        except peewee.IntegrityError:
            row = self.find(submission)
            if row is None:
                raise
            return row

    def _current(self, sealed: bytes, submission: Submission) -> bytes:
        """Wrapped anew, where a rotation of the keys came between."""
        if self.vault.is_current(sealed[:HEAD_BYTES]):
            return sealed
        return self.vault.renewed(sealed, payload_aad(submission.submission_id))

    def _insert(
        self, tables: Tables, submission: Submission, digest: str, sealed: bytes, signer: Signer
    ) -> Row:
        database = self.database
        now, trusted = database.clock.utcnow(), trust.assess(database, tables)
        if trusted is Trust.UNKNOWN:
            raise trust.untrusted(now)
        clear = self._clear_columns(submission, digest, stamp(now)) | {"clock_trust": str(trusted)}
        row = statements.add_submission(database, clear)
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
            prev_audit=statements.audit_head(database)[1].hex(),
        ).to_bytes()
        signature = cms.sign_detached(manifest, signer, now)
        stored = {"seq": seq, "sealed": sealed, "sealed_sha256": digest_beside(sealed)}
        statements.add(database, "payload", stored)
        statements.add(database, "envelope", {"seq": seq, "manifest": manifest, "signature": signature})
        audit.append(database, tables, "enqueued", row["submission_id"], _detail(row, manifest, sealed))
        audit_seal.seal(database, tables, signer, self.station_id, "submission")
        return row

    def _clear_columns(self, submission: Submission, digest: str, created_at: str) -> Row:
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


def same(row: Row, submission: Submission, digest: str) -> Row:
    """The row, if it is this submission's. QueueConflict `queue.conflict` when it is another's."""
    if (row["submission_id"], row["tcn"], row["sha256"]) != (
        submission.submission_id,
        submission.tcn,
        digest,
    ):
        raise QueueConflict(
            "queue.conflict",
            f"id {submission.submission_id} or TCN {submission.tcn} is used by submission {row['submission_id']}",
            "give the new submission its own id and TCN",
        )
    return row


def _detail(row: Mapping[str, Any], manifest: bytes, sealed: bytes) -> dict[str, Any]:
    """What the audit row says of it."""
    detail = {name: row[name] for name in ("sha256", "size", "tcn", "tot")}
    detail["manifest_sha256"] = hashlib.sha256(manifest).hexdigest()
    if is_for_gateway(sealed):
        detail["sealed_to"] = parse(sealed[:HEAD_BYTES]).key_id.hex()
    return detail
