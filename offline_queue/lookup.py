"""The reading half of the queue: entries, their bytes, their proofs."""

from __future__ import annotations

import hashlib
from typing import Any

import peewee

from offline_queue import claims, cms
from offline_queue.database import Database
from offline_queue.envelope import Manifest
from offline_queue.errors import (
    CertificateError,
    CmsError,
    DamagedEntry,
    EntryUnknown,
    QueueError,
    StoreFault,
    VaultError,
)
from offline_queue.models import Attempt, Entry
from offline_queue.outward import submission_aad
from offline_queue.revocation import Revocation
from offline_queue.rows import attempt_of, entry_of
from offline_queue.sealed import fits, is_for_gateway, parse
from offline_queue.states import State
from offline_queue.vault import Vault

SAID = ("submission_id", "tcn", "tot", "ori", "station_id", "seq", "sha256", "size")


payload_aad = submission_aad  # what ties a sealed payload to its entry


class Lookup:
    """Reads one queue file. Nothing here changes it. revocation: lists about the station's certificates, if any."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self.database = database
        self._vault = vault
        self.revocation: Revocation | None = None

    def entries(self, state: State | str | None = None) -> list[Entry]:
        """All entries, or those in one state, in the order they came."""
        with self.database.read() as tables:
            t = tables.submission
            query = t.select() if state is None else t.select().where(t.state == str(state))
            return [self._entry(row) for row in query.order_by(t.seq)]

    def entry(self, submission_id: str) -> Entry:
        """EntryUnknown `queue.no_such_entry` when there is none."""
        with self.database.read() as tables:
            row = tables.submission.select().where(tables.submission.submission_id == submission_id).first()
        if row is None:
            raise EntryUnknown("queue.no_such_entry", f"no entry {submission_id}", "see: station queue list")
        return self._entry(row)

    def find(self, tcn_or_id: str) -> Entry:
        """The entry with this TCN, or else this submission id. EntryUnknown when there is neither."""
        with self.database.read() as tables:
            row = tables.submission.select().where(tables.submission.tcn == tcn_or_id).first()
        return self.entry(tcn_or_id) if row is None else self._entry(row)

    def payload(self, submission_id: str) -> bytes:
        """Unsealed and compared with the digest that was signed. DamagedEntry `queue.damaged` otherwise; VaultError
        `vault.for_gateway` when it is whole and only the gateway can open it."""
        entry = self.entry(submission_id)
        return self._opened(entry, self._sealed(entry))

    def outgoing(self, submission_id: str) -> tuple[bytes, bool]:
        """What is sent: the transaction, or the bytes sealed to the gateway as they lie here (then True). DamagedEntry
        as `payload`."""
        entry = self.entry(submission_id)
        sealed = self._sealed(entry)
        return (sealed, True) if is_for_gateway(sealed) else (self._opened(entry, sealed), False)

    def sealed_to(self, submission_id: str) -> str | None:
        """The id of the gateway's key to which this entry is sealed, in hexadecimal digits; None when this station
        can open it, or it is erased or damaged."""
        sealed = self._bytes("payload", "sealed", self.entry(submission_id)) or b""
        try:
            return parse(sealed).key_id.hex() if is_for_gateway(sealed) else None
        except VaultError:
            return None

    def _sealed(self, entry: Entry) -> bytes:
        """The sealed bytes. Of those for the gateway, which cannot be opened here, only their digest and their number
        tell damage, so both are looked at."""
        sealed = self._bytes("payload", "sealed", entry) or b""
        if is_for_gateway(sealed):
            stored = self._value("payload", "sealed_sha256", entry)
            if stored != hashlib.sha256(sealed).hexdigest() or not fits(sealed, entry.size):
                raise _damaged(entry.submission_id)
        return sealed

    def _opened(self, entry: Entry, sealed: bytes) -> bytes:
        submission_id = entry.submission_id
        try:
            plain = self._vault.open(sealed, payload_aad(submission_id))
        except VaultError as error:
            if error.code in ("vault.other_key", "vault.erased", "vault.for_gateway"):
                raise
            raise _damaged(submission_id) from error
        if hashlib.sha256(plain).hexdigest() != entry.sha256 or len(plain) != entry.size:
            raise _damaged(submission_id)
        return plain

    def manifest(self, submission_id: str) -> bytes:
        """The canonical bytes that were signed. DamagedEntry when they do not speak of this entry."""
        entry = self.entry(submission_id)
        manifest = self._bytes("envelope", "manifest", entry) or b""
        try:
            said = Manifest.from_bytes(manifest)
        except QueueError as error:
            raise _damaged(submission_id) from error
        names = SAID if entry.imported_from is None else [name for name in SAID if name != "seq"]
        if any(getattr(said, name) != getattr(entry, name) for name in names):
            raise _damaged(submission_id)
        return manifest

    def signature(self, submission_id: str) -> bytes:
        """DER of the detached CMS over the manifest. DamagedEntry when it is not over these bytes any
        more."""
        signature = self._bytes("envelope", "signature", self.entry(submission_id)) or b""
        try:
            cms.check_signature(self.manifest(submission_id), signature)
        except (CmsError, CertificateError) as error:
            raise _damaged(submission_id) from error
        return signature

    def counter_signatures(self, submission_id: str) -> list[bytes]:
        """DER of each detached CMS over the first signature, oldest first."""
        seq = self.entry(submission_id).seq
        with self.database.read() as tables:
            c = tables.counter_signature
            return [bytes(row["signature"]) for row in c.select().where(c.seq == seq).order_by(c.n)]

    def receipt(self, submission_id: str) -> bytes | None:
        """The custody receipt as the gateway signed it; None before custody."""
        return self._bytes("receipt", "receipt", self.entry(submission_id))

    def receipt_signature(self, submission_id: str) -> bytes | None:
        """DER of the gateway's detached CMS over the receipt; None before custody."""
        return self._bytes("receipt", "signature", self.entry(submission_id))

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

    def _bytes(self, table: str, column: str, entry: Entry) -> bytes | None:
        """One blob that belongs to the entry; None when there is none. A page that cannot be read, or a
        value that
        is no blob any more, is damage of this entry alone: the others go on."""
        value = self._value(table, column, entry)
        if value is not None and not isinstance(value, bytes):
            raise _damaged(entry.submission_id)
        return value

    def _value(self, table: str, column: str, entry: Entry) -> Any:
        try:
            with self.database.read() as tables:
                t = getattr(tables, table)
                row = t.select(getattr(t, column)).where(t.seq == entry.seq).first()
        except StoreFault as fault:
            if fault.code in ("queue.corrupt", "queue.database"):
                raise _damaged(entry.submission_id) from fault
            raise
        if row is not None and row[column] is None:
            raise _damaged(entry.submission_id)
        return None if row is None else row[column]

    def _entry(self, row: dict[str, Any]) -> Entry:
        return entry_of(row, self.database.boot, claims.now_ms(self.database))


def _damaged(submission_id: str) -> DamagedEntry:
    return DamagedEntry(
        "queue.damaged", f"the stored bytes of {submission_id} were altered", "restore them, or book again"
    )
