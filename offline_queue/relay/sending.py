"""A sender process: what waits goes on to the bureau, its receipts and responses come back.

It is `sync.Sync` on a RelayQueue. Any number of senders may run, on one or several machines; one of each machine also
pulls responses, and twice does no harm.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import cast

from offline_queue.backoff import Backoff
from offline_queue.clock import Clock
from offline_queue.errors import QueueError, StoreFault
from offline_queue.receipts import Verifier
from offline_queue.relay import chain, heads
from offline_queue.relay.answers import Addressees
from offline_queue.relay.database import Database
from offline_queue.relay.queue import RelayQueue
from offline_queue.relay.settings import Bureau
from offline_queue.store import Queue
from offline_queue.sync import StepReport, Sync
from offline_queue.transports import Transport, load_transport
from offline_queue.vault import Vault

TICK_S = 0.25
ERASE_AT_ONCE = 50
ERASE_EVERY_S = 60.0
ERASE = """
    WITH old AS (
        SELECT s.seq FROM submission s JOIN receipt r USING (seq)
        WHERE s.state IN ('custody','answered') AND s.erased_at IS NULL
          AND r.received_at < to_char((clock_timestamp() - %s * interval '1 day') AT TIME ZONE 'UTC',
                                      'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
        ORDER BY s.seq LIMIT %s FOR UPDATE OF s SKIP LOCKED
    ), gone AS (DELETE FROM payload p USING old WHERE p.seq = old.seq)
    UPDATE submission s SET erased_at = clock_timestamp() FROM old WHERE s.seq = old.seq
    RETURNING s.station_id, s.submission_id
"""


def open_transport(bureau: Bureau, clock: Clock) -> Transport:
    """The way to the bureau. TransportFault when its keys or address are unfit."""
    options = {
        "ca": str(bureau.ca),
        "client_cert": str(bureau.client_cert),
        "client_key": str(bureau.client_key),
        "total_deadline_s": str(bureau.total_deadline_s),
        **bureau.options,
    }
    return load_transport(bureau.url, options, clock)


def make_sync(
    database: Database,
    vault: Vault,
    bureau: Bureau,
    worker: str,
    addressees: Addressees,
    transport: Transport,
) -> Sync:
    """One sender. QueueError when the bureau's receipt authority cannot be read."""
    try:
        verifier = Verifier(bureau.receipt_ca.read_bytes(), database.clock)
    except OSError as error:
        raise QueueError(
            "relay.receipt_ca", f"{bureau.receipt_ca}: {error.strerror}", "see relay.toml"
        ) from error
    queue = RelayQueue(database, vault, addressees)
    queue.recover(worker)
    return Sync(
        cast(Queue, queue),  # it has the methods a Sync calls
        transport,
        verifier,
        database.clock,
        worker,
        deadline_s=bureau.total_deadline_s,
        poll_s=bureau.poll_s,
        backoff=Backoff(cap_s=bureau.retry_cap_s),
        refusals=bureau.refusals,
    )


class Sender:
    """One sender's loop. pulls: also fetch responses; keep_days: then also erase what is older (None: never);
    sign_heads: called at the start and each hour (None: another sender does it)."""

    def __init__(
        self,
        database: Database,
        sync: Sync,
        *,
        poll_s: float,
        pulls: bool,
        keep_days: int | None = None,
        sign_heads: Callable[[], object] | None = None,
    ) -> None:
        self._database = database
        self._sync = sync
        self._poll_s = poll_s
        self._pulls = pulls
        self._keep_days = keep_days
        self._sign_heads = sign_heads
        self._next_pull = self._next_erase = self._next_head = database.clock.monotonic()

    def run(
        self, stop: threading.Event, alive: Callable[[], None], say: Callable[[StepReport], None]
    ) -> None:
        """Until stop is set. A database that is away is waited for like a bureau that is."""
        while not stop.is_set():
            alive()
            try:
                report = self.step(stop.is_set, alive)
            except StoreFault as fault:
                self._sync.breaker.failed(wide=True)
                report = StepReport(fault=fault)
            if report != StepReport():
                say(report)
            stop.wait(TICK_S)

    def step(self, stop: Callable[[], bool], alive: Callable[[], None]) -> StepReport:
        """Send or ask for what is due; pull and erase when it is time. StoreFault when the database fails."""
        now = self._database.clock.monotonic()
        if self._keep_days is not None and now >= self._next_erase:
            self._next_erase = now + ERASE_EVERY_S
            erase(self._database, self._keep_days)
        if self._sign_heads is not None and now >= self._next_head:
            self._next_head = now + heads.EVERY_S
            self._sign_heads()
        if self._sync.breaker.left_s() > 0:
            return StepReport()
        report = self._sync.drain(stop, alive)
        if self._pulls and report.fault is None and now >= self._next_pull:
            report = self._sync.pull(report, alive)
            self._next_pull = now + (0.0 if report.busy else self._poll_s)
        return report


def erase(database: Database, keep_days: int) -> int:
    """Delete the sealed bytes of what the bureau has had for so many days. Ids, receipts and audit rows stay."""
    with database.write():
        gone = database.rows(ERASE, (keep_days, ERASE_AT_ONCE))
        for row in sorted(gone, key=lambda row: (row["station_id"], row["submission_id"])):
            chain.append(
                database, row["station_id"], "erased", row["submission_id"], {"keep_days": keep_days}
            )
    return len(gone)
