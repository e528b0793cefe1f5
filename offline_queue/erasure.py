"""Erasing what is over: the wrapped key of a payload is destroyed, and its bytes leave the file.

In: an open queue, how long to keep an entry after the gateway took custody. What stays for ever: the entry's clear
columns, manifest, signature, receipt and audit rows, so that what was sent can still be proved, but not be read.
On flash an old copy can lie below the file system; without the station key that wrapped it, it is worthless.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from offline_queue import audit
from offline_queue.clock import from_stamp, stamp
from offline_queue.database import Database
from offline_queue.models import Tables
from offline_queue.sealed import ERASED, digest_beside
from offline_queue.states import State
from offline_queue.trust import Trust, assess

OVER = (State.CUSTODY, State.ANSWERED)


def erase_due(database: Database, keep: dt.timedelta) -> tuple[str, ...]:
    """Erase every entry whose receipt was kept here at least `keep` ago. Returns their ids, oldest first.

    Each entry is a transaction of its own with its audit row. Without a receipt nothing is ever erased, and on a clock
    that nobody vouches for neither: one that runs ahead would erase too early. Old pages are overwritten
    (secure_delete) and the WAL is emptied, so that no copy stays in the files.
    """
    with database.read() as tables:
        if assess(database, tables) is Trust.UNKNOWN:
            return ()
    before = database.clock.utcnow() - keep
    erased = []
    for row in _over(database):
        if from_stamp(row["kept_at"]) <= before:
            with database.write() as tables:
                _erase(database, tables, row)
            erased.append(str(row["submission_id"]))
    if erased:
        database.checkpoint()
    return tuple(erased)


def _over(database: Database) -> list[dict[str, Any]]:
    with database.read() as tables:
        t, r = tables.submission, tables.receipt
        query = (
            t.select(t.seq, t.submission_id, r.kept_at)
            .join(r, on=(r.seq == t.seq))
            .where(t.state.in_(OVER) & t.erased_at.is_null())
            .order_by(t.seq)
        )
        return list(query)


def _erase(database: Database, tables: Tables, row: dict[str, Any]) -> None:
    now = stamp(database.clock.utcnow())
    p, t = tables.payload, tables.submission
    changes = {"sealed": ERASED, "sealed_sha256": digest_beside(ERASED)}
    p.update(**changes).where(p.seq == row["seq"]).execute()
    t.update(erased_at=now).where(t.seq == row["seq"]).execute()
    audit.append(database, tables, "erased", row["submission_id"], {"receipt_kept_at": row["kept_at"]})
