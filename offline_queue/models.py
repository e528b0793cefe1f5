"""The queue's value types (made here, only read elsewhere) and its tables as peewee query builders."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
from dataclasses import dataclass
from typing import Any

import peewee

from offline_queue.clock import stamp
from offline_queue.states import Event, State

PART_NAME = "transaction.an2"


@dataclass(frozen=True)
class Submission:
    """What is handed in. payload: opaque bytes (never looked into); the ids go into clear columns, so no
    names."""

    submission_id: str
    tcn: str
    tot: str
    ori: str
    payload: bytes
    priority: int = 0


@dataclass(frozen=True)
class Entry:
    """One submission as the queue knows it. size in bytes of the payload, sha256 in hexadecimal digits.

    next_attempt_s: seconds until it is due, 0.0 when due now, None when it is not waiting to be sent.
    receipt_at: when the gateway says it took custody. refusals: definite ones since the last officer's retry.
    imported_from: the station whose bundle brought it; its manifest then bears that station's number.
    """

    submission_id: str
    tcn: str
    tot: str
    ori: str
    station_id: str
    seq: int
    state: State
    size: int
    sha256: str
    created_at: dt.datetime
    attempts: int
    last_error: str | None
    next_attempt_s: float | None
    receipt_at: dt.datetime | None
    priority: int = 0
    refusals: int = 0
    imported_from: str | None = None
    held_for: str | None = None
    exported_at: dt.datetime | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values; times as UTC text."""
        values = dataclasses.asdict(self)
        return {
            key: stamp(value) if isinstance(value, dt.datetime) else value for key, value in values.items()
        }


@dataclass(frozen=True)
class Claim:
    """A worker's right to work on one entry until its lease ends. kind: `send`, or `ask` for its status."""

    entry: Entry
    kind: str
    worker: str
    token: int


@dataclass(frozen=True)
class Receipt:
    """A custody receipt that was verified: the bytes, the CMS over them, and what they say."""

    raw: bytes
    signature: bytes
    gateway: str
    submission_id: str
    tcn: str
    sha256: str
    size: int
    received_at: dt.datetime


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended. delay_s: not before so many seconds; receipt only with ACCEPTED; refused: a definite no,
    also where the event leaves it another try."""

    event: Event
    code: str = ""
    message: str = ""
    delay_s: float = 0.0
    receipt: Receipt | None = None
    refused: bool = False


@dataclass(frozen=True)
class Attempt:
    """One claim of an entry, from taking it to settling it (ended_at None: not settled)."""

    n: int
    kind: str
    worker: str
    started_at: dt.datetime
    ended_at: dt.datetime | None
    outcome: str | None
    code: str | None
    message: str | None


@dataclass(frozen=True)
class StoredResponse:
    """What the gateway answered: seq is the gateway's number for this station, content the bytes to
    decode."""

    seq: int
    tcr: str
    tot: str
    content: bytes
    signature: bytes
    kept_at: dt.datetime


@dataclass(frozen=True)
class QuarantinedResponse:
    """A response that may not be believed, kept with the reason. seq is None when it had none that is a
    number."""

    id: int
    seq: int | None
    code: str
    message: str
    raw: bytes
    kept_at: dt.datetime


@dataclass(frozen=True)
class CheckReport:
    """What `Queue.check` found. problems: one line each, with the submission id where there is one."""

    ok: bool
    entries: int
    problems: tuple[str, ...]


_COLUMNS = {
    "submission": (
        "seq submission_id tcn tot ori station_id priority state size sha256 created_at boot monotonic_ms attempts "
        "last_error retry_boot retry_at_ms lease_worker lease_token lease_boot lease_until_ms receipt_at "
        "held_for clock_trust refusals exported_at erased_at imported_from"
    ),
    "payload": "seq sealed sealed_sha256",
    "envelope": "seq manifest signature",
    "attempt": "seq n kind worker started_at ended_at outcome code message",
    "receipt": "seq receipt signature gateway received_at kept_at",
    "response": "seq tcr tot sha256 sealed signature kept_at",
    "response_quarantine": "id seq code message sha256 sealed kept_at",
    "cursor": "name value",
    "audit": "id at boot monotonic_ms event submission_id detail prev hash trust",
    "counter_signature": "seq n signature signed_at reason",
    "audit_seal": "audit_id statement signature reason",
    "clock_floor": "one at boot monotonic_ms trust",
    "audit_head": "one last_id hash",
}


class Tables:
    """One peewee Table per table of the schema, bound to a database."""

    def __init__(self, database: peewee.Database) -> None:
        def table(name: str) -> Any:
            return peewee.Table(name, tuple(_COLUMNS[name].split()), _database=database)

        self.submission = table("submission")
        self.payload = table("payload")
        self.envelope = table("envelope")
        self.attempt = table("attempt")
        self.receipt = table("receipt")
        self.response = table("response")
        self.response_quarantine = table("response_quarantine")
        self.cursor = table("cursor")
        self.audit = table("audit")
        self.audit_head = table("audit_head")
        self.counter_signature = table("counter_signature")
        self.audit_seal = table("audit_seal")
        self.clock_floor = table("clock_floor")


@functools.cache
def names(table: str) -> tuple[str, ...]:
    """The columns of a table by name, in the order of every SELECT and RETURNING here."""
    return tuple(_COLUMNS[table].split())


def columns(table: Any) -> list[Any]:
    """The columns of a table, for a SELECT or RETURNING that names them."""
    return [getattr(table, name) for name in table._columns]
