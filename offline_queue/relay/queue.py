"""What a sender works on: the queue's claim, settle and responses (store.py) on PostgreSQL, for `sync.Sync`.

A claim is a lease: owner, fencing token, end by the database server's clock, taken with SKIP LOCKED. A station has one
entry in flight at a time, so that its order stays; workers share the stations. A lease that runs out, or the restart
of its worker, leaves the outcome unknown: the bureau is asked before anything is sent again.
"""

from __future__ import annotations

import hashlib
from typing import Any

from offline_queue import countersign
from offline_queue.backoff import LONGEST_S
from offline_queue.clock import from_stamp, stamp
from offline_queue.errors import DamagedEntry, EntryUnknown, LeaseLost, StateError, VaultError
from offline_queue.models import Claim, Entry, Outcome
from offline_queue.relay import answers, chain
from offline_queue.relay.answers import Addressees
from offline_queue.relay.database import Database, Row
from offline_queue.relay.intake import payload_aad
from offline_queue.rows import errors_text
from offline_queue.states import Event, State, after
from offline_queue.vault import Vault

IS_DUE = """
    x.state IN ('ready','unknown') AND (x.retry_at IS NULL OR x.retry_at <= clock_timestamp()
    OR x.retry_at > clock_timestamp() + interval '1 hour 1 minute')
"""
IN_FLIGHT = "SELECT 1 FROM submission y WHERE y.station_id = x.station_id AND y.state IN ('sending','asking')"
DUE_OF = f"{IS_DUE} AND NOT EXISTS ({IN_FLIGHT}) ORDER BY x.priority DESC, x.seq LIMIT 1"
NEXT_DUE = f"SELECT x.* FROM submission x WHERE x.station_id = %s AND {DUE_OF}"  # noqa: S608  (our own words)
OLDEST_OF = f"SELECT x.priority, x.seq FROM submission x WHERE x.station_id = s.station_id AND {DUE_OF}"  # noqa: S608
NEXT_STATION = " ".join(
    (
        "SELECT s.station_id FROM station s CROSS JOIN LATERAL (",
        OLDEST_OF,
        ") d WHERE s.station_id <> ALL(%s) ORDER BY d.priority DESC, d.seq LIMIT 1",
        "FOR NO KEY UPDATE OF s SKIP LOCKED",
    )
)
LEASES_OVER = (
    "SELECT * FROM submission WHERE state IN ('sending','asking') AND (lease_until <= clock_timestamp() "
    "OR lease_until > clock_timestamp() + interval '1 hour 1 minute' OR lease_worker = %s) "
    "ORDER BY seq LIMIT 1 FOR UPDATE SKIP LOCKED"
)
TAKE = """
    UPDATE submission SET state = %s, lease_worker = %s, lease_token = lease_token + 1, attempts = attempts + 1,
        lease_until = clock_timestamp() + %s * interval '1 second'
    WHERE seq = %s AND state = %s RETURNING *
"""
GIVE = """
    UPDATE submission SET state = %(state)s, lease_worker = NULL, lease_until = NULL, last_error = %(last_error)s,
        refusals = refusals + %(refused)s, receipt_at = coalesce(%(receipt_at)s, receipt_at),
        retry_at = CASE WHEN %(delay_s)s > 0 THEN clock_timestamp() + %(delay_s)s * interval '1 second' END
    WHERE seq = %(seq)s AND state = %(was)s AND lease_token = %(token)s RETURNING *
"""
STEP = (
    "UPDATE submission SET state = %s, retry_at = NULL, refusals = CASE WHEN %s THEN 0 ELSE refusals END "
    "WHERE seq = %s RETURNING *"
)
LOST = "the worker ended before it knew the outcome"


class RelayQueue:
    """One worker's view of the relay's entries. addressees: reads who a response is for, besides its TCR."""

    def __init__(self, database: Database, vault: Vault, addressees: Addressees = lambda _: ()) -> None:
        self.database = database
        self._vault = vault
        self._addressees = addressees
        self._claimed: Row = {}

    # sending

    def claim(self, worker: str, lease_s: float) -> Claim | None:
        """The next due entry of a station nobody works for, leased to `worker`; None when nothing is due."""
        self._expire(None)
        busy: list[str] = []
        while True:
            with self.database.write() as database:
                station = database.one(NEXT_STATION, (busy,))
                if station is None:
                    return None
                row = database.one(
                    NEXT_DUE, (station["station_id"],)
                )  # as it is now that the station is ours
                if row is not None:
                    return self._take(database, row, worker, lease_s)
            busy.append(station["station_id"])

    def _take(self, database: Database, was: Row, worker: str, lease_s: float) -> Claim:
        state = after(State(was["state"]), Event.CLAIM)
        row = database.one(TAKE, (str(state), worker, min(lease_s, LONGEST_S), was["seq"], was["state"]))
        assert row is not None, "the station's row is locked"
        kind = "send" if state is State.SENDING else "ask"
        database.rows(
            "INSERT INTO attempt (seq, n, kind, worker, started_at) VALUES (%s, %s, %s, %s, %s)",
            (row["seq"], row["attempts"], kind, worker, stamp(database.clock.utcnow())),
        )
        detail = {"worker": worker, "token": row["lease_token"]}
        chain.append(database, row["station_id"], str(Event.CLAIM), row["submission_id"], detail)
        self._claimed = row
        return Claim(entry_of(row), kind, worker, row["lease_token"])

    def settle(self, claim: Claim, outcome: Outcome) -> Entry:
        """How the attempt ended. LeaseLost when the lease ran out and another worker has it."""
        with self.database.write() as database:
            row = database.one("SELECT * FROM submission WHERE seq = %s FOR UPDATE", (claim.entry.seq,))
            if row is None or (row["lease_token"], row["lease_worker"]) != (claim.token, claim.worker):
                raise LeaseLost(
                    "queue.lease_lost",
                    f"{claim.entry.submission_id} was taken over by another worker",
                    "nothing to do: the other worker asks for its status",
                )
            moved = self._move(database, row, outcome)
            if outcome.event is Event.ACCEPTED and answers.has_answer(database, row["tcn"]):
                moved = mark_answered(database, moved)
            return entry_of(moved)

    def _move(self, database: Database, row: Row, outcome: Outcome) -> Row:
        """The one place where a leased entry changes its state."""
        state = after(State(row["state"]), outcome.event)
        detail: dict[str, Any] = {"code": outcome.code} if outcome.code else {}
        if outcome.event is Event.ACCEPTED:
            detail |= _keep_receipt(database, row, outcome)
        receipt = outcome.receipt
        quiet = {Event.ACCEPTED: None, Event.ABSENT: row["last_error"]}
        moved = database.one(
            GIVE,
            {
                "state": str(state),
                "last_error": quiet[outcome.event] if outcome.event in quiet else errors_text(outcome),
                "refused": int(outcome.refused),
                "receipt_at": stamp(receipt.received_at) if receipt else None,
                "delay_s": float(min(outcome.delay_s, LONGEST_S)),
                "seq": row["seq"],
                "was": row["state"],
                "token": row["lease_token"],
            },
        )
        assert moved is not None, "its row is locked"
        database.rows(
            "UPDATE attempt SET ended_at = %s, outcome = %s, code = %s, message = %s WHERE seq = %s AND n = %s",
            (
                stamp(database.clock.utcnow()),
                str(outcome.event),
                outcome.code or None,
                outcome.message[:500] or None,
                row["seq"],
                row["attempts"],
            ),
        )
        chain.append(database, row["station_id"], str(outcome.event), row["submission_id"], detail)
        return moved

    def recover(self, worker: str) -> int:
        """Call when the one worker of this name starts: its former leases end. Returns how many there were."""
        return self._expire(worker)

    def _expire(self, worker: str | None) -> int:
        """One a transaction: several would hold the chains of several stations."""
        count = 0
        while True:
            with self.database.write() as database:
                row = database.one(LEASES_OVER, (worker,))
                if row is None:
                    return count
                self._move(database, row, Outcome(Event.LEASE_EXPIRED, "queue.lease_expired", LOST))
            count += 1

    def step(self, station_id: str, submission_id: str, event: Event, reason: str = "") -> Entry:
        """An officer's step: HOLD, RELEASE or RETRY."""
        if event not in (Event.HOLD, Event.RELEASE, Event.RETRY):
            raise StateError(
                "queue.illegal_transition", f"{event} is not an officer's step", "hold, release or retry"
            )
        find = "SELECT * FROM submission WHERE station_id = %s AND submission_id = %s FOR UPDATE"
        with self.database.write() as database:
            row = database.one(find, (station_id, submission_id))
            if row is None:
                raise EntryUnknown(
                    "queue.no_such_entry", f"no entry {submission_id}", "see the relay's status page"
                )
            state = after(State(row["state"]), event)
            moved = database.one(STEP, (str(state), event is Event.RETRY, row["seq"]))
            assert moved is not None
            detail = {"reason": reason} if reason else {}
            chain.append(database, station_id, str(event), submission_id, detail)
            return entry_of(moved)

    # the bytes of the entry that is claimed

    def payload(self, submission_id: str) -> bytes:
        """DamagedEntry `queue.damaged` when the stored bytes are not those that were taken."""
        row = self.database.one(
            "SELECT sealed, sealed_sha256 FROM payload WHERE seq = %s", (self._seq(submission_id),)
        )
        if row is not None and hashlib.sha256(row["sealed"]).hexdigest() == row["sealed_sha256"]:
            aad = payload_aad(self._claimed["station_id"], submission_id)
            try:
                content = self._vault.open(bytes(row["sealed"]), aad)
            except VaultError as error:
                raise _damaged(submission_id, str(error)) from error
            if hashlib.sha256(content).hexdigest() == self._claimed["sha256"]:
                return content
        raise _damaged(submission_id, "the stored bytes are gone or altered")

    def outgoing(self, submission_id: str) -> tuple[bytes, bool]:
        """What is sent; never sealed to the bureau: what came sealed to the relay was opened when it was taken."""
        return self.payload(submission_id), False

    def counter_to_send(self, submission_id: str) -> bytes:
        """The station's counter-signature, b"" for none. CertificateError when what the station signed is over now: the
        entry is then held here."""
        statement = "SELECT signature FROM counter_signature WHERE seq = %s ORDER BY n"
        rows = self.database.rows(statement, (self._seq(submission_id),))
        counters = [bytes(row["signature"]) for row in rows]
        return countersign.newest(self.signature(submission_id), counters, self.database.clock.utcnow())

    def manifest(self, submission_id: str) -> bytes:
        return self._envelope(submission_id, "manifest")

    def signature(self, submission_id: str) -> bytes:
        return self._envelope(submission_id, "signature")

    def _envelope(self, submission_id: str, name: str) -> bytes:
        row = self.database.one("SELECT * FROM envelope WHERE seq = %s", (self._seq(submission_id),))
        if row is None:
            raise _damaged(submission_id, "the manifest is gone")
        return bytes(row[name])

    def _seq(self, submission_id: str) -> int:
        """Ids are one station's own: only the claimed entry is meant."""
        assert self._claimed.get("submission_id") == submission_id, "claim it first"
        return int(self._claimed["seq"])

    # responses

    def keep_response(self, seq: int, tcr: str, content: bytes, *, tot: str, signature: bytes) -> bool:
        """Keep a verified response once, for the stations it belongs to. True when it is new."""
        with self.database.write() as database:
            new, owner = answers.keep(
                database, self._vault, answers.Kept(seq, tcr, tot, content, signature), self._addressees
            )
            if new and owner is not None and owner["state"] in (State.CUSTODY, State.ANSWERED):
                mark_answered(database, owner)
            return new

    def quarantine_response(self, seq: int | None, code: str, message: str, raw: bytes) -> bool:
        """Keep, apart from the rest, a response that may not be believed."""
        return answers.quarantine(self.database, self._vault, seq, code, message, raw)

    def cursor(self) -> int:
        return answers.cursor(self.database)

    def move_cursor(self, seq: int) -> None:
        answers.advance(self.database, seq)


def entry_of(row: Row) -> Entry:
    """A submission row as the queue's value type."""
    names = ("submission_id", "tcn", "tot", "ori", "station_id", "seq", "size", "sha256", "attempts")
    return Entry(
        **{name: row[name] for name in (*names, "last_error", "priority", "refusals")},
        state=State(row["state"]),
        created_at=from_stamp(row["created_at"]),
        next_attempt_s=None,
        receipt_at=from_stamp(row["receipt_at"]) if row["receipt_at"] else None,
    )


def restored(database: Database) -> int:
    """After a restore from a backup: what was waiting may have been sent since, so everything is asked for first. It
    is held and released in one transaction, which is the table's way from `ready` to `unknown`. Returns how many."""
    with database.write():
        rows = database.rows(
            "SELECT * FROM submission WHERE state IN ('ready','sending','asking') ORDER BY station_id, seq FOR UPDATE"
        )
        for row in rows:
            state = State(row["state"])
            events = (Event.HOLD, Event.RELEASE) if state is State.READY else (Event.LEASE_EXPIRED,)
            for event in events:
                state = after(state, event)
            database.rows(
                "UPDATE submission SET state = %s, lease_worker = NULL, lease_until = NULL WHERE seq = %s",
                (str(state), row["seq"]),
            )
            chain.append(database, row["station_id"], "restored", row["submission_id"], {"was": row["state"]})
    return len(rows)


def mark_answered(database: Database, row: Row) -> Row:
    """A response came to an entry in custody."""
    state = after(State(row["state"]), Event.RESPONSE)
    moved = database.one(
        "UPDATE submission SET state = %s WHERE seq = %s RETURNING *", (str(state), row["seq"])
    )
    assert moved is not None
    chain.append(database, row["station_id"], str(Event.RESPONSE), row["submission_id"], {})
    return moved


def _keep_receipt(database: Database, row: Row, outcome: Outcome) -> dict[str, Any]:
    """Second look at what the verifier already checked: only this entry's receipt may close it."""
    receipt = outcome.receipt
    wanted = (row["submission_id"], row["tcn"], row["sha256"], row["size"])
    if receipt is None or (receipt.submission_id, receipt.tcn, receipt.sha256, receipt.size) != wanted:
        raise StateError(
            "queue.illegal_transition", "accepted without this entry's receipt", "verify the receipt first"
        )
    kept_at = stamp(database.clock.utcnow())
    database.rows(
        "INSERT INTO receipt VALUES (%s, %s, %s, %s, %s, %s)",
        (
            row["seq"],
            receipt.raw,
            receipt.signature,
            receipt.gateway,
            stamp(receipt.received_at),
            kept_at,
        ),
    )
    return {"receipt_sha256": hashlib.sha256(receipt.raw).hexdigest()}


def _damaged(submission_id: str, reason: str) -> DamagedEntry:
    return DamagedEntry("queue.damaged", f"{submission_id}: {reason}", "restore it from a backup")
