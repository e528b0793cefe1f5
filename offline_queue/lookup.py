"""The reading half of the queue: entries, their bytes, their proofs."""

from __future__ import annotations

import hashlib
from typing import Any

import peewee

from offline_queue import claims
from offline_queue.database import Database
from offline_queue.errors import DamagedEntry, EntryUnknown, VaultError
from offline_queue.models import Attempt, Entry, columns
from offline_queue.rows import attempt_of, entry_of
from offline_queue.states import State
from offline_queue.vault import Vault


def payload_aad(submission_id: str) -> bytes:
    """What ties a sealed payload to its entry."""
    return b"submission:" + submission_id.encode()


class Lookup:
    """Reads one queue file. Nothing here changes it."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self.database = database
        self._vault = vault

    def entries(self, state: State | str | None = None) -> list[Entry]:
        """All entries, or those in one state, in the order they came."""
        with self.database.read() as tables:
            t = tables.submission
            query = t.select() if state is None else t.select().where(t.state == str(state))
            return [self._entry(row) for row in query.order_by(t.seq)]

    def entry(self, submission_id: str) -> Entry:
        """EntryUnknown `queue.no_such_entry` when there is none."""
        return self._entry(self._one("submission", submission_id))

    def find(self, tcn_or_id: str) -> Entry:
        """The entry with this TCN, or else this submission id. EntryUnknown when there is neither."""
        with self.database.read() as tables:
            row = tables.submission.select().where(tables.submission.tcn == tcn_or_id).first()
        return self.entry(tcn_or_id) if row is None else self._entry(row)

    def payload(self, submission_id: str) -> bytes:
        """Unsealed and compared with the digest that was signed. DamagedEntry `queue.damaged` otherwise."""
        row = self._one("payload", submission_id)
        damaged = DamagedEntry(
            "queue.damaged",
            f"the stored bytes of {submission_id} were altered",
            "restore them, or book again",
        )
        if row["sealed"] is None:
            raise damaged
        try:
            plain = self._vault.open(bytes(row["sealed"]), payload_aad(submission_id))
        except VaultError as error:
            if error.code == "vault.other_key":
                raise
            raise damaged from error
        if hashlib.sha256(plain).hexdigest() != row["sha256"] or len(plain) != row["size"]:
            raise damaged
        return plain

    def manifest(self, submission_id: str) -> bytes:
        """The canonical bytes that were signed."""
        return bytes(self._one("envelope", submission_id)["manifest"])

    def signature(self, submission_id: str) -> bytes:
        """DER of the detached CMS over the manifest."""
        return bytes(self._one("envelope", submission_id)["signature"])

    def receipt(self, submission_id: str) -> bytes | None:
        """The custody receipt as the gateway signed it; None before custody."""
        found = self._one("receipt", submission_id)["receipt"]
        return None if found is None else bytes(found)

    def receipt_signature(self, submission_id: str) -> bytes | None:
        """DER of the gateway's detached CMS over the receipt; None before custody."""
        found = self._one("receipt", submission_id)["signature"]
        return None if found is None else bytes(found)

    def attempts(self, submission_id: str) -> list[Attempt]:
        """Every attempt to send or ask, oldest first."""
        seq = self.entry(submission_id).seq
        with self.database.read() as tables:
            a = tables.attempt
            return [attempt_of(row) for row in a.select().where(a.seq == seq).order_by(a.n)]

    def counts(self) -> dict[str, int]:
        """State → number of entries, states without any left out."""
        with self.database.read() as tables:
            t = tables.submission
            pairs = t.select(t.state, peewee.fn.COUNT(t.seq)).group_by(t.state).tuples()
            return {str(state): int(number) for state, number in pairs}

    def _one(self, table: str, submission_id: str) -> dict[str, Any]:
        """The submission row, with the row of another table that goes with it (its columns None when
        absent)."""
        with self.database.read() as tables:
            t, other = tables.submission, getattr(tables, table)
            query = t.select()
            if table != "submission":
                extra = [column for column in columns(other) if column.name != "seq"]
                query = t.select(*columns(t), *extra).left_outer_join(other, on=(other.seq == t.seq))
            row: dict[str, Any] | None = query.where(t.submission_id == submission_id).first()
        if row is None:
            raise EntryUnknown("queue.no_such_entry", f"no entry {submission_id}", "see: station queue list")
        return row

    def _entry(self, row: dict[str, Any]) -> Entry:
        return entry_of(row, self.database.boot, claims.now_ms(self.database))
